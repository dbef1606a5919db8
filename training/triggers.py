"""When a project retrains by itself."""

import logging

from accounts.errors import AccordError
from labeling.models import Project
from labeling.services import new_judgements_since_snapshot
from training.errors import NotReady
from training.models import TrainingRun
from training.services.start_refresh import check_refresh, start_refresh

logger = logging.getLogger(__name__)


def refresh_is_due(project: Project) -> bool:
    """Enough new judgements since the last Snapshot, nothing under way, and a refresh would not be refused."""
    if project.retrain_after is None or project.archived_at or project.paused_at:
        return False
    if new_judgements_since_snapshot(project) < project.retrain_after:
        return False
    try:
        check_refresh(project)
    except NotReady:
        return False
    return True


def start_due_retraining() -> list[TrainingRun]:
    """Start every refresh that is due. One project's trouble does not keep the others waiting."""
    started = []
    for project in Project.objects.open().filter(retrain_after__isnull=False).order_by("pk"):
        try:
            if refresh_is_due(project):
                why = f"{new_judgements_since_snapshot(project)} new judgements"
                started += start_refresh(project=project, by=None, why=why)
        except AccordError as refusal:
            logger.warning("Retraining of project %s was refused: %s", project.pk, refusal.message)
    return started
