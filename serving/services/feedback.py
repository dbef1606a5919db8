"""What a user said of an answer."""

import uuid

from django.db import transaction
from django.utils.timezone import now

from accounts.errors import Conflict, Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_text
from models_registry.enqueue import send_on_commit
from serving import tasks
from serving.models import Feedback, ServedResponse, Signal

MAX_COMMENT = 4_000
MAX_EDIT = 100_000


@transaction.atomic
def record_feedback(
    *,
    served: ServedResponse,
    by: Membership,
    signal: str,
    comment: str = "",
    edited_text: str = "",
    client_id: uuid.UUID | None = None,
) -> tuple[Feedback, bool]:
    """Store the feedback, once a `client_id`; the second value says whether it is new.

    Without a client_id the same words on the same answer count as sent twice. A thumb down or an edit becomes an item
    in the background. A thumb takes the place of the caller's earlier one; an edit stands beside it.

    Raises:
        NotPermitted: the member may not use the endpoint.
        Invalid: an unknown signal, an edit without its text or without a change, or a text that is too long.
        Conflict: the answer has no text to speak of yet, or the client_id was used for other words.
    """
    check_can(by, Permission.USE_ENDPOINT)
    comment, edited_text = check_text(comment, "The comment").strip(), check_text(edited_text, "The edited text")
    _check(served, signal, comment, edited_text)
    client_id = client_id or uuid.uuid5(served.pk, f"{signal}\n{comment}\n{edited_text}")
    # One at a time on an answer: of two thumbs sent at once the later one stands.
    ServedResponse.objects.select_for_update(of=("self",)).get(pk=served.pk)
    said = {"signal": signal, "comment": comment, "edited_text": edited_text}
    feedback, created = Feedback.objects.get_or_create(
        served_response=served,
        client_id=client_id,
        defaults=said | {"caller": by.user, "settled_at": now() if signal == Signal.THUMB_UP else None},
    )
    if not created and any(getattr(feedback, name) != value for name, value in said.items()):
        raise Conflict("This client_id was used for other feedback on this answer. Make a new one.")
    is_new_word = created or feedback.replaced_at is not None
    if signal != Signal.EDIT and is_new_word:
        _replace_other_thumbs(feedback)
    if is_new_word and feedback.settled_at is None:
        send_on_commit(tasks.settle_feedback_task, feedback.pk)
    return feedback, created


def _replace_other_thumbs(feedback: Feedback) -> None:
    """The caller's last thumb on an answer is the one that counts; an item that came of an earlier one stays."""
    if feedback.replaced_at:
        settled = now() if feedback.signal == Signal.THUMB_UP or feedback.item_id else None
        Feedback.objects.filter(pk=feedback.pk).update(replaced_at=None, settled_at=settled, note="")
        feedback.refresh_from_db()
    others = Feedback.objects.filter(
        served_response=feedback.served_response_id, caller=feedback.caller_id, replaced_at=None
    ).exclude(pk=feedback.pk)
    thumbs = others.exclude(signal=Signal.EDIT)
    thumbs.filter(settled_at=None).update(settled_at=now(), note="Taken back before it became an item.")
    thumbs.update(replaced_at=now())


def _check(served: ServedResponse, signal: str, comment: str, edited_text: str) -> None:
    if signal not in Signal.values:
        raise Invalid(f"Feedback is one of {', '.join(Signal.values)}.")
    if signal == Signal.EDIT and not edited_text.strip():
        raise Invalid("An edit needs its text.", fields={"edited_text": "Write the answer as it should be."})
    if signal == Signal.EDIT and edited_text.strip() == served.text.strip():
        why = "This is the answer as it was. Change it before you send it, or give it a thumb."
        raise Invalid(why, fields={"edited_text": why})
    if signal != Signal.EDIT and edited_text:
        raise Invalid("Send either a thumb or an edited text.")
    if len(comment) > MAX_COMMENT or len(edited_text) > MAX_EDIT:
        raise Invalid(f"A comment has {MAX_COMMENT:,} characters at most, an edited text {MAX_EDIT:,}.")
    if served.status == ServedResponse.Status.STARTED:
        raise Conflict("This answer is still being written. Send feedback when it is complete.")
    if served.status == ServedResponse.Status.FAILED and not served.text:
        raise Conflict("This answer failed: there is no text to give feedback on.")
