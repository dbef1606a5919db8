"""Refits freeze a snapshot each, and would fill the disk with copies of a project: what of them is kept."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from labeling.models import Snapshot
from labeling.services import delete_left_behind, prune_snapshots
from models_registry.models import ModelVersion, Promotion, Stage
from training.models import RunStatus, TrainingRun

logger = logging.getLogger(__name__)


def prune_refit_snapshots() -> int:
    """Delete the files that nothing needs any more; return of how many snapshots."""
    left = delete_left_behind()
    if left:
        logger.info("Deleted %s directories of snapshots that no row names.", left)
    if not settings.SNAPSHOT_KEEP_HOURS:
        return 0
    before = now() - timedelta(hours=settings.SNAPSHOT_KEEP_HOURS)
    pruned = prune_snapshots(before=before, is_needed=is_needed)
    if pruned:
        logger.info("Deleted the files of %s snapshots of replaced refits.", pruned)
    return pruned


def is_needed(snapshot: Snapshot) -> bool:
    """Whether a run may still read its files, or somebody want to see what a version in use learnt from.

    Only what refits and trainings of the body froze is ever not needed: once a later one of the sort has ended well,
    and no policy was trained with the reward model that came of it, nothing evaluated by it and nobody moved it to
    another stage.
    """
    runs = TrainingRun.objects.filter(snapshot=snapshot)
    refits, bodies = TrainingRun.objects.refits(), TrainingRun.objects.body_runs()
    read_by_other = runs.exclude(pk__in=refits.values("pk")).exclude(pk__in=bodies.values("pk"))
    if read_by_other.exists() or runs.unfinished().exists():
        return True
    # A snapshot without a run is a refit's that never came to be.
    sorts = [sort for sort in (refits, bodies) if sort.filter(snapshot=snapshot).exists()] or [refits]
    if not all(_has_later(sort, snapshot) for sort in sorts):
        return True
    versions = ModelVersion.objects.filter(snapshot_id=snapshot.pk)
    if versions.exclude(stage=Stage.CANDIDATE).exists() or Promotion.objects.filter(version__in=versions).exists():
        return True
    in_use = Q()
    for pk in versions.values_list("pk", flat=True):
        in_use |= Q(inputs__reward_model=pk) | Q(inputs__parent=pk) | Q(inputs__version=pk)
    return bool(in_use) and TrainingRun.objects.filter(in_use, project=snapshot.project_id).exists()


def _has_later(sort: "QuerySet[TrainingRun]", snapshot: Snapshot) -> bool:
    ended_well = sort.filter(project=snapshot.project_id, status=RunStatus.SUCCEEDED)
    return bool(ended_well.filter(snapshot__last_judgement_id__gt=snapshot.last_judgement_id).exists())
