"""What each axis of a project counts in its reward."""

from collections.abc import Mapping
from typing import Any

from accounts.errors import Invalid
from labeling.kinds.design import OVERALL, check_design, design_of
from labeling.models import Project

# The reward is brought to a deviation of 1 in any case: only the ratios count. Training refuses what is nearer to 0.
LEAST, MOST = 0.001, 100.0


def axes_of(project: Project) -> dict[str, str]:
    """Name and word of each axis that people judge here, the verdict as a whole first."""
    design = design_of(project)
    rated = design.kinds["rating"]["axes"]
    if design.kind != "rating" and rated == check_design({})["rating"]["axes"]:
        rated = []  # nobody chose it, and nobody is asked
    axes = {axis["name"]: axis["word"] for axis in [*design.kinds["comparison"]["axes"], *rated]}
    return {OVERALL: "The verdict as a whole"} | axes


def check_axis_weights(given: Any, axes: Mapping[str, str]) -> dict[str, float]:
    """The weights that are not 0, ready to be stored; empty: the verdict as a whole counts alone.

    Raises:
        Invalid: an axis that is none of the project's, a weight that is no number in the range, or nothing but zeros.
    """
    if not isinstance(given, dict):
        raise _invalid('Give an object of axes and weights, as {"overall": 1, "true": 0.5}.')
    if unknown := [name for name in given if name not in axes]:
        raise _invalid(
            f"The project has no axis {str(unknown[0])[:40]!r}. It has {', '.join(axes)}. "
            "An axis that is taken away must lose its weight first."
        )
    for name, weight in given.items():
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or (weight and not LEAST <= abs(weight) <= MOST):
            raise _invalid(
                f"The weight of {name} must be a number from −{MOST:.0f} to {MOST:.0f}, and if it is not 0, {LEAST} or "
                "more in size."
            )
    if given.get(OVERALL, 0) < 0:
        raise _invalid("The verdict as a whole cannot count less than 0: the worse answers would be rewarded.")
    if given and not any(given.values()):
        raise _invalid("At least one axis must count: give one a weight that is not 0, or leave all of them out.")
    return {name: float(weight) for name, weight in given.items() if weight}


def _invalid(why: str) -> Invalid:
    return Invalid(f"The axes cannot be weighed like this. {why}", fields={"axis_weights": why})
