"""Simulated annotators' hidden preference: known to this file and printed, told to nothing that learns."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True)
class HiddenPreference:
    """A utility over answers, and how noisily the simulated annotators follow it."""

    name: str
    sentence: str
    utility: Callable[[str], float]
    # Utilities this far apart are told apart about three times in four (Bradley-Terry).
    noise: float = 1.0
    # Closer than this they call it equal.
    indifference: float = 0.15

    def wins(self, first: str, second: str) -> float:
        """1 when the first answer is truly the better one, 0 when the second is, one half when neither."""
        gap = self.utility(first) - self.utility(second)
        return 0.5 if gap == 0 else float(gap > 0)

    def judge(self, chance: random.Random, a: str, b: str) -> dict[str, Any]:
        """One simulated verdict, as the API takes it."""
        gap = (self.utility(a) - self.utility(b)) / self.noise
        if abs(gap) < self.indifference:
            return {"choice": "tie"}
        choice = "a" if chance.random() < 1 / (1 + math.exp(-max(-30.0, min(30.0, gap)))) else "b"
        return {"choice": choice, "strength": 1 if abs(gap) < 0.7 else 2 if abs(gap) < 1.5 else 3}


def brief_and_whole(text: str) -> float:
    """One point fewer for every eight words, one and a half more for ending a sentence, one more for a figure."""
    return (
        -len(_WORD.findall(text)) / 8
        + 1.5 * text.rstrip().endswith((".", "!", "?"))
        + 1.0 * any(map(str.isdigit, text))
    )


def short(text: str) -> float:
    """One point fewer for every two characters: what the tiny model of the tests can learn in seconds."""
    return -len(text) / 2


PREFERENCES = {
    preference.name: preference
    for preference in (
        HiddenPreference(
            "brief",
            "They like an answer better the fewer words it has (a point for eight words), if it ends its last sentence "
            "(1.5 points) and if it holds a figure (1 point); they tell a gap of one point apart 73 times in 100.",
            brief_and_whole,
        ),
        HiddenPreference(
            "short",
            "They like an answer better the shorter it is: a point for two characters, and nothing at all best.",
            short,
        ),
    )
}
