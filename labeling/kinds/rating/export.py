"""Ratings as rows, and as single answers: good above the middle of the scales, bad below it.

The position is the mean over the axes that apply, each from 0 (its low end) to 1. Exactly in the middle nothing is
said. An axis that the project no longer has does not count.
"""

import json
from collections.abc import Mapping
from typing import Any

from labeling.exporting.kind_export import Column, KindExport, Training, response_columns

_JOINS = "JOIN labeling_response a ON a.id = j.response_id"
_POSITION = f"""{_JOINS} CROSS JOIN LATERAL (
    SELECT avg((score.value::float8 - axis.low) / (axis.high - axis.low)) AS position
    FROM jsonb_each_text(j.scores) score
    JOIN jsonb_to_recordset(%(rating_axes)s::jsonb) AS axis(name text, low float8, high float8) ON axis.name = score.key
    WHERE score.value IS NOT NULL
) AS overall"""  # noqa: S608 - this file's own text


def _parameters(design: Mapping[str, Any]) -> dict[str, Any]:
    axes = [{"name": axis["name"], "low": axis["low"], "high": axis["high"]} for axis in design["axes"]]
    return {"rating_axes": json.dumps(axes)}


EXPORT = KindExport(
    columns=(*response_columns("response", "a"), Column("scores", "j.scores", "json")),
    joins=_JOINS,
    kto=Training(
        {"text": "a.text", "label": "overall.position > 0.5"}, joins=_POSITION, where="overall.position <> 0.5"
    ),
    sft=Training({"text": "a.text"}, joins=_POSITION, where="overall.position > 0.5"),
    vote="j.scores::text",
    parameters=_parameters,
)
