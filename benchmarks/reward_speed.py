"""Is training and scoring over packed rows faster than TRL's RewardTrainer and than one pass an answer?

    python -m benchmarks.reward_speed [--turns 8] [--pairs 8] [--prompts 12] [--seed 1] [--base DIRECTORY]
        [--threads 1]

Training: TRL takes a step, then this project's loop takes the same step, and so on: the same base model (float32), the
same adapters (rank 8, every linear layer, the same first weights), the same head over the last token, optimizer,
learning rate and pairs of HH-RLHF helpful, eight a step. The losses of the first steps must agree within 1e-5; later
ones drift apart, because AdamW turns the last bits of a small gradient into steps of full size. The first step warms
both up and is not timed.

Scoring: 16 candidates a prompt in one packed row, against one forward pass a candidate through the untouched body, in
turns, for prompts drawn at random (--seed) from `hh_helpful_dev` and from `hh_helpful_train`. What is saved is the
prompt's 15 other readings, so the ratio follows from the length of prompts. Dev has HH-RLHF helpful's own mix, 70 % of
several turns; of the base rows in train only those of one turn are left. How long the prompts of both files are, chat
template included and cut as the reward model cuts them, stands beside the ratios.

A ratio is of summed seconds, by the clock and in processor time: the second is the one to read on a busy CPU, the first
on a GPU. Its interval is a bootstrap over turns. Prints one JSON line last.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForSequenceClassification, TrainerCallback
from trl import RewardConfig, RewardTrainer

from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, read_rows
from training.recipes.body_step import take_step
from training.recipes.intervals import cluster_bootstrap
from training.recipes.lessons import Lessons
from training.recipes.policies import device, load_base, load_tokenizer
from training.recipes.reward_data import TokenizedAnswers
from training.recipes.reward_scorer import BodyShape, Scorer, score_answers, tokenize_for
from training.recipes.votes import Votes

Clock = np.ndarray  # seconds by the clock, and of this process on all processors
RANK, LEARNING_RATE, CANDIDATES, COMPARED_STEPS = 8, 1e-4, 16, 3
PROMPTS_COUNTED = 1000  # of each file
SHAPE = BodyShape(pool="last", rank=RANK)


def main() -> None:
    parser = argparse.ArgumentParser(description="Training and scoring speed of the reward model against TRL")
    parser.add_argument("--turns", type=int, default=8, help="steps that are timed; 0: none")
    parser.add_argument("--pairs", type=int, default=8, help="a step")
    parser.add_argument("--prompts", type=int, default=12, help="of each file, scored, 16 candidates each; 0: none")
    parser.add_argument("--seed", type=int, default=1, help="of the prompts and candidates that are scored")
    add_base_argument(parser)
    parser.add_argument("--threads", type=int, default=None, help="of torch; its own choice when absent")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    rows = read_rows(data_directory() / "hh_helpful_train.jsonl.gz")
    base = prepared_base(arguments.base)
    random.Random(0).shuffle(rows)
    found: dict[str, Any] = {"benchmark": "reward_speed", "device": str(device()), "threads": torch.get_num_threads()}
    if arguments.turns:
        found["training"] = compare_training(base, rows, arguments.turns, arguments.pairs)
        print(json.dumps(found), flush=True)
    if arguments.prompts:
        dev = read_rows(data_directory() / "hh_helpful_dev.jsonl.gz")
        scoring = Scoring(base)
        for name, part in (("hh_helpful_dev", dev), ("hh_helpful_train", rows)):
            chance = random.Random(arguments.seed)
            found[f"scoring_{name}"] = scoring.compare(chance.sample(part, len(part)), arguments.prompts)
    print(json.dumps(found))


def compare_training(base: Path, rows: list[dict[str, Any]], turns: int, pairs: int) -> dict[str, Any]:
    votes = Votes.from_rows(
        {"prompt_id": n, "prompt": row["prompt"], "response_a": row["chosen"], "response_b": row["rejected"]}
        | {"choice": "a"}
        for n, row in enumerate(rows[: (turns + 1) * pairs])
    )
    tokens = tokenize_for(SHAPE, load_tokenizer(base), votes.answers)
    with tempfile.TemporaryDirectory() as directory:
        trainer = make_trl_trainer(base, votes, tokens, pairs, Path(directory))
        turn = Turns(make_own_step(base, trainer, votes, tokens, pairs))
        plain_loss = trainer.compute_loss

        def noted_loss(*args: Any, **kwargs: Any) -> Any:
            loss = plain_loss(*args, **kwargs)
            turn.their_losses.append(float(loss.detach()))
            return loss

        trainer.compute_loss = noted_loss
        trainer.add_callback(turn)
        trainer.train()
    apart = np.abs(np.subtract(turn.their_losses, turn.own_losses))
    return {
        "pairs_a_step": pairs,
        "answer_tokens": round(float(np.mean([len(answer) for answer in tokens.answers])), 1),
        "prompt_tokens": round(float(np.mean([len(prompt) for prompt in tokens.prompts])), 1),
        "trl_pairs_a_second": round(pairs * turns / np.sum(turn.their_seconds[1:], axis=0)[0], 3),
        "own_pairs_a_second": round(pairs * turns / np.sum(turn.own_seconds[1:], axis=0)[0], 3),
        "ratio": ratio(turn.their_seconds[1:], turn.own_seconds[1:]),
        "losses_apart": [float(f"{value:.2g}") for value in apart],
        "losses_agree": bool((apart[:COMPARED_STEPS] <= 1e-5).all()),
        "bar": 1.6,
    }


class Turns(TrainerCallback):
    """Times each of TRL's steps, and after it takes and times the same step."""

    def __init__(self, own_step: Callable[[int], float]) -> None:
        self._own_step = own_step
        self._started = _now()
        self.their_seconds: list[Clock] = []
        self.own_seconds: list[Clock] = []
        self.their_losses: list[float] = []
        self.own_losses: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._started = _now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.their_seconds.append(_now() - self._started)
        started = _now()
        self.own_losses.append(self._own_step(state.global_step - 1))
        self.own_seconds.append(_now() - started)
        theirs, own = self.their_seconds[-1].round(1), self.own_seconds[-1].round(1)
        print(f"step {state.global_step}: TRL {theirs} s, packed {own} s", end="; ")
        print(f"losses {self.their_losses[-1]:.7f}, {self.own_losses[-1]:.7f}", flush=True)


def make_trl_trainer(base: Path, votes: Votes, tokens: TokenizedAnswers, pairs: int, directory: Path) -> Any:
    """TRL's own trainer with its defaults, but for what has to be the same on both sides."""
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)

    def text(answer: int) -> list[int]:
        return tokens.prompts[tokens.prompt_A[answer]] + tokens.answers[answer]

    data = [
        {"chosen_ids": text(a), "rejected_ids": text(b)} for a, b in zip(votes.first_P, votes.second_P, strict=True)
    ]
    settings = RewardConfig(
        output_dir=str(directory),
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=pairs,
        train_sampling_strategy="sequential",
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        weight_decay=0.0,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    adapters = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="SEQ_CLS",
        modules_to_save=["score"],
    )
    return RewardTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(data),
        processing_class=load_tokenizer(base),
        peft_config=adapters,
    )


def make_own_step(
    base: Path, trainer: Any, votes: Votes, tokens: TokenizedAnswers, pairs: int
) -> Callable[[int], float]:
    """The recipe's step, from the same first weights as TRL's."""
    scorer = Scorer.over(base, SHAPE, dtype=torch.float32)
    theirs = dict(trainer.model.named_parameters())
    with torch.no_grad():
        for name, parameter in scorer.trained().items():
            if name.startswith("body."):
                parameter.copy_(theirs["base_model.model.model." + name.removeprefix("body.")])
        scorer.head.weight_X_D.copy_(theirs["base_model.model.score.modules_to_save.default.weight"])
    scorer.head.length_weight_X.requires_grad_(False)  # TRL's head does not know the length
    # The same parameters, or clipping would clip something else.
    assert sum(p.numel() for p in scorer.trained().values()) == sum(
        p.numel() for p in theirs.values() if p.requires_grad
    )
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    made = torch.optim.AdamW(scorer.trained().values(), lr=LEARNING_RATE, weight_decay=0.0)
    model, optimizer = accelerator.prepare(scorer, made)
    lessons = Lessons.of(votes)
    assert len(lessons) == len(votes), "no pair twice, or the steps would not be the same"
    model.train()

    def step(number: int) -> float:
        rows = list(range(number * pairs, (number + 1) * pairs))
        optimizer.zero_grad()
        loss = take_step(accelerator, model, lessons, tokens, rows, row_tokens=10**6)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


class Scoring:
    """One packed row a prompt against one pass a candidate, with the same weights in float32."""

    def __init__(self, base: Path) -> None:
        self._tokenizer = load_tokenizer(base)
        self._scorer = Scorer.over(base, SHAPE, dtype=torch.float32).eval()
        torch.nn.init.normal_(
            self._scorer.head.weight_X_D, std=0.01, generator=torch.Generator(device()).manual_seed(0)
        )
        self._plain = load_base(base, dtype=torch.float32).base_model

    def compare(self, rows: list[dict[str, Any]], prompts: int) -> dict[str, Any]:
        """The first `prompts` of shuffled rows; the candidates are answers of the rows after them."""
        one_by_one, packed, apart, lengths = [], [], [], []
        for turn in [0, *range(prompts)]:  # the first one warms up
            others = rows[prompts + turn * CANDIDATES : prompts + (turn + 1) * CANDIDATES]
            tokens = self._tokenize(rows[turn]["prompt"], [other["chosen"] for other in others])
            lengths.append(len(tokens.prompts[0]))
            started = _now()
            expected = [_score_alone(self._plain, self._scorer, tokens, answer) for answer in range(CANDIDATES)]
            one_by_one.append(_now() - started)
            started = _now()
            found = score_answers(self._scorer, tokens, row_tokens=10**6)
            packed.append(_now() - started)
            apart.append(float(np.abs(found - np.array(expected)).max()))
            print(f"16 candidates: one by one {one_by_one[-1].round(2)} s, packed {packed[-1].round(2)} s", flush=True)
        every = [len(self._tokenize(row["prompt"], ["."]).prompts[0]) for row in rows[:PROMPTS_COUNTED]]
        return {
            "candidates": CANDIDATES,
            "prompt_tokens": lengths[1:],
            "prompt_tokens_of_the_file": {"mean": round(float(np.mean(every)), 1), "median": float(np.median(every))},
            "one_by_one_prompts_a_second": round(prompts / sum(one_by_one[1:])[0], 3),
            "packed_prompts_a_second": round(prompts / sum(packed[1:])[0], 3),
            "ratio": ratio(one_by_one[1:], packed[1:]),
            "scores_apart": float(f"{max(apart):.2g}"),
            "bar": 2.0,
        }

    def _tokenize(self, prompt: Any, texts: list[str]) -> TokenizedAnswers:
        return tokenize_for(SHAPE, self._tokenizer, [(prompt, text) for text in texts])


@torch.no_grad()
def _score_alone(plain: Any, scorer: Scorer, tokens: TokenizedAnswers, answer: int) -> float:
    text = torch.tensor([tokens.prompts[tokens.prompt_A[answer]] + tokens.answers[answer]], device=device())
    last_1_D = plain(input_ids=text, use_cache=False).last_hidden_state[:, -1]
    return float(scorer.head(last_1_D, torch.zeros(1, device=device())) @ scorer.head.share_X)


def ratio(theirs: list[Clock], own: list[Clock]) -> dict[str, dict[str, float]]:
    """How many times as long theirs takes, by the clock and in processor time, with 95 % intervals over turns."""
    first_N_2, second_N_2, found = np.array(theirs), np.array(own), {}
    for column, name in enumerate(("wall", "processor")):
        first, second = first_N_2[:, column], second_N_2[:, column]
        low, high = cluster_bootstrap(lambda n, a=first, b=second: float(a[n].sum() / b[n].sum()), range(len(own)))  # type: ignore[misc]
        value = float(first.sum() / second.sum())
        found[name] = {"value": round(value, 2), "low": round(low, 2), "high": round(high, 2)}
    return found


def _now() -> Clock:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return np.array([time.monotonic(), time.process_time()])


if __name__ == "__main__":
    main()
