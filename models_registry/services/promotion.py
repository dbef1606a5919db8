"""A version's step towards its users."""

from django.db import transaction

from accounts.errors import AccordError, Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from models_registry.enqueue import send_on_commit
from models_registry.errors import GateClosed, IllegalPromotion, PromotionLost
from models_registry.models import ModelVersion, Promotion, Stage
from models_registry.services.gate import gate_terms, standing_verdict
from models_registry.services.locking import lock_versions
from models_registry.services.lookup import SERVABLE, canary_version, production_version
from models_registry.services.moves import move, tell
from models_registry.stages import check_step
from models_registry.tasks import warm_engine_task
from webhooks.kinds import EventKind


def check_can_promote(*, version: ModelVersion, by: Membership, to_stage: str) -> None:
    """Refuse a step that the version may not take.

    Raises:
        NotPermitted: the member may not promote.
        IllegalPromotion: the step does not exist, the version gives no answers, or there is nothing to compare it with.
        GateClosed: the Gate has not been passed, with what is missing.
    """
    check_can(by, Permission.PROMOTE)
    check_step(version, to_stage)
    if to_stage not in (Stage.CANARY, Stage.PRODUCTION):
        return
    if version.kind not in SERVABLE:
        kind = version.get_kind_display().lower()
        raise IllegalPromotion(f"{version.name} is a {kind}: it scores, and answers nobody.")
    if to_stage == Stage.CANARY and production_version(version.project_id) is None:
        raise IllegalPromotion("A canary runs beside a version in production, and there is none yet.")
    if _needs_gate(version, to_stage):
        failing = [term["sentence"] for term in gate_terms(version) if not term["holds"]]
        if failing:
            raise GateClosed(f"The gate is closed for {version.name}. {' '.join(failing)}")


def _needs_gate(version: ModelVersion, to_stage: str) -> bool:
    """To serve, except for the project's first version in production and for a canary whose share changes."""
    if to_stage not in (Stage.CANARY, Stage.PRODUCTION) or version.stage == to_stage:
        return False
    return production_version(version.project_id) is not None


def can_promote(*, version: ModelVersion, by: Membership, to_stage: str) -> bool:
    """`check_can_promote` as a question."""
    try:
        check_can_promote(version=version, by=by, to_stage=to_stage)
    except AccordError:
        return False
    return True


def promote_version(
    *, version: ModelVersion, by: Membership, to_stage: str, reason: str, canary_share: float | None = None
) -> Promotion:
    """Move the version on; to production retires the one that is there, in the same transaction.

    Raises:
        NotPermitted, IllegalPromotion, GateClosed: as check_can_promote.
        Invalid: no reason, or a canary's share that is not between 0 and 1.
        PromotionLost: the version, or the one in production, was moved by somebody else meanwhile.
    """
    reason = _check_reason(reason)
    if to_stage == Stage.CANARY:
        if canary_share is None or not 0 < canary_share < 1:
            raise Invalid(
                "Say what share of the requests the canary answers: more than 0 and less than 1.",
                fields={"canary_share": "Use a share such as 0.1."},
            )
    else:
        canary_share = None
    seen = production_version(version.project_id)
    # Before the transaction: a verdict that closes the gate is kept, though the promotion is refused.
    verdict = standing_verdict(version) if version.kind in SERVABLE and _needs_gate(version, to_stage) else None
    check_can_promote(version=version, by=by, to_stage=to_stage)
    with transaction.atomic():
        lock_versions(version.project_id)
        _make_way(version, to_stage, seen, by, reason)
        promotion = move(version, to_stage, by=by, reason=reason, verdict=verdict, canary_share=canary_share)
        tell(EventKind.VERSION_PROMOTED, promotion)
        if to_stage in (Stage.CANARY, Stage.PRODUCTION):
            send_on_commit(warm_engine_task, version.pk)
    return promotion


def _make_way(version: ModelVersion, to_stage: str, seen: ModelVersion | None, by: Membership, reason: str) -> None:
    if to_stage == Stage.PRODUCTION:
        current = production_version(version.project_id)
        if (current and current.pk) != (seen and seen.pk):
            # The gate compared with what was in production then; what is there now it has not beaten.
            raise PromotionLost("Another version went into production meanwhile. Look at it, and decide again.")
        if current:
            move(current, Stage.RETIRED, by=by, reason=f"Replaced by {version.name}: {reason}", direct=False)
    elif to_stage == Stage.CANARY:
        canary = canary_version(version.project_id)
        if canary and canary.pk != version.pk:
            raise PromotionLost(f"{canary.name} is the canary already. Withdraw or promote it first.")


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise Invalid("Say why: whoever looks at this later needs the reason.", fields={"reason": "This is needed."})
    return reason.strip()
