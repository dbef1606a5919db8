"""Back to what served before."""

from django.db import transaction

from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from models_registry.enqueue import send_on_commit
from models_registry.errors import IllegalPromotion
from models_registry.models import ModelVersion, Promotion, Stage
from models_registry.services.locking import lock_versions
from models_registry.services.lookup import canary_version, predecessor_of, production_version
from models_registry.services.moves import move, tell
from models_registry.tasks import warm_engine_task
from webhooks.kinds import EventKind


@transaction.atomic
def roll_back(*, project_id: int, by: Membership, reason: str) -> Promotion:
    """Retire the version in production and bring back the one before it. No gate: it has served already.

    Raises:
        NotPermitted: the member may not promote.
        Invalid: no reason was given.
        IllegalPromotion: nothing was in production before.
    """
    check_can(by, Permission.PROMOTE)
    _check_reason(reason)
    lock_versions(project_id)
    current, before = production_version(project_id), predecessor_of(project_id)
    for version in (current, before):
        if version is None or version.organisation_id != by.organisation_id:
            raise IllegalPromotion("There is no earlier production version to go back to.")
    assert current is not None
    assert before is not None
    move(current, Stage.RETIRED, by=by, reason=f"Rolled back: {reason.strip()}", direct=False)
    promotion = move(before, Stage.PRODUCTION, by=by, reason=f"Rolled back to: {reason.strip()}", direct=False)
    tell(EventKind.VERSION_ROLLED_BACK, promotion)
    send_on_commit(warm_engine_task, before.pk)
    return promotion


def take_back(*, version: ModelVersion, by: Membership, reason: str) -> Promotion:
    """Take the version away from its users: roll back the one in production, withdraw the canary.

    Raises:
        IllegalPromotion: it serves nobody now, perhaps because somebody else was quicker.
    """
    if production_version(version.project_id) == version:
        return roll_back(project_id=version.project_id, by=by, reason=reason)
    if canary_version(version.project_id) == version:
        return withdraw_canary(project_id=version.project_id, by=by, reason=reason)
    check_can(by, Permission.PROMOTE)
    raise IllegalPromotion(f"{version.name} is neither in production nor a canary: there is nothing to take back.")


@transaction.atomic
def withdraw_canary(*, project_id: int, by: Membership, reason: str) -> Promotion:
    """Stop sending requests to the canary; it becomes a candidate again.

    Raises:
        NotPermitted: the member may not promote.
        Invalid: no reason was given.
        IllegalPromotion: there is no canary.
    """
    check_can(by, Permission.PROMOTE)
    _check_reason(reason)
    lock_versions(project_id)
    canary = canary_version(project_id)
    if canary is None or canary.organisation_id != by.organisation_id:
        raise IllegalPromotion("There is no canary to withdraw.")
    promotion = move(canary, Stage.CANDIDATE, by=by, reason=reason.strip())
    tell(EventKind.VERSION_ROLLED_BACK, promotion)
    return promotion


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why: whoever looks at this later needs the reason.", fields={"reason": "This is needed."})
