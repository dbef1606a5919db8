"""The verdicts that a project offers, and how the desk's form spells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.kinds.comparison.model import DECIDED

_WORDS = {1: {1: "better"}, 2: {1: "slightly", 2: "much"}, 3: {1: "slightly", 2: "clearly", 3: "much"}}


@dataclass(frozen=True)
class Verdict:
    """One button of the desk."""

    key: str  # printed on it
    value: str  # "a3", "tie"
    word: str
    meaning: str  # in full, for the screen reader and the live region

    @property
    def side(self) -> str:
        """Where the button stands: with A's, with B's, between them, or apart."""
        return "both" if self.value.startswith("both") else "tie" if self.value == "tie" else self.value[0]


def verdicts(design: Mapping[str, Any]) -> list[Verdict]:
    """From left to right as the keys lie under the hands: A's, about equal, B's; then both good and both bad."""
    strengths = int(design["strengths"])
    words = _WORDS[strengths]
    row = [("a", n) for n in range(strengths, 0, -1)]
    row += [("tie", 0)] if design["tie"] else []
    row += [("b", n) for n in range(1, strengths + 1)]
    found = []
    for key, (side, n) in enumerate(row, start=1):
        if side == "tie":
            found.append(Verdict(str(key), "tie", "equal", "About equal"))
        else:
            how = "" if strengths == 1 else f"{words[n]} "
            value = side if strengths == 1 else f"{side}{n}"
            found.append(Verdict(str(key), value, words[n], f"{side.upper()} is {how}better"))
    if design["both_good"]:
        found.append(Verdict("9", "both_good", "both good", "Both are good"))
    if design["both_bad"]:
        found.append(Verdict("0", "both_bad", "both bad", "Both are bad"))
    return found


def split_verdict(verdict: str) -> dict[str, Any]:
    """`a3` as {"choice": "a", "strength": 3}; a tie has no strength; nothing for nothing."""
    if verdict[:1] in DECIDED and (verdict[1:] == "" or verdict[1:].isdecimal() and len(verdict) < 4):
        return {"choice": verdict[0], "strength": int(verdict[1:]) if verdict[1:] else None}
    return {"choice": verdict, "strength": None} if verdict else {}


def join_verdict(said: Mapping[str, Any]) -> str:
    """The inverse of `split_verdict`."""
    return f"{said.get('choice') or ''}{said.get('strength') or ''}"
