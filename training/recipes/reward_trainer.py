"""A reward model whose body is trained on votes: adapters or all weights, over packed rows, on one device or many.

    python -m training.recipes.reward_trainer RUN_DIR
    accelerate launch [--config_file ...] -m training.recipes.reward_trainer RUN_DIR

Every step takes some lessons (pairs, anchors, rankings), reads each of their prompts once and their answers after it
(`shared_prefix`), and descends the losses of `targets`, those that the linear head is fitted to. The axes that count
share the body, each with a head of its own. Where a fitted linear reward model is named, body and heads start as
exactly that model, with its tie width and its point of good, and the result says whether training them beat it on the
held-out votes: it did where the 95 % interval of the gain in accuracy, over prompts, lies above zero.

The order of the lessons is a function of the seed and the votes, nothing is drawn during a step, and a checkpoint holds
weights and optimizer whole: a run that was killed and started again ends with the same bits on the CPU as one that was
not. Several processes share each step's lessons; what they learn is what one would, but for the order of summing.
"""

import dataclasses
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor

from training.recipes.body_start import start_heads
from training.recipes.body_step import take_step
from training.recipes.checkpoint import fingerprint
from training.recipes.intervals import Floats, cluster_bootstrap, evaluation, mean_interval
from training.recipes.lessons import Lessons, schedule
from training.recipes.policies import base_sha256, load_tokenizer, reading_dtype
from training.recipes.reward import RewardModel
from training.recipes.reward_data import TokenizedAnswers
from training.recipes.reward_scorer import BodyShape, Method, Scorer, save_scorer, score_answers, tokenize_for
from training.recipes.reward_targets import check_tells_apart
from training.recipes.row_checks import check_apart
from training.recipes.run import Run, main, replace_directory
from training.recipes.settings_checks import check_at_least, check_axis_weights
from training.recipes.sft import learning_rate_factor
from training.recipes.targets import Strength
from training.recipes.training_state import SHARDED, TrainingState, state_batch_to_deepspeed
from training.recipes.votes import Votes

MAX_NORM = 1.0  # of a step's gradient


@dataclass(frozen=True)
class TrainSettings:
    epochs: int = 1
    batch_pairs: int = 8  # a step has as many answers as so many pairs
    learning_rate: float = 2e-4  # of the body
    head_learning_rate: float = 1e-3
    row_tokens: int = 4096  # a step's lessons are forwarded in rows of at most so many, to bound the memory
    strength: Strength = "scaled"  # what "much better" does: counts more often, or asks for a margin
    axis_weights: dict[str, float] | None = None  # what each axis counts in the reward; the overall verdict when absent
    tie_width: float | None = None  # None: the starting head's; 0: a tie is half a vote for each
    checkpoint_steps: int = 20
    seed: int = 0
    precision: Literal["auto", "float32"] = "auto"  # auto: bfloat16 where weights and hardware have it


@dataclass(frozen=True)
class Config(TrainSettings):
    base_dir: str = ""
    snapshot_dir: str = ""
    start_dir: str | None = None  # a linear reward model over the same base
    base_sha256: str | None = None  # names the base in the artifact; computed when absent
    method: Method = "lora"
    layers: int | None = None  # of the body; those of the starting model where there is one
    rank: int = 8
    max_prompt_tokens: int = 256  # what is read; as much as the starting model reads where there is one
    max_answer_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.base_dir or not self.snapshot_dir:
            raise ValueError("Missing settings: base_dir and snapshot_dir.")
        check_at_least(self, epochs=1, batch_pairs=1, row_tokens=1, checkpoint_steps=1, rank=1, seed=0)
        check_axis_weights(self.axis_weights)


def reward_trainer(run: Run, config: Config) -> None:
    snapshot, base_dir = Path(config.snapshot_dir), Path(config.base_dir)
    start = RewardModel.load(Path(config.start_dir), base_dir) if config.start_dir else None
    shape = BodyShape(
        method=config.method,
        layers=start.reader.layers if start else config.layers,
        pool=start.reader.pool if start else BodyShape.pool,
        rank=config.rank,
        max_prompt_tokens=start.reader.prompt_tokens if start else config.max_prompt_tokens,
        max_answer_tokens=start.reader.response_tokens if start else config.max_answer_tokens,
    )
    settings = TrainSettings(**{f.name: getattr(config, f.name) for f in dataclasses.fields(TrainSettings)})
    train, held_out = Votes.from_snapshot(snapshot, "train"), Votes.from_snapshot(snapshot, "held_out")
    check_apart((prompt for prompt, _ in train.answers), (prompt for prompt, _ in held_out.answers))
    digest = base_sha256(base_dir, config.base_sha256)
    body = train_body(run, base_dir, train, held_out, shape=shape, settings=settings, start=start, base_sha256=digest)
    if body.leads:
        run.finish(artifacts={"model": "model"}, figures=body.figures, evaluations=body.evaluations)


@dataclass(frozen=True)
class TrainedBody:
    scorer: Scorer
    figures: dict[str, float]
    evaluations: list[dict[str, Any]]
    beats_start: bool  # on held-out prompts; false without a start or without held-out votes
    leads: bool  # this process is the one that writes


def train_body(
    run: Run,
    base_dir: Path,
    votes: Votes,
    held_out: Votes,
    *,
    shape: BodyShape,
    settings: TrainSettings,
    start: RewardModel | None = None,
    base_sha256: str = "",
    target: Path | None = None,
) -> TrainedBody:
    """Train on all that `votes` say, measure on `held_out`, and write the artifact to `target` (the run's model
    directory when absent).

    Raises:
        RecipeError: nothing to tell a better answer by, a weight for an axis that nobody judged, or a loss that is not
            a number.
    """
    check_tells_apart(votes)
    lessons = Lessons.of(votes, axis_weights=settings.axis_weights, form=settings.strength)
    decided = held_out.decided()
    accelerator = make_accelerator(base_dir, shape, settings)
    leads = accelerator.is_main_process
    scorer = _fresh(accelerator, base_dir, shape, settings, lessons)
    tie_widths = start_heads(scorer, lessons, start, tie_width=settings.tie_width)
    tokenizer = load_tokenizer(base_dir)
    tokens, unseen = (tokenize_for(shape, tokenizer, part.answers) for part in (lessons, held_out))
    cuts = {"cut_prompts": float(tokens.cut_prompts), "cut_answers": float(tokens.cut_answers)}
    if leads:
        print(tokens.say_cuts(shape.max_prompt_tokens, shape.max_answer_tokens), flush=True)
        run.log(0, 1, cuts, stage="load")
    # By its own features, which are known where it was measured before: the pass over the body is saved.
    before = start.score(held_out.answers) if start is not None and len(decided) and leads else None
    loss, weights = descend(run, accelerator, scorer, lessons, tokens, tie_widths, settings)
    figures = {"loss": loss, "pairs": float(len(lessons.first_P)), "lessons": float(len(lessons)), **cuts}
    if not leads:
        return TrainedBody(scorer, figures, [], False, leads)
    if accelerator.num_processes > 1:  # its own weights may be spread over the processes
        scorer = _fresh(accelerator, base_dir, shape, settings, lessons)
        scorer.load_state_dict(weights)
    evaluations = measure(decided, score_answers(scorer, unseen), before) if len(decided) else []
    target = target or run.model
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    save_scorer(scorer, weights, partial, base_sha256=base_sha256)
    replace_directory(partial, target)
    beats = any(entry["metric"] == "trained_body_gain" and entry["low"] > 0 for entry in evaluations)
    return TrainedBody(scorer, figures | {"beats_start": float(beats)}, evaluations, beats, leads)


def make_accelerator(base_dir: Path, shape: BodyShape, settings: TrainSettings) -> Accelerator:
    """All weights are trained in float32 and multiplied in bfloat16; a frozen body is bfloat16 itself."""
    half = settings.precision == "auto" and reading_dtype(base_dir) == torch.bfloat16
    precision = "bf16" if half and shape.method == "full" else None  # None: as `accelerate launch` was told
    # Asked for processors, accelerate would forget that it was launched with DeepSpeed.
    cpu = not torch.cuda.is_available() and os.environ.get("ACCELERATE_USE_DEEPSPEED") != "true"
    accelerator = Accelerator(cpu=cpu, mixed_precision=precision)
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        state_batch_to_deepspeed(accelerator, pairs=settings.batch_pairs, clip=MAX_NORM)
    return accelerator


def _fresh(
    accelerator: Accelerator, base_dir: Path, shape: BodyShape, settings: TrainSettings, lessons: Lessons
) -> Scorer:
    # What is spread over processes must be of one kind: float32, and bfloat16 products if the launcher says so.
    exact = settings.precision == "float32" or accelerator.distributed_type in SHARDED
    dtype = torch.float32 if exact else None
    scorer = Scorer.over(base_dir, shape, shares=lessons.shares, seed=settings.seed, dtype=dtype)
    scorer.head.good_from_X.requires_grad_(bool(len(lessons.level_Q)))
    return scorer


def descend(
    run: Run,
    accelerator: Accelerator,
    scorer: Scorer,
    lessons: Lessons,
    tokens: TokenizedAnswers,
    tie_widths: Sequence[float],
    settings: TrainSettings,
) -> tuple[float, dict[str, Tensor]]:
    """Train `scorer` in place, from the last checkpoint on; the last loss in nats, and the whole weights."""
    steps = schedule(lessons, batch_pairs=settings.batch_pairs, epochs=settings.epochs, seed=settings.seed)
    head = list(scorer.head.parameters())
    body = [parameter for name, parameter in scorer.trained().items() if not name.startswith("head.")]
    peaks = [settings.learning_rate, settings.head_learning_rate]
    groups = [{"params": part, "lr": peak} for part, peak in zip((body, head), peaks, strict=True)]
    model, optimizer = accelerator.prepare(scorer, torch.optim.AdamW(groups, weight_decay=0.0))
    state = TrainingState(run, accelerator, scorer.trained(), optimizer, _identity(scorer, lessons, settings))
    done, loss = state.load(), 0.0
    model.train()
    for step, rows in enumerate(steps[done:], done + 1):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate_factor(step, len(steps))
        optimizer.zero_grad()
        started = time.monotonic()
        loss = take_step(
            accelerator, model, lessons, tokens, rows, row_tokens=settings.row_tokens, tie_widths=tie_widths
        )
        norm = accelerator.clip_grad_norm_(model.parameters(), MAX_NORM)
        if accelerator.is_main_process:
            figures = {"loss": loss, "gradient_norm": float(norm) if norm is not None else 0.0}
            run.log(step, len(steps), figures | {"lessons_per_second": len(rows) / (time.monotonic() - started)})
        optimizer.step()
        if step % settings.checkpoint_steps == 0:
            state.save(step)
    weights = accelerator.get_state_dict(model)
    return loss, {name: weight.detach().cpu() for name, weight in (weights or {}).items()}  # whole in the first alone


def _identity(scorer: Scorer, lessons: Lessons, settings: TrainSettings) -> str:
    """What a checkpoint belongs to: settings, shape and the lessons themselves."""
    about = dataclasses.asdict(settings) | dataclasses.asdict(scorer.shape)
    return fingerprint(about | {"lessons": lessons.digest()})


def measure(decided: Votes, after_A: np.ndarray, before_A: np.ndarray | None) -> list[dict[str, Any]]:
    """Accuracy on held-out votes with a preference, of the trained body, of the start, and the gain."""
    prompts = decided.prompt_ids_P.tolist()
    right = {"trained_body_accuracy": _right(decided, after_A)}
    if before_A is not None:
        right["trained_body_start_accuracy"] = _right(decided, before_A)
    found = [
        evaluation(metric, float(values.mean()), mean_interval(values, prompts), len(decided))
        for metric, values in right.items()
    ]
    if before_A is not None:
        gain = right["trained_body_accuracy"] - right["trained_body_start_accuracy"]
        interval = cluster_bootstrap(lambda rows: float(gain[rows].mean()), prompts)
        found.append(evaluation("trained_body_gain", float(gain.mean()), interval, len(decided)))
    return found


def _right(decided: Votes, score_A: np.ndarray) -> Floats:
    """1 where the difference has the sign of the vote, 0 where not, a half where it has none."""
    delta_P = score_A[decided.first_P] - score_A[decided.second_P]
    return np.asarray(0.5 + 0.5 * np.sign(delta_P) * np.sign(decided.win_P - decided.lose_P))


if __name__ == "__main__":
    main(reward_trainer, Config)
