"""What a run that succeeded leaves in the registry."""

import logging
from typing import Any

from django.db import transaction

from accounts.errors import AccordError
from accounts.models import Membership
from models_registry.gate_rule import WIN_RATE
from models_registry.models import ModelVersion, Stage, VersionKind
from models_registry.services import (
    judge_gate,
    production_version,
    promote_version,
    record_evaluation,
    register_version,
)
from training.code_version import code_version
from training.models import FEATURES, Recipe, TrainingRun
from training.services.resolve_inputs import input_versions

logger = logging.getLogger(__name__)
KINDS = {
    Recipe.PREPARE_BASE: VersionKind.BASE,
    Recipe.SFT: VersionKind.POLICY,
    Recipe.GRPO: VersionKind.POLICY,
    Recipe.REWARD_MODEL: VersionKind.REWARD_MODEL,
}
# The registry fills in the number.
NAMES = {
    VersionKind.BASE: "{project} base v{{number}}",
    VersionKind.POLICY: "{project} v{{number}}",
    VersionKind.REWARD_MODEL: "{project} reward model v{{number}}",
}


def register_result(*, run: TrainingRun, result: dict[str, Any]) -> None:
    """Versions, Evaluations and, after an evaluation, the Gate's verdict. Part of the transaction that ends the run."""
    inputs = input_versions(run)
    if run.recipe == Recipe.EVALUATE:
        version = inputs["version"]
        _record(run, result, version, judges=inputs.get("reward_model"))
        judge_gate(version=version)
        return
    kind = KINDS[Recipe(run.recipe)]
    is_reward_model = kind == VersionKind.REWARD_MODEL
    version = register_version(
        organisation=run.organisation,
        project_id=run.project_id,
        kind=kind,
        name=NAMES[kind].format(project=run.project.name.replace("{", "(").replace("}", ")")),
        artifact_dir=run.directory / result["artifacts"]["model"],
        parent=inputs.get("parent"),
        base=inputs.get("base"),
        snapshot_id=run.snapshot_id,
        snapshot_hash=run.snapshot.content_hash if run.snapshot else "",
        run_id=run.pk,
        recipe=run.recipe,
        code_version=code_version(),
        # The recipe's word first: it may have fallen back on the fast path.
        method=(result.get("method") or run.config.get("method") or FEATURES) if is_reward_model else "",
        figures=result.get("figures", {}),
    )
    _record(run, result, version)
    if run.recipe == Recipe.SFT and production_version(run.project_id) is None:
        _serve_first_policy(run, version)


def _record(
    run: TrainingRun, result: dict[str, Any], version: ModelVersion, *, judges: ModelVersion | None = None
) -> None:
    # The recipe knows directories; people want to know by which version, and on which judgements, was judged.
    named: dict[str, Any] = {}
    if judges is not None:
        named = {
            "reward_model": {"id": judges.pk, "name": judges.name, "snapshot": _snapshot_of(judges)},
            "snapshot": {"id": run.snapshot_id, "hash": run.snapshot.content_hash} if run.snapshot else None,
        }
    for measured in result.get("evaluations", []):
        record_evaluation(
            version=version,
            metric=measured["metric"],
            value=measured["value"],
            low=measured["low"],
            high=measured["high"],
            n=measured["n"],
            detail=measured.get("detail", {}) | (named if measured["metric"] == WIN_RATE else {}),
            run_id=run.pk,
        )


def _snapshot_of(version: ModelVersion) -> dict[str, Any] | None:
    return {"id": version.snapshot_id, "hash": version.snapshot_hash} if version.snapshot_id else None


def _serve_first_policy(run: TrainingRun, version: ModelVersion) -> None:
    # There is nothing in production that it could be worse than. It is promoted in the name of who started the run; if
    # that person may not promote, it stays a candidate and somebody who may decides.
    member = Membership.objects.filter(
        organisation=run.organisation, user=run.created_by, is_active=True, user__is_active=True
    ).first()
    if member is None:
        return
    try:
        with transaction.atomic():
            promote_version(
                version=version, by=member, to_stage=Stage.PRODUCTION, reason="The first policy of the project."
            )
    except AccordError as refusal:
        logger.warning("%s stays a candidate: %s", version, refusal.message)
