"""Training the reward model's body: on its own schedule, from the fast path's head on, which it must beat."""

from django.db import transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project
from labeling.services import freeze_snapshot
from models_registry.models import VersionKind
from training.errors import NotReady
from training.locking import lock_runs
from training.models import Recipe, TrainingRun
from training.services.create_run import create_run
from training.services.prepare_base import base_under_way
from training.services.since_last import last_run, learnt_from, new_judgements_since
from training.services.start_refit import refit_threshold
from training.services.start_refresh import check_judgements
from training.services.which_version import newest_version

METHOD = "lora"
# Nor before this share of what the last one learnt from is new: each trains on all that was judged, for hours where
# that is much, and a hundredth more changes little.
MIN_NEW_SHARE = 0.1


def body_threshold(project: Project) -> int | None:
    """So many new judgements since the last one start the next; None: none starts by itself."""
    if not project.train_body_after:
        return None
    return max(project.train_body_after, int(MIN_NEW_SHARE * learnt_from(last_body_run(project))))


def last_body_run(project: Project) -> TrainingRun | None:
    """The newest, however it ended: one that failed is not tried again before so much is new."""
    return last_run(project, TrainingRun.objects.body_runs())


def new_judgements_since_body_run(project: Project, *, limit: int | None = None) -> int:
    """Counted judgements that the newest one does not know; refits and whole refreshes count for nothing here."""
    return new_judgements_since(project, last_body_run(project), limit=limit)


def body_run_is_due(project: Project) -> bool:
    """Enough new judgements, none under way, and it would not be refused."""
    threshold = body_threshold(project)
    if threshold is None or project.archived_at or project.paused_at:
        return False
    if new_judgements_since_body_run(project, limit=threshold) < threshold:
        return False
    return can_train_body(project)[0]


@transaction.atomic
def start_body_run(*, project: Project, by: Membership | None, why: str) -> TrainingRun:
    """Freeze a Snapshot and queue a run that trains the body; it ends in the better of the two reward models.

    Args:
        by: None when Accord starts it by itself.

    Raises:
        NotPermitted: the role may not start runs.
        NotReady: too few judgements, no base model yet, or one that has not ended.
    """
    if by:
        check_can(by, Permission.START_RUNS)
    lock_runs(project.pk)
    check_train_body(project)
    snapshot = freeze_snapshot(project=project, by=by)
    return create_run(
        project=project, by=by, recipe=Recipe.REWARD_MODEL, config={"method": METHOD}, snapshot=snapshot, why=why
    )


def check_train_body(project: Project) -> None:
    """Refuse a training of the body that could not end well.

    Raises:
        NotReady: with the sentence that says what is missing.
    """
    if project.archived_at:
        raise NotReady("This project is archived; its reward model is not trained any more.")
    unfinished = TrainingRun.objects.body_runs().unfinished().filter(project=project).order_by("pk").first()
    if unfinished:
        raise NotReady(
            f"The reward model's body is being trained already (run {unfinished.pk}, "
            f"{unfinished.get_status_display().lower()}). Wait until it has ended, or cancel it."
        )
    if newest_version(project.pk, VersionKind.BASE) is None:
        raise NotReady(_no_base(project))
    check_judgements(project)


def _no_base(project: Project) -> str:
    no_body = "This project has no base model on this machine yet, so there is no body to train."
    if run := base_under_way(project):
        return f"{no_body} Wait until run {run.pk} ({run.get_status_display().lower()}) has prepared one."
    if refit_threshold(project):
        return f"{no_body} The first refit prepares one, and so does the whole training."
    return f"{no_body} Start the whole training once: it prepares one."


def can_train_body(project: Project) -> tuple[bool, str]:
    """The same for templates: whether it may start, and the sentence why not."""
    try:
        check_train_body(project)
    except NotReady as refusal:
        return False, refusal.message
    return True, ""
