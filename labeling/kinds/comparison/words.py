"""A stored comparison in words, for whoever reviews."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.comparison.model import Choice, Comparison

_HOW = {None: "better", 1: "slightly better", 2: "clearly better", 3: "much better"}


def in_words(judgement: Comparison, *, names: Mapping[int, str], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what was asked, what was said), the overall verdict first; `names` are those of the responses."""
    words = {axis["name"]: axis["word"] for axis in design["axes"]}
    said = [("Overall", judgement.choice, judgement.strength)]
    said += [(words.get(name, name), each["choice"], each.get("strength")) for name, each in judgement.axes.items()]
    a, b = names.get(judgement.response_a_id, "A"), names.get(judgement.response_b_id, "B")
    return [(asked, _verdict(choice, strength, a, b)) for asked, choice, strength in said]


def _verdict(choice: str, strength: int | None, a: str, b: str) -> str:
    if choice in (Choice.A, Choice.B):
        better, worse = (a, b) if choice == Choice.A else (b, a)
        return f"{better} is {_HOW.get(strength, 'better')} than {worse}"
    return str(Choice(choice).label)
