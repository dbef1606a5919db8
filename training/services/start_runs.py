"""What the API starts: the whole refresh, or one recipe with what it needs."""

import uuid
from typing import Any

from django.db import transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project, Snapshot
from labeling.services import freeze_snapshot
from models_registry.models import ModelVersion, VersionKind
from training.errors import BadRunConfig
from training.models import Recipe, TrainingRun
from training.services.create_run import create_run
from training.services.start_refresh import start_refresh
from training.services.which_version import newest_version

READS_SNAPSHOT = {Recipe.REWARD_MODEL, Recipe.GRPO, Recipe.EVALUATE}


@transaction.atomic
def start_runs(
    *,
    project: Project,
    by: Membership,
    recipe: str | None = None,
    config: dict[str, Any] | None = None,
    snapshot: Snapshot | None = None,
    parent: ModelVersion | None = None,
    demonstrations: list[dict[str, Any]] | None = None,
) -> list[TrainingRun]:
    """Without a recipe the whole refresh, else one run; one that reads judgements gets a new snapshot unless given one.

    Fine-tuning in a project without a base model waits for one that is prepared first.

    Raises:
        NotPermitted, NotReady, BadRunConfig: as start_refresh and create_run.
    """
    why = f"started by {by.user}"[:120]
    if recipe is None:
        if snapshot or parent or demonstrations:
            raise BadRunConfig("snapshot, parent and demonstrations go with a recipe; the refresh finds its own.")
        return start_refresh(project=project, by=by, why=why, config=config)
    check_can(by, Permission.START_RUNS)
    if snapshot is None and recipe in READS_SNAPSHOT:
        snapshot = freeze_snapshot(project=project, by=by)
    before = chain_id = None
    if recipe == Recipe.SFT and parent is None and newest_version(project.pk, VersionKind.BASE) is None:
        chain_id = uuid.uuid4()
        before = create_run(project=project, by=by, recipe=Recipe.PREPARE_BASE, chain_id=chain_id, why=why)
    run = create_run(
        project=project,
        by=by,
        recipe=recipe,
        config=config,
        snapshot=snapshot,
        parent=parent,
        after=before,
        chain_id=chain_id,
        why=why,
        demonstrations=demonstrations,
    )
    return [before, run] if before else [run]
