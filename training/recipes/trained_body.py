"""A reward model whose body was trained: it starts from the fast path's head, and must beat it to take its place."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.recipes.intervals import cluster_bootstrap, evaluation
from training.recipes.reward import Reader, RewardModel
from training.recipes.reward_measures import agrees, calibrate, passive
from training.recipes.reward_scorer import BodyReader, BodyShape, Method
from training.recipes.reward_trainer import TrainSettings, train_body
from training.recipes.run import Run
from training.recipes.votes import OVERALL, Votes


@dataclass(frozen=True)
class Trial:
    model: RewardModel  # over the trained body, whose files are in the directory it was trained into
    wins: bool  # better than the fast path on held-out prompts, beyond chance
    figures: dict[str, float]
    evaluations: list[dict[str, Any]]
    leads: bool  # this process is the one that writes


def try_trained_body(
    run: Run,
    fast: RewardModel,
    fit: Callable[[Reader], RewardModel],
    train: Votes,
    held_out: Votes,
    *,
    settings: TrainSettings,
    method: Method,
    base_sha256: str,
    target: Path,
) -> Trial:
    """Train the body from `fast` on, fit the head anew on what it makes of the answers, and hold both against another.

    Args:
        fit: a head over what a reader reads.
        target: where the body is written; the head is for the caller to add.

    Raises:
        RecipeError: a loss that is not a number.
    """
    base_dir = fast.reader.base_dir
    shape = BodyShape(
        method=method, layers=fast.reader.layers, pool=fast.reader.pool,
        max_prompt_tokens=fast.reader.prompt_tokens, max_answer_tokens=fast.reader.response_tokens,
    )  # fmt: skip
    body = train_body(
        run,
        base_dir,
        train,
        held_out,
        shape=shape,
        settings=settings,
        start=fast,
        base_sha256=base_sha256,
        target=target,
    )
    if not body.leads:
        return Trial(fast, False, body.figures, [], False)
    model = calibrate(fit(BodyReader(body.scorer, base_dir)), held_out)
    decided = passive(held_out.on_axis(OVERALL)).decided()
    if not len(decided):
        return Trial(model, False, body.figures, body.evaluations, True)
    body_P, fast_P = agrees(model, decided), agrees(fast, decided)
    gained = body_P - fast_P
    prompts = decided.prompt_ids_P.tolist()
    low, high = cluster_bootstrap(lambda rows: float(gained[rows].mean()), prompts)
    shares = {"trained_body": float(body_P.mean()), "fast_path": float(fast_P.mean())}
    gain = evaluation("trained_body_over_fast_path", float(gained.mean()), (low, high), len(decided), shares)
    return Trial(model, low > 0, body.figures, [gain], True)
