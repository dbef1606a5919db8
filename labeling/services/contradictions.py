"""Judgements that the newest reward model would not have expected, and a second opinion on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import BulkAction, Comparison, Contradiction, Item, Project, Response
from labeling.services.bulk_actions import Order, act_on_items
from labeling.services.priority_file import is_id, is_number, read_lines

# A manager reads the first ones; behind them the model is not sure of itself either.
MAX_KEPT = 1000
# The model has to find the other answer likelier.
MIN_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A contradiction with what was said."""

    found: Contradiction
    said: Comparison

    @property
    def preferred(self) -> Response:
        response: Response = self.said.response_a if self.said.choice == "a" else self.said.response_b
        return response

    @property
    def other(self) -> Response:
        """The one that the reward model expected."""
        response: Response = self.said.response_b if self.said.choice == "a" else self.said.response_a
        return response

    @property
    def asked(self) -> bool:
        """Somebody is asked for the item already."""
        return bool(self.found.item.open_slots)

    @property
    def taken(self) -> int:
        """How many people had the item."""
        return int(self.found.item.overlap - self.found.item.open_slots)


@transaction.atomic
def store_contradictions(*, project: Project, path: Path) -> int:
    """Replace the project's by those of a recipe's file, and return how many are kept: the surest.

    Lines: `{"judgement_id", "item_id", "probability"}`, the probability being the one that the reward model gives to
    the other answer than the one that was preferred. What is not a standing comparison of the project is passed over.

    Raises:
        BadRecipeFile: a line is not as agreed; nothing was changed.
    """
    given: dict[int, float] = {row["judgement_id"]: row["probability"] for row in read_lines(path, _what_is_wrong)}
    surest = sorted((pk for pk in given if given[pk] > MIN_PROBABILITY), key=lambda pk: (-given[pk], pk))
    standing = Comparison.objects.standing().filter(project=project, choice__in=["a", "b"])
    items = dict(standing.filter(pk__in=surest[: 2 * MAX_KEPT]).values_list("pk", "item_id"))
    kept = [pk for pk in surest if pk in items][:MAX_KEPT]
    Contradiction.objects.filter(project=project).delete()
    Contradiction.objects.bulk_create(
        Contradiction(project=project, item_id=items[pk], judgement_id=pk, probability=given[pk]) for pk in kept
    )
    return len(kept)


def contradictions_of(project: Project) -> "QuerySet[Contradiction]":
    """The surest first; without those whose item was withdrawn."""
    rows: QuerySet[Contradiction] = (
        Contradiction.objects.filter(project=project, item__withdrawn_at=None)
        .select_related("item__prompt")
        .order_by("-probability", "id")
    )
    return rows


def with_what_was_said(found: Iterable[Contradiction]) -> list[Contradicted]:
    """In the same order; without those whose judgement is gone."""
    found = list(found)
    said = Comparison.objects.select_related("annotator", "response_a", "response_b").in_bulk(
        [each.judgement_id for each in found]
    )
    return [Contradicted(each, said[each.judgement_id]) for each in found if each.judgement_id in said]


def ask_second_opinion(*, project: Project, by: Membership, item_ids: Sequence[int]) -> list[BulkAction]:
    """Let one person more judge each of these items, who is told nothing of why; undone like any bulk action.

    Items with a free place are left alone: somebody is asked already. One action for each number of people.

    Raises:
        NotPermitted
        Invalid: none is chosen, or one is not of this project.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    items = Item.objects.filter(project=project, pk__in=item_ids, withdrawn_at=None)
    by_overlap: dict[int, list[int]] = {}
    for pk, overlap, open_slots in items.values_list("pk", "overlap", "open_slots"):
        if open_slots == 0:
            by_overlap.setdefault(overlap, []).append(pk)
    if not by_overlap and not items:
        # Says what is wrong with the choice itself.
        Order(act=BulkAction.Act.OVERLAP, ids=item_ids, overlap=2).check(project)
    chosen = [pk for ids in by_overlap.values() for pk in ids]
    # Before anybody can be given one of them.
    Item.objects.filter(pk__in=chosen).update(asked_again_at=now())
    return [
        act_on_items(project=project, by=by, order=Order(act=BulkAction.Act.OVERLAP, ids=ids, overlap=overlap + 1))
        for overlap, ids in sorted(by_overlap.items())
    ]


def _what_is_wrong(row: dict[str, Any]) -> str:
    for name in ("judgement_id", "item_id"):
        if not is_id(row.get(name)):
            return f"{name} is no number of one"
    if not is_number(row.get("probability")) or not 0 <= row["probability"] <= 1:
        return "probability is none"
    return ""
