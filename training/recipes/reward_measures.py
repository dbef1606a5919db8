"""What is measured of a reward model on held-out votes, for result.json."""

from typing import Any

import numpy as np

from training.recipes.calibration import (
    cross_fitted_shares,
    fit_temperature,
    measure_calibration,
    slice_evaluations,
)
from training.recipes.intervals import Floats, cluster_mean_interval, evaluation, mean_interval
from training.recipes.projection import log_lengths
from training.recipes.reward import RewardModel
from training.recipes.uncertainty import deviations
from training.recipes.vote_rows import ACTIVE_POLICY, CONTRADICTION
from training.recipes.votes import OVERALL, Ints, Votes, texts_of

# For what a reward model makes of it: easy or telling pairs are not what is asked in life.
CHOSEN_BY_MODEL = {ACTIVE_POLICY, CONTRADICTION}
SIMILAR, DIFFERENT = 1.25, 2.0  # the longer answer's characters over the shorter's


def calibrate(model: RewardModel, held_out: Votes) -> RewardModel:
    """With the temperature under which the held-out verdicts are likeliest."""
    votes = passive(held_out.on_axis(OVERALL))
    if not len(votes):
        return model
    mean_P, sd_P = _differences(model, votes, model.weights)
    return model.calibrated(fit_temperature(mean_P, sd_P, votes.win_P, votes.tie_P, tie_width=model.tie_width))


def passive(votes: Votes) -> Votes:
    """The pairs that no reward model chose; all of them where there are no such."""
    kept = votes.keep(np.array([why not in CHOSEN_BY_MODEL for why in votes.chosen_by_P], dtype=bool))
    return kept if len(kept.decided()) else votes


def how_chosen(votes: Votes) -> dict[str, Any]:
    """For the detail of what is measured on them: a warning where `passive` found nothing better."""
    chosen = CHOSEN_BY_MODEL & set(votes.chosen_by_P)
    return {"chosen": "by a reward model, for lack of others"} if chosen else {}


def measure(model: RewardModel, train: Votes, held_out: Votes) -> list[dict[str, Any]]:
    """Accuracy, and calibration over all and by slice; nothing without held-out votes that prefer one answer.

    Probabilities are those of temperatures that were fitted without the prompts on which they are measured.
    """
    found = measure_accuracy(model, train, held_out)
    if not found:
        return []
    return found + _of_probabilities(model, passive(held_out.on_axis(OVERALL))) + _by_axis(model, held_out)


def measure_accuracy(model: RewardModel, train: Votes, held_out: Votes) -> list[dict[str, Any]]:
    """Accuracy, the length baseline on the same rows, and their difference, in this order."""
    votes = passive(held_out.on_axis(OVERALL))
    decided = votes.decided()
    if not len(decided):
        return []
    right = agrees(model, decided)
    taught = train.decided()
    longer_wins = np.sign(log_ratio(taught) @ (taught.win_P - 0.5)) or 1.0
    baseline = _right(longer_wins * log_ratio(decided), decided.win_P)
    ids, n = decided.prompt_ids_P.tolist(), len(decided)
    over = cluster_mean_interval(right - baseline, ids)
    rule = "the longer answer" if longer_wins > 0 else "the shorter answer"
    chosen = {"of": "held-out votes with a preference"} | how_chosen(decided)
    return [
        evaluation("reward_model_accuracy", float(right.mean()), mean_interval(right, ids), n, chosen),
        evaluation("length_baseline", float(baseline.mean()), mean_interval(baseline, ids), n, {"prefers": rule}),
        evaluation("accuracy_over_length", float((right - baseline).mean()), over, n),
    ]


def agrees(model: RewardModel, decided: Votes) -> Floats:
    """Shape (P,): 1 where its scores prefer the answer that the vote does, 0 where not, a half where neither."""
    score_A = model.score(decided.answers)
    return _right(score_A[decided.first_P] - score_A[decided.second_P], decided.score_P)


def _of_probabilities(model: RewardModel, votes: Votes) -> list[dict[str, Any]]:
    mean_P, sd_P = _differences(model, votes, model.weights)
    prompts = votes.prompt_ids_P
    share_P = cross_fitted_shares(mean_P, sd_P, votes.win_P, votes.tie_P, prompts, tie_width=model.tie_width)
    found = measure_calibration(share_P, votes.score_P, prompts.tolist())
    about = {"temperature": model.temperature, "cross_fitted": True}
    names = {
        "reward_model_calibration_error": "calibration_error",
        "reward_model_brier": "brier",
        "reward_model_negative_log_likelihood": "negative_log_likelihood",
    }
    overall = [
        evaluation(metric, found[name]["value"], (found[name]["low"], found[name]["high"]), len(votes), about)
        for metric, name in names.items()
    ]
    return overall + slice_evaluations(share_P, votes.score_P, prompts, _slices(votes))


def _by_axis(model: RewardModel, held_out: Votes) -> list[dict[str, Any]]:
    """Each axis' own head on that axis' votes."""
    shares, outcomes, prompts, names = [], [], [], []
    for axis, name in enumerate(held_out.axes):
        votes = passive(held_out.on_axis(axis))
        if axis == OVERALL or name not in model.axes or not len(votes):
            continue
        mean_P, _ = _differences(model, votes, model.axes[name])
        ids: Ints = votes.prompt_ids_P
        shares.append(cross_fitted_shares(mean_P, np.zeros(len(votes)), votes.win_P, votes.tie_P, ids))
        outcomes.append(votes.score_P)
        prompts.append(ids)
        names += [(name,)] * len(votes)
    if not names:
        return []
    return slice_evaluations(np.concatenate(shares), np.concatenate(outcomes), np.concatenate(prompts), {"axis": names})


def _differences(model: RewardModel, votes: Votes, weights_K: Floats) -> tuple[Floats, Floats]:
    """Means and deviations of the pairs' differences, in log odds before any temperature."""
    features = model.features(votes.answers)
    x_P_K = features[votes.first_P] - features[votes.second_P]
    sd_P = np.zeros(len(votes)) if model.covariance is None else deviations(x_P_K, model.covariance)
    return x_P_K @ weights_K, sd_P


def log_ratio(votes: Votes) -> Floats:
    """Log length of the first minus log length of the second."""
    lengths_A = log_lengths(texts_of(votes.answers))
    return lengths_A[votes.first_P] - lengths_A[votes.second_P]


def _right(margins: Floats, wins: Floats) -> Floats:
    """1 where the sign of the margin agrees with the vote, 0 where not, a half where it has none."""
    return 0.5 + 0.5 * np.sign(margins) * np.sign(wins - 0.5)


def _slices(votes: Votes) -> dict[str, list[tuple[str, ...]]]:
    """By what slices go by, each vote's groups. A group that holds all the votes says nothing new, and is none."""
    groups: dict[str, list[tuple[str, ...]]] = {
        "length": [(name,) for name in _length_groups(votes)],
        "source": [(name,) for name in votes.source_P],
        "annotators": _annotator_groups(votes),
    }
    everywhere = {by: set(groups_P[0]).intersection(*groups_P) for by, groups_P in groups.items() if groups_P}
    return {
        by: [tuple(name for name in its if name not in everywhere[by]) for its in groups_P]
        for by, groups_P in groups.items()
    }


def _length_groups(votes: Votes) -> list[str]:
    ratio_P = np.exp(np.abs(log_ratio(votes)))
    return [
        "similar" if ratio < SIMILAR else "different" if ratio < DIFFERENT else "very different" for ratio in ratio_P
    ]


def _annotator_groups(votes: Votes) -> list[tuple[str, ...]]:
    """People or programs, and their tags."""
    groups = votes.annotator_groups or [()] * len(votes.annotators)
    of = [
        ("simulated" if name.startswith("simulated-") else "people", *tags)
        for name, tags in zip(votes.annotators, groups, strict=True)
    ]
    return [of[a] if a >= 0 else () for a in votes.annotator_P]
