"""What a reward model may have learnt instead of what is good: length, list and bold markup, flattery.

Of each it is said how much of the difference between two answers' scores it explains (the squared correlation over
held-out pairs), and beside it how far people go by it themselves: a model that prefers longer answers as much as its
annotators do has learnt them well, and the annotators are what needs a word. Accuracy on pairs of about equal length
says what is left where length tells nothing.
"""

import re
from typing import Any

import numpy as np

from training.recipes.intervals import Floats, evaluation, mean_interval, resampled_sums
from training.recipes.projection import log_lengths
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import how_chosen, passive
from training.recipes.votes import OVERALL, Answer, Votes, texts_of

MATCHED = 1.1  # the longer answer's characters over the shorter's, at most
LEAST_PAIRS = 10
DRAWS = 500
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__|^#{1,6}\s", re.MULTILINE)
# What is said to please whoever asked, whatever the question. English, because the phrases have to be listed.
_FLATTERY = re.compile(
    r"\b(?:(?:great|good|excellent|fantastic|wonderful|interesting|thoughtful) (?:question|point|idea|thought)"
    r"|(?:you(?:'|’)?re|you are) (?:absolutely |completely |so |quite )?(?:right|smart|brilliant|amazing|kind)"
    r"|what a (?:great|wonderful|lovely|fantastic|thoughtful)"
    r"|(?:i(?:'|’)?m|i am) (?:so )?(?:glad|happy) (?:you|to help)"
    r"|i (?:completely|totally|absolutely) agree|well said|great job)\b",
    re.IGNORECASE,
)


def traits(answers: list[Answer]) -> dict[str, Floats]:
    """By name, a number an answer, shape (A,): log characters, and log of one plus how often the others occur."""
    texts = texts_of(answers)
    counted = {"markup": (_LIST, _BOLD), "flattery": (_FLATTERY,)}
    found = {"length": log_lengths(texts)}
    for name, patterns in counted.items():
        counts = [sum(len(pattern.findall(text)) for pattern in patterns) for text in texts]
        found[name] = np.log1p(np.array(counts, dtype=np.float64))
    return found


def report_bias(model: RewardModel, votes: Votes) -> list[dict[str, Any]]:
    """An Evaluation a trait, one of all together, and the accuracy on pairs of equal length; of decided pairs.

    Of pairs that no reward model chose, as all that is measured. A trait in which no two answers of a pair differ
    explains nothing and is left out.
    """
    decided = passive(votes.on_axis(OVERALL)).decided()
    if len(decided) < LEAST_PAIRS:
        return []
    score_A = model.score(decided.answers)
    delta_P = score_A[decided.first_P] - score_A[decided.second_P]
    said_P, prompts = decided.win_P - decided.lose_P, decided.prompt_ids_P.tolist()
    of = traits(decided.answers)
    differences = {name: t[decided.first_P] - t[decided.second_P] for name, t in of.items()}
    differences = {name: x_P for name, x_P in differences.items() if x_P.any()}
    entries = []
    for name, x_P in differences.items():
        detail = {"model_correlation": _correlation(x_P, delta_P), "people_correlation": _correlation(x_P, said_P)}
        entries.append(_explained(f"score_explained_by_{name}", x_P[:, None], delta_P, prompts, detail))
    if len(differences) > 1:
        together_P_T = np.column_stack(list(differences.values()))
        detail_of_all = {"traits": list(differences)}
        entries.append(_explained("score_explained_by_traits", together_P_T, delta_P, prompts, detail_of_all))
    matched_P = np.abs(differences.get("length", np.zeros(len(decided)))) <= np.log(MATCHED)
    if matched_P.sum() >= LEAST_PAIRS:
        right = 0.5 + 0.5 * np.sign(delta_P[matched_P]) * np.sign(said_P[matched_P])
        interval = mean_interval(right, [p for p, kept in zip(prompts, matched_P, strict=True) if kept])
        about = {"longer_by_at_most": f"{MATCHED - 1:.0%}"} | how_chosen(decided)
        entries.append(evaluation("length_matched_accuracy", float(right.mean()), interval, len(right), about))
    return entries


def _explained(
    metric: str, x_P_T: Floats, delta_P: Floats, prompts: list[int], detail: dict[str, Any]
) -> dict[str, Any]:
    both_P_U = np.column_stack([x_P_T, delta_P])
    products_P_UU = (both_P_U[:, :, None] * both_P_U[:, None, :]).reshape(len(delta_P), -1)
    value = float(_shares(products_P_UU.sum(0, keepdims=True))[0])
    low, high = np.quantile(_shares(resampled_sums(products_P_UU, prompts, draws=DRAWS)), [0.025, 0.975])
    return evaluation(metric, value, (float(low), float(high)), len(delta_P), detail)


def _shares(products_B_UU: Floats) -> Floats:
    """Explained share of the sum of squares, of each row of summed products of the traits and, last, the difference.

    Through the origin: swapping the two answers must change nothing.
    """
    size = round(products_B_UU.shape[1] ** 0.5)
    gram_B_U_U = products_B_UU.reshape(-1, size, size)
    inner, cross, total = gram_B_U_U[:, :-1, :-1], gram_B_U_U[:, :-1, -1], gram_B_U_U[:, -1, -1]
    explained = np.einsum("bt,bts,bs->b", cross, np.linalg.pinv(inner, hermitian=True), cross)
    shares: Floats = np.clip(explained / np.where(total > 0, total, 1.0), 0.0, 1.0)
    return shares


def _correlation(x_P: Floats, y_P: Floats) -> float:
    """Through the origin, as `_shares` has it."""
    scale = float(np.sqrt((x_P @ x_P) * (y_P @ y_P)))
    return round(float(x_P @ y_P) / scale, 4) if scale else 0.0
