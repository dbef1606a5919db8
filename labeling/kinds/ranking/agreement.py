"""Agreement on rankings: of every two answers of an item, which one is better, or neither."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.votes import Question, counted

# Places in the order of the responses' ids, which is the same for everybody.
_VOTES = f"""
SELECT said.item_id * 81 + (a - 1) * 9 + b - 1, said.item_id,
       (1 - sign(said.places[b] - said.places[a]))::float8
FROM (SELECT r.item_id, ARRAY(SELECT shown.place FROM unnest(r.response_ids, r.ranks) AS shown(id, place)
                              ORDER BY shown.id) AS places
      FROM labeling_ranking r {counted("r")}) said,
     generate_series(1, cardinality(said.places)) a, generate_series(a + 1, cardinality(said.places)) b
"""  # noqa: S608 - this file's own text


def questions(design: Mapping[str, Any]) -> list[Question]:
    """The order; labels are: the first of the two is better, they are equal, the second is."""
    return [Question("order", "Which of two answers is better", "nominal", _VOTES, labels=3)]
