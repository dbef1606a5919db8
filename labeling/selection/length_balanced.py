import math
from collections.abc import Sequence
from random import Random

from labeling.selection import Candidate, Place, Policy


def choose(candidates: Sequence[Candidate], wanted: int, chance: Random) -> list[Place]:
    """Where lengths differ least, first: there people cannot just prefer the longer one. The rest is not made."""
    ordered = sorted(candidates, key=lambda candidate: (_spread(candidate), candidate.response_ids))
    return [Place(candidate, -_spread(candidate), 1.0) for candidate in ordered[:wanted]]


def _spread(candidate: Candidate) -> float:
    """log of the longest over the shortest; 0 when all have one length."""
    return math.log1p(max(candidate.characters)) - math.log1p(min(candidate.characters))


POLICY = Policy(
    "length_balanced",
    "Similar lengths first",
    "Answers that differ little in length come first, so that length decides less.",
    choose,
)
