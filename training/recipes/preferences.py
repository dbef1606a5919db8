"""Every kind of judgement read as preferences between two answers: what a reward model is held against.

A model learns from rankings and ratings by likelihoods of their own (targets.py). To ask whether it is right, or
whether an annotator agrees with it, one needs verdicts on two answers, and they hold those too.
"""

import dataclasses
from collections.abc import Iterator
from itertools import chain, combinations
from typing import Any

import numpy as np

from training.recipes.vote_rows import CHANCE
from training.recipes.votes import OVERALL, Ranking, Votes

# First, second, share that prefers the first, share of ties, annotator, weight.
_Pair = tuple[int, int, float, float, int, float]


def as_pairs(votes: Votes) -> Votes:
    """Comparisons, and every two answers of a ranking; where none prefers one, what people's ratings prefer.

    A rating is one number for an answer by itself, and says less of which of two is better than whoever saw both.
    """
    compared = _with(votes, [pair for ranking in votes.rankings for pair in _pairs_of(ranking)])
    if len(compared.on_axis(OVERALL).decided()):
        return compared
    return _with(votes, list(_rated(votes, disjoint=False)))


def as_independent_pairs(votes: Votes) -> Votes:
    """The same for weighing annotators, each answer at most once a ranking, and once among a person's ratings.

    Of nine answers in order all 36 pairs are no 36 independent verdicts, and would make any test of them too sure.
    """
    chance = np.random.default_rng(0)
    pairs = list(_rated(votes, disjoint=True))
    for ranking in votes.rankings:
        places = [int(place) for place in chance.permutation(len(ranking.answers))]
        pairs += [_pair_of(ranking, *two) for two in zip(places[::2], places[1::2], strict=False)]
    return _with(votes, pairs)


def _with(votes: Votes, pairs: list[_Pair]) -> Votes:
    """The pairs of `votes` and these, on the overall axis; no anchors, no rankings."""
    columns = zip(*pairs, strict=True) if pairs else [()] * 6
    first, second, win, tie, annotator, weight = (list(column) for column in columns)
    count = len(pairs)
    added: dict[str, Any] = {
        "first_P": np.array(first, np.int64), "second_P": np.array(second, np.int64),
        "win_P": np.array(win, np.float64), "tie_P": np.array(tie, np.float64),
        "strength_P": np.ones(count), "weight_P": np.array(weight, np.float64),
        "axis_P": np.full(count, OVERALL), "annotator_P": np.array(annotator, np.int64),
    }  # fmt: skip
    joined: dict[str, Any] = {name: np.concatenate([getattr(votes, name), added[name]]) for name in added}
    return dataclasses.replace(
        votes.only_pairs(),
        **joined,
        chosen_by_P=[*votes.chosen_by_P, *[CHANCE] * count],
        source_P=[*votes.source_P, *[""] * count],
    )


def _pairs_of(ranking: Ranking) -> Iterator[_Pair]:
    return (_pair_of(ranking, *two) for two in combinations(range(len(ranking.answers)), 2))


def _pair_of(ranking: Ranking, i: int, j: int) -> _Pair:
    above, level = ranking.ranks[i] < ranking.ranks[j], ranking.ranks[i] == ranking.ranks[j]
    return ranking.answers[i], ranking.answers[j], float(above), float(level), ranking.annotator, ranking.weight


def _rated(votes: Votes, *, disjoint: bool) -> Iterator[_Pair]:
    """Two answers that one person rated differently, on one prompt; across prompts where each has one answer.

    Across prompts each rating stands in one pair, or a hundred ratings would be 4,950 pairs of the same noise.
    """
    of: dict[int, dict[int, list[tuple[int, float, float]]]] = {}
    for row in np.flatnonzero((votes.anchor_axis_Q == OVERALL) & votes.is_rating_Q):
        answer = int(votes.anchor_Q[row])
        prompts = of.setdefault(int(votes.anchor_annotator_Q[row]), {})
        one = (answer, float(votes.level_Q[row]), float(votes.anchor_weight_Q[row]))
        prompts.setdefault(int(votes.prompt_ids_A[answer]), []).append(one)
    chance = np.random.default_rng(0)
    several = any(len(rated) > 1 for prompts in of.values() for rated in prompts.values())
    for annotator, prompts in of.items():
        for rated in prompts.values() if several else [list(chain.from_iterable(prompts.values()))]:
            if disjoint or not several:
                order = [rated[place] for place in chance.permutation(len(rated))]
                pairs = list(zip(order[::2], order[1::2], strict=False))
            else:
                pairs = list(combinations(rated, 2))
            for (a, high, weight), (b, low, _) in pairs:
                if high != low:
                    yield a, b, float(high > low), 0.0, annotator, weight
