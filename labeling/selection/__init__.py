"""Selection policies: which sets of responses become items, and in what order they are judged.

A policy is a function from candidates to places. A file here with a `POLICY` is one; nothing else lists them. Scores
that a policy needs arrive with the candidates, never by an import.
"""

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


@dataclass(frozen=True, slots=True)
class Place:
    """A candidate that was chosen."""

    candidate: Candidate
    priority: float  # higher comes first
    propensity: float  # with what probability the policy chose it among the candidates


# (candidates of one prompt, how many are wanted, chance) -> the chosen ones, at most so many.
Choose = Callable[[Sequence[Candidate], int, Random], list[Place]]


@dataclass(frozen=True)
class Policy:
    name: str
    word: str
    about: str
    choose: Choose


@cache
def policies() -> dict[str, Policy]:
    """Every policy by its name."""
    found = [import_module(f"{__name__}.{module.name}").POLICY for module in iter_modules(__path__)]
    return {policy.name: policy for policy in found}
