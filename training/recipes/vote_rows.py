"""Rows of a snapshot, numbered: answers, axes and annotators as they come."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.recipes.conversations import Messages
from training.recipes.run import RecipeError

Answer = tuple[Messages, str]  # a prompt and a response to it

OVERALL = 0  # the axis of the overall verdict
# What "both are bad" says of each answer: a person who says so would call either of them good about one time in ten.
# Half a vote each, so that one verdict weighs as much as one rating of one answer.
BAD_LEVEL, GOOD_LEVEL, BOTH_WEIGHT = 0.1, 0.9, 0.5
OUTCOMES = {"a": (1.0, 0.0), "b": (0.0, 0.0), "tie": (0.0, 1.0), "both_bad": (0.0, 1.0), "both_good": (0.0, 1.0)}
# What an item was chosen by, as a snapshot's rows have it; the last: judged again because a reward model contradicted.
CHANCE, PERSON, ACTIVE_POLICY, CONTRADICTION = "chance", "person", "active_policy", "contradiction"
_ACTIVE_BEFORE = {"soft4", "d_optimal", "v_optimal", "bald", "uncertainty"}
PAIR_KEYS = ("prompt_id", "prompt", "response_a", "response_b", "choice")
RATING_KEYS = ("prompt_id", "prompt", "responses", "levels")
RANKING_KEYS = ("prompt_id", "prompt", "responses", "ranks")
PAIR_ARRAYS = ("first_P", "second_P", "win_P", "tie_P", "strength_P", "weight_P", "axis_P", "annotator_P")
ANCHOR_ARRAYS = ("anchor_Q", "level_Q", "anchor_weight_Q", "anchor_axis_Q", "anchor_annotator_Q", "is_rating_Q")


@dataclass(frozen=True)
class Ranking:
    answers: tuple[int, ...]  # indices into Votes.answers
    ranks: tuple[int, ...]  # 1 is best, equals share a place
    weight: float = 1.0
    annotator: int = 0


def collect(
    pairs: Iterable[Mapping[str, Any]],
    ratings: Iterable[Mapping[str, Any]] = (),
    rankings: Iterable[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The fields of `Votes`. With `rankings` the pairs that were read off rankings are left out."""
    made = _Collector()
    for row in pairs:
        if rankings is None or row.get("kind") != "ranking":
            made.add_pair(row)
    for row in ratings:
        made.add_rating(row)
    for row in rankings or ():
        made.add_ranking(row)
    return made.fields()


class _Collector:
    """Numbers answers, axes and annotators as they come."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.texts: list[Answer] = []
        self.prompt_ids: list[int] = []
        self.axes, self.annotators = {"overall": OVERALL}, dict[str, int]()
        self.groups: list[tuple[str, ...]] = []
        self.pairs: list[tuple[Any, ...]] = []
        self.anchors: list[tuple[Any, ...]] = []
        self.rankings: list[Ranking] = []

    def add_pair(self, row: Mapping[str, Any]) -> None:
        first, second = self._answer(row, row["response_a"]), self._answer(row, row["response_b"])
        axes = {self._axis(name): verdict for name, verdict in (row.get("axes") or {}).items()}
        for axis, verdict in ({OVERALL: row} | axes).items():
            choice = verdict.get("choice")
            if choice not in OUTCOMES:
                raise RecipeError(f"A judgement's choice is {choice!r}; it must be a, b, tie, both_bad or both_good.")
            strength, annotator = float(verdict.get("strength") or 1), self._annotator(row)
            chosen, source = chosen_by(row), row.get("source") or ""
            self.pairs.append((first, second, *OUTCOMES[choice], strength, 1.0, axis, annotator, chosen, source))
            if choice in ("both_bad", "both_good"):
                level = BAD_LEVEL if choice == "both_bad" else GOOD_LEVEL
                self.anchors += [(answer, level, BOTH_WEIGHT, axis, annotator, False) for answer in (first, second)]

    def add_rating(self, row: Mapping[str, Any]) -> None:
        """One anchor an axis that applies, and their mean as the overall one."""
        answer, annotator = self._answer(row, row["responses"][0]), self._annotator(row)
        levels = {name: float(level) for name, level in row["levels"].items() if level is not None}
        if any(not 0 <= level <= 1 for level in levels.values()):
            raise RecipeError("A rating's level lies outside 0 to 1; freeze the snapshot anew.")
        if levels:
            self.anchors.append((answer, sum(levels.values()) / len(levels), 1.0, OVERALL, annotator, True))
        self.anchors += [(answer, level, 1.0, self._axis(name), annotator, True) for name, level in levels.items()]

    def add_ranking(self, row: Mapping[str, Any]) -> None:
        answers = tuple(self._answer(row, text) for text in row["responses"])
        if len(answers) != len(row["ranks"]) or len(answers) < 2:
            raise RecipeError("A ranking must have two answers or more and a place for each.")
        self.rankings.append(Ranking(answers, tuple(row["ranks"]), annotator=self._annotator(row)))

    def fields(self) -> dict[str, Any]:
        pairs, anchors = list(zip(*self.pairs, strict=True)), list(zip(*self.anchors, strict=True))
        kinds = (int, int, float, float, float, float, int, int)
        arrays: dict[str, Any] = {n: np.array(c, k) for n, c, k in zip(PAIR_ARRAYS, pairs, kinds, strict=False)}
        kinds = (int, float, float, int, int, bool)  # type: ignore[assignment]
        arrays |= {n: np.array(c, k) for n, c, k in zip(ANCHOR_ARRAYS, anchors, kinds, strict=False)}
        if pairs:
            arrays |= {"chosen_by_P": list(pairs[8]), "source_P": list(pairs[9])}
        return arrays | {
            "answers": self.texts,
            "prompt_ids_A": np.array(self.prompt_ids, np.int64),
            "axes": list(self.axes),
            "annotators": list(self.annotators) or [""],
            "annotator_groups": self.groups or [()],
            "rankings": self.rankings,
        }

    def _answer(self, row: Mapping[str, Any], text: str) -> int:
        key = identity((row["prompt"], text))
        if key not in self.answers:
            self.answers[key] = len(self.texts)
            self.texts.append((row["prompt"], text))
            self.prompt_ids.append(row["prompt_id"])
        return self.answers[key]

    def _axis(self, name: str) -> int:
        if name == "overall":
            raise RecipeError(
                "An axis of this snapshot is named overall, as the verdict as a whole is. Rename it, or leave it out."
            )
        return self.axes.setdefault(name, len(self.axes))

    def _annotator(self, row: Mapping[str, Any]) -> int:
        name, groups = row.get("annotator") or "", row.get("annotator_groups")
        if name not in self.annotators:
            self.annotators[name] = len(self.annotators)
            self.groups.append(tuple(map(str, groups)) if isinstance(groups, list) else ())
        return self.annotators[name]


def chosen_by(row: Mapping[str, Any]) -> str:
    """By what the row's item came to be judged; snapshots up to schema version 2 tell the policy alone."""
    if told := row.get("chosen_by"):
        return str(told)
    policy = row.get("policy") or ""
    if policy in _ACTIVE_BEFORE:
        return ACTIVE_POLICY
    return PERSON if policy in ("feedback", "manager") or row.get("kind") == "correction" else CHANCE


def identity(answer: Answer) -> str:
    """Two answers are one where prompt and text are the same."""
    return json.dumps(answer, sort_keys=True)
