"""Rows whose columns anybody may have named: which of them is the prompt, which are the answers.

A guess by the names comes first; whoever imports may say it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from labeling.errors import BadContent
from labeling.importing.records import Record, Verdict, read_record

_PROMPTS = ("prompt", "question", "instruction", "input", "query", "user", "dialogue", "conversation", "context")
_ANSWERS = "response|answer|completion|output|reply|candidate|summary|generation|text"
_NUMBERED = re.compile(rf"({_ANSWERS})_?([a-z]|\d{{1,2}})")
_PLAIN = re.compile(_ANSWERS)
_MODEL = re.compile(r"model(?:_name)?_?([a-z]|\d{1,2})")
_IDS = ("external_id", "id", "uid", "uuid", "key", "task_id", "prompt_id")


@dataclass(frozen=True)
class Columns:
    """Names of columns. A column with no part becomes metadata."""

    prompt: str = ""
    responses: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # in the order of the responses; "" where there is none
    external_id: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `as_json` gave."""
        return cls(
            stored.get("prompt", ""), tuple(stored.get("responses", ())), tuple(stored.get("models", ())),
            stored.get("external_id", ""),
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """To be stored, or answered by the API."""
        return {
            "prompt": self.prompt, "responses": list(self.responses), "models": list(self.models),
            "external_id": self.external_id,
        }  # fmt: skip

    def check(self, names: Iterable[str]) -> None:
        """Raises BadContent: no prompt, or a column that is not there or has two parts."""
        if not self.prompt:
            raise BadContent("Say which column holds the prompt.")
        used = [name for name in (self.prompt, *self.responses, *self.models, self.external_id) if name]
        if twice := next((name for name in used if used.count(name) > 1), None):
            raise BadContent(f"The column {twice[:40]!r} cannot be two things at once.")
        known = set(names)
        if known and (missing := next((name for name in used if name not in known), None)):
            raise BadContent(f"There is no column {missing[:40]!r}. The file has {', '.join(sorted(known))[:300]}.")


def guess_columns(names: Sequence[str]) -> Columns:
    """What the names say."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_"): name for name in reversed(names)}
    prompt = next((plain[word] for word in _PROMPTS if word in plain), "")
    numbered: dict[str, dict[str, str]] = {}
    for word, name in plain.items():
        if (found := _NUMBERED.fullmatch(word)) and name != prompt:
            numbered.setdefault(found[1], {})[found[2]] = name
    # Of several families of numbered columns the largest; of equal ones the first that the pattern lists.
    family = max(numbered.values(), key=len, default={})
    if family:
        places = sorted(family, key=lambda place: (len(place), place))
    else:
        places = [""]
        family = {"": next((name for word, name in plain.items() if _PLAIN.fullmatch(word) and name != prompt), "")}
    models = {found[1]: name for word, name in plain.items() if (found := _MODEL.fullmatch(word))}
    if "" in family and "model" in plain:
        models[""] = plain["model"]
    external_id = next((plain[word] for word in _IDS if word in plain), "")
    return Columns(
        prompt,
        tuple(family[place] for place in places if family[place]),
        tuple(models.get(place, "") for place in places if family[place]) if models else (),
        external_id,
    )


def read_table_row(
    value: Mapping[str, Any],
    columns: Columns,
    verdicts: tuple[Verdict, ...] = (),
    more: Mapping[str, Any] | None = None,
) -> Record:
    """One row.

    Args:
        more: further metadata.

    Raises:
        BadContent
    """
    if value.get(columns.prompt) is None:
        raise BadContent(f"The column {columns.prompt[:40]!r} is empty: it holds the prompt.")
    responses = []
    models = columns.models or ("",) * len(columns.responses)
    for column, model in zip(columns.responses, models, strict=True):
        if value.get(column) is not None:
            named = value.get(model) if model else None
            responses.append({"text": _text(value[column]), "model": None if named is None else str(named)})
    used = {columns.prompt, *columns.responses, *columns.models, columns.external_id}
    external_id = value.get(columns.external_id) if columns.external_id else None
    return read_record(
        {
            "prompt": _prompt(value[columns.prompt]),
            "responses": responses,
            "external_id": None if external_id is None else str(external_id),
            "metadata": {
                **{name: inner for name, inner in value.items() if name not in used and inner is not None},
                **(more or {}),
            },
        },
        verdicts,
    )


def _prompt(value: Any) -> Any:
    """A text that is a list of messages in JSON is a conversation; any other text is what the user said."""
    if not isinstance(value, str):
        return [dict(turn) for turn in value] if isinstance(value, list) and all(map(_is_turn, value)) else _text(value)
    if value.lstrip().startswith("[{"):
        try:
            turns = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if isinstance(turns, list) and turns and all(map(_is_turn, turns)):
            return turns
    return value


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and {"role", "content"} <= value.keys()


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
