"""Rewriting the places of open items after the reward model was refitted, while people go on judging."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from labeling.models import Project, SelectionPolicy
from labeling.services.open_items import MAY_BE_MOVED
from labeling.services.priority_file import GivenPlace, read_priorities
from labeling.services.queue import restart_queue

BATCH = 1000
# What others have locked is tried again so often, with a pause in between; then it keeps its place until next time.
PASSES, PAUSE_SECONDS = 20, 0.1

# SKIP LOCKED: it waits for nobody, so that nobody can come to wait for it in a circle. An item that somebody holds or
# has judged was chosen as it says: its place changes, how it was chosen does not.
_WRITE = f"""
WITH given AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(priorities)s::float8[], %(policies)s::text[], %(propensities)s::float8[],
                         %(scores)s::float8[]) AS g(id, priority, policy, propensity, score)
), free AS MATERIALIZED (
    SELECT i.id FROM labeling_item i
    WHERE i.id = ANY(%(ids)s) AND i.project_id = %(project)s AND {MAY_BE_MOVED}
    ORDER BY i.id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE labeling_item i SET priority = g.priority, score = g.score,
    policy = CASE WHEN i.open_slots = i.overlap THEN g.policy ELSE i.policy END,
    propensity = CASE WHEN i.open_slots = i.overlap THEN g.propensity ELSE i.propensity END
FROM free JOIN given g ON g.id = free.id WHERE i.id = free.id
RETURNING i.id
"""  # noqa: S608 - put together from this house's own text alone
_STILL = f"SELECT id FROM labeling_item i WHERE id = ANY(%s) AND project_id = %s AND {MAY_BE_MOVED}"  # noqa: S608
# Items of held-out prompts are judged in an order that no reward model has a hand in. What has no random place yet gets
# one; the others keep their order.
_HELD_OUT = f"""
SELECT i.id, CASE WHEN (i.policy = 'random' OR i.open_slots < i.overlap) AND i.priority BETWEEN 0 AND 1
                  THEN i.priority ELSE random() END
FROM labeling_item i JOIN labeling_prompt p ON p.id = i.prompt_id
WHERE i.project_id = %s AND {MAY_BE_MOVED} AND p.held_out ORDER BY i.id
"""  # noqa: S608 - put together from this house's own text alone


@dataclass(frozen=True, slots=True)
class PrioritiesWritten:
    """What became of the lines of a file of priorities."""

    written: int
    closed: int  # judged, taken or withdrawn meanwhile, or not this project's
    left: int  # held by others the whole time


def write_priorities(*, project: Project, path: Path, between: Callable[[], None] = lambda: None) -> PrioritiesWritten:
    """Put the project's open comparisons into the order that the file gives; cursors start again.

    Priorities become places between 0 and 1, the highest first: so they mix evenly with items that have a random place
    there, those made since and those of held-out prompts, which are spread out anew. Doing it twice is doing it once.

    Args:
        between: called between batches; what it raises ends the writing.

    Raises:
        BadRecipeFile: a line is not as agreed; nothing was changed.
    """
    places = _between_0_and_1(read_priorities(path))
    written, left = _write(project, places, between)
    # Spread out again each time: the others are, and held-out items would sink behind them and be judged last.
    _write(project, _between_0_and_1(_held_out(project)), between)
    return PrioritiesWritten(written=written, closed=len(places) - written - left, left=left)


def _write(project: Project, places: Sequence[GivenPlace], between: Callable[[], None]) -> tuple[int, int]:
    """In batches, waiting for nobody; how many were written, and how many were held by others the whole time."""
    left, written = places, 0
    for number in range(PASSES):
        if number:
            time.sleep(PAUSE_SECONDS)
        missed: list[GivenPlace] = []
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            done = _write_batch(project, batch)
            written += len(done)
            missed += (place for place in batch if place.item_id not in done)
            between()
        left = _still_open(project, missed)
        if not left:
            break
    return written, len(left)


def _held_out(project: Project) -> list[GivenPlace]:
    with connection.cursor() as cursor:
        cursor.execute(_HELD_OUT, [project.pk])
        return [GivenPlace(item_id, place, SelectionPolicy.RANDOM, 1.0, None) for item_id, place in cursor.fetchall()]


def _between_0_and_1(places: Sequence[GivenPlace]) -> list[GivenPlace]:
    """With priorities spread evenly, the highest next to 1; in the order of the items' ids, as they came."""
    order = sorted(range(len(places)), key=lambda index: (-places[index].priority, places[index].item_id))
    spread = list(places)
    for rank, index in enumerate(order):
        spread[index] = replace(places[index], priority=1 - (rank + 0.5) / len(places))
    return spread


@transaction.atomic
def _write_batch(project: Project, batch: Sequence[GivenPlace]) -> set[int]:
    given: dict[str, Any] = {
        "project": project.pk,
        "ids": [place.item_id for place in batch],
        "priorities": [place.priority for place in batch],
        "policies": [place.policy for place in batch],
        "propensities": [place.propensity for place in batch],
        "scores": [place.score for place in batch],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, given)
        done = {row[0] for row in cursor.fetchall()}
    if done:
        # With each batch: should this end here, nobody's cursor stands in front of an item that has moved back.
        restart_queue(project)
    return done


def _still_open(project: Project, places: Sequence[GivenPlace]) -> list[GivenPlace]:
    with connection.cursor() as cursor:
        cursor.execute(_STILL, [[place.item_id for place in places], project.pk])
        found = {row[0] for row in cursor.fetchall()}
    return [place for place in places if place.item_id in found]
