"""A stored comparison in words, for whoever reviews."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.comparison.model import Choice, Comparison
from labeling.models.imported_verdict import ImportedVerdict

_HOW = {None: "better", 1: "slightly better", 2: "clearly better", 3: "much better"}


def in_words(judgement: Comparison, *, names: Mapping[int, str], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what was asked, what was said), the overall verdict first; `names` are those of the responses."""
    words = {axis["name"]: axis["word"] for axis in design["axes"]}
    said = [("Overall", judgement.choice, judgement.strength)]
    # The database keeps no order of its own: axes are told in the order in which they are asked.
    for name in sorted(judgement.axes, key=lambda name: ([*words, name].index(name), name)):
        said.append((words.get(name, name), judgement.axes[name]["choice"], judgement.axes[name].get("strength")))
    a, b = names.get(judgement.response_a_id, "A"), names.get(judgement.response_b_id, "B")
    return [(asked, _verdict(choice, strength, a, b)) for asked, choice, strength in said]


def tell_imported(verdict: ImportedVerdict, names: Mapping[int, str]) -> str:
    """What a file said of two answers."""
    a, b = names.get(verdict.response_a_id, "A"), names.get(verdict.response_b_id, "B")
    return _verdict(verdict.choice, None, a, b)


def _verdict(choice: str, strength: int | None, a: str, b: str) -> str:
    if choice in (Choice.A, Choice.B):
        better, worse = (a, b) if choice == Choice.A else (b, a)
        return f"{better} is {_HOW.get(strength, 'better')} than {worse}"
    return str(Choice(choice).label)
