"""How many items rules would make, before any is made."""

from math import comb
from typing import Any

from django.db import connection

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.kinds.design import design_of
from labeling.models import Project
from labeling.services.item_candidates import candidates_of, known_keys, prompt_batches
from labeling.services.item_rules import ItemRules

# Prompts by how many usable responses they have, how many items of the kind, and how many of these show usable ones
# alone and as many as a new one would: that is all that decides it, as long as texts do not matter.
_SHAPES = """
WITH usable AS (
    SELECT r.id, r.prompt_id FROM labeling_response r JOIN labeling_prompt p ON p.id = r.prompt_id
    WHERE p.project_id = %(project)s AND r.withdrawn_at IS NULL
      AND (cardinality(%(models)s::text[]) = 0 OR r.model_name = ANY(%(models)s::text[]))
), answered AS (
    SELECT prompt_id, count(*) AS n FROM usable GROUP BY prompt_id HAVING count(*) >= %(fewest)s
), shown AS (
    SELECT i.id, i.prompt_id, count(*) AS answers, bool_and(u.id IS NOT NULL) AS is_usable
    FROM labeling_item i JOIN labeling_itemresponse ir ON ir.item_id = i.id LEFT JOIN usable u ON u.id = ir.response_id
    WHERE i.project_id = %(project)s AND i.kind = %(kind)s GROUP BY i.id
), known AS (
    SELECT prompt_id, count(*) AS items,
           count(*) FILTER (WHERE is_usable AND shown.answers = least(%(most)s, answered.n)) AS usable
    FROM shown JOIN answered USING (prompt_id) GROUP BY prompt_id
)
SELECT n, coalesce(k.items, 0), coalesce(k.usable, 0), count(*)
FROM answered LEFT JOIN known k USING (prompt_id) GROUP BY 1, 2, 3
"""


def count_items(*, project: Project, by: Membership, **rules: Any) -> int:
    """How many items `make_items` would make of these rules now.

    Raises:
        NotPermitted
        Invalid: an unknown rule, or one out of its range.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    wanted = ItemRules(**{"kind": design_of(project).kind} | rules)
    wanted.check()
    return _compare_texts(project, wanted) if wanted.skip_near_duplicates else _count_shapes(project, wanted)


def _count_shapes(project: Project, wanted: ItemRules) -> int:
    with connection.cursor() as cursor:
        place: dict[str, Any] = {
            "project": project.pk,
            "kind": wanted.kind,
            "models": list(wanted.models),
            "fewest": wanted.fewest,
            "most": wanted.most,
        }
        cursor.execute(_SHAPES, place)
        shapes = cursor.fetchall()
    return sum(
        prompts * max(0, min(wanted.items_per_prompt - items, comb(n, min(n, wanted.most)) - usable))
        for n, items, usable, prompts in shapes
    )


def _compare_texts(project: Project, wanted: ItemRules) -> int:
    found = 0
    for batch in prompt_batches(project, wanted):
        known = known_keys(batch, wanted)
        for prompt in batch:
            missing = wanted.items_per_prompt - len(known[prompt.pk])
            if missing > 0:
                found += min(missing, len(candidates_of(prompt, wanted, known[prompt.pk])))
    return found
