"""From votes over answers to what the head is fitted to: votes over features."""

import dataclasses

import numpy as np

from training.recipes.intervals import Floats
from training.recipes.reward_head import HeadTargets
from training.recipes.run import RecipeError
from training.recipes.targets import RankedAlike, Strength
from training.recipes.votes import Ranking, Votes

LEAST_LEFT = 0.01


def as_learnt(votes: Votes, form: Strength) -> Votes:
    """The votes of one axis as a likelihood takes them.

    Strengths are divided by their mean, so that what is said emphatically counts more than what is not, and all
    together as much as there are votes: otherwise the head would be as sure as if three times as many had judged.
    Votes on two answers that read the same say nothing of answers, and would make ties look likelier than they are.
    """
    votes = votes.keep(votes.first_P != votes.second_P)
    if form == "margin":
        return votes
    mean = float(np.average(votes.strength_P, weights=votes.weight_P)) if votes.weight_P.sum() > 0 else 1.0
    return dataclasses.replace(votes, strength_P=votes.strength_P / mean).pooled()


def check_tells_apart(votes: Votes) -> None:
    """Raises RecipeError when nothing in these votes tells a better answer from a worse one."""
    if len(votes.decided()) or any(len(set(ranking.ranks)) > 1 for ranking in votes.rankings):
        return
    if not len(votes.level_Q):
        raise RecipeError("No judgement in this snapshot prefers one answer; collect some comparisons first.")
    if len(np.unique(votes.level_Q)) < 2:
        raise RecipeError(
            "No judgement in this snapshot prefers one answer; collect some comparisons, or ratings of better and of "
            "worse answers: all that there are say the same."
        )


def check_something_is_left(share: float) -> None:
    """Raises RecipeError when length was all of the score that it is taken out of: what is left, brought to a deviation
    of 1, would be noise that looks like a reward.

    Args:
        share: of the score's deviation over the training answers, what is left.
    """
    if share < LEAST_LEFT:
        raise RecipeError(
            f"So far the judgements say that length is all that counts: without it {100 * share:.1g} % of the score is "
            "left, and nothing could be learnt from that. Judge more, or leave length in (remove_length)."
        )


def head_targets(phi_A_K: Floats, votes: Votes, *, form: Strength = "scaled") -> HeadTargets:
    """The votes of one axis over the answers' features, shape (A, K)."""
    votes = as_learnt(votes, form)
    return HeadTargets(
        phi_A_K[votes.first_P] - phi_A_K[votes.second_P],
        votes.win_P,
        votes.tie_P,
        votes.strength_P,
        votes.weight_P,
        phi_A_K[votes.anchor_Q],
        votes.level_Q,
        votes.anchor_weight_Q,
        tuple(_alike(phi_A_K, votes.rankings)),
        form,
    )


def _alike(phi_A_K: Floats, rankings: list[Ranking]) -> list[RankedAlike]:
    """Rankings of one pattern together, each with its best answer first: (1, 2, 2) whatever the order they stood in."""
    found: dict[tuple[int, ...], list[tuple[list[int], float]]] = {}
    for ranking in rankings:
        order = sorted(range(len(ranking.ranks)), key=ranking.ranks.__getitem__)
        pattern = tuple(ranking.ranks[place] for place in order)
        found.setdefault(pattern, []).append(([ranking.answers[place] for place in order], ranking.weight))
    return [
        (phi_A_K[np.array([answers for answers, _ in rows])], pattern, np.array([weight for _, weight in rows]))
        for pattern, rows in found.items()
    ]
