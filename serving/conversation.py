"""A conversation of the playground, read back from the answers that were stored."""

import uuid
from dataclasses import dataclass
from typing import Any

from accounts.errors import NotFound
from accounts.models import Membership
from labeling.models import Project
from serving.models import Feedback, ServedResponse, Signal

MAX_TURNS = 100


@dataclass(frozen=True)
class Turn:
    """One answer with what it answered and what its caller said of it; "" and None where nothing was said."""

    served: ServedResponse
    thumb: str
    edit: Feedback | None

    @property
    def message(self) -> str:
        text: str = self.served.messages[-1]["content"]
        return text


def own_answers(member: Membership, project: Project) -> Any:
    """What this person was answered in the project; another's conversation is nobody else's."""
    return ServedResponse.objects.for_member(member).filter(project=project, caller=member.user)


def own_answer(member: Membership, project: Project, named: str) -> ServedResponse:
    """One of them, by the id in an address or a form.

    Raises:
        NotFound: there is none of that id, or it is not theirs.
    """
    try:
        found: ServedResponse | None = (
            own_answers(member, project).select_related("version").filter(pk=uuid.UUID(named)).first()
        )
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such answer of yours in this project.")
    return found


def turn_of(served: ServedResponse) -> Turn:
    said = list(Feedback.objects.filter(served_response=served, caller=served.caller_id).order_by("pk"))
    thumbs = [each.signal for each in said if each.signal != Signal.EDIT and each.replaced_at is None]
    edits = [each for each in said if each.signal == Signal.EDIT]
    return Turn(served, thumbs[-1] if thumbs else "", edits[-1] if edits else None)


def turns_up_to(last: ServedResponse, answers: Any) -> list[Turn]:
    """The conversation that ends with `last`, the oldest turn first."""
    turns = [turn_of(last)]
    while (before := turns[-1].served.sampling.get("follows")) and len(turns) < MAX_TURNS:
        served = answers.select_related("version").filter(pk=uuid.UUID(before)).first()
        if served is None:
            break
        turns.append(turn_of(served))
    return turns[::-1]


def messages_after(last: ServedResponse | None) -> list[dict[str, str]]:
    """What the next message is sent with: read from what was stored, and not from what the browser says."""
    if last is None:
        return []
    if not last.text.strip():
        return list(last.messages[:-1])
    return [*last.messages, {"role": "assistant", "content": last.text}]
