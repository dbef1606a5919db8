"""Answers that say the same in nearly the same words: comparing them teaches nothing."""

import itertools
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
SHINGLE = 3  # words
SIMILARITY = 0.8


def are_near_duplicates(texts: Sequence[str], *, similarity: float = SIMILARITY) -> bool:
    """Whether any two of the texts share so much of their three-word runs (Jaccard's index)."""
    shingles = [_shingles(text) for text in texts]
    return any(_jaccard(one, other) >= similarity for one, other in itertools.combinations(shingles, 2))


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    # A text of fewer words is one run of them all.
    return {tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}


def _jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)
