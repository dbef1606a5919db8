# ruff: noqa: N802, N815 - shapes stand in the names
"""What a body learns from: pairs, anchors and rankings as numbered lessons, and which of them a step takes.

They are what the linear head is fitted to (`reward_targets.as_learnt`), so that the two differ in what reads the
answers and in nothing else. Lessons are numbered through: first the pairs, then the anchors, then the rankings.
"""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from training.recipes.intervals import Floats
from training.recipes.reward_data import TokenizedAnswers
from training.recipes.reward_targets import as_learnt
from training.recipes.run import RecipeError
from training.recipes.targets import Strength
from training.recipes.vote_rows import Answer, Ranking
from training.recipes.votes import OVERALL, Ints, Votes

Rows = list[int]  # numbers of lessons


@dataclass(frozen=True)
class Lessons:
    answers: list[Answer]
    prompt_ids_A: Ints
    first_P: Ints  # indices into `answers`
    second_P: Ints
    win_P: Floats
    tie_P: Floats
    strength_P: Floats
    weight_P: Floats  # the votes' times what their axis counts
    head_P: Ints  # the axis' head, as numbered in `heads`
    anchor_Q: Ints
    level_Q: Floats
    anchor_weight_Q: Floats
    anchor_head_Q: Ints
    rankings: list[Ranking]  # of the overall verdict
    heads: list[str]  # the axes that count
    shares: tuple[float, ...]  # what each counts in the reward
    form: Strength
    overall: str  # the name of the axis that rankings speak of

    @classmethod
    def of(
        cls, votes: Votes, *, axis_weights: Mapping[str, float] | None = None, form: Strength = "scaled"
    ) -> "Lessons":
        """All that was said on the axes that count; without `axis_weights` the overall verdict alone.

        Raises:
            RecipeError: a weight for an axis that nobody judged.
        """
        stated = dict(axis_weights or {votes.axes[OVERALL]: 1.0})
        if unknown := sorted(set(stated) - set(votes.axes)):
            raise RecipeError(f"Nobody judged the axis {unknown[0]!r}; this snapshot has {', '.join(votes.axes)}.")
        parts = [as_learnt(votes.on_axis(votes.axes.index(name)), form) for name in stated]
        shares = [abs(share) for share in stated.values()]  # an axis that counts against an answer is learnt as well
        weighted = list(zip(parts, shares, strict=True))
        anchored = [_pooled_anchors(part) for part in parts]
        pairs: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PAIRS}
        return cls(
            **pairs,
            answers=votes.answers,
            prompt_ids_A=votes.prompt_ids_A,
            weight_P=np.concatenate([part.weight_P * share for part, share in weighted]),
            head_P=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            anchor_Q=np.concatenate([anchor_Q for anchor_Q, _, _ in anchored]),
            level_Q=np.concatenate([level_Q for _, level_Q, _ in anchored]),
            anchor_weight_Q=np.concatenate([w_Q * share for (_, _, w_Q), share in zip(anchored, shares, strict=True)]),
            anchor_head_Q=np.repeat(np.arange(len(parts)), [len(level_Q) for _, level_Q, _ in anchored]),
            rankings=[replace(r, weight=r.weight * share) for part, share in weighted for r in part.rankings],
            heads=list(stated),
            shares=tuple(stated.values()),
            form=form,
            overall=votes.axes[OVERALL],
        )

    @property
    def ranking_head(self) -> int:
        return self.heads.index(self.overall)

    def __len__(self) -> int:
        return len(self.first_P) + len(self.level_Q) + len(self.rankings)

    @cached_property
    def answers_of(self) -> list[tuple[int, ...]]:
        """Of each lesson."""
        pairs = zip(self.first_P.tolist(), self.second_P.tolist(), strict=True)
        return [*pairs, *((answer,) for answer in self.anchor_Q.tolist()), *(r.answers for r in self.rankings)]

    @cached_property
    def weight_N(self) -> Floats:
        return np.concatenate([self.weight_P, self.anchor_weight_Q, [r.weight for r in self.rankings]])

    def of_kind(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Which pairs, anchors and rankings these lessons are, each as numbered among its kind."""
        pairs, anchors = len(self.first_P), len(self.first_P) + len(self.level_Q)
        return (
            [row for row in rows if row < pairs],
            [row - pairs for row in rows if pairs <= row < anchors],
            [row - anchors for row in rows if row >= anchors],
        )

    def digest(self) -> str:
        """Names the lessons: two sets with the same digest teach the same."""
        said = hashlib.sha256(json.dumps([self.answers, self.answers_of, self.heads, self.shares]).encode())
        arrays = (self.win_P, self.tie_P, self.strength_P, self.head_P, self.level_Q, self.anchor_head_Q, self.weight_N)
        said.update(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
        said.update(json.dumps([[int(rank) for rank in ranking.ranks] for ranking in self.rankings]).encode())
        return said.hexdigest()


_PAIRS = ("first_P", "second_P", "win_P", "tie_P", "strength_P")


def _pooled_anchors(votes: Votes) -> tuple[Ints, Floats, Floats]:
    """Answers, levels and weights, one row an answer: the loss is linear in the level, so their mean says the same."""
    anchor_Q, row_N = np.unique(votes.anchor_Q, return_inverse=True)
    weight_Q = np.bincount(row_N, votes.anchor_weight_Q, minlength=len(anchor_Q)).astype(np.float64)
    level_Q = np.bincount(row_N, votes.anchor_weight_Q * votes.level_Q, minlength=len(anchor_Q))
    return anchor_Q, level_Q / np.maximum(weight_Q, 1e-12), weight_Q


def schedule(lessons: Lessons, *, batch_pairs: int, epochs: int, seed: int) -> list[Rows]:
    """The lessons of every step of all epochs, a function of lessons and seed alone.

    A step has as many answers as `batch_pairs` pairs have. The lessons of a prompt follow each other, so that most of
    them share its tokens. Nothing is sorted by length: a packed row has no padding to save.
    """
    chance = random.Random(seed)
    of_prompt: dict[int, Rows] = {}
    for row, answers in enumerate(lessons.answers_of):
        of_prompt.setdefault(int(lessons.prompt_ids_A[answers[0]]), []).append(row)
    steps: list[Rows] = []
    for _ in range(epochs):
        room = 0
        for prompt in chance.sample(sorted(of_prompt), len(of_prompt)):
            for row in chance.sample(of_prompt[prompt], len(of_prompt[prompt])):
                if room <= 0:
                    steps.append([])
                    room = 2 * batch_pairs
                steps[-1].append(row)
                room -= len(lessons.answers_of[row])
    return steps


def split_step(
    lessons: Lessons, tokens: TokenizedAnswers, rows: Rows, *, processes: int, row_tokens: int
) -> list[list[Rows]]:
    """A step's lessons for each process, in parts of at most `row_tokens` (or one lesson), forwarded one by one.

    All processes have as many parts, of which some may be empty: what they exchange in a backward pass must be the same
    number of times.
    """
    split = [
        _parts(lessons, tokens, rows[len(rows) * n // processes : len(rows) * (n + 1) // processes], row_tokens)
        for n in range(processes)
    ]
    most = max(map(len, split))
    return [parts + [[] for _ in range(most - len(parts))] for parts in split]


def _parts(lessons: Lessons, tokens: TokenizedAnswers, rows: Rows, row_tokens: int) -> list[Rows]:
    parts: list[Rows] = []
    used = row_tokens
    for row in rows:
        answers = lessons.answers_of[row]
        size = len(tokens.prompts[tokens.prompt_A[answers[0]]]) + sum(len(tokens.answers[answer]) for answer in answers)
        if used + size > row_tokens:
            parts.append([])
            used = 0
        parts[-1].append(row)
        used += size
    return parts
