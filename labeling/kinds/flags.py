"""Flags: something is wrong with an item, with one answer, or with a marked span of it."""

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Length

from labeling.errors import BadJudgement
from labeling.kinds.design import Design
from labeling.kinds.kind import LABELS
from labeling.models.assignment import Assignment
from labeling.models.item import ItemResponse

MAX_FLAGS = 50


def read_flags(flags: Sequence[Any], *, design: Design, assignment: Assignment) -> list[dict[str, Any]]:
    """As they are stored: `{"name", "response_id"?, "start"?, "end"?}`.

    Args:
        flags: names, or objects `{"name", "answer"?, "start"?, "end"?}`. `answer` is a label as shown ("a"); a span
            counts characters of that answer, its end excluded.

    Raises:
        BadJudgement: with what is wrong.
    """
    if len(flags) > MAX_FLAGS:
        raise _bad(f"Use at most {MAX_FLAGS} flags.")
    found: list[dict[str, Any]] = []
    shown: list[tuple[int, int]] | None = None
    for given in flags:
        flag = {"name": given} if isinstance(given, str) else given
        if not isinstance(flag, dict) or set(flag) - {"name", "answer", "start", "end"}:
            raise _bad('A flag is a name, or an object with "name" and, if need be, "answer", "start" and "end".')
        name = flag.get("name")
        if name not in design.flags:
            raise _bad(f"There is no flag {str(name)[:40]!r} here. Use one of {', '.join(design.flags)}.")
        stored: dict[str, Any] = {"name": name}
        if flag.get("answer") is not None:
            shown = shown or shown_responses(assignment)
            place = LABELS.find(str(flag["answer"]))
            if len(str(flag["answer"])) != 1 or not 0 <= place < len(shown):
                raise _bad(f"A flag names the answer {str(flag['answer'])[:10]!r}, and none is called so.")
            stored["response_id"], length = shown[place]
            stored |= _read_span(flag, length)
        elif flag.get("start") is not None or flag.get("end") is not None:
            raise _bad("A flag with a span must say of which answer.")
        if stored not in found:
            found.append(stored)
    return found


def shown_responses(assignment: Assignment) -> list[tuple[int, int]]:
    """Ids and lengths in characters of the responses, in the order in which they are shown."""
    rows = ItemResponse.objects.filter(item_id=assignment.item_id).order_by("position")
    by_position = list(rows.values_list("response_id", Length("response__text")))
    return [by_position[position] for position in assignment.shown_order]


def flags_as_said(flags: Sequence[dict[str, Any]], *, assignment: Assignment) -> list[dict[str, Any]]:
    """The inverse of `read_flags`."""
    if not any("response_id" in flag for flag in flags):
        return [dict(flag) for flag in flags]
    labels = {pk: label for (pk, _), label in zip(shown_responses(assignment), LABELS, strict=False)}
    said = []
    for flag in flags:
        one = {key: value for key, value in flag.items() if key != "response_id"}
        if "response_id" in flag:
            one["answer"] = labels.get(flag["response_id"])
        said.append(one)
    return said


def _read_span(flag: dict[str, Any], length: int) -> dict[str, int]:
    start, end = flag.get("start"), flag.get("end")
    if start is None and end is None:
        return {}
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise _bad(f"A flag's span must be whole numbers with 0 <= start < end <= {length}.")
    return {"start": start, "end": end}


def _bad(why: str) -> BadJudgement:
    return BadJudgement(why, fields={"flags": why})
