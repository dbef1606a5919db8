"""What an annotator sees of an assignment: the conversation and two answers, and nothing that names a model."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils.timezone import localtime, now

from accounts.models import Membership
from labeling.models import Assignment, Choice, Project

# From left to right, as the keys lie under the left and the right hand: key, value, word, what it means in full.
VERDICTS = [
    ("1", "a3", "much", "A is much better"),
    ("2", "a2", "clearly", "A is clearly better"),
    ("3", "a1", "slightly", "A is slightly better"),
    ("4", "tie", "equal", "About equal"),
    ("5", "b1", "slightly", "B is slightly better"),
    ("6", "b2", "clearly", "B is clearly better"),
    ("7", "b3", "much", "B is much better"),
    ("0", "both_bad", "both bad", "Both are bad"),
]
VERDICT_VALUES = [value for _, value, _, _ in VERDICTS]


def split_verdict(verdict: str) -> tuple[Choice, int | None]:
    """`a3` as (A, 3); a tie and both bad have no strength."""
    if verdict in {Choice.TIE, Choice.BOTH_BAD}:
        return Choice(verdict), None
    return Choice(verdict[0]), int(verdict[1])


def join_verdict(choice: str | None, strength: int | None) -> str:
    """The inverse of `split_verdict`; empty when there is none yet."""
    return f"{choice or ''}{strength or ''}"


@dataclass(frozen=True)
class Card:
    """One assignment, laid out: answers in the order that was drawn for this person."""

    assignment: Assignment
    client_id: UUID
    earlier: list[dict[str, str]]
    asked: dict[str, str]
    answer_a: str
    answer_b: str
    draft: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it can still be judged; an expired one can, the verdict is kept."""
        return self.assignment.state in {Assignment.State.LEASED, Assignment.State.EXPIRED}


def lay_out(assignment: Assignment) -> Card:
    """Read what the assignment shows."""
    texts = [row.response.text for row in assignment.item.item_responses.select_related("response")]
    left, right = (texts[position] for position in assignment.shown_order)
    messages = assignment.item.prompt.messages
    draft = assignment.draft or {}
    verdict = draft.get("verdict") or join_verdict(draft.get("choice"), draft.get("strength"))
    return Card(
        assignment=assignment,
        client_id=uuid4(),
        earlier=messages[:-1],
        asked=messages[-1],
        answer_a=left,
        answer_b=right,
        draft=draft | {"verdict": verdict},
    )


def judged_today(*, project: Project, by: Membership) -> int:
    """How many this person has judged here since midnight: a day's worth, so that its cost does not grow."""
    midnight = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Assignment.objects.filter(project=project, annotator_id=by.user_id, state=Assignment.State.JUDGED)
    return mine.filter(closed_at__gte=midnight, closed_at__lt=midnight + timedelta(days=1)).count()
