"""Answers that say the same in nearly the same words: comparing them teaches nothing."""

import itertools
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
SHINGLE = 3  # words
SIMILARITY = 0.8


def near_duplicates(texts: Sequence[str], *, similarity: float = SIMILARITY) -> set[tuple[int, int]]:
    """Which two of the texts, by their places, share so much of their three-word runs (Jaccard's index)."""
    shingles = [_shingles(text) for text in texts]
    return {
        (first, second)
        for first, second in itertools.combinations(range(len(texts)), 2)
        if _jaccard(shingles[first], shingles[second]) >= similarity
    }


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    # A text of fewer words is one run of them all.
    return {tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}


def _jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
