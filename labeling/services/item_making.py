"""Making items by rules while somebody watches: a batch a transaction, begun by the request, ended by a worker."""

import time
from dataclasses import asdict
from typing import Any

from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Conflict
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.enqueue import send_on_commit
from labeling.kinds.design import design_of
from labeling.models import ItemMaking, Project, Prompt
from labeling.services.content_lock import lock_content_at_once
from labeling.services.item_candidates import read_page
from labeling.services.item_filling import fill_page
from labeling.services.item_rules import ItemRules
from labeling.services.queue import restart_queue

# So long a request works at it; a worker does the rest.
REQUEST_SECONDS = 3.0
# An import holds the project's content for as long as it runs.
BUSY_SECONDS = 0.5
State = ItemMaking.State


def begin_making(*, project: Project, by: Membership, **rules: Any) -> ItemMaking:
    """Fill up each prompt of the project to so many items of a kind, as `make_items`, but in parts.

    What takes longer than a request may goes on in a worker: then its state is "working". What is made is there
    at once, and stays when it is cancelled; making again makes what is missing.

    Raises:
        NotPermitted
        Invalid: an unknown rule, or one out of its range.
        Conflict: items of the project are being made already.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    wanted = ItemRules(**{"kind": design_of(project).kind} | rules)
    wanted.check()
    prompts = Prompt.objects.filter(project=project)
    newest = prompts.order_by("-pk").values_list("pk", flat=True).first()
    try:
        with transaction.atomic():
            making = ItemMaking.objects.create(
                project=project, by=by.user, rules=asdict(wanted), up_to_prompt=newest or 0, prompts=prompts.count()
            )
    except IntegrityError:
        raise Conflict("Items of this project are being made already. Wait until that is done, or cancel it.") from None
    if not carry_on_making(making.pk, seconds=REQUEST_SECONDS):
        from labeling.tasks import carry_on_making_task  # the tasks know the services

        send_on_commit(carry_on_making_task, making.pk)
    making.refresh_from_db()
    return making


def cancel_making(*, making: ItemMaking, by: Membership) -> ItemMaking:
    """Make no more of them; what is made stays.

    Raises:
        NotPermitted
        Conflict: it is at its end.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    with transaction.atomic():
        working = ItemMaking.objects.filter(pk=making.pk, state=State.WORKING)
        if not working.update(state=State.CANCELLED, finished_at=now()):
            raise Conflict("This is at its end already.")
        making.refresh_from_db()
        _tell(making, by)
    return making


def carry_on_making(making_id: int, *, seconds: float) -> bool:
    """Go on for about so long; whether it is at its end. Two workers at one do nothing twice."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with transaction.atomic():
                goes_on = _batch(making_id)
        except OperationalError:
            raise  # the server is away, or ended us: whoever comes next goes on
        except DatabaseError as error:
            why = f"The database refused it: {str(error).splitlines()[0][:300]}"
            working = ItemMaking.objects.filter(pk=making_id, state=State.WORKING)
            working.update(state=State.FAILED, error=why, finished_at=now())
            return True
        if goes_on is None:
            time.sleep(BUSY_SECONDS)
        elif not goes_on:
            return True
    return False


def carry_on_makings(*, seconds: float = 10.0) -> None:
    """For the sweep: what no worker has finished."""
    waiting = list(ItemMaking.objects.filter(state=State.WORKING).order_by("pk").values_list("pk", flat=True)[:10])
    for making_id in waiting:
        carry_on_making(making_id, seconds=seconds / len(waiting))


def _batch(making_id: int) -> bool | None:
    """Whether there is more to do; None when somebody else is at it or holds the project's content."""
    locked = ItemMaking.objects.select_for_update(of=("self",), skip_locked=True).select_related("project", "by")
    making = locked.filter(pk=making_id).first()
    if making is None:
        return None
    if making.state != State.WORKING:
        return False
    if not lock_content_at_once(making.project_id):
        return None
    wanted = ItemRules(**making.rules)
    page = read_page(making.project, wanted, after=making.reached, up_to=making.up_to_prompt, hold=True)
    if page is None:
        making.state, making.finished_at = State.DONE, now()
        making.save(update_fields=["state", "finished_at"])
        _tell(making, Membership.objects.filter(user=making.by, organisation=making.project.organisation).first())
        return False
    if made := fill_page(making.project, wanted, page):
        restart_queue(making.project)
    making.reached, making.made = page.last, making.made + made
    making.prompts_done += page.prompts
    making.save(update_fields=["reached", "made", "prompts_done"])
    return True


def _tell(making: ItemMaking, by: Membership | None) -> None:
    told = {name: making.rules[name] for name in ("kind", "policy", "items_per_prompt")}
    if making.state == State.CANCELLED:
        told["cancelled"] = True
    owner = making.project.organisation
    record_event("items made", by=by, organisation=owner, subject=making.project, made=making.made, **told)
