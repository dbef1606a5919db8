"""When a project retrains by itself: the whole way, the reward model's fast path alone, or its body."""

import logging

from django.db.models import Q

from accounts.errors import AccordError
from labeling.models import ACTIVE_POLICIES, Project
from labeling.services import judged_at_least
from models_registry.models import ModelVersion, VersionKind
from training.errors import NotReady
from training.models import TrainingRun
from training.services.start_body_run import body_run_is_due, new_judgements_since_body_run, start_body_run
from training.services.start_refit import new_judgements_since_refit, refit_is_due, start_refit
from training.services.start_refresh import MIN_TRAIN, check_refresh, new_judgements_since_refresh, start_refresh

logger = logging.getLogger(__name__)


def refresh_is_due(project: Project) -> bool:
    """Enough new judgements since the last refresh, nothing under way, and a refresh would not be refused."""
    if project.retrain_after is None or project.archived_at or project.paused_at:
        return False
    if new_judgements_since_refresh(project) < project.retrain_after:
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
                why = f"{new_judgements_since_refresh(project)} new judgements"
                started += start_refresh(project=project, by=None, why=why)
        except AccordError as refusal:
            logger.warning("Retraining of project %s was refused: %s", project.pk, refusal.message)
    return started


def start_due_refits() -> list[TrainingRun]:
    """Start every refit of the fast path that is due, in a project without a base model behind a run that prepares one.

    It is asked every few seconds, while most projects have too few judgements to learn from.
    """
    started = []
    wanted = Q(refit_after__isnull=False) | Q(selection_policy__in=ACTIVE_POLICIES)
    for project in Project.objects.open().filter(wanted, judged_at_least(MIN_TRAIN)).order_by("pk"):
        try:
            if refit_is_due(project):
                why = f"{new_judgements_since_refit(project)} new judgements"
                started.append(start_refit(project=project, by=None, why=why))
        except AccordError as refusal:
            logger.warning("A refit of project %s was refused: %s", project.pk, refusal.message)
    return started


def start_due_body_runs() -> list[TrainingRun]:
    """Start every training of a reward model's body that is due. It prepares no base model: the first refit does."""
    started = []
    bases = ModelVersion.objects.filter(kind=VersionKind.BASE).values("project_id")
    for project in Project.objects.open().filter(pk__in=bases, train_body_after__gt=0).order_by("pk"):
        try:
            if body_run_is_due(project):
                why = f"{new_judgements_since_body_run(project)} new judgements"
                started.append(start_body_run(project=project, by=None, why=why))
        except AccordError as refusal:
            logger.warning("Training the body in project %s was refused: %s", project.pk, refusal.message)
    return started
