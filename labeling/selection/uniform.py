from collections.abc import Sequence
from random import Random

from labeling.selection import Candidate, Place, Policy


def choose(candidates: Sequence[Candidate], wanted: int, chance: Random) -> list[Place]:
    """Drawn uniformly, and put at random places of the queue: what is judged first tells what the whole is like."""
    count = min(wanted, len(candidates))
    return [Place(found, chance.random(), count / len(candidates)) for found in chance.sample(candidates, count)]


POLICY = Policy("random", "Random", "Random items tell what the whole project is like.", choose)
