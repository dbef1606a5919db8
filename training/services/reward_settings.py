"""What a project says of its reward model, as the recipe's settings: the same for refits, trainings and bodies."""

from typing import Any

from labeling.models import Project

DEFAULTS: dict[str, Any] = {"strength": "scaled", "weigh_annotators": True, "remove_length": False}


def reward_settings(project: Project) -> dict[str, Any]:
    """Those alone that are not as the recipe has them."""
    chosen = {name: getattr(project, name) for name in DEFAULTS if getattr(project, name) != DEFAULTS[name]}
    return chosen | ({"axis_weights": project.axis_weights} if project.axis_weights else {})
