"""What a manager does to items, one or many: carried out a batch a transaction, audited, taken back for ten minutes."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Conflict, Invalid
from accounts.models import Membership
from accounts.permissions import GRANTS, Permission, check_can
from labeling.enqueue import send_on_commit
from labeling.models import BulkAction, BulkChange, Item, Project
from labeling.services.annotators import profile_of
from labeling.services.bulk_statements import LOCK_ASSIGNMENTS, LOCK_ITEMS, carry_out_batch, undo_batch
from labeling.services.deadlocks import despite_deadlocks
from labeling.services.queue import restart_queue
from labeling.services.queue_filter import QueueFilter, queue_items

UNDO_MINUTES = 10
MAX_SELECTED = 1000
BATCH = 1000
# So long a request works at it; a worker does the rest.
REQUEST_SECONDS = 3.0
Act = BulkAction.Act
State = BulkAction.State


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done; `check` refuses what does not go together. The names are the API's."""

    act: str
    ids: Sequence[int] = ()
    filter: QueueFilter | None = None
    person: int | None = None  # a user's id; for `reserve` None frees the items for everybody
    overlap: int | None = None
    priority: float | None = None

    def check(self, project: Project) -> None:
        """Raises Invalid, with `fields`."""
        fields: dict[str, str] = {}
        if self.act not in Act.values:
            fields["act"] = f"Use one of {', '.join(Act.values)}."
        if bool(self.ids) == (self.filter is not None):
            fields["ids"] = "Choose items, or the whole filter."
        elif len(self.ids) > MAX_SELECTED:
            fields["ids"] = f"Choose at most {MAX_SELECTED} items by their numbers, or use the filter."
        elif self.ids and Item.objects.filter(project=project, pk__in=self.ids).count() < len(set(self.ids)):
            fields["ids"] = "Some of these items are not in this project. Reload the page."
        if self.act == Act.OVERLAP and (self.overlap is None or not 1 <= self.overlap <= 20):
            fields["overlap"] = "Use a whole number from 1 to 20."
        if self.act == Act.PRIORITY and (self.priority is None or not math.isfinite(self.priority)):
            fields["priority"] = "Use a number; higher comes first."
        if self.act == Act.REASSIGN and self.person is None:
            fields["person"] = "Say who is to judge them."
        is_for_one = self.person is not None and self.act in (Act.REASSIGN, Act.RESERVE)
        if is_for_one and (why := _why_not(project, self.person or 0)):
            fields["person"] = why
        if fields:
            raise Invalid("This cannot be done. " + " ".join(fields.values()), fields=fields)

    @property
    def detail(self) -> dict[str, Any]:
        """What the act needs to know, and nothing else."""
        needs = {Act.REASSIGN: "person", Act.RESERVE: "person", Act.OVERLAP: "overlap", Act.PRIORITY: "priority"}
        name = needs.get(Act(self.act))
        return {name: getattr(self, name)} if name else {}


def _why_not(project: Project, user_id: int) -> str:
    """Why this person would never be given an item of the project that is reserved for them; empty: they would."""
    member = Membership.objects.filter(
        organisation_id=project.organisation_id, user_id=user_id, is_active=True, user__is_active=True
    ).first()
    if member is None or Permission.JUDGE not in GRANTS[member.role]:
        return "Choose somebody of this organisation who may judge."
    profile = profile_of(member)
    if profile.paused_at:
        return f"{member.user.display_name} is paused. Let them go on first, or choose somebody else."
    if missing := sorted(set(project.requires) - set(profile.tags)):
        return f"{member.user.display_name} lacks {', '.join(missing)}, which this project needs of everybody."
    return ""


def act_on_items(*, project: Project, by: Membership, order: Order) -> BulkAction:
    """Do something to items of the project. What does not fit an item leaves it out; `left_out` counts these.

    A large one goes on in a worker: then its state is "working". Nothing that was judged is touched, what is in hand
    can still be sent, and a verdict on an item whose lease was ended is kept.

    Raises:
        NotPermitted
        Invalid: with `fields`.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    order.check(project)
    wanted = order.filter
    with transaction.atomic():
        _forget_old(project)
        newest = Item.objects.filter(project=project).order_by("-pk").values_list("pk", flat=True).first()
        action = BulkAction.objects.create(
            project=project, by=by.user, act=order.act, detail=order.detail, up_to_item=newest or 0,
            scope={"filter": wanted.told()} if wanted else {"ids": sorted(set(order.ids))},
            undo_until=now() + timedelta(minutes=UNDO_MINUTES),
        )  # fmt: skip
        record_event(f"items: {action.get_act_display().lower()}", by=by, subject=action, **_told(action))
    return _work_at(action)


def undo_action(*, action: BulkAction, by: Membership) -> BulkAction:
    """Take it back: what is still as it was left is put as it was before; `not_restored` counts the rest.

    Raises:
        NotPermitted
        Conflict: it is too late, it is undone already, or it is not at its end.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    with transaction.atomic():
        taken = BulkAction.objects.filter(pk=action.pk, state=State.DONE, changed__gt=0, undo_until__gt=now())
        if not taken.update(state=State.UNDOING, reached=0, undone_by=by.user):
            raise Conflict(f"This can no longer be undone: there are {UNDO_MINUTES} minutes for it, once.")
        action.refresh_from_db()
        record_event("items: undone", by=by, subject=action, act=action.act, items=action.changed)
    return _work_at(action)


def carry_on(action_id: int, *, seconds: float) -> bool:
    """Go on with an action for about so long; whether it is at its end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not despite_deadlocks(lambda: _batch(action_id)):
            return True
    return False


def carry_on_unfinished(*, seconds: float = 20.0) -> int:
    """For the sweep: what no worker has finished; returns how many there were."""
    waiting = list(BulkAction.objects.unfinished().order_by("pk").values_list("pk", flat=True)[:20])
    for action_id in waiting:
        carry_on(action_id, seconds=seconds / len(waiting))
    return len(waiting)


def _work_at(action: BulkAction) -> BulkAction:
    if not carry_on(action.pk, seconds=REQUEST_SECONDS):
        from labeling.tasks import carry_on_bulk_action_task  # the tasks know the services

        send_on_commit(carry_on_bulk_action_task, action.pk)
    action.refresh_from_db()
    return action


def _batch(action_id: int) -> bool:
    action = BulkAction.objects.select_for_update(of=("self",)).select_related("project").get(pk=action_id)
    if action.state not in (State.WORKING, State.UNDOING):
        return False
    is_undo = action.state == State.UNDOING
    ids = _next_of_changes(action) if is_undo else _next_of_scope(action)
    if not ids:
        action.state = State.UNDONE if is_undo else State.DONE
        action.save(update_fields=["state"])
        return False
    with connection.cursor() as cursor:
        # Assignments before items, as everywhere; the items in the order in which a patient lease waits for them.
        cursor.execute(LOCK_ASSIGNMENTS, {"ids": ids})
        cursor.execute(LOCK_ITEMS, {"ids": ids})
        moved = undo_batch(cursor, action, ids) if is_undo else carry_out_batch(cursor, action, ids)
    if moved:
        restart_queue(action.project)
    if is_undo:
        action.restored += moved
    else:
        action.changed += moved
        action.left_out += len(ids) - moved
    action.reached = ids[-1]
    action.save(update_fields=["restored", "changed", "left_out", "reached"])
    return True


def _next_of_scope(action: BulkAction) -> list[int]:
    wanted = action.scope.get("filter")
    items = queue_items(action.project, QueueFilter(**(wanted or {})))
    if wanted is None:
        items = items.filter(pk__in=action.scope["ids"])
    items = items.filter(pk__gt=action.reached, pk__lte=action.up_to_item)
    return list(items.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _next_of_changes(action: BulkAction) -> list[int]:
    rows = BulkChange.objects.filter(action=action, item_id__gt=action.reached).order_by("item_id")
    return list(rows.values_list("item_id", flat=True).distinct()[:BATCH])


def _forget_old(project: Project) -> None:
    """What was before is not needed once it can no longer be undone; that it was done stays."""
    past = BulkAction.objects.filter(project=project, undo_until__lt=now() - timedelta(hours=1))
    BulkChange.objects.filter(action__in=past.exclude(state=State.UNDOING)).delete()


def _told(action: BulkAction) -> dict[str, Any]:
    scope = action.scope
    return {
        "project": action.project_id,
        **action.detail,
        **({"items": scope["ids"][:50]} if "ids" in scope else scope),
    }
