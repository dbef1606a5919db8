"""What metrics are called, for people, and in what unit they are told."""

from dataclasses import dataclass

from models_registry.models import Evaluation


@dataclass(frozen=True)
class Metric:
    """`unit`: share, points (of a hundred), characters, ratio, or "" for a bare number."""

    name: str
    meaning: str
    unit: str


_METRICS = {
    "win_rate": Metric("Win rate", "share of held-out prompts on which its answer is preferred", "share"),
    "reward_model_accuracy": Metric(
        "Reward model accuracy", "share of held-out judgements its reward model agrees with", "share"
    ),
    "accuracy": Metric("Accuracy", "share of held-out judgements that it agrees with", "share"),
    "length_baseline": Metric(
        "Length alone", "share of held-out judgements that the length of the answers would tell", "share"
    ),
    "accuracy_over_length": Metric(
        "Accuracy over length", "how much oftener the reward model agrees than length alone", "points"
    ),
    "reward_model_calibration_error": Metric(
        "Calibration error", "how far the reward model's probabilities are from what people chose", "points"
    ),
    "reward_model_brier": Metric("Brier score", "mean squared error of its probabilities; a coin has 0.25", ""),
    "reward_model_negative_log_likelihood": Metric(
        "Negative log-likelihood", "of what people chose, in nats a judgement; a coin has 0.693", ""
    ),
    "length_matched_accuracy": Metric(
        "Accuracy at equal length",
        "of held-out judgements on two answers that are about as long",
        "share",
    ),
    "trained_body_over_fast_path": Metric(
        "Trained body over fast path", "how much oftener the trained body agrees with held-out judgements", "points"
    ),
    "trained_body_accuracy": Metric("Trained body's accuracy", "share of held-out judgements it agrees with", "share"),
    "trained_body_start_accuracy": Metric("Accuracy it started from", "on the same judgements", "share"),
    "trained_body_gain": Metric("Gained by training the body", "over where it started from", "points"),
    "length_ratio": Metric("Length of answers against the parent's", "mean length divided by the parent's", "ratio"),
    "policy_length": Metric("Length of its answers", "mean", "characters"),
    "parent_length": Metric("Length of its parent's answers", "mean", "characters"),
}


# Of slices and traits there are as many as a project has.
_FAMILIES = {
    "calibration_error_by_": ("Calibration error, ", "points"),
    "brier_by_": ("Brier score, ", ""),
    "negative_log_likelihood_by_": ("Negative log-likelihood, ", ""),
    "score_explained_by_": ("Explained by ", "share"),
}
_FAMILY_MEANINGS = {"score_explained_by_": "share of its differences that goes along with this"}


def _metric(metric: str) -> Metric:
    for beginning, (name, unit) in _FAMILIES.items():
        if metric.startswith(beginning):
            of = metric.removeprefix(beginning).replace("_", " ")
            return Metric(name + of, _FAMILY_MEANINGS.get(beginning, ""), unit)
    return _METRICS.get(metric, Metric(metric.replace("_", " ").capitalize(), "", ""))


def metric_name(metric: str) -> str:
    return _metric(metric).name


def metric_meaning(metric: str) -> str:
    """What it measures, where there is a sentence for it."""
    return _metric(metric).meaning


def metric_value(found: Evaluation) -> str:
    """With its unit: `66 %`, `+6 points`, `183 characters`."""
    unit = _metric(found.metric).unit
    return _number(found.value, unit) + _UNITS[unit]


def metric_interval(found: Evaluation) -> str:
    """`58 to 74 %`."""
    unit = _metric(found.metric).unit
    return f"{_number(found.low, unit)} to {_number(found.high, unit)}{_UNITS[unit]}"


_UNITS = {"share": " %", "points": " points", "characters": " characters", "ratio": " ×", "": ""}


def _number(value: float, unit: str) -> str:
    if unit in ("share", "points"):
        text = f"{value * 100:.0f}" if unit == "share" else f"{value * 100:.1f}"
    else:
        text = f"{value:.0f}" if unit == "characters" else f"{value:.2f}" if unit == "ratio" else f"{value:.3f}"
    return text.replace("-", "−")
