# ruff: noqa: N802, N815 - shapes stand in the names
"""Everything that annotators said, as arrays: pairs, anchors on the absolute scale, and rankings over unique answers.

One row a vote: three people who judged one pair are three rows, and `pooled` turns them into one soft target. What
was said about single axes stands beside the overall verdict, as rows of another axis.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.recipes.conversations import read_rows
from training.recipes.intervals import Floats
from training.recipes.row_checks import check_pair, check_ranking, check_rating
from training.recipes.vote_rows import (
    ANCHOR_ARRAYS,
    OVERALL,
    PAIR_ARRAYS,
    PAIR_KEYS,
    RANKING_KEYS,
    RATING_KEYS,
    Answer,
    Ranking,
    collect,
)

__all__ = ["OVERALL", "Answer", "Ranking", "Votes", "texts_of"]
Ints = NDArray[np.int64]


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
    chosen_by_P: list[str] = field(default_factory=list)  # what chose the item: CHANCE and the others
    source_P: list[str] = field(default_factory=list)  # where its prompt came from
    axes: list[str] = field(default_factory=lambda: ["overall"])
    annotators: list[str] = field(default_factory=lambda: [""])
    annotator_groups: list[tuple[str, ...]] = field(default_factory=list)  # of each of `annotators`, where told
    anchor_Q: Ints = _none(int)  # index into `answers`
    level_Q: Floats = _none()  # in [0, 1]: 0 as bad, 1 as good as the scale goes
    anchor_weight_Q: Floats = _none()
    anchor_axis_Q: Ints = _none(int)
    anchor_annotator_Q: Ints = _none(int)
    is_rating_Q: NDArray[np.bool_] = _none(bool)  # a rating; else one half of "both bad" or "both good"
    rankings: list[Ranking] = field(default_factory=list)

    @classmethod
    def from_snapshot(cls, directory: Path, part: str) -> "Votes":
        """`part` is "train" or "held_out". A snapshot without files of ratings and rankings is read all the same.

        Raises:
            RecipeError: no such snapshot, or a row that cannot be read.
        """
        pairs = read_rows(directory / f"{part}.jsonl", keys=PAIR_KEYS, check=check_pair)
        ratings, rankings = directory / f"ratings_{part}.jsonl", directory / f"rankings_{part}.jsonl"
        return cls.from_rows(
            pairs,
            ratings=read_rows(ratings, keys=RATING_KEYS, check=check_rating) if ratings.exists() else (),
            rankings=read_rows(rankings, keys=RANKING_KEYS, check=check_ranking) if rankings.exists() else None,
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
        return cls(**collect(pairs, ratings, rankings))

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
        kept: dict[str, Any] = {name: getattr(self, name)[rows] for name in PAIR_ARRAYS}
        kept |= {name: [getattr(self, name)[row] for row in rows] for name in ("chosen_by_P", "source_P")}
        return dataclasses.replace(self, **kept)

    def only_pairs(self) -> "Votes":
        """Without anchors and rankings."""
        return dataclasses.replace(self, **{name: getattr(self, name)[:0] for name in ANCHOR_ARRAYS}, rankings=[])

    def decided(self, axis: int = OVERALL) -> "Votes":
        """The pairs, on one axis, in which one answer was preferred; nothing else."""
        return self.only_pairs().keep((self.win_P != self.lose_P) & (self.axis_P == axis))

    def on_axis(self, axis: int) -> "Votes":
        """What was said about one axis. Rankings are overall verdicts."""
        chosen_Q = self.anchor_axis_Q == axis
        anchors = {name: getattr(self, name)[chosen_Q] for name in ANCHOR_ARRAYS}
        kept = dataclasses.replace(self, **anchors, rankings=self.rankings if axis == OVERALL else [])
        return kept.keep(self.axis_P == axis)

    def take(self, prompts: Collection[int]) -> "Votes":
        """Everything about these prompts and nothing of any other; answers are numbered anew."""
        chosen_A = np.isin(self.prompt_ids_A, np.fromiter(prompts, np.int64, len(prompts)))
        place_A = np.cumsum(chosen_A) - 1
        kept = self.keep(chosen_A[self.first_P])
        chosen_Q = chosen_A[self.anchor_Q]
        anchors = {name: getattr(self, name)[chosen_Q] for name in ANCHOR_ARRAYS}
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
            chosen_by_P=[self.chosen_by_P[row] for row in last],
            source_P=[self.source_P[row] for row in last],
        )


def texts_of(answers: Sequence[Answer]) -> list[str]:
    return [text for _, text in answers]
