"""The rows of a page of the queue: each item with the people who have or had it."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import Membership
from labeling.models import Assignment, Item, Project, Report
from labeling.services.warnings import MAY_JUDGE

State = Assignment.State


@dataclass(frozen=True, slots=True)
class QueueRow:
    item: Item
    people: list[Assignment]  # with their annotators; who has it now first
    open_reports: int

    @property
    def judged(self) -> int:
        """How many have judged it."""
        return sum(each.state == State.JUDGED for each in self.people)

    @property
    def held(self) -> int:
        """How many have it in hand."""
        return sum(each.state == State.LEASED for each in self.people)


def queue_rows(items: Sequence[Item]) -> list[QueueRow]:
    """For the items of one page."""
    order = {State.LEASED: 0, State.JUDGED: 1, State.SKIPPED: 2, State.EXPIRED: 3}
    people: dict[int, list[Assignment]] = {item.pk: [] for item in items}
    assignments = Assignment.objects.filter(item__in=items).select_related("annotator").defer("draft")
    for each in sorted(assignments, key=lambda each: (order[State(each.state)], each.pk)):
        people[each.item_id].append(each)
    reports: dict[int, int] = {}
    for item_id in Report.objects.open().filter(item__in=items).values_list("item_id", flat=True):
        reports[item_id] = reports.get(item_id, 0) + 1
    return [QueueRow(item, people[item.pk], reports.get(item.pk, 0)) for item in items]


def who_may_have(project: Project) -> list[Membership]:
    """Whom items can be given to or reserved for."""
    members = Membership.objects.filter(organisation_id=project.organisation_id, is_active=True, role__in=MAY_JUDGE)
    return list(members.select_related("user").order_by("user__name", "user__email"))
