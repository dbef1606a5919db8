"""The order of open items as a recipe writes it: a line an item, read whole and checked before anything is changed."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.errors import BadRecipeFile
from labeling.models import ACTIVE_POLICIES, SelectionPolicy

POLICIES = ACTIVE_POLICIES | {SelectionPolicy.RANDOM}


@dataclass(frozen=True, slots=True)
class GivenPlace:
    """One line: `{"item_id", "priority", "policy", "propensity", "score"}`; the score may be null."""

    item_id: int
    priority: float  # higher comes first; only the order counts
    policy: str
    propensity: float
    score: float | None


def read_priorities(path: Path) -> list[GivenPlace]:
    """All lines, in the order of the items' ids.

    Raises:
        BadRecipeFile: the file is missing, or a line of it is not as agreed.
    """
    places = [
        GivenPlace(row["item_id"], row["priority"], row["policy"], row["propensity"], row.get("score"))
        for row in read_lines(path, _what_is_wrong)
    ]
    if len({place.item_id for place in places}) < len(places):
        raise BadRecipeFile(f"{path.name} names an item twice. No place in the queue was changed.")
    return sorted(places, key=lambda place: place.item_id)


def read_lines(path: Path, what_is_wrong: Any) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, each past `what_is_wrong`, which says it in a few words or nothing.

    Raises:
        BadRecipeFile
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if why := "it is no object" if not isinstance(row, dict) else what_is_wrong(row):
                    raise BadRecipeFile(f"Line {number} of {path.name} cannot be used: {why}. Nothing was changed.")
                yield row
    except OSError:
        raise BadRecipeFile(f"The recipe names {path.name} and did not leave it. Nothing was changed.") from None
    except ValueError:
        raise BadRecipeFile(f"{path.name} is not made of JSON lines. Nothing was changed.") from None


def is_number(value: Any) -> bool:
    """Finite, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def _what_is_wrong(row: dict[str, Any]) -> str:
    if not is_id(row.get("item_id")):
        return "item_id is no item's number"
    if not is_number(row.get("priority")):
        return "priority is no number"
    if row.get("policy") not in POLICIES:
        return f"policy is none of {', '.join(sorted(POLICIES))}"
    if not is_number(row.get("propensity")) or not 0 < row["propensity"] <= 1:
        return "propensity is no probability above 0"
    if row.get("score") is not None and not is_number(row["score"]):
        return "score is neither a number nor null"
    return ""
