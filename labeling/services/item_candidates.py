"""From prompts and rules to the sets of responses that could become items."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.postgres.aggregates import JSONBAgg
from django.db.models import Count, Q
from django.db.models.functions import JSONObject, Length

from labeling.models import Item, Project, Prompt
from labeling.near_duplicates import near_duplicates
from labeling.selection import Candidate
from labeling.services.item_rules import ItemRules, response_key

_BATCH = 500
# Of one prompt's responses, so many sets are looked at: 9 of 20 would be 167,960.
_MAX_CANDIDATES = 2000


def prompt_batches(project: Project, wanted: ItemRules) -> Iterator[list[Prompt]]:
    """The prompts with enough usable responses, each with these as `found`."""
    usable = Q(responses__withdrawn_at=None)
    if wanted.models:
        usable &= Q(responses__model_name__in=list(wanted.models))
    about = JSONObject(id="responses__pk", n=Length("responses__text"))
    if wanted.skip_near_duplicates:
        about = JSONObject(id="responses__pk", n=Length("responses__text"), text="responses__text")
    prompts = (
        Prompt.objects.filter(project=project)
        .annotate(
            found=JSONBAgg(about, filter=usable & Q(responses__isnull=False), order_by="responses__pk", default=[]),
            count=Count("responses", filter=usable),
        )
        .filter(count__gte=wanted.fewest)
        .order_by("pk")
    )
    rows = prompts.iterator(chunk_size=_BATCH)
    while batch := list(itertools.islice(rows, _BATCH)):
        yield batch


def known_keys(prompts: Sequence[Prompt], rules: ItemRules) -> dict[int, set[str]]:
    """Of each prompt, the sets of responses that are items of the kind already."""
    known: dict[int, set[str]] = {prompt.pk: set() for prompt in prompts}
    standing = Item.objects.filter(prompt_id__in=known, kind=rules.kind)
    for prompt_id, key in standing.values_list("prompt_id", "response_key"):
        known[prompt_id].add(key)
    return known


def candidates_of(prompt: Prompt, rules: ItemRules, known: set[str]) -> list[Candidate]:
    """The sets of the prompt's responses that could be an item and are none yet."""
    found: list[dict[str, Any]] = prompt.found  # type: ignore[attr-defined]
    # Once a prompt: the same two answers are in many sets.
    alike = near_duplicates([response["text"] for response in found]) if rules.skip_near_duplicates else set()
    candidates = []
    size = min(rules.most, len(found))
    for places in itertools.islice(itertools.combinations(range(len(found)), size), _MAX_CANDIDATES):
        chosen = [found[place] for place in places]
        ids = tuple(response["id"] for response in chosen)
        if response_key(ids) in known or any(pair in alike for pair in itertools.combinations(places, 2)):
            continue
        candidates.append(Candidate(ids, tuple(response["n"] for response in chosen)))
    return candidates
