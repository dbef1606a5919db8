"""What a row of a snapshot or of the open items must look like: each check says what is wrong with one, or nothing.

A sentence's end, to follow "Line 12 of train.jsonl: ". docs/snapshots.md lists the fields.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from training.recipes.run import RecipeError

Check = Callable[[Mapping[str, Any]], str | None]
CHOICES = ("a", "b", "tie", "both_bad", "both_good")
INTEGERS = range(-(2**63), 2**63)
RESERVED = "overall"  # what the verdict as a whole is called


def check_pair(row: Mapping[str, Any]) -> str | None:
    """A vote on two answers, and what was said of them on axes."""
    return _common(row) or _texts(row, "response_a", "response_b") or _verdict(row, "") or _axes(row.get("axes"))


def check_rating(row: Mapping[str, Any]) -> str | None:
    levels = row["levels"]
    if wrong := _common(row) or _responses(row["responses"], least=1):
        return wrong
    if not isinstance(levels, dict):
        return f"levels must be an object of numbers by axis, not {_shown(levels)}"
    for name, level in levels.items():
        if name == RESERVED:
            return _taken("levels")
        if level is not None and not (_is_number(level) and 0 <= level <= 1):
            return f"the level of {name} must be a number from 0 to 1, or null, not {_shown(level)}"
    return None


def check_ranking(row: Mapping[str, Any]) -> str | None:
    ranks = row["ranks"]
    if wrong := _common(row) or _responses(row["responses"], least=2):
        return wrong
    if not isinstance(ranks, list) or not all(_is_integer(rank) and rank >= 1 for rank in ranks):
        return f"ranks must be places from 1 on, not {_shown(ranks)}"
    if len(ranks) != len(row["responses"]):
        return f"there are {len(row['responses'])} responses and {len(ranks)} ranks; each response must have a place"
    return None


def check_open_item(row: Mapping[str, Any]) -> str | None:
    if not _is_integer(row["item_id"]):
        return f"item_id must be a whole number, not {_shown(row['item_id'])}"
    return _prompt(row["prompt"]) or _prompt_id(row["prompt_id"]) or _texts(row, "response_a", "response_b")


def check_prompt(row: Mapping[str, Any]) -> str | None:
    return _prompt(row["prompt"])


def check_demonstration(row: Mapping[str, Any]) -> str | None:
    return _prompt(row["prompt"]) or _texts(row, "response")


def check_apart(train: Iterable[Any], held_out: Iterable[Any]) -> None:
    """Raises RecipeError when a prompt is among both, whatever its number is."""
    learnt = {json.dumps(prompt, sort_keys=True) for prompt in train}
    for prompt in held_out:
        if json.dumps(prompt, sort_keys=True) in learnt:
            raise RecipeError(
                f"A prompt is in both parts of the snapshot: {_shown(prompt[-1]['content'])}. What is learnt from it "
                "cannot be measured on it; leave it out of one part, or freeze a new snapshot."
            )


def _common(row: Mapping[str, Any]) -> str | None:
    for name in ("annotator", "policy", "source", "kind"):
        if row.get(name) is not None and not _is_text(row[name]):
            return f"{name} must be text or null, not {_shown(row[name])}"
    if row.get("item_id") is not None and not _is_integer(row["item_id"]):
        return f"item_id must be a whole number, not {_shown(row['item_id'])}"
    ids = row.get("judgement_ids")
    if ids is not None and not (isinstance(ids, list) and all(map(_is_integer, ids))):
        return f"judgement_ids must be whole numbers, not {_shown(ids)}"
    return _prompt_id(row["prompt_id"]) or _prompt(row["prompt"])


def _prompt_id(value: Any) -> str | None:
    return None if _is_integer(value) else f"prompt_id must be a whole number of 64 bits, not {_shown(value)}"


def _prompt(value: Any) -> str | None:
    if isinstance(value, list) and value and all(map(_is_message, value)):
        return None
    return f'prompt must be messages, [{{"role": "user", "content": "…"}}], not {_shown(value)}'


def _texts(row: Mapping[str, Any], *names: str) -> str | None:
    wrong = (name for name in names if not _is_text(row[name]))
    return next((f"{name} must be text in Unicode, not {_shown(row[name])}" for name in wrong), None)


def _responses(value: Any, *, least: int) -> str | None:
    if isinstance(value, list) and len(value) >= least and all(map(_is_text, value)):
        return None
    return f"responses must be {'a text' if least == 1 else 'two texts or more'}, not {_shown(value)}"


def _verdict(said: Any, where: str) -> str | None:
    choice, strength = said.get("choice"), said.get("strength")
    if not isinstance(choice, str) or choice not in CHOICES:
        return f"choice{where} must be a, b, tie, both_bad or both_good, not {_shown(choice)}"
    if strength is not None and not (_is_number(strength) and strength in (1, 2, 3)):
        return f"strength{where} must be 1, 2 or 3, or null, not {_shown(strength)}"
    return None


def _axes(axes: Any) -> str | None:
    if axes is None:
        return None
    if not isinstance(axes, dict):
        return f'axes must be an object, {{"axis": {{"choice": "a"}}}}, not {_shown(axes)}'
    for name, verdict in axes.items():
        if name == RESERVED:
            return _taken("axes")
        if not isinstance(verdict, dict):
            return f'what is said on the axis {name} must be an object, {{"choice": "a"}}, not {_shown(verdict)}'
        if wrong := _verdict(verdict, f" on the axis {name}"):
            return wrong
    return None


def _taken(where: str) -> str:
    return f"{where} has an axis named {RESERVED}, as the verdict as a whole is; rename it, or leave it out"


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("role")) and _is_text(value.get("content"))


def _is_text(value: Any) -> bool:
    """A lone half of a surrogate pair is in JSON, and in no text."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in INTEGERS


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e308 <= value <= 1e308


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:60] + "…"
