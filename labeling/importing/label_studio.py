"""Tasks of a Label Studio export (JSON): `{"id", "data": {…}, "annotations": [{"completed_by", "result": [...]}]}`.

The texts are columns of `data`. What the annotators said is kept as verdicts from elsewhere: they saw another page, on
sides that nobody recorded, under other guidelines, so that it is nobody's judgement here.
"""

from collections.abc import Mapping
from typing import Any

from labeling.errors import BadContent
from labeling.importing.records import Record, Verdict
from labeling.importing.tables import Columns, read_table_row

_FIRST = {"left", "a", "1", "first", "response a", "answer a", "response 1", "answer 1", "option a", "model a"}
_SECOND = {"right", "b", "2", "second", "response b", "answer b", "response 2", "answer 2", "option b", "model b"}
_TIE = {"tie", "equal", "same", "similar", "no preference", "about equal", "both good"}
_BOTH_BAD = {"both bad", "neither", "both are bad", "both wrong"}


def is_task(value: Mapping[str, Any]) -> bool:
    """Whether the object looks like one."""
    return isinstance(value.get("data"), dict) and ("annotations" in value or "completions" in value or "id" in value)


def read_task(value: Mapping[str, Any], columns: Columns) -> Record:
    """One task.

    Raises:
        BadContent
    """
    data = value.get("data")
    if not isinstance(data, dict):
        raise BadContent('The task has no "data": export the project as JSON, not as JSON-MIN.')
    annotations = value.get("annotations", value.get("completions", []))
    verdicts: list[Verdict] = []
    ratings: list[Any] = []
    for annotation in annotations if isinstance(annotations, list) else []:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        who = _who(annotation.get("completed_by"))
        for result in annotation.get("result") or []:
            if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
                continue
            if choice := _choice(result, columns):
                verdicts.append(Verdict(choice, who, str(annotation.get("created_at") or "")))
                break
            if "rating" in result["value"]:
                ratings.append({"of": result.get("from_name"), "rating": result["value"]["rating"]})
    more: dict[str, Any] = {"label_studio": {"ratings": ratings}} if ratings else {}
    record = read_table_row(data, columns, tuple(verdicts) if len(columns.responses) == 2 else (), more)
    return record if record.external_id else record._replace(external_id=str(value.get("id", ""))[:200])


def _choice(result: Mapping[str, Any], columns: Columns) -> str:
    """ "a" or "b" for the first or second response column, "tie", "both_bad", or "" where it says none of these."""
    value = result["value"]
    if result.get("type") == "pairwise":
        side = {"left": 0, "right": 1}.get(str(value.get("selected")))
        if side is None:
            return ""
        shown = result.get("to_name")
        names = shown.split(",") if isinstance(shown, str) else shown if isinstance(shown, list) else []
        # Left is the first that the tag names. Its names are the page's; where they are the columns', they decide.
        if len(names) == 2 and [str(name).strip() for name in names] == [*columns.responses[1::-1]]:
            side = 1 - side
        return "ab"[side]
    chosen = value.get("choices")
    if not isinstance(chosen, list) or len(chosen) != 1 or not isinstance(chosen[0], str):
        return ""
    word = " ".join(chosen[0].casefold().replace("_", " ").replace("-", " ").split())
    word = word.removesuffix(" is better").removesuffix(" better")
    for choice, words in (("a", _FIRST), ("b", _SECOND), ("tie", _TIE), ("both_bad", _BOTH_BAD)):
        if word in words or (columns.responses and choice in "ab" and word == _plain(columns.responses, choice)):
            return choice
    return ""


def _plain(names: tuple[str, ...], choice: str) -> str:
    place = "ab".index(choice)
    return names[place].casefold().replace("_", " ") if place < len(names) else ""


def _who(completed_by: Any) -> str:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id") or completed_by.get("email")
    return "" if completed_by is None else str(completed_by)[:200]
