"""A reward model whose body is trained on votes: adapters or all weights, over packed rows, on one device or many.

    python -m training.recipes.reward_trainer RUN_DIR
    accelerate launch [--config_file ...] -m training.recipes.reward_trainer RUN_DIR

Every step takes some pairs, reads each of their prompts once and their answers after it (`shared_prefix`), and descends
the loss of `targets.pair_loss`. Where a fitted linear reward model is named, body and head start as exactly that model,
and the result says whether training them beat it on the held-out votes: it did where the 95 % interval of the gain
in accuracy, over prompts, lies above zero.

The order of the pairs is a function of the seed and the votes, nothing is drawn during a step, and a checkpoint holds
weights and optimizer whole: a run that was killed and started again ends with the same bits on the CPU as one that was
not. Several processes share each step's pairs; what they learn is what one would, but for the order of summing.
"""

import dataclasses
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from training.recipes.checkpoint import fingerprint
from training.recipes.intervals import Floats, cluster_bootstrap, evaluation, mean_interval
from training.recipes.policies import base_sha256, load_tokenizer, reading_dtype
from training.recipes.reward import RewardModel
from training.recipes.reward_data import Rows, TokenizedAnswers, lay_out, pairs_to_learn, schedule, split_step
from training.recipes.reward_scorer import BodyShape, Method, Scorer, save_scorer, score_answers, tokenize_for
from training.recipes.run import RecipeError, Run, main, replace_directory
from training.recipes.sft import learning_rate_factor
from training.recipes.targets import pair_loss_tensor
from training.recipes.training_state import SHARDED, TrainingState
from training.recipes.votes import Votes


@dataclass(frozen=True)
class TrainSettings:
    epochs: int = 1
    batch_pairs: int = 8
    learning_rate: float = 2e-4  # of the body
    head_learning_rate: float = 1e-3
    row_tokens: int = 4096  # a step's pairs are forwarded in rows of at most so many, to bound the memory
    tie_width: float = 0.0  # 0: a tie is half a vote for each
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
    max_prompt_tokens: int = 256
    max_answer_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.base_dir or not self.snapshot_dir:
            raise ValueError("Missing settings: base_dir and snapshot_dir.")


def reward_trainer(run: Run, config: Config) -> None:
    snapshot, base_dir = Path(config.snapshot_dir), Path(config.base_dir)
    start = RewardModel.load(Path(config.start_dir), base_dir) if config.start_dir else None
    shape = BodyShape(
        method=config.method,
        layers=start.reader.layers if start else config.layers,
        pool=start.reader.pool if start else BodyShape.pool,
        rank=config.rank,
        max_prompt_tokens=config.max_prompt_tokens,
        max_answer_tokens=config.max_answer_tokens,
    )
    settings = TrainSettings(**{f.name: getattr(config, f.name) for f in dataclasses.fields(TrainSettings)})
    train, held_out = Votes.from_snapshot(snapshot, "train"), Votes.from_snapshot(snapshot, "held_out")
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
    """Train on the overall verdicts of `votes`, measure on `held_out`, and write the artifact to `target` (the run's
    model directory when absent).

    Raises:
        RecipeError: no preference to learn from, or a loss that is not a number.
    """
    if not len(votes.decided()):
        raise RecipeError("No judgement in this snapshot prefers one answer; collect some comparisons first.")
    pairs, decided = pairs_to_learn(votes), held_out.decided()
    accelerator = make_accelerator(base_dir, shape, settings)
    leads = accelerator.is_main_process
    scorer = _fresh(accelerator, base_dir, shape, settings)
    if start is not None:
        scorer.head.start_from(start.projection, start.weights)
    tokenizer = load_tokenizer(base_dir)
    tokens, unseen = (tokenize_for(shape, tokenizer, part.answers) for part in (pairs, held_out))
    cuts = {"cut_prompts": float(tokens.cut_prompts), "cut_answers": float(tokens.cut_answers)}
    if leads:
        print(tokens.say_cuts(shape.max_prompt_tokens, shape.max_answer_tokens), flush=True)
        run.log(0, 1, cuts, stage="load")
    # By its own features, which are known where it was measured before: the pass over the body is saved.
    before = start.score(held_out.answers) if start is not None and len(decided) and leads else None
    loss, weights = descend(run, accelerator, scorer, pairs, tokens, settings)
    figures = {"loss": loss, "pairs": float(len(pairs)), **cuts}
    if not leads:
        return TrainedBody(scorer, figures, [], False, leads)
    if accelerator.num_processes > 1:  # its own weights may be spread over the processes
        scorer = _fresh(accelerator, base_dir, shape, settings)
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
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=precision)


def _fresh(accelerator: Accelerator, base_dir: Path, shape: BodyShape, settings: TrainSettings) -> Scorer:
    # What is spread over processes must be of one kind: float32, and bfloat16 products if the launcher says so.
    exact = settings.precision == "float32" or accelerator.distributed_type in SHARDED
    return Scorer.over(base_dir, shape, seed=settings.seed, dtype=torch.float32 if exact else None)


def descend(
    run: Run,
    accelerator: Accelerator,
    scorer: Scorer,
    pairs: Votes,
    tokens: TokenizedAnswers,
    settings: TrainSettings,
) -> tuple[float, dict[str, Tensor]]:
    """Train `scorer` in place, from the last checkpoint on; the last loss in nats, and the whole weights."""
    steps = schedule(pairs, batch_pairs=settings.batch_pairs, epochs=settings.epochs, seed=settings.seed)
    head = list(scorer.head.parameters())
    body = [parameter for name, parameter in scorer.trained().items() if not name.startswith("head.")]
    peaks = [settings.learning_rate, settings.head_learning_rate]
    groups = [{"params": part, "lr": peak} for part, peak in zip((body, head), peaks, strict=True)]
    model, optimizer = accelerator.prepare(scorer, torch.optim.AdamW(groups, weight_decay=0.0))
    state = TrainingState(run, accelerator, scorer.trained(), optimizer, _identity(scorer, pairs, settings))
    done, loss = state.load(), 0.0
    model.train()
    for step, rows in enumerate(steps[done:], done + 1):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate_factor(step, len(steps))
        optimizer.zero_grad()
        started = time.monotonic()
        loss = take_step(accelerator, model, pairs, tokens, rows, settings)
        norm = accelerator.clip_grad_norm_(model.parameters(), 1.0)
        if accelerator.is_main_process:
            figures = {"loss": loss, "gradient_norm": float(norm) if norm is not None else 0.0}
            run.log(step, len(steps), figures | {"pairs_per_second": len(rows) / (time.monotonic() - started)})
        optimizer.step()
        if step % settings.checkpoint_steps == 0:
            state.save(step)
    weights = accelerator.get_state_dict(model)
    return loss, {name: weight.detach().cpu() for name, weight in weights.items()}


def take_step(
    accelerator: Accelerator, model: Any, pairs: Votes, tokens: TokenizedAnswers, rows: Rows, settings: TrainSettings
) -> float:
    """Add up the gradient of the mean loss over a step's pairs, by weight; that loss, in nats."""
    world = accelerator.num_processes
    # One row a process where several work: what they exchange in a backward pass must be the same number of times.
    parts = split_step(pairs, tokens, rows, parts=world if world > 1 else None, row_tokens=settings.row_tokens)
    mine = [parts[accelerator.process_index]] if world > 1 else parts
    total = float(pairs.weight_P[rows].sum())
    summed = torch.zeros((), device=accelerator.device)
    for part in mine:
        # A process without a pair of its own takes part with one that counts nothing.
        loss = pair_losses(model, pairs, tokens, part or rows[:1], settings.tie_width) * (
            world / total if part else 0.0
        )
        accelerator.backward(loss)
        summed += loss.detach()
    return float(accelerator.reduce(summed, "mean"))


def pair_losses(model: Any, pairs: Votes, tokens: TokenizedAnswers, rows: Rows, tie_width: float) -> Tensor:
    """The losses of these pairs, each times its weight, summed: one forward pass over one packed row."""
    first, second = pairs.first_P[rows].tolist(), pairs.second_P[rows].tolist()
    device = next(model.parameters()).device
    row = lay_out(tokens, [*first, *second], device=device)
    place = {answer: index for index, answer in enumerate(row.answers)}
    score_A = model(row)
    delta_P = score_A[[place[answer] for answer in first]] - score_A[[place[answer] for answer in second]]
    arrays = (pairs.win_P, pairs.tie_P, pairs.strength_P, pairs.weight_P)
    win_P, tie_P, strength_P, weight_P = (torch.tensor(a[rows], dtype=torch.float32, device=device) for a in arrays)
    return (weight_P * pair_loss_tensor(delta_P, win_P, tie_P, strength_P, tie_width)).sum()


def _identity(scorer: Scorer, pairs: Votes, settings: TrainSettings) -> str:
    """What a checkpoint belongs to: settings, shape and the pairs themselves."""
    arrays = (pairs.first_P, pairs.second_P, pairs.win_P, pairs.tie_P, pairs.weight_P)
    said = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
    said.update(json.dumps(pairs.answers).encode())
    return fingerprint(dataclasses.asdict(settings) | dataclasses.asdict(scorer.shape) | {"pairs": said.hexdigest()})


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
