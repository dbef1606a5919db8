"""What was measured of a version."""

import math
from typing import Any

from django.db import transaction

from accounts.errors import Invalid
from models_registry.gate_rule import WIN_RATE
from models_registry.models import Evaluation, ModelVersion


@transaction.atomic
def record_evaluation(
    *,
    version: ModelVersion,
    metric: str,
    value: float,
    low: float,
    high: float,
    n: int,
    against: ModelVersion | None = None,
    run_id: int | None = None,
    detail: dict[str, Any] | None = None,
) -> Evaluation:
    """Store one measured property with its 95 % interval; a run's metric that is known is returned as it is.

    A win rate is against the version's parent, or its base, unless `against` says otherwise.

    Raises:
        Invalid: a figure that is no number, lies outside its interval, or rests on nothing.
    """
    if not all(math.isfinite(figure) for figure in (value, low, high)) or not low <= value <= high:
        raise Invalid(f"The evaluation {metric} is {value} with the interval {low} to {high}: that cannot be.")
    if n < 1:
        raise Invalid(f"The evaluation {metric} rests on {n} cases. It needs at least one.")
    if metric == WIN_RATE and against is None:
        against = version.parent or version.base
    figures = {"value": value, "low": low, "high": high, "n": n, "against": against, "detail": detail or {}}
    if run_id is None:
        return Evaluation.objects.create(version=version, metric=metric, **figures)
    evaluation, _ = Evaluation.objects.get_or_create(version=version, metric=metric, run_id=run_id, defaults=figures)
    return evaluation
