from collections.abc import Sequence
from random import Random

from labeling.selection import Candidate, Place, Policy


def choose(candidates: Sequence[Candidate], wanted: int, chance: Random) -> list[Place]:
    """The first ones, in the order of making: all have the same priority, and then the older item comes first."""
    return [Place(candidate, 0.0, 1.0) for candidate in candidates[:wanted]]


POLICY = Policy("in_order", "As they were added", "The oldest prompt first.", choose)
