"""Selection policies: which sets of responses become items, and in what order they are judged.

A policy is a function from candidates to places. A file here with a `POLICY` is one; nothing else lists them. Scores
that a policy needs arrive with the candidates, never by an import: who refits the reward model works out what each
item is worth, and labeling orders by that column. A policy of that kind says `follows_model`, and the recipe that works
it out has a rule of the same name (training/recipes/selection.py).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from random import Random


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set of responses to one prompt that could be an item."""

    response_ids: tuple[int, ...]
    characters: tuple[int, ...]  # length of each response
    score: float | None = None  # what the last refit of the reward model made of it; None before the first


@dataclass(frozen=True, slots=True)
class Place:
    """A candidate that was chosen."""

    candidate: Candidate
    priority: float  # higher comes first
    propensity: float  # with what probability the policy chose it among the candidates
    policy: str | None = None  # what really placed it, where that is another than the one that was asked


# What a new project begins with: it saved most labels in the trials, and is at random until there is a reward model.
FOR_NEW_PROJECTS = "v_optimal"

# (candidates of one prompt, how many are wanted, chance) -> the chosen ones, at most so many.
Choose = Callable[[Sequence[Candidate], int, Random], list[Place]]


# Items keep the name of the policy that made them, and statements have it in their text.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")


@dataclass(frozen=True)
class Policy:
    name: str
    word: str
    about: str
    choose: Choose
    # Its items are those that a reward model chose: nothing is measured on them that should hold for all.
    follows_model: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"A policy is named by at most 20 small letters, digits and underscores: {self.name!r}.")


def by_score(candidates: Sequence[Candidate], wanted: int, chance: Random) -> list[Place]:
    """The highest score first, between 1 and 0; what has none yet is placed at random, and says so."""
    scored = sorted((each for each in candidates if each.score is not None), key=lambda each: -(each.score or 0.0))
    best = scored[:wanted]
    places = [Place(candidate, 1 - (rank + 0.5) / len(best), 1.0) for rank, candidate in enumerate(best)]
    others = [candidate for candidate in candidates if candidate.score is None]
    count = min(wanted - len(best), len(others))
    drawn = chance.sample(others, count)
    return places + [Place(candidate, chance.random(), count / len(others), "random") for candidate in drawn]


@cache
def policies() -> dict[str, Policy]:
    """Every policy by its name."""
    found = [import_module(f"{__name__}.{module.name}").POLICY for module in iter_modules(__path__)]
    return {policy.name: policy for policy in found}


@cache
def active_policies() -> frozenset[str]:
    """Those that look at the reward model: the places of open items are rewritten whenever it is refitted."""
    return frozenset(name for name, policy in policies().items() if policy.follows_model)
