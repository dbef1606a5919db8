"""Policy training: a LoRA adapter whose answers score higher under a reward model, not far from its parent.

    python -m training.recipes.grpo RUN_DIR

Reads prompts_train.jsonl of a snapshot. For each prompt the policy writes several answers; those above their
group's mean reward become likelier. TRL's GRPOTrainer does it, in the setting without its known biases: dr_grpo
divides by a constant instead of by each answer's length (which would favour long wrong answers), rewards are not
divided by their group's deviation (which would favour prompts where nothing differs), and a KL penalty holds the
policy near its parent (TRL's default is none).

An answer that was cut off at the limit loses `unfinished_penalty`: the reward model sees its text, not that it
stops midway.
"""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from peft import PeftModel
from transformers import PrinterCallback, TrainerCallback

from training.recipes.answers_only import score_answers_only
from training.recipes.checkpoint import fingerprint
from training.recipes.conversations import Messages, prompt_tokens, read_rows
from training.recipes.policies import (
    base_sha256,
    export_adapter,
    load_policy,
    load_tokenizer,
    lora_settings,
)
from training.recipes.readable import rows_it_takes
from training.recipes.reward import RewardModel
from training.recipes.row_checks import check_prompt
from training.recipes.run import RecipeError, Run, main, write_atomically
from training.recipes.settings_checks import check_at_least

FIGURES = {  # TRL's name -> ours
    "reward": "reward",
    "reward_std": "reward_deviation",
    "kl": "kl_nats",
    "completions/mean_length": "completion_tokens",
    "completions/clipped_ratio": "unfinished_share",
    "entropy": "entropy_nats",
    "loss": "loss",
    "grad_norm": "gradient_norm",
}


@dataclass(frozen=True)
class Config:
    base_dir: str
    snapshot_dir: str
    reward_model_dir: str
    parent_dir: str | None = None  # an adapter to go on from
    base_sha256: str | None = None  # names the base in the artifact; computed when absent
    steps: int = 10
    prompts_per_step: int = 2
    completions_per_prompt: int = 6
    max_completion_tokens: int = 48
    max_prompt_tokens: int = 256
    learning_rate: float = 4e-4
    kl_weight: float = 0.04  # beta
    unfinished_penalty: float = 0.5  # in deviations of the reward
    temperature: float = 1.0
    rank: int = 16
    checkpoint_steps: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.completions_per_prompt < 2:
            raise ValueError("completions_per_prompt must be at least 2: an answer is compared with its siblings.")
        if min(self.steps, self.prompts_per_step, self.max_completion_tokens) < 1:
            raise ValueError("steps, prompts_per_step and max_completion_tokens must be at least 1.")
        check_at_least(self, max_prompt_tokens=1, rank=1, checkpoint_steps=1, seed=0)


def grpo(run: Run, config: Config) -> None:
    run.log(0, config.steps, stage="load")
    base_dir, parent_dir = Path(config.base_dir), Path(config.parent_dir) if config.parent_dir else None
    tokenizer = load_tokenizer(base_dir)
    rows = read_rows(Path(config.snapshot_dir) / "prompts_train.jsonl", keys=("prompt",), check=check_prompt)
    taken = rows_it_takes(tokenizer, rows)
    prompts = [row["prompt"] for row in taken if _fits(tokenizer, row["prompt"], config.max_prompt_tokens)]
    if not prompts:
        raise RecipeError(f"No prompt in this snapshot is shorter than {config.max_prompt_tokens} tokens.")
    left_out = {"prompts_refused": len(rows) - len(taken), "prompts_too_long": len(taken) - len(prompts)}
    if left_out["prompts_too_long"]:
        print(
            f"{left_out['prompts_too_long']} of {len(rows)} prompts are left out: they are longer than "
            f"{config.max_prompt_tokens} tokens.",
            flush=True,
        )
    checkpoint = _usable_checkpoint(run, config)
    run.rewind_metrics(to_step=int(checkpoint.name.split("-")[1]) if checkpoint else 0)

    import datasets
    from trl import GRPOConfig, GRPOTrainer

    datasets.disable_progress_bars()
    count = config.prompts_per_step * config.completions_per_prompt
    settings = GRPOConfig(
        output_dir=str(run.checkpoints),
        max_steps=config.steps,
        per_device_train_batch_size=count,
        num_generations=config.completions_per_prompt,
        max_completion_length=config.max_completion_tokens,
        temperature=config.temperature,
        top_k=0,  # the policy's own distribution: its probabilities are what is trained
        top_p=1.0,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=2,
        beta=config.kl_weight,
        loss_type="dr_grpo",
        scale_rewards="none",
        use_cache=True,  # Trainer's default is none, which makes writing, most of a step, ten times as long
        bf16=False,  # no autocast: the policy computes in the type it was loaded in, its adapter in float32
        logging_steps=1,
        save_steps=config.checkpoint_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        # It saves memory by computing every layer twice; without a GPU time is what is short.
        gradient_checkpointing=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        seed=config.seed,
    )
    reward = _reward_function(RewardModel.load(Path(config.reward_model_dir), base_dir), tokenizer.eos_token_id, config)
    trainer = GRPOTrainer(
        # The parent is merged into the weights, so TRL's reference, the adapter switched off, is the parent.
        model=load_policy(base_dir, parent_dir),
        reward_funcs=reward,
        args=settings,
        train_dataset=datasets.Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
        processing_class=tokenizer,
        peft_config=lora_settings(config.rank),
        callbacks=[Progress(run, config.steps)],
    )
    trainer.remove_callback(PrinterCallback)
    if not torch.cuda.is_available():
        score_answers_only(cast(PeftModel, trainer.model).get_base_model(), temperature=config.temperature)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    digest = base_sha256(base_dir, config.base_sha256)
    export_adapter(cast(PeftModel, trainer.model), parent_dir=parent_dir, base_sha256=digest, target=run.model)
    run.finish(artifacts={"model": "model"}, figures=_summary(run, config.steps) | left_out)


class Progress(TrainerCallback):
    """TRL's log lines into metrics.jsonl; a figure that is not a number stops the run."""

    def __init__(self, run: Run, steps: int) -> None:
        self._run, self._steps = run, steps

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        figures = {ours: float(logs[theirs]) for theirs, ours in FIGURES.items() if logs and theirs in logs}
        if "reward" in figures:
            self._run.log(state.global_step, self._steps, figures)


def _reward_function(model: RewardModel, eos: int, config: Config) -> Any:
    def reward(
        prompts: Sequence[Messages], completions: Sequence[Messages], completion_ids: Sequence[list[int]], **_: Any
    ) -> list[float]:
        scores = model.score([(p, c[-1]["content"]) for p, c in zip(prompts, completions, strict=True)])
        unfinished = np.array([eos not in ids for ids in completion_ids])
        return list(map(float, scores - config.unfinished_penalty * unfinished))

    return reward


def _usable_checkpoint(run: Run, config: Config) -> Path | None:
    """The newest checkpoint that was written to its end: the trainer's state is what it writes last."""
    settings = fingerprint(dataclasses.asdict(config))
    note = run.checkpoints / "settings.json"
    if note.exists() and note.read_text() != settings:
        raise RecipeError("The checkpoints in this run directory were made with other settings; start a new one.")
    write_atomically(note, settings)
    for directory in sorted(run.checkpoints.glob("checkpoint-*"), key=lambda d: -int(d.name.split("-")[1])):
        try:
            json.loads((directory / "trainer_state.json").read_text())
        except (OSError, ValueError):
            shutil.rmtree(directory)  # a kill left it half written
            continue
        return directory
    return None


def _summary(run: Run, steps: int) -> dict[str, float]:
    """First and last quarter of the run side by side: single steps are too noisy to compare."""
    lines = [line["figures"] for line in run.read_metrics() if "reward" in line["figures"]]
    quarter = max(1, len(lines) // 4)
    rewards = [line["reward"] for line in lines]
    return {
        "steps": steps,
        "reward_start": float(np.mean(rewards[:quarter])),
        "reward_end": float(np.mean(rewards[-quarter:])),
        "kl_nats_end": float(np.mean([line["kl_nats"] for line in lines[-quarter:]])),
        "completion_tokens_start": float(np.mean([line["completion_tokens"] for line in lines[:quarter]])),
        "completion_tokens_end": float(np.mean([line["completion_tokens"] for line in lines[-quarter:]])),
    }


def _fits(tokenizer: Any, prompt: Messages, limit: int) -> bool:
    return len(prompt_tokens(tokenizer, prompt, limit=limit + 1)) <= limit


if __name__ == "__main__":
    main(grpo, Config)
