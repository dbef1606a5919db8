"""Agreement on the axes of a comparison; on the verdict as a whole it is measured with the annotators' pairs."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.votes import Question, counted

# The sides are undone: a label names the item's response, wherever the person saw it.
_VOTES = f"""
SELECT said.item_id, said.item_id, CASE said.choice WHEN 'tie' THEN 2 WHEN 'both_bad' THEN 3 WHEN 'both_good' THEN 4
        ELSE ((said.choice = 'a') <> said.is_first)::int END::float8
FROM (SELECT c.item_id, c.axes -> %(axis)s ->> 'choice' AS choice, c.response_a_id = shown.response_id AS is_first
      FROM labeling_comparison c JOIN labeling_itemresponse shown ON shown.item_id = c.item_id AND shown.position = 0
      {counted("c")}) said
WHERE said.choice IS NOT NULL
"""  # noqa: S608 - this file's own text


def questions(design: Mapping[str, Any]) -> list[Question]:
    """One an axis."""
    return [
        Question(axis["name"], axis["word"], "nominal", _VOTES, labels=5, parameters={"axis": axis["name"]})
        for axis in design["axes"]
    ]
