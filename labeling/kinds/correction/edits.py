"""How much of an answer was changed, in words."""

import re
from collections import Counter
from difflib import SequenceMatcher

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
# Word pairs beyond which an exact alignment would keep the request waiting.
MAX_WORD_PAIRS = 1_000_000


def edit_share(original: str, edited: str) -> float:
    """Words inserted and deleted over the words of both texts together: 0 unchanged, 1 nothing kept.

    Beyond MAX_WORD_PAIRS in what lies between the common beginning and end, words are counted without their order.
    """
    before, after = _WORD.findall(original), _WORD.findall(edited)
    total = len(before) + len(after)
    if not total:
        return 0.0
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if len(before) * len(after) > MAX_WORD_PAIRS:
        kept = (Counter(before) & Counter(after)).total()
    else:
        kept = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return (len(before) + len(after) - 2 * kept) / total
