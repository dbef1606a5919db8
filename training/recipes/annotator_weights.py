# ruff: noqa: N815 - shapes stand in the names
"""How much an annotator's votes weigh, by their agreement with a reward model that has seen none of them.

What others said of the very pair counts beside the model, as much as it helps to foresee a vote.

The annotators are dealt into folds; a head fitted to everybody else's votes says of each vote of a fold how likely it
was. An annotator of competence k says "the first" with the chance sigmoid(k d), d being the calibrated difference:
k = 1 is what the crowd does on average, 0 chance, -1 the contrary. How competence is spread over the crowd is estimated
from all of them (nonparametric empirical Bayes: EM over a grid, Laird, JASA 73, 1978), and gives each annotator the
posterior chance of k <= 0. In that head, and in what sets d by it, nobody counts for more than a twentieth of what all
say: who gave most of the votes, and gave them wrongly, would else be the crowd that the others are held against.

Everybody weighs exactly 1, unless the crowd's own votes say that there are people in it who do no better than chance:
they must be likelier by e^2 than they are under any crowd without such people. Of 60 simulated honest crowds (40
people, 25 votes each) that happened in none, and with few votes it cannot. Then an annotator weighs the posterior
chance that they do better than chance; where it is 95 % or more, 1; and never below a twentieth. So among many unknowns
nobody need be caught for the crowd to be heard better; nothing is dropped, and result.json lists everybody.

Of fewer than eight people it is the pairs that are dealt into folds, not the people, and those who do better than
chance must be the greater part; else there are too few to tell, everybody weighs 1, and the chance of doing no better
is given as a half.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.recipes.calibration import fit_temperature
from training.recipes.intervals import Floats
from training.recipes.reward_head import fit_targets
from training.recipes.reward_targets import head_targets
from training.recipes.uncertainty import deviations
from training.recipes.votes import OVERALL, Ints, Votes

LEAST_WEIGHT, DOUBT = 0.05, 0.05
EVIDENCE = 2.0  # nats, of people who do no better than chance
FOLDS, ROUNDS = 5, 2
# Fewer people are all in the head that they are held against, which has seen nobody's vote on the pair. Without one of
# them it would be another crowd for each: of two good people and a contrary one, good for the contrary one, and none at
# all for the two. That somebody's own votes on other pairs are in it speaks for them: more must speak against them.
FEW = 8
MOST_SHARE, _SHARE_ROUNDS = 0.05, 30  # of the votes that the crowd is held against, by one person
COMPETENCE_G = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])
_EM_STEPS, _NEWTON_STEPS = 500, 10
_PRIOR_PRECISION = 4.0
_PSEUDO = 1.0  # annotators of competence 1 that are added to the crowd, so that three people do not define one


@dataclass(frozen=True)
class AnnotatorWeights:
    """One entry an annotator, in the order of `Votes.annotators`."""

    weights: Floats  # 1, or less
    competence: Floats  # posterior mean
    no_better_than_chance: Floats  # posterior chance
    votes: Floats  # that preferred one of two answers, and could be held against the model
    agreement: Floats  # share of them that prefer what the model does; nan without any
    expected: Floats  # the share that would if the annotator were like the crowd
    too_few_to_tell: bool = False  # whose votes are the good ones; then everybody weighs 1

    def as_rows(self, annotators: list[str]) -> list[dict[str, Any]]:
        """For result.json."""
        return [
            {
                "annotator": name,
                "weight": round(float(self.weights[a]), 4),
                "competence": round(float(self.competence[a]), 4),
                "no_better_than_chance": round(float(self.no_better_than_chance[a]), 6),
                "votes": int(self.votes[a]),
                "agreement": round(float(self.agreement[a]), 4) if self.votes[a] else None,
                "expected_agreement": round(float(self.expected[a]), 4) if self.votes[a] else None,
            }
            for a, name in enumerate(annotators)
        ]


def weigh_annotators(phi_A_K: Floats, groups_K: np.ndarray, votes: Votes) -> AnnotatorWeights:
    """Weights from the overall verdicts on pairs; whoever gave none weighs 1.

    Args:
        phi_A_K: features of the votes' answers.
        groups_K: their prior groups.
    """
    count = len(votes.annotators)
    pairs = votes.on_axis(OVERALL).only_pairs()
    pairs = pairs.keep(pairs.first_P != pairs.second_P)
    decided = pairs.keep(pairs.win_P != pairs.lose_P)
    found = _nobody(count)
    if count < 2 or not len(decided):
        return found
    # The prior's scales once, from everybody: they hardly depend on a fold, and are most of the work.
    precisions = fit_targets(head_targets(phi_A_K, pairs), groups_K).precisions
    said_N = np.bincount(pairs.annotator_P, minlength=count) * _held_to_share(pairs.annotator_P, np.ones(count))
    people = float(said_N.sum()) ** 2 / float(said_N @ said_N)  # as many as would be if each had said as much
    for _ in range(ROUNDS):
        # In the second round whoever is weighed down no longer teaches the model that judges the others.
        counts = found.weights * _held_to_share(pairs.annotator_P, found.weights)
        heard, decisive = pairs.weighted(counts), decided.weighted(counts)
        difference_P = _cross_fitted(phi_A_K, groups_K, heard, decisive, precisions, by_pairs=people < FEW)
        difference_P = _with_others(difference_P, decided, counts)
        found = _judge(difference_P, decided, counts, people)
    return found


def _held_to_share(annotator_P: Ints, weights: Floats) -> Floats:
    """What each annotator's votes count, so that nobody gives more than MOST_SHARE of what all say together.

    The crowd is held against what people say, each of them, not against whoever judged most: one person who gave most
    of the votes, and gave them wrongly, would make everybody else look contrary.
    """
    said_N = np.bincount(annotator_P, minlength=len(weights)) * weights
    share = max(MOST_SHARE, 2 / max(1, int((said_N > 0).sum())))  # of a few people each must say more
    most = float(said_N.max(initial=0.0))
    for _ in range(_SHARE_ROUNDS):
        most = share * float(np.minimum(said_N, most).sum())
    return np.minimum(1.0, most / np.maximum(said_N, 1e-12))


def _nobody(count: int) -> AnnotatorWeights:
    ones, none = np.ones(count), np.zeros(count)
    return AnnotatorWeights(ones, ones, none, none, none + np.nan, none + np.nan)


def _cross_fitted(
    phi_A_K: Floats,
    groups_K: np.ndarray,
    pairs: Votes,
    decided: Votes,
    precisions: tuple[float, ...],
    *,
    by_pairs: bool,
) -> Floats:
    """The calibrated difference of each decided pair under a head that has not seen its annotator's votes.

    With `by_pairs` it has not seen the pair, by whomever: see `FEW`.
    """
    dealt_P, dealt = pairs.annotator_P, len(pairs.annotators)
    if by_pairs:
        dealt_P = _places(pairs)
        dealt = int(dealt_P.max()) + 1
    own_P = dealt_P[pairs.win_P != pairs.lose_P]
    folds = min(FOLDS, dealt)
    fold_of = np.random.default_rng(0).permutation(dealt) % folds
    x_P_K = phi_A_K[decided.first_P] - phi_A_K[decided.second_P]
    mean_P, sd_P = np.zeros(len(decided)), np.zeros(len(decided))
    for fold in range(folds):
        held_P = fold_of[own_P] == fold
        others = pairs.keep(fold_of[dealt_P] != fold)
        if not held_P.any() or not len(others):
            continue
        head = fit_targets(head_targets(phi_A_K, others), groups_K, precisions=precisions)
        mean_P[held_P] = x_P_K[held_P] @ head.weights
        sd_P[held_P] = deviations(x_P_K[held_P], head.covariance)
    temperature = fit_temperature(mean_P, sd_P, decided.win_P, decided.tie_P, weight_N=decided.weight_P)
    return mean_P / np.sqrt(temperature**2 + np.pi * sd_P**2 / 8)


def _with_others(difference_P: Floats, decided: Votes, counts: Floats) -> Floats:
    """The log odds of each vote for the first, from the difference and from what others said of the same pair.

    Their two coefficients are those that foretell the crowd's votes best, with a prior of (1, 0): where every pair was
    judged once the difference stays as it is.
    """
    turned_P = np.where(decided.first_P < decided.second_P, 1.0, -1.0)
    place_P = _places(decided)
    count_P = counts[decided.annotator_P]
    said_P = (decided.win_P - decided.lose_P) * turned_P * count_P
    # Somebody who judged a pair twice is no other.
    own = place_P * len(counts) + decided.annotator_P
    _, own_P = np.unique(own, return_inverse=True)
    others_P = np.bincount(place_P, said_P)[place_P] - np.bincount(own_P, said_P)[own_P]
    x_P_2 = np.column_stack([difference_P, others_P * turned_P])
    won_P, prior = np.where(decided.win_P > decided.lose_P, 1.0, 0.0), np.array([1.0, 0.0])
    coefficients = prior.copy()
    for _ in range(_NEWTON_STEPS):
        p_P = 1 / (1 + np.exp(-np.clip(x_P_2 @ coefficients, -30, 30)))
        gradient = x_P_2.T @ (count_P * (won_P - p_P)) - _PRIOR_PRECISION * (coefficients - prior)
        hessian = (x_P_2 * (count_P * p_P * (1 - p_P))[:, None]).T @ x_P_2 + _PRIOR_PRECISION * np.eye(2)
        # Neither speaks against an answer: else a crowd that is contrary to its model would be the measure.
        free = (coefficients > 0) | (gradient > 0)
        step = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        coefficients[free] = np.maximum(0.0, coefficients[free] + step)
    return np.asarray(x_P_2 @ coefficients)


def _places(votes: Votes) -> Ints:
    """Which pair each vote is of, whichever answer came first."""
    low_P, high_P = np.minimum(votes.first_P, votes.second_P), np.maximum(votes.first_P, votes.second_P)
    return np.asarray(np.unique(np.stack([low_P, high_P], 1), axis=0, return_inverse=True)[1]).ravel()


def _judge(difference_P: Floats, decided: Votes, counts: Floats, people: float) -> AnnotatorWeights:
    """Each annotator's posterior over the grid of competences, and what follows from it.

    Of a few people, those who do better than chance by their own votes must have more than half of the votes, be more
    than half of the people, and more than those who are weighed down. Else it is one half's word against the other's,
    or nobody has said enough: all stand alike, and whether they do better is anybody's guess.
    """
    count = len(counts)
    toward_P = np.where(decided.win_P > decided.lose_P, difference_P, -difference_P)
    log_p_P_G = -np.logaddexp(0.0, -toward_P[:, None] * COMPETENCE_G)
    log_p_N_G = np.zeros((count, len(COMPETENCE_G)))
    np.add.at(log_p_N_G, decided.annotator_P, log_p_P_G)
    said_N = np.bincount(decided.annotator_P, minlength=count).astype(np.float64)
    posterior_N_G = _posterior(log_p_N_G[said_N > 0])
    everyone_N_G = np.zeros((count, len(COMPETENCE_G)))
    everyone_N_G[:, COMPETENCE_G == 1.0] = 1.0
    everyone_N_G[said_N > 0] = posterior_N_G

    chance_N = everyone_N_G[:, COMPETENCE_G <= 0].sum(1)
    weights = np.ones(count)
    if _evidence_of_chance(log_p_N_G[said_N > 0]) > EVIDENCE:
        weights = np.where(chance_N > DOUBT, np.maximum(1 - chance_N, LEAST_WEIGHT), 1.0)
    said_for_N = log_p_N_G[:, COMPETENCE_G > 0].max(1) - log_p_N_G[:, COMPETENCE_G <= 0].max(1)
    good_N, heard_N = said_for_N > EVIDENCE, said_N * counts
    others = max(people / 2, float((weights < 1).sum()))
    untold = people < FEW and bool(2 * heard_N[good_N].sum() <= heard_N.sum() or good_N.sum() <= others)
    if untold:
        weights, everyone_N_G = np.ones(count), np.where(COMPETENCE_G == 1.0, np.ones((count, 1)), 0.0)
        chance_N = np.where(said_N > 0, 0.5, 0.0)

    likely_P = 1 / (1 + np.exp(-np.abs(difference_P)))
    with np.errstate(invalid="ignore"):
        agreement_N = np.bincount(decided.annotator_P, 0.5 + 0.5 * np.sign(toward_P), minlength=count) / said_N
        expected_N = np.bincount(decided.annotator_P, likely_P, minlength=count) / said_N
    return AnnotatorWeights(weights, everyone_N_G @ COMPETENCE_G, chance_N, said_N, agreement_N, expected_N, untold)


def _evidence_of_chance(log_p_N_G: Floats) -> float:
    """Nats that the votes of all gain when some of the crowd may be no better than chance."""
    better_G = COMPETENCE_G > 0
    return _crowd(log_p_N_G, COMPETENCE_G)[1] - _crowd(log_p_N_G[:, better_G], COMPETENCE_G[better_G])[1]


def _posterior(log_p_N_G: Floats) -> Floats:
    """Over the grid, a row an annotator, with the crowd's spread of competence estimated from all rows."""
    share_G = _crowd(log_p_N_G, COMPETENCE_G)[0]
    posterior_N_G = np.exp(log_p_N_G - log_p_N_G.max(1, keepdims=True)) * share_G
    return np.asarray(posterior_N_G / posterior_N_G.sum(1, keepdims=True))


def _crowd(log_p_N_G: Floats, competence_G: Floats) -> tuple[Floats, float]:
    """Shares of the crowd by competence under which its votes are likeliest, and how likely in nats."""
    usual_G = _PSEUDO * (competence_G == 1.0)
    share_G = np.full(len(competence_G), 1 / len(competence_G))
    top_N = log_p_N_G.max(1, initial=-np.inf)
    likelihood_N_G = np.exp(log_p_N_G - top_N[:, None])
    for _ in range(_EM_STEPS):
        posterior_N_G = likelihood_N_G * share_G
        posterior_N_G /= posterior_N_G.sum(1, keepdims=True)
        new_G = posterior_N_G.sum(0) + usual_G
        new_G /= new_G.sum()
        moved, share_G = np.abs(new_G - share_G).max(), new_G
        if moved < 1e-7:
            break
    log_likelihood = top_N.sum() + np.log(likelihood_N_G @ share_G).sum() + usual_G @ np.log(share_G + 1e-300)
    return share_G, float(log_likelihood)
