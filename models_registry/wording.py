"""What metrics are called, for people."""

_METRICS = {
    "win_rate": ("Win rate", "share of held-out prompts on which its answer is preferred"),
    "reward_model_accuracy": (
        "Reward model accuracy",
        "share of held-out judgements its reward model agrees with",
    ),
    "accuracy": ("Accuracy", "share of held-out judgements that it agrees with"),
}


def metric_name(metric: str) -> str:
    return _METRICS.get(metric, (metric.replace("_", " ").capitalize(), ""))[0]


def metric_meaning(metric: str) -> str:
    """What it measures, where there is a sentence for it."""
    return _METRICS.get(metric, ("", ""))[1]
