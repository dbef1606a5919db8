"""A refit: the reward model's fast path learns what was judged since the last one, by itself, in seconds."""

from django.db import transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import ACTIVE_POLICIES, Project
from labeling.services import freeze_snapshot
from models_registry.models import VersionKind
from training.errors import NotReady
from training.locking import lock_runs
from training.models import FEATURES, Recipe, TrainingRun
from training.services.create_run import create_run
from training.services.prepare_base import prepare_base
from training.services.since_last import last_run, learnt_from, new_judgements_since
from training.services.start_refresh import check_judgements
from training.services.which_version import newest_version

# New judgements after which a project refits whose order of items follows the reward model, unless it says otherwise.
REFIT_AFTER = 20
# Nor before this share of what the last one learnt from is new: each refit freezes a snapshot, and they would fill the
# disk with copies of a large project that differ by twenty judgements.
MIN_NEW_SHARE = 0.02


def selects_actively(project: Project) -> bool:
    """Whether the order of the project's items follows the reward model."""
    return project.selection_policy in ACTIVE_POLICIES


def refit_threshold(project: Project) -> int | None:
    """So many new judgements since the last refit start the next; None: none starts by itself."""
    if project.archived_at or project.paused_at:
        return None
    wanted = project.refit_after or (REFIT_AFTER if selects_actively(project) else None)
    return wanted and max(wanted, int(MIN_NEW_SHARE * learnt_from(last_refit(project))))


def last_refit(project: Project) -> TrainingRun | None:
    """The newest, however it ended: one that failed is not tried again before something new is there."""
    return last_run(project, TrainingRun.objects.refits())


def new_judgements_since_refit(project: Project, *, limit: int | None = None) -> int:
    """Counted judgements that the newest refit does not know."""
    return new_judgements_since(project, last_refit(project), limit=limit)


def refit_is_due(project: Project) -> bool:
    """Enough new judgements, none under way, and it would not be refused."""
    threshold = refit_threshold(project)
    if threshold is None or new_judgements_since_refit(project, limit=threshold) < threshold:
        return False
    return can_refit(project)[0]


@transaction.atomic
def start_refit(*, project: Project, by: Membership | None, why: str) -> TrainingRun:
    """Freeze a Snapshot and queue a run of the fast path; it ends in a reward model and a new order of open items.

    Where there is no base model it waits for one that is prepared first. Neither is of a chain: it is no refresh.

    Args:
        by: None when Accord starts it by itself.

    Raises:
        NotPermitted: the role may not start runs.
        NotReady: too few judgements, or a refit that has not ended.
    """
    if by:
        check_can(by, Permission.START_RUNS)
    lock_runs(project.pk)
    check_refit(project)
    # Dozens a day that nobody asked for: webhooks are not told of those.
    snapshot = freeze_snapshot(project=project, by=by, announce=by is not None)
    before = None
    if newest_version(project.pk, VersionKind.BASE) is None:
        before = prepare_base(project=project, by=by, why="for the first refit of the reward model")
    return create_run(
        project=project,
        by=by,
        recipe=Recipe.REWARD_MODEL,
        config={"method": FEATURES},
        snapshot=snapshot,
        after=before,
        why=why,
    )


def check_refit(project: Project) -> None:
    """Refuse a refit that could not end well.

    Raises:
        NotReady: with the sentence that says what is missing.
    """
    unfinished = TrainingRun.objects.refits().unfinished().filter(project=project).order_by("pk").first()
    if unfinished:
        raise NotReady(
            f"The reward model is being refitted already (run {unfinished.pk}, "
            f"{unfinished.get_status_display().lower()}). Wait until it has ended, or cancel it."
        )
    check_judgements(project)


def can_refit(project: Project) -> tuple[bool, str]:
    """The same for templates: whether it may start, and the sentence why not."""
    try:
        check_refit(project)
    except NotReady as refusal:
        return False, refusal.message
    return True, ""
