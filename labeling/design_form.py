"""What a project asks, as a form: rows of axes and flags instead of JSON. Without a script every button is a submit."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify

from labeling.kinds.design import OVERALL

MAX_ROWS = 20
# The lists that have rows: prefix of the fields, and the fields of a row.
LISTS: dict[str, tuple[str, ...]] = {
    "comparison_axis": ("name", "word", "about"),
    "rating_axis": ("name", "word", "about", "type", "low", "high", "labels", "may_not_apply"),
    "flag": ("name", "word"),
}
RATING_TYPES = [
    ("likert", "A scale with words"),
    ("stars", "Stars"),
    ("yes_no", "Yes or no"),
    ("number", "A number"),
]
Row = dict[str, Any]


def rows_of_design(design: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The rows of a stored design, as the form shows them."""
    rating = [
        axis | {"labels": "\n".join(axis["labels"]), "low": _tidy(axis["low"]), "high": _tidy(axis["high"])}
        for axis in design["rating"]["axes"]
    ]
    return {"comparison_axis": design["comparison"]["axes"], "rating_axis": rating, "flag": design["flags"]}


def rows_of_form(posted: QueryDict) -> dict[str, list[Row]]:
    """What was typed, row by row, whatever is in it; the button that was pressed adds one or takes one away."""
    rows: dict[str, list[Row]] = {}
    pressed = posted.get("rows", "")
    for name, fields in LISTS.items():
        numbers = sorted({int(found[1]) for key in posted if (found := re.match(rf"{name}-(\d{{1,4}})-", key))})
        found_rows = [{field: posted.get(f"{name}-{number}-{field}", "") for field in fields} for number in numbers]
        if pressed == f"add {name}" and len(found_rows) < MAX_ROWS:
            found_rows.append(_new_row(name))
        elif (match := re.fullmatch(rf"remove {name} (\d{{1,4}})", pressed)) and int(match[1]) < len(found_rows):
            del found_rows[int(match[1])]
        rows[name] = found_rows
    return rows


def read_design(posted: QueryDict, rows: Mapping[str, list[Row]]) -> dict[str, Any]:
    """The design that the form says, for `check_design` to refuse or take. Rows without a word are left out."""
    named = {name: _named([row for row in given if row["word"].strip()]) for name, given in rows.items()}
    return {
        "kind": posted.get("kind", ""),
        "reason": posted.get("reason", ""),
        "flags": [{"name": row["name"], "word": row["word"].strip()} for row in named["flag"]],
        "comparison": {
            "strengths": posted.get("strengths", ""),
            **{name: name in posted for name in ("tie", "both_bad", "both_good")},
            "axes": [{key: row[key].strip() for key in ("name", "word", "about")} for row in named["comparison_axis"]],
        },
        "ranking": {"ties": "ranking_ties" in posted},
        "rating": {"axes": [_rating_axis(row) for row in named["rating_axis"]]},
        "correction": {"hint": posted.get("hint", "").strip(), "may_stay": "may_stay" in posted},
    }


def said_otherwise(posted: QueryDict) -> dict[str, Any]:
    """The form's single fields as typed, in the shape of a stored design, to be shown again."""
    return {
        "kind": posted.get("kind", ""),
        "reason": posted.get("reason", ""),
        "comparison": {
            "strengths": {"1": 1, "2": 2}.get(str(posted.get("strengths", "")), 3),
            **{name: name in posted for name in ("tie", "both_bad", "both_good")},
        },
        "ranking": {"ties": "ranking_ties" in posted},
        "correction": {"hint": posted.get("hint", ""), "may_stay": "may_stay" in posted},
    }


def _rating_axis(row: Row) -> Row:
    labels = [line.strip() for line in row["labels"].replace("\r\n", "\n").split("\n")]
    while labels and not labels[-1]:
        labels.pop()
    axis: Row = {key: row[key].strip() for key in ("name", "word", "about", "type")}
    if axis["type"] not in ("yes_no",):
        axis |= {"low": row["low"] or 1, "high": row["high"] or 5}
    if axis["type"] == "likert" and labels:
        # As many steps as there are words, unless the end was typed otherwise: the check then says so.
        axis["labels"] = labels
    return axis | {"may_not_apply": bool(row["may_not_apply"])}


def _named(rows: list[Row]) -> list[Row]:
    """A name for each new row, from its word; what has one keeps it, so that judgements still belong to it."""
    taken = {OVERALL, *(row["name"] for row in rows if row["name"])}
    for row in rows:
        if not row["name"]:
            stem = re.sub(r"^[^a-z]+", "", slugify(row["word"]).replace("-", "_"))[:30] or "axis"
            name, number = stem, 2
            while name in taken:
                name, number = f"{stem}_{number}", number + 1
            row["name"] = name
            taken.add(name)
    return rows


def _new_row(name: str) -> Row:
    row: Row = dict.fromkeys(LISTS[name], "")
    return row | ({"type": "likert", "low": 1, "high": 5} if name == "rating_axis" else {})


def _tidy(number: Any) -> Any:
    return int(number) if float(number).is_integer() else number
