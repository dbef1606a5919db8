"""Items: sets of responses to judge, one by one or by rules."""

import random
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.kinds import kind_of
from labeling.kinds.design import design_of
from labeling.models import Item, ItemKind, ItemResponse, Project, Prompt, Response, SelectionPolicy
from labeling.models.item import BY_PEOPLE
from labeling.selection import policies
from labeling.services.content_lock import lock_content
from labeling.services.item_filling import draw_overlap, fill_items
from labeling.services.item_rules import ItemRules, response_key
from labeling.services.queue import restart_queue


@transaction.atomic
def make_item(
    *,
    project: Project,
    prompt: Prompt,
    responses: Sequence[Response],
    policy: str,
    kind: str = ItemKind.COMPARISON,
    propensity: float = 1.0,
    priority: float | None = None,
    overlap: int | None = None,
    source_key: str | None = None,
) -> tuple[Item, bool]:
    """Get the item with these responses, or make it; the second value says which.

    Args:
        priority: higher comes first; None draws one for the policy "random" and is 0 for others.
        source_key: names what made it; an item that has it already is returned, whatever its responses.

    Raises:
        Invalid: not as many different responses of the prompt as the kind shows, the prompt is another project's, or
            there is no such policy.
    """
    about = kind_of(kind)
    if not about.fewest <= len(responses) <= about.most or len({each.pk for each in responses}) < len(responses):
        raise Invalid(f"A {about.word.lower()} item shows {_how_many(about.fewest, about.most)}.")
    if prompt.project_id != project.pk or any(response.prompt_id != prompt.pk for response in responses):
        raise Invalid("An item's responses must answer its prompt, and the prompt must be the project's.")
    if policy not in policies() and policy not in BY_PEOPLE:
        raise Invalid(f"There is no selection policy {policy!r}. Use one of {', '.join([*policies(), *BY_PEOPLE])}.")
    lock_content(project.pk)
    if source_key and (known := Item.objects.filter(source_key=source_key).first()):
        return known, False
    people = overlap or draw_overlap(project)
    item, made = Item.objects.get_or_create(
        project=project,
        kind=kind,
        response_key=response_key(response.pk for response in responses),
        defaults={
            "prompt": prompt,
            "priority": draw_priority(policy) if priority is None else priority,
            "overlap": people,
            "open_slots": people,
            # Cursors may have passed its place: the mark makes everybody look.
            "reopened": True,
            "policy": policy,
            "propensity": propensity,
            "source_key": source_key,
        },
    )
    if made:
        ItemResponse.objects.bulk_create(
            ItemResponse(item=item, response=response, position=position) for position, response in enumerate(responses)
        )
    return item, made


@transaction.atomic
def make_items(*, project: Project, by: Membership, **rules: Any) -> int:
    """Fill up each prompt of the project to so many items of a kind; return how many were made.

    Running it twice makes nothing new unless prompts or responses came in between.

    Args:
        rules: those of ItemRules; what is left out is as the project has it.

    Raises:
        Invalid: an unknown rule, or one out of its range.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    wanted = ItemRules(**{"kind": design_of(project).kind} | rules)
    wanted.check()
    made = fill_items(project, wanted)
    told: dict[str, Any] = {"kind": wanted.kind, "policy": wanted.policy, "items_per_prompt": wanted.items_per_prompt}
    record_event("items made", by=by, subject=project, made=made, **told)
    return made


def makes_pairs_in_order(project: Project) -> bool:
    """Whether the first two answers of a row make its item, without a look at the others."""
    policy = project.selection_policy
    return design_of(project).kind == ItemKind.COMPARISON and policy != SelectionPolicy.LENGTH_BALANCED


def draw_priority(policy: str) -> float:
    """A place in the queue drawn at random under the policy "random", else 0: in the order of making."""
    return random.random() if policy == SelectionPolicy.RANDOM else 0.0


def _how_many(fewest: int, most: int) -> str:
    if fewest == most:
        return "one response" if most == 1 else f"{most} different responses"
    return f"{fewest} to {most} different responses"


def change_overlap(*, project: Project, by: Membership, overlap: int, item_ids: Sequence[int] | None = None) -> int:
    """Let so many people judge each item from now on; return how many items changed. What is judged or held stays.

    Args:
        item_ids: these items alone; None is all of the project's, and the project's setting too.

    Raises:
        NotPermitted
        Invalid: not 1 to 20.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    if not 1 <= overlap <= 20:
        raise Invalid("Let 1 to 20 people judge an item.", fields={"overlap": "Use a whole number from 1 to 20."})
    with transaction.atomic():
        rows = Item.objects.standing().filter(project=project).exclude(overlap=overlap)
        if item_ids is not None:
            rows = rows.filter(pk__in=item_ids)
        else:
            Project.objects.filter(pk=project.pk).update(overlap=overlap)
            project.overlap = overlap
        taken = F("overlap") - F("open_slots")
        # Fewer than hold or have judged it cannot be asked for any more.
        more = rows.filter(overlap__lt=overlap).update(open_slots=overlap - taken, overlap=overlap)
        fewer = rows.filter(overlap__gt=overlap, open_slots__gt=0)
        closed = fewer.filter(overlap__gte=overlap + F("open_slots")).update(overlap=taken, open_slots=0)
        narrower = fewer.filter(overlap__gt=overlap).update(overlap=overlap, open_slots=overlap - taken)
        if more:
            restart_queue(project)
        changed = more + closed + narrower
        record_event("overlap changed", by=by, subject=project, overlap=overlap, items=changed)
    return changed
