"""The Gate's rule: a conjunction, each term one measured property and the bound that its interval must clear.

The intervals are 95 %: a term that does not hold in truth passes with a probability of 2.5 % at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models_registry.models import Evaluation

WIN_RATE = "win_rate"
REWARD_MODEL_ACCURACY = "reward_model_accuracy"


@dataclass(frozen=True)
class Term:
    """The lower end of the metric's interval must lie above the bound. `found` is its sentence."""

    title: str
    metric: str
    bound: float
    found: str
    missing: str


TERMS = (
    Term(
        "Beats its parent", WIN_RATE, 0.5, "Its answer is preferred on {value} of held-out prompts",
        "Not measured: on how many held-out prompts its answer is preferred. Run an evaluation.",
    ),
    Term(
        "Its reward model can tell", REWARD_MODEL_ACCURACY, 0.5,
        "The reward model that trained it agrees with {value} of held-out judgements",
        "Not measured: with how many held-out judgements its reward model agrees. Run an evaluation.",
    ),
)  # fmt: skip


def judge_terms(evaluations: Mapping[str, Evaluation], *, compared_with: int | None) -> list[dict[str, Any]]:
    """Each term with its evidence, whether it holds, and a sentence that says so.

    Args:
        evaluations: the newest of each metric.
        compared_with: the version that the win rate must be against.
    """
    return [_judge(term, evaluations.get(term.metric), compared_with) for term in TERMS]


def _judge(term: Term, evaluation: Evaluation | None, compared_with: int | None) -> dict[str, Any]:
    verdict: dict[str, Any] = {
        "term": term.title, "metric": term.metric, "bound": term.bound, "holds": False,
        "value": None, "low": None, "high": None, "n": None, "evaluation_id": None,
    }  # fmt: skip
    if term.metric == WIN_RATE and compared_with is None:
        return verdict | {"sentence": "It has neither parent nor base to be compared with."}
    if evaluation is None:
        return verdict | {"sentence": term.missing}
    verdict |= {
        "value": evaluation.value, "low": evaluation.low, "high": evaluation.high,
        "n": evaluation.n, "evaluation_id": evaluation.pk,
    }  # fmt: skip
    if term.metric == WIN_RATE and evaluation.against_id != compared_with:
        return verdict | {"sentence": "The win rate is not against the version's parent. Run an evaluation."}
    holds = evaluation.low > term.bound
    found = term.found.format(value=f"{evaluation.value * 100:.0f} %")
    interval = f"{evaluation.low * 100:.0f} to {evaluation.high * 100:.0f} %, {evaluation.n} cases"
    bound = f"{term.bound * 100:.0f} %"
    judged = f"surely above {bound}." if holds else f"not surely above {bound}. Train further, or evaluate on more."
    return verdict | {"holds": holds, "sentence": f"{found} ({interval}): {judged}"}
