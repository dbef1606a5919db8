"""The base model of a project that has none: prepared once, for whoever waits for it."""

from accounts.models import Membership
from labeling.models import Project
from training.models import Recipe, TrainingRun
from training.services.create_run import create_run


def base_under_way(project: Project) -> TrainingRun | None:
    """The run that prepares the project's base model and has neither ended nor been told to."""
    runs = TrainingRun.objects.unfinished().filter(project=project, recipe=Recipe.PREPARE_BASE)
    found: TrainingRun | None = runs.filter(cancel_requested_at=None).order_by("pk").first()
    return found


def prepare_base(*, project: Project, by: Membership | None, why: str) -> TrainingRun:
    """The run under way, else a new one.

    Raises:
        NotPermitted: the role may not start runs.
    """
    return base_under_way(project) or create_run(project=project, by=by, recipe=Recipe.PREPARE_BASE, why=why)
