"""What an annotator sees of an assignment: the conversation and the answers, and nothing that names a model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now

from accounts.models import Membership
from accounts.prepared import run_prepared
from labeling.kinds import kind_of
from labeling.kinds.design import Design, design_of
from labeling.kinds.kind import LABELS, Kind
from labeling.models import Assignment, Item, Project

# What a key does besides choosing, until the person gives it another: action, key, what it does.
KEY_ACTIONS = [
    ("skip", "s", "Skip: somebody else judges it"),
    ("undo", "u", "Undo the last verdict"),
    ("reason", "r", "Write a reason, flag or report"),
    ("guidelines", "g", "Open or close the guidelines"),
]
SKIP_REASONS = [
    ("1", "not my field", "I do not know enough about it"),
    ("2", "unclear", "I cannot tell what is asked"),
    ("3", "broken", "Something is missing or broken"),
    ("4", "upsetting", "I would rather not read it"),
]


# Parts of the card as they were rendered, by template, kind, design and number of answers.
_untouched: dict[tuple[str, str, Design, int], SafeString] = {}
MAX_UNTOUCHED = 500


@dataclass(frozen=True)
class Answer:
    label: str  # "a"
    text: str


@dataclass(frozen=True)
class Card:
    """One assignment, laid out: answers in the order that was drawn for this person."""

    assignment: Assignment
    kind: Kind
    design: Design
    client_id: UUID
    system: str
    earlier: list[dict[str, str]]
    asked: dict[str, str]
    answers: list[Answer]
    warning: str
    draft: dict[str, Any]
    ask: dict[str, Any]  # the kind's own part

    @property
    def is_open(self) -> bool:
        """Whether it can still be judged; an expired one can, the verdict is kept."""
        return self.assignment.state in {Assignment.State.LEASED, Assignment.State.EXPIRED}

    @property
    def bar_part(self) -> SafeString:
        """The kind's bar."""
        return self._part(self.kind.bar_template)

    @property
    def flags_part(self) -> SafeString:
        """The boxes for flags."""
        return self._part("labeling/desk_flags.html")

    def _part(self, template: str) -> SafeString:
        """A part that shows no text of the item: until something is chosen it is the same for every item."""
        if self.draft:
            return render_to_string(template, {"card": self})
        key = (template, self.kind.name, self.design, len(self.answers))
        if key not in _untouched:
            if len(_untouched) >= MAX_UNTOUCHED:
                _untouched.clear()
            _untouched[key] = render_to_string(template, {"card": self})
        return _untouched[key]

    @property
    def flags(self) -> list[tuple[str, str, bool]]:
        """Name, word and whether it is set, of the item as a whole."""
        return [(name, word, name in self._whole) for name, word in self.design.flags.items()]

    @property
    def marked(self) -> str:
        """The flags on answers and spans, as the form carries them."""
        return json.dumps([flag for flag in self._flags if isinstance(flag, dict) and flag.get("answer")])

    @property
    def has_remark(self) -> bool:
        """Whether the part with reason and flags is to be open."""
        return bool(self.draft.get("reason") or self._flags) or self.design.reason == "required"

    @property
    def _flags(self) -> list[Any]:
        found = self.draft.get("flags")
        return found if isinstance(found, list) else []

    @property
    def _whole(self) -> set[str]:
        named = [flag if isinstance(flag, dict) else {"name": flag} for flag in self._flags]
        return {str(flag.get("name")) for flag in named if not flag.get("answer")}


def lay_out(assignment: Assignment) -> Card:
    """Read what the assignment shows."""
    texts = shown_texts(assignment.item, assignment.shown_order)
    return _card(assignment, assignment.project, texts)


def lay_out_preview(item: Item) -> Card:
    """The item as an annotator will see it, its answers in the item's own order."""
    order = list(range(item.item_responses.count()))
    assignment = Assignment(item=item, project=item.project, shown_order=order, draft={})
    return _card(assignment, item.project, shown_texts(item, order))


def shown_texts(item: Item, shown_order: Sequence[int]) -> list[str]:
    """The answers' texts in this order of places."""
    texts = getattr(item, "texts", None)
    if texts is None:
        texts = list(item.item_responses.order_by("position").values_list("response__text", flat=True))
    return [texts[position] for position in shown_order]


def _card(assignment: Assignment, project: Project, texts: list[str]) -> Card:
    kind, design = kind_of(assignment.item.kind), design_of(project)
    prompt, draft = assignment.item.prompt, assignment.draft or {}
    messages = prompt.messages
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    warning = prompt.metadata.get("content_warning")
    return Card(
        assignment=assignment,
        kind=kind,
        design=design,
        client_id=uuid4(),
        system=system,
        earlier=messages[1:-1] if system else messages[:-1],
        asked=messages[-1],
        answers=[Answer(label, text) for label, text in zip(LABELS, texts, strict=False)],
        warning=warning[:200] if isinstance(warning, str) else "",
        draft=draft,
        ask=kind.card(design=design.kinds[kind.name], draft=draft, texts=texts),
    )


def judged_today(*, project: Project, by: Membership) -> int:
    """How many this person has judged here since midnight: a day's worth, so that its cost does not grow."""
    midnight = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    _, ((count,),) = run_prepared(
        """SELECT count(*) FROM labeling_assignment WHERE annotator_id = %(annotator)s AND project_id = %(project)s
           AND state = 'judged' AND closed_at >= %(since)s""",
        {"annotator": by.user_id, "project": project.pk, "since": midnight},
    )
    return int(count)
