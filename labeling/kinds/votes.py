"""What a kind of judgement says about agreement: `questions` in its folder's agreement.py, where it has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labeling.chosen_by import DRAWN_AT_RANDOM


@dataclass(frozen=True)
class Question:
    """Something that several people answered of one item, so that their answers can be compared.

    `votes` is SQL for one row a counted judgement and part: part (bigint; the item, or a part of it), item, label
    (float8). Labels are 0 to `labels` - 1 and, where ordinal, in their order; at the interval level they are numbers.
    It has `%(project)s` and `parameters`, and leaves out what was not drawn at random: `counted` says how.
    """

    name: str
    word: str
    level: Literal["nominal", "ordinal", "interval"]
    votes: str
    labels: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)


def counted(alias: str) -> str:
    """The end of `votes`: the judgements under this alias that agreement reads."""
    return f"""JOIN labeling_item i ON i.id = {alias}.item_id AND {DRAWN_AT_RANDOM}
        WHERE {alias}.project_id = %(project)s AND {alias}.retracted_at IS NULL AND NOT {alias}.is_surplus"""
