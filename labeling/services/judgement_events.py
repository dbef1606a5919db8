"""What webhooks hear of judgements; where none wants it this costs no query."""

from accounts.models import Membership
from labeling.kinds.judgement import JudgementBase
from webhooks.kinds import EventKind
from webhooks.services import emit_event, is_wanted


def tell_webhooks(event: EventKind, judgement: JudgementBase, *, by: Membership) -> None:
    """In the transaction of the change."""
    if is_wanted(by.organisation, event):
        payload = {
            "judgement": judgement.pk, "item": judgement.item_id, "kind": judgement._meta.model_name,
            "is_surplus": judgement.is_surplus,
        }  # fmt: skip
        emit_event(organisation_id=by.organisation_id, kind=event, project_id=judgement.project_id, payload=payload)
