"""Agreement on each axis of a rating; "does not apply" is no vote, nor is a number outside of today's scale."""

from collections.abc import Mapping
from typing import Any, Literal

from labeling.kinds.votes import Question, counted

_VOTES = f"""
SELECT said.item_id, said.item_id, said.score - %(low)s
FROM (SELECT r.item_id, (r.scores ->> %(axis)s)::float8 AS score FROM labeling_rating r {counted("r")}) said
WHERE said.score BETWEEN %(low)s AND %(high)s AND (%(any_number)s OR said.score = floor(said.score))
"""  # noqa: S608 - this file's own text
_LEVELS: dict[str, Literal["nominal", "ordinal", "interval"]] = {"yes_no": "nominal", "number": "interval"}


def questions(design: Mapping[str, Any]) -> list[Question]:
    """One an axis: steps have an order, numbers also distances."""
    found = []
    for axis in design["axes"]:
        level = _LEVELS.get(axis["type"], "ordinal")
        is_number = level == "interval"
        scale = {"axis": axis["name"], "low": axis["low"], "high": axis["high"], "any_number": is_number}
        labels = 0 if is_number else int(axis["high"] - axis["low"]) + 1
        found.append(Question(axis["name"], axis["word"], level, _VOTES, labels=labels, parameters=scale))
    return found
