from collections.abc import Sequence
from random import Random

from labeling.selection import Candidate, Place, Policy


def choose(candidates: Sequence[Candidate], wanted: int, chance: Random) -> list[Place]:
    """Drawn uniformly. The lease takes 1 off an item's priority whenever it gives out one of its slots."""
    count = min(wanted, len(candidates))
    return [Place(found, 0.0, count / len(candidates)) for found in chance.sample(candidates, count)]


POLICY = Policy(
    "fewest_judgements",
    "Fewest judgements first",
    "Every item gets its first judgement before any gets its second.",
    choose,
)
