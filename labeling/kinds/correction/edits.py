"""How much of an answer was changed, in words."""

import re
from collections import Counter
from difflib import SequenceMatcher

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
# Word pairs beyond which an exact alignment would keep the request waiting.
MAX_WORD_PAIRS = 1_000_000
# The same for a page that shows many corrections, and how much of what stayed it shows around a change.
_MAX_SHOWN_PAIRS = 40_000
_SHOWN_AROUND = 60


def edit_share(original: str, edited: str) -> float:
    """Words inserted and deleted over the words of both texts together: 0 unchanged, 1 nothing kept.

    Beyond MAX_WORD_PAIRS in what lies between the common beginning and end, words are counted without their order.
    """
    before, after = _WORD.findall(original), _WORD.findall(edited)
    total = len(before) + len(after)
    if not total:
        return 0.0
    start, end = _same_ends(before, after)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if len(before) * len(after) > MAX_WORD_PAIRS:
        kept = (Counter(before) & Counter(after)).total()
    else:
        kept = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return (len(before) + len(after) - 2 * kept) / total


def word_changes(original: str, edited: str) -> list[tuple[str, str]]:
    """What was changed, as ("same" | "out" | "in", text) in the order of the text; long parts that stayed are cut.

    Where much changed, it is told as one part that went and one that came.
    """
    before, after = _WORD.findall(original), _WORD.findall(edited)
    start, end = _same_ends(before, after)
    middle_before, middle_after = before[start : len(before) - end], after[start : len(after) - end]
    parts = [("same", before[:start])]
    if len(middle_before) * len(middle_after) > _MAX_SHOWN_PAIRS:
        parts += [("out", middle_before), ("in", middle_after)]
    else:
        matcher = SequenceMatcher(None, middle_before, middle_after, autojunk=False)
        for act, from_before, to_before, from_after, to_after in matcher.get_opcodes():
            if act == "equal":
                parts.append(("same", middle_before[from_before:to_before]))
                continue
            parts += [("out", middle_before[from_before:to_before]), ("in", middle_after[from_after:to_after])]
    parts.append(("same", before[len(before) - end :] if end else []))
    told = [(kind, "".join(words)) for kind, words in parts if words]
    last = len(told) - 1
    return [(kind, _cut(text, place, last) if kind == "same" else text) for place, (kind, text) in enumerate(told)]


def _same_ends(before: list[str], after: list[str]) -> tuple[int, int]:
    """How many words both begin with, and how many of the others they end with."""
    start, end, most = 0, 0, min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    while end < most - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, end


def _cut(text: str, place: int, last: int) -> str:
    if len(text) <= 2 * _SHOWN_AROUND:
        return text
    beginning = "" if place == 0 else f"{text[:_SHOWN_AROUND]} "
    return f"{beginning}…{'' if place == last else f' {text[-_SHOWN_AROUND:]}'}"
