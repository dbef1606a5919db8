"""The manager's queue: which items of a project are open, held, judged or set aside. Newest first, a page at a time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.db.models import Q, QuerySet

from accounts.errors import Invalid
from labeling.kinds import NAMES
from labeling.models import Assignment, Item, Project, Report

# An item may be in several: judged by one person, and held by another.
STATES = {
    "open": "Open",
    "leased": "With somebody",
    "expired": "Time ran out",
    "judged": "Judged",
    "skipped": "Skipped",
    "reported": "Reported",
    "reserved": "Reserved",
    "withdrawn": "Withdrawn",
    "done": "No place left",
}
_OF_ASSIGNMENTS = frozenset(Assignment.State.values)
MAX_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which items; empty is all. `person` is a user's id: who has or had it; of reserved ones, for whom."""

    state: str = ""
    kind: str = ""
    person: int | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Of a query string or a request's body.

        Raises:
            Invalid: a state or a kind that there is not, or a person who is no number.
        """
        state, kind, person = (str(given.get(name) or "") for name in ("state", "kind", "person"))
        fields: dict[str, str] = {}
        if unknown := set(given) - {"state", "kind", "person", "before"}:
            fields |= dict.fromkeys(sorted(unknown), "Unknown; filter by state, kind and person.")
        if state and state not in STATES:
            fields["state"] = f"Use one of {', '.join(STATES)}."
        if kind and kind not in NAMES:
            fields["kind"] = f"Use one of {', '.join(NAMES)}."
        if person and not (person.isdecimal() and len(person) < 19):
            fields["person"] = "Use the person's number."
        if fields:
            raise Invalid("The queue cannot be filtered so. " + " ".join(fields.values()), fields=fields)
        return cls(state, kind, int(person) if person else None)

    def told(self) -> dict[str, Any]:
        """What was filtered by, for the trail and for the row that goes on with it."""
        return {name: value for name, value in asdict(self).items() if value}


def queue_items(project: Project, wanted: QueueFilter) -> QuerySet[Item]:
    """The project's items that the filter lets through."""
    items = Item.objects.filter(project=project)
    if wanted.kind:
        items = items.filter(kind=wanted.kind)
    of_person = Q(annotator_id=wanted.person) if wanted.person else Q()
    held = Assignment.objects.filter(of_person, project=project)
    if wanted.state in _OF_ASSIGNMENTS:
        return items.filter(pk__in=held.filter(state=wanted.state).values("item_id"))
    if wanted.state == "reserved":
        reserved = items.filter(reserved_for__isnull=False)
        return reserved.filter(reserved_for_id=wanted.person) if wanted.person else reserved
    if wanted.state == "reported":
        reports = Report.objects.open().filter(project=project)
        items = items.filter(pk__in=reports.values("item_id"))
    elif wanted.state == "withdrawn":
        items = items.filter(withdrawn_at__isnull=False)
    elif wanted.state == "open":
        items = items.open()
    elif wanted.state == "done":
        items = items.standing().filter(open_slots=0)
    # No OR with what is reserved for them: the planner would then read all that a veteran has judged, for each page.
    return items.filter(pk__in=held.values("item_id")) if wanted.person else items


def count_queue(project: Project, wanted: QueueFilter) -> int:
    """How many items that are, counted no further than MAX_COUNTED and one."""
    return queue_items(project, wanted).values("pk")[: MAX_COUNTED + 1].count()
