"""The items that are still to be judged, written out for whoever works out their order."""

import os
from collections.abc import Iterator
from pathlib import Path

from labeling.models import Project
from labeling.services.json_rows import in_blocks, stream_json

# Policies give places between 0 and 1, or fixed ones: another was given by a manager, and stays. So does the place of
# what came from users' feedback.
MAY_BE_MOVED = """(i.kind = 'comparison' AND i.open_slots > 0 AND i.policy <> 'feedback'
    AND (i.priority BETWEEN 0 AND 1 OR i.policy IN ('in_order', 'length_balanced', 'fewest_judgements')))"""
# Held-out prompts are left out: what is measured on them must not depend on a reward model.
_OPEN_ITEMS = f"""
SELECT json_build_object(
    'item_id', i.id, 'prompt_id', p.id, 'prompt', p.messages, 'response_a', a.text, 'response_b', b.text)
FROM labeling_item i
JOIN labeling_prompt p ON p.id = i.prompt_id
JOIN labeling_itemresponse ia ON ia.item_id = i.id AND ia.position = 0
JOIN labeling_response a ON a.id = ia.response_id
JOIN labeling_itemresponse ib ON ib.item_id = i.id AND ib.position = 1
JOIN labeling_response b ON b.id = ib.response_id
WHERE i.project_id = %s AND {MAY_BE_MOVED} AND NOT p.held_out
ORDER BY i.id
"""  # noqa: S608 - put together from this file's own text alone


def write_open_items(*, project: Project, path: Path) -> int:
    """Write the comparisons that have a free slot to `path`, a JSON line each; return how many there are.

    Lines: `{"item_id", "prompt_id", "prompt": messages, "response_a", "response_b"}`, in the item's own order of its
    responses. What is withdrawn has no free slot. The file appears when it is whole.
    """
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in stream_json(_OPEN_ITEMS, [project.pk]):
            count += 1
            yield line

    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.writelines(in_blocks(counted()))
    os.replace(partial, path)
    return count
