"""A stored rating in words, for whoever reviews."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.rating.model import Rating


def in_words(judgement: Rating, *, names: Mapping[int, str], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each axis with its score and the score's word; an axis that the project no longer has keeps its name."""
    axes = {axis["name"]: axis for axis in design["axes"]}
    # The database keeps no order of its own: axes are told in the order in which they are asked.
    in_order = sorted(judgement.scores, key=lambda name: ([*axes, name].index(name), name))
    return [
        (axes[name]["word"] if name in axes else name.replace("_", " "), _score(judgement.scores[name], axes.get(name)))
        for name in in_order
    ]


def _score(score: Any, axis: Mapping[str, Any] | None) -> str:
    if score is None:
        return "does not apply"
    if axis is None or axis["type"] == "number":
        return f"{score:g}"
    place, words = score - axis["low"], axis["labels"]
    word = words[int(place)] if 0 <= place < len(words) else ""
    if axis["type"] == "yes_no" and word:
        return str(word)
    return f"{score:g} of {axis['high']:g}" + (f", {word}" if word else "")
