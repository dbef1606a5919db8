"""How trained bodies were held against the fast path, and what came of it."""

from dataclasses import dataclass
from typing import Any

from labeling.models import Project
from training.models import FEATURES, TrainingRun

GAIN = "trained_body_over_fast_path"


@dataclass(frozen=True, slots=True)
class BodyTrial:
    """Shares of held-out votes that each agrees with, and their difference; None: nothing could be measured."""

    run: TrainingRun
    won: bool
    body: float | None = None
    fast: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    votes: int = 0

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        return say_trial(self)


def last_trial(project: Project) -> BodyTrial | None:
    """The newest that ended well, in a refresh or by itself."""
    run = TrainingRun.objects.body_trials().filter(project=project).order_by("-pk").first()
    return read_trial(run) if run else None


def read_trial(run: TrainingRun) -> BodyTrial:
    """From the run's result."""
    won = run.result.get("method", FEATURES) != FEATURES
    found: dict[str, Any] = next((e for e in run.result.get("evaluations", []) if e.get("metric") == GAIN), {})
    if not found:
        return BodyTrial(run, won)
    shares = found.get("detail") or {}
    return BodyTrial(
        run, won, shares.get("trained_body"), shares.get("fast_path"), found["value"], found["low"], found["high"],
        found["n"],
    )  # fmt: skip


def say_trial(trial: BodyTrial) -> str:
    """In words, with no more certainty than the interval has."""
    if trial.gain is None or trial.low is None or trial.high is None:
        return "No held-out vote preferred an answer, so nothing could be measured: the fast path stays."
    points = f"{_signed(trial.gain)} points ({_points(trial.low)} to {_points(trial.high)})"
    if trial.body is None or trial.fast is None:
        said = f"On {trial.votes} held-out votes the trained body was at {points} over the fast path"
    else:
        said = (
            f"The trained body agreed with {_percent(trial.body)} of {trial.votes} held-out votes, the fast path with "
            f"{_percent(trial.fast)}; {points}"
        )
    if trial.won:
        return f"{said}: it took its place."
    return f"{said}: it is not shown to be better, and the fast path stays."


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _points(share: float) -> str:
    return f"{share * 100:.1f}".replace("-", "−")


def _signed(share: float) -> str:
    return ("+" if share > 0 else "") + _points(share)
