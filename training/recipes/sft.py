"""Supervised fine-tuning: a LoRA adapter that answers as the demonstrations do.

    python -m training.recipes.sft RUN_DIR

Reads lines {"prompt": messages, "response": str}. The loss is -log p of the answer's tokens, and only those go
through the output layer, which is most of the work of a small model with a large vocabulary: TRL's SFTTrainer sends
the prompt and the padding through it as well, so this is a loop of its own. What the textbook has and this leaves
out: packing, several devices, evaluation during training (that is what `evaluate` is for).
"""

import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.recipes.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from training.recipes.conversations import prompt_tokens, read_rows, response_tokens
from training.recipes.losses import head_log_probabilities
from training.recipes.policies import base_sha256, device, export_adapter, load_policy, load_tokenizer, with_new_adapter
from training.recipes.readable import rows_it_takes
from training.recipes.row_checks import check_demonstration
from training.recipes.run import RecipeError, Run, main
from training.recipes.settings_checks import check_at_least


@dataclass(frozen=True)
class Config:
    base_dir: str
    demonstrations: str  # a file of JSON lines
    parent_dir: str | None = None  # an adapter to go on from
    base_sha256: str | None = None  # names the base in the artifact; computed when absent
    epochs: int = 2
    batch_size: int = 4
    learning_rate: float = 5e-4
    rank: int = 16
    max_prompt_tokens: int = 512
    max_response_tokens: int = 256
    checkpoint_steps: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 1, "rank": 1, "max_prompt_tokens": 1, "max_response_tokens": 1}
        check_at_least(self, **least, checkpoint_steps=1, seed=0)


@dataclass(frozen=True)
class Example:
    prompt: list[int]
    response: list[int]


def sft(run: Run, config: Config) -> None:
    run.log(0, 1, stage="load")
    base_dir, parent_dir = Path(config.base_dir), Path(config.parent_dir) if config.parent_dir else None
    tokenizer = load_tokenizer(base_dir)
    written = read_rows(Path(config.demonstrations), keys=("prompt", "response"), check=check_demonstration)
    rows = rows_it_takes(tokenizer, written)
    examples = [
        Example(
            prompt_tokens(tokenizer, row["prompt"], limit=config.max_prompt_tokens),
            response_tokens(tokenizer, row["response"], limit=config.max_response_tokens),
        )
        for row in rows
        if row["response"].strip()
    ]
    if not examples:
        raise RecipeError("There are no demonstrations to learn from; add at least one corrected or written answer.")
    batches = schedule(examples, config)
    model = with_new_adapter(load_policy(base_dir, parent_dir), rank=config.rank, seed=config.seed)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), lr=config.learning_rate, weight_decay=0.0)
    checkpoint, settings = run.checkpoints / "state.safetensors", fingerprint(dataclasses.asdict(config))
    done = load_checkpoint(checkpoint, parameters=parameters, optimizer=optimizer, config=settings)
    run.rewind_metrics(to_step=done)

    loss_nats = 0.0
    model.train()
    for step, batch in enumerate(batches[done:], done + 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, len(batches))
        loss = completion_loss(model.get_base_model(), batch, pad=tokenizer.pad_token_id)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        loss_nats = loss.item()
        run.log(step, len(batches), {"loss": loss_nats, "gradient_norm": norm.item()})
        optimizer.step()
        if step % config.checkpoint_steps == 0:
            save_checkpoint(checkpoint, step=step, parameters=parameters, optimizer=optimizer, config=settings)

    digest = base_sha256(base_dir, config.base_sha256)
    export_adapter(model, parent_dir=parent_dir, base_sha256=digest, target=run.model)
    figures = {
        "loss": loss_nats,
        "demonstrations": len(examples),
        "steps": len(batches),
        "prompts_refused": len(written) - len(rows),
    }
    run.finish(artifacts={"model": "model"}, figures=figures)


def schedule(examples: list[Example], config: Config) -> list[list[Example]]:
    """All batches of all epochs: of similar length inside, in a random order that depends on the seed alone."""
    chance = random.Random(config.seed)
    ordered = sorted(examples, key=lambda example: len(example.prompt) + len(example.response))
    batches = [ordered[start : start + config.batch_size] for start in range(0, len(ordered), config.batch_size)]
    return [batch for _ in range(config.epochs) for batch in chance.sample(batches, len(batches))]


def completion_loss(model: Any, batch: list[Example], *, pad: int) -> torch.Tensor:
    """Mean -log p in nats over the answers' tokens. Padded on the right, so that positions need no mask arithmetic."""
    width = max(len(example.prompt) + len(example.response) for example in batch)
    tokens_B_T = torch.full((len(batch), width), pad)
    mask_B_T = torch.zeros((len(batch), width), dtype=torch.long)
    answer_B_T = torch.zeros((len(batch), width), dtype=torch.bool)
    for row, example in enumerate(batch):
        length = len(example.prompt) + len(example.response)
        tokens_B_T[row, :length] = torch.tensor(example.prompt + example.response)
        mask_B_T[row, :length] = 1
        answer_B_T[row, len(example.prompt) : length] = True
    tokens_B_T, mask_B_T, answer_B_T = (t.to(device()) for t in (tokens_B_T, mask_B_T, answer_B_T))
    hidden_B_T_D = model.model(input_ids=tokens_B_T, attention_mask=mask_B_T, use_cache=False).last_hidden_state
    # The state at t predicts the token at t + 1.
    hidden_N_D, targets_N = hidden_B_T_D[:, :-1][answer_B_T[:, 1:]], tokens_B_T[:, 1:][answer_B_T[:, 1:]]
    return -head_log_probabilities(hidden_N_D, model.lm_head.weight, targets_N)[0].mean()


def learning_rate_factor(step: int, steps: int) -> float:
    """A short rise, then straight down to a tenth."""
    rise = max(1, steps // 10)
    return min(step / rise, 1.0) * (1.0 - 0.9 * max(0, step - rise) / max(1, steps - rise))


if __name__ == "__main__":
    main(sft, Config)
