"""The one function that moves a version between stages, and the one that tells webhooks of it."""

from accounts.audit import record_event
from accounts.models import Membership
from models_registry.errors import PromotionLost
from models_registry.models import GateVerdict, ModelVersion, Promotion
from models_registry.stages import check_step
from webhooks.kinds import EventKind
from webhooks.services import emit_event


def move(
    version: ModelVersion,
    to_stage: str,
    *,
    by: Membership | None,
    reason: str,
    verdict: GateVerdict | None = None,
    canary_share: float | None = None,
    direct: bool = True,
) -> Promotion:
    """One step, by compare-and-set, with its Promotion and its audit event. Call it in a transaction.

    Raises:
        IllegalPromotion: the table has no such step.
        PromotionLost: the version is no longer in the stage that the caller saw.
    """
    check_step(version, to_stage, direct=direct)
    from_stage = version.stage
    moved = ModelVersion.objects.filter(pk=version.pk, stage=from_stage, canary_share=version.canary_share).update(
        stage=to_stage, canary_share=canary_share
    )
    if not moved:
        raise PromotionLost(f"{version.name} is no longer in stage {from_stage}. Look at it again.")
    version.stage, version.canary_share = to_stage, canary_share
    promotion = Promotion.objects.create(
        version=version, from_stage=from_stage, to_stage=to_stage, canary_share=canary_share,
        by=by.user if by else None, reason=reason, verdict=verdict,
    )  # fmt: skip
    record_event(
        "version promoted", by=by, organisation=version.organisation, subject=version,
        name=version.name, from_stage=from_stage, to_stage=to_stage, reason=reason, canary_share=canary_share,
    )  # fmt: skip
    return promotion


def tell(kind: EventKind, promotion: Promotion) -> None:
    """What webhooks hear of a step that somebody decided; not of the steps that follow from it."""
    version = promotion.version
    emit_event(
        organisation_id=version.organisation_id,
        kind=kind,
        project_id=version.project_id,
        payload={
            "version": version.pk, "name": version.name, "number": version.number, "from_stage": promotion.from_stage,
            "to_stage": promotion.to_stage, "canary_share": promotion.canary_share, "promotion": promotion.pk,
        },
    )  # fmt: skip
