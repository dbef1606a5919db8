# ruff: noqa: N802, N815 - shapes stand in the names
"""Everything that annotators said, as arrays: pairs, anchors on the absolute scale, and rankings over unique answers.

One row a vote: three people who judged one pair are three rows, and `pooled` turns them into one soft target. What
was said about single axes stands beside the overall verdict, as rows of another axis.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.recipes.conversations import Messages, read_rows
from training.recipes.intervals import Floats
from training.recipes.run import RecipeError

Answer = tuple[Messages, str]  # a prompt and a response to it
Ints = NDArray[np.int64]

OVERALL = 0  # the axis of the overall verdict
# What "both are bad" says of each answer: a person who says so would call either of them good about one time in ten.
# Half a vote each, so that one verdict weighs as much as one rating of one answer.
BAD_LEVEL, GOOD_LEVEL, BOTH_WEIGHT = 0.1, 0.9, 0.5
OUTCOMES = {"a": (1.0, 0.0), "b": (0.0, 0.0), "tie": (0.0, 1.0), "both_bad": (0.0, 1.0), "both_good": (0.0, 1.0)}
PAIR_KEYS = ("prompt_id", "prompt", "response_a", "response_b", "choice")


@dataclass(frozen=True)
class Ranking:
    answers: tuple[int, ...]  # indices into Votes.answers
    ranks: tuple[int, ...]  # 1 is best, equals share a place
    weight: float = 1.0
    annotator: int = 0


def _none(kind: type = float) -> Any:
    return field(default_factory=lambda: np.zeros(0, kind))


@dataclass(frozen=True)
class Votes:
    answers: list[Answer]  # each (prompt, text) once
    prompt_ids_A: Ints
    first_P: Ints = _none(int)  # indices into `answers`
    second_P: Ints = _none(int)
    win_P: Floats = _none()  # share that says the first is better
    tie_P: Floats = _none()  # share that says neither is; the rest prefers the second
    strength_P: Floats = _none()  # m >= 1: 1 slightly (or not asked), 2 clearly, 3 much better
    weight_P: Floats = _none()
    axis_P: Ints = _none(int)  # index into `axes`
    annotator_P: Ints = _none(int)  # index into `annotators`; -1 several
    policy_P: list[str] = field(default_factory=list)  # how the item was chosen
    source_P: list[str] = field(default_factory=list)  # where its prompt came from
    axes: list[str] = field(default_factory=lambda: ["overall"])
    annotators: list[str] = field(default_factory=lambda: [""])
    anchor_Q: Ints = _none(int)  # index into `answers`
    level_Q: Floats = _none()  # in [0, 1]: 0 as bad, 1 as good as the scale goes
    anchor_weight_Q: Floats = _none()
    anchor_axis_Q: Ints = _none(int)
    anchor_annotator_Q: Ints = _none(int)
    rankings: list[Ranking] = field(default_factory=list)

    @classmethod
    def from_snapshot(cls, directory: Path, part: str) -> "Votes":
        """`part` is "train" or "held_out". A snapshot without files of ratings and rankings is read all the same.

        Raises:
            RecipeError: no such snapshot, or a row that cannot be read.
        """
        pairs = read_rows(directory / f"{part}.jsonl", keys=PAIR_KEYS)
        ratings, rankings = directory / f"ratings_{part}.jsonl", directory / f"rankings_{part}.jsonl"
        return cls.from_rows(
            pairs,
            ratings=read_rows(ratings, keys=("prompt_id", "prompt", "responses", "levels")) if ratings.exists() else (),
            rankings=read_rows(rankings, keys=("prompt_id", "prompt", "responses", "ranks"))
            if rankings.exists()
            else None,
        )

    @classmethod
    def from_rows(
        cls,
        pairs: Iterable[Mapping[str, Any]],
        *,
        ratings: Iterable[Mapping[str, Any]] = (),
        rankings: Iterable[Mapping[str, Any]] | None = None,
    ) -> "Votes":
        """Rows as a snapshot has them. With `rankings` the pairs that were read off rankings are left out."""
        made = _Collector()
        for row in pairs:
            if rankings is None or row.get("kind") != "ranking":
                made.add_pair(row)
        for row in ratings:
            made.add_rating(row)
        for row in rankings or ():
            made.add_ranking(row)
        return made.votes()

    def __len__(self) -> int:
        """Pairs, of all axes."""
        return len(self.first_P)

    @property
    def prompt_ids_P(self) -> Ints:
        return self.prompt_ids_A[self.first_P]

    @property
    def lose_P(self) -> Floats:
        return 1.0 - self.win_P - self.tie_P

    @property
    def score_P(self) -> Floats:
        """What the first got of each vote: 1, 0, or a half where neither is better."""
        return self.win_P + 0.5 * self.tie_P

    def keep(self, rows: NDArray[Any]) -> "Votes":
        """These pairs alone, with all anchors and rankings; the answers stay as they are."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        kept: dict[str, Any] = {name: getattr(self, name)[rows] for name in _PAIR_ARRAYS}
        kept |= {name: [getattr(self, name)[row] for row in rows] for name in ("policy_P", "source_P")}
        return dataclasses.replace(self, **kept)

    def only_pairs(self) -> "Votes":
        """Without anchors and rankings."""
        return dataclasses.replace(self, **{name: getattr(self, name)[:0] for name in _ANCHOR_ARRAYS}, rankings=[])

    def decided(self, axis: int = OVERALL) -> "Votes":
        """The pairs, on one axis, in which one answer was preferred; nothing else."""
        return self.only_pairs().keep((self.win_P != self.lose_P) & (self.axis_P == axis))

    def on_axis(self, axis: int) -> "Votes":
        """What was said about one axis. Rankings are overall verdicts."""
        chosen_Q = self.anchor_axis_Q == axis
        anchors = {name: getattr(self, name)[chosen_Q] for name in _ANCHOR_ARRAYS}
        kept = dataclasses.replace(self, **anchors, rankings=self.rankings if axis == OVERALL else [])
        return kept.keep(self.axis_P == axis)

    def take(self, prompts: Collection[int]) -> "Votes":
        """Everything about these prompts and nothing of any other; answers are numbered anew."""
        chosen_A = np.isin(self.prompt_ids_A, np.fromiter(prompts, np.int64, len(prompts)))
        place_A = np.cumsum(chosen_A) - 1
        kept = self.keep(chosen_A[self.first_P])
        chosen_Q = chosen_A[self.anchor_Q]
        anchors = {name: getattr(self, name)[chosen_Q] for name in _ANCHOR_ARRAYS}
        anchors["anchor_Q"] = place_A[anchors["anchor_Q"]]
        return dataclasses.replace(
            kept,
            answers=[answer for answer, chosen in zip(self.answers, chosen_A, strict=True) if chosen],
            prompt_ids_A=self.prompt_ids_A[chosen_A],
            first_P=place_A[kept.first_P],
            second_P=place_A[kept.second_P],
            rankings=[
                dataclasses.replace(ranking, answers=tuple(int(place_A[a]) for a in ranking.answers))
                for ranking in self.rankings
                if chosen_A[ranking.answers[0]]
            ],
            **anchors,
        )

    def weighted(self, weight_of_annotator: Floats) -> "Votes":
        """Each vote's weight times its annotator's."""
        return dataclasses.replace(
            self,
            weight_P=self.weight_P * weight_of_annotator[self.annotator_P],
            anchor_weight_Q=self.anchor_weight_Q * weight_of_annotator[self.anchor_annotator_Q],
            rankings=[
                dataclasses.replace(r, weight=r.weight * float(weight_of_annotator[r.annotator])) for r in self.rankings
            ],
        )

    def pooled(self) -> "Votes":
        """One row a pair and axis: shares of win and tie, and the votes' summed weight times strength.

        The scaled Bradley-Terry loss is the same as of the single votes; `strength_P` becomes 1.
        """
        low_P, high_P = np.minimum(self.first_P, self.second_P), np.maximum(self.first_P, self.second_P)
        turned_P = self.first_P > self.second_P
        names, rows_P = np.unique(np.stack([low_P, high_P, self.axis_P], 1), axis=0, return_inverse=True)
        rows_P, each_P = rows_P.ravel(), self.weight_P * self.strength_P
        total = np.maximum(np.bincount(rows_P, each_P, minlength=len(names)), 1e-12)
        win_P = np.where(turned_P, self.lose_P, self.win_P)
        last = np.zeros(len(names), np.int64)
        last[rows_P] = np.arange(len(self))
        return dataclasses.replace(
            self,
            first_P=names[:, 0],
            second_P=names[:, 1],
            axis_P=names[:, 2],
            win_P=np.bincount(rows_P, each_P * win_P, minlength=len(names)) / total,
            tie_P=np.bincount(rows_P, each_P * self.tie_P, minlength=len(names)) / total,
            strength_P=np.ones(len(names)),
            weight_P=np.bincount(rows_P, each_P, minlength=len(names)).astype(np.float64),
            annotator_P=np.full(len(names), -1),
            policy_P=[self.policy_P[row] for row in last],
            source_P=[self.source_P[row] for row in last],
        )


_PAIR_ARRAYS = ("first_P", "second_P", "win_P", "tie_P", "strength_P", "weight_P", "axis_P", "annotator_P")
_ANCHOR_ARRAYS = ("anchor_Q", "level_Q", "anchor_weight_Q", "anchor_axis_Q", "anchor_annotator_Q")


class _Collector:
    """Numbers answers, axes and annotators as they come."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.texts: list[Answer] = []
        self.prompt_ids: list[int] = []
        self.axes, self.annotators = {"overall": OVERALL}, dict[str, int]()
        self.pairs: list[tuple[Any, ...]] = []
        self.anchors: list[tuple[Any, ...]] = []
        self.rankings: list[Ranking] = []

    def add_pair(self, row: Mapping[str, Any]) -> None:
        first, second = self._answer(row, row["response_a"]), self._answer(row, row["response_b"])
        verdicts = {"overall": row} | (row.get("axes") or {})
        for name, verdict in verdicts.items():
            axis, choice = self._axis(name), verdict.get("choice")
            if choice not in OUTCOMES:
                raise RecipeError(f"A judgement's choice is {choice!r}; it must be a, b, tie, both_bad or both_good.")
            strength, annotator = float(verdict.get("strength") or 1), self._annotator(row)
            policy, source = row.get("policy") or "", row.get("source") or ""
            self.pairs.append((first, second, *OUTCOMES[choice], strength, 1.0, axis, annotator, policy, source))
            if choice in ("both_bad", "both_good"):
                level = BAD_LEVEL if choice == "both_bad" else GOOD_LEVEL
                self.anchors += [(answer, level, BOTH_WEIGHT, axis, annotator) for answer in (first, second)]

    def add_rating(self, row: Mapping[str, Any]) -> None:
        """One anchor an axis that applies, and their mean as the overall one."""
        answer, annotator = self._answer(row, row["responses"][0]), self._annotator(row)
        levels = {name: float(level) for name, level in row["levels"].items() if level is not None}
        if any(not 0 <= level <= 1 for level in levels.values()):
            raise RecipeError("A rating's level lies outside 0 to 1; freeze the snapshot anew.")
        if levels:
            self.anchors.append((answer, sum(levels.values()) / len(levels), 1.0, OVERALL, annotator))
        self.anchors += [(answer, level, 1.0, self._axis(name), annotator) for name, level in levels.items()]

    def add_ranking(self, row: Mapping[str, Any]) -> None:
        answers = tuple(self._answer(row, text) for text in row["responses"])
        if len(answers) != len(row["ranks"]) or len(answers) < 2:
            raise RecipeError("A ranking must have two answers or more and a place for each.")
        self.rankings.append(Ranking(answers, tuple(row["ranks"]), annotator=self._annotator(row)))

    def votes(self) -> Votes:
        pairs, anchors = list(zip(*self.pairs, strict=True)), list(zip(*self.anchors, strict=True))
        kinds = (int, int, float, float, float, float, int, int)
        arrays: dict[str, Any] = {n: np.array(c, k) for n, c, k in zip(_PAIR_ARRAYS, pairs, kinds, strict=False)}
        kinds = (int, float, float, int, int)  # type: ignore[assignment]
        arrays |= {n: np.array(c, k) for n, c, k in zip(_ANCHOR_ARRAYS, anchors, kinds, strict=False)}
        if pairs:
            arrays |= {"policy_P": list(pairs[8]), "source_P": list(pairs[9])}
        return Votes(
            self.texts,
            np.array(self.prompt_ids, np.int64),
            axes=list(self.axes),
            annotators=list(self.annotators) or [""],
            rankings=self.rankings,
            **arrays,
        )

    def _answer(self, row: Mapping[str, Any], text: str) -> int:
        key = identity((row["prompt"], text))
        if key not in self.answers:
            self.answers[key] = len(self.texts)
            self.texts.append((row["prompt"], text))
            self.prompt_ids.append(row["prompt_id"])
        return self.answers[key]

    def _axis(self, name: str) -> int:
        return self.axes.setdefault(name, len(self.axes))

    def _annotator(self, row: Mapping[str, Any]) -> int:
        return self.annotators.setdefault(row.get("annotator") or "", len(self.annotators))


def identity(answer: Answer) -> str:
    """Two answers are one where prompt and text are the same."""
    return json.dumps(answer, sort_keys=True)


def texts_of(answers: Sequence[Answer]) -> list[str]:
    return [text for _, text in answers]
