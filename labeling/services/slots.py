"""An item's slots, counted under its row's lock. Locks are taken in one order everywhere: assignment, then item."""

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.expressions import Case, When

from labeling.models import Assignment, Item


def take_slot(item_id: int) -> int | None:
    """Take the item's lowest free slot, or None when all are held or judged."""
    if (
        not Item.objects.open()
        .filter(pk=item_id)
        .update(
            open_slots=F("open_slots") - 1, reopened=Case(When(open_slots=1, then=Value(False)), default=F("reopened"))
        )
    ):
        return None
    with connection.cursor() as cursor:
        # A statement of its own: it sees what was committed while we waited for the item's row.
        cursor.execute(
            "SELECT labeling_free_slot(id, overlap) FROM labeling_item WHERE id = %s",
            [item_id],
        )
        return int(cursor.fetchone()[0])


def give_slot_back(item_id: int) -> None:
    """Open one slot again. The caller has taken it off the assignment in the same transaction.

    An item that was full may have been passed by cursors: it is marked, so that everybody looks again. A withdrawn
    one stays closed.
    """
    Item.objects.standing().filter(pk=item_id).update(
        open_slots=F("open_slots") + 1, reopened=Case(When(Q(open_slots=0), then=Value(True)), default=F("reopened"))
    )


def lock_assignment(pk: int) -> Assignment:
    """The assignment as it is now, held until the transaction ends."""
    row: Assignment = (
        Assignment.objects.select_for_update(no_key=True, of=("self",)).select_related("project", "item").get(pk=pk)
    )
    return row
