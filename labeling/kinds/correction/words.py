"""A stored correction in words, for whoever reviews."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.correction.edits import word_changes
from labeling.kinds.correction.model import Correction


def in_words(judgement: Correction, *, names: Mapping[int, str], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What it became, and how much of it changed."""
    name = names.get(judgement.response_id, "The answer")
    if judgement.corrected_id is None:
        return [("Correction", f"{name} needs no change")]
    became = names.get(judgement.corrected_id, "another text")
    return [("Correction", f"{name} should be as {became}: {judgement.edit_share:.0%} of the words changed")]


def changes(judgement: Correction, texts: Mapping[int, str]) -> list[tuple[str, str]]:
    """What was changed word by word; `texts` are those of the responses."""
    if judgement.corrected_id is None:
        return []
    return word_changes(texts.get(judgement.response_id, ""), texts.get(judgement.corrected_id, ""))
