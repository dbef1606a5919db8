"""Items: pairs of responses to judge, one by one or by a selection policy."""

import itertools
import random
from collections.abc import Iterable, Sequence

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Count

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Item, ItemKind, ItemResponse, Project, Prompt, Response, SelectionPolicy
from labeling.services.content_lock import lock_content
from labeling.services.queue import restart_queue

_BATCH = 500


def response_key(response_ids: Iterable[int]) -> str:
    """The identity of a set of responses: their ids, sorted."""
    return ",".join(str(pk) for pk in sorted(response_ids))


@transaction.atomic
def make_item(
    *,
    project: Project,
    prompt: Prompt,
    responses: Sequence[Response],
    policy: str,
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
        Invalid: not two different responses of the prompt, or the prompt is another project's.
    """
    if len(responses) != 2 or responses[0].pk == responses[1].pk:
        raise Invalid("An item compares two different responses.")
    if prompt.project_id != project.pk or any(response.prompt_id != prompt.pk for response in responses):
        raise Invalid("An item's responses must answer its prompt, and the prompt must be the project's.")
    lock_content(project.pk)
    if source_key and (known := Item.objects.filter(source_key=source_key).first()):
        return known, False
    item, made = Item.objects.get_or_create(
        project=project,
        kind=ItemKind.COMPARISON,
        response_key=response_key(response.pk for response in responses),
        defaults={
            "prompt": prompt,
            "priority": draw_priority(policy) if priority is None else priority,
            "overlap": overlap or project.overlap,
            "open_slots": overlap or project.overlap,
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
def make_items(*, project: Project, by: Membership, policy: str = "random", pairs_per_prompt: int = 1) -> int:
    """Fill up each prompt of the project to `pairs_per_prompt` items; return how many were made.

    "random" draws pairs uniformly among those not yet made and records the probability of each; "in_order" takes the
    first ones. Running it twice makes nothing new unless prompts or responses came in between.

    Raises:
        Invalid: an unknown policy, or a number of pairs out of range.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    if policy not in (SelectionPolicy.RANDOM, SelectionPolicy.IN_ORDER):
        raise Invalid("Choose a selection policy: random or in_order.", fields={"policy": "Use random or in_order."})
    if not 1 <= pairs_per_prompt <= 20:
        raise Invalid("Make 1 to 20 pairs a prompt.", fields={"pairs_per_prompt": "Use a whole number from 1 to 20."})
    lock_content(project.pk, alone=True)
    prompts = (
        Prompt.objects.filter(project=project)
        .annotate(
            response_ids=ArrayAgg("responses__pk", order_by="responses__pk", default=[]),
            response_count=Count("responses"),
        )
        .filter(response_count__gte=2)
        .order_by("pk")
    )
    made = 0
    rows = prompts.iterator(chunk_size=_BATCH)
    while batch := list(itertools.islice(rows, _BATCH)):
        made += _fill(project, batch, policy, pairs_per_prompt)
    if made:
        restart_queue(project)
    record_event("items made", by=by, subject=project, policy=policy, pairs_per_prompt=pairs_per_prompt, made=made)
    return made


def _fill(project: Project, prompts: Sequence[Prompt], policy: str, pairs_per_prompt: int) -> int:
    known: dict[int, set[str]] = {prompt.pk: set() for prompt in prompts}
    for prompt_id, key in Item.objects.filter(prompt_id__in=known).values_list("prompt_id", "response_key"):
        known[prompt_id].add(key)
    items, pairs = [], []
    for prompt in prompts:
        ids: list[int] = prompt.response_ids  # type: ignore[attr-defined]
        open_pairs = [pair for pair in itertools.combinations(ids, 2) if response_key(pair) not in known[prompt.pk]]
        wanted = min(max(pairs_per_prompt - len(known[prompt.pk]), 0), len(open_pairs))
        if not wanted:
            continue
        is_random = policy == SelectionPolicy.RANDOM
        for pair in random.sample(open_pairs, wanted) if is_random else open_pairs[:wanted]:
            pairs.append(pair)
            items.append(
                Item(
                    project=project, prompt=prompt, response_key=response_key(pair), policy=policy,
                    priority=draw_priority(policy), overlap=project.overlap, open_slots=project.overlap,
                    propensity=wanted / len(open_pairs) if is_random else 1.0,
                )
            )  # fmt: skip
    Item.objects.bulk_create(items)
    ItemResponse.objects.bulk_create(
        ItemResponse(item=item, response_id=response_id, position=position)
        for item, pair in zip(items, pairs, strict=True)
        for position, response_id in enumerate(pair)
    )
    return len(items)


def draw_priority(policy: str) -> float:
    """A place in the queue drawn at random under the policy "random", else 0: in the order of making."""
    return random.random() if policy == SelectionPolicy.RANDOM else 0.0
