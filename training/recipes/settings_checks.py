"""What a recipe's settings must be beyond their type. Raises ValueError, which `load_config` turns into BadConfig."""

from collections.abc import Mapping
from typing import Any

LEAST_WEIGHT, MOST_WEIGHT = 1e-3, 1e3


def check_at_least(config: Any, **least: float) -> None:
    for name, value in least.items():
        if getattr(config, name) < value:
            raise ValueError(f"{name} must be at least {value:g}, not {getattr(config, name):g}.")


def check_axis_weights(axis_weights: Mapping[str, float] | None) -> None:
    """Their squares are summed: with weights beyond these bounds nothing would be left of the scores."""
    if not axis_weights:
        return
    for name, weight in axis_weights.items():
        if weight and not LEAST_WEIGHT <= abs(weight) <= MOST_WEIGHT:
            raise ValueError(f"The weight of the axis {name} is {weight:g}; its size must be 0, or 0.001 to 1000.")
    if not any(axis_weights.values()):
        raise ValueError("axis_weights gives every axis the weight 0, so all answers would be alike; weigh one more.")
