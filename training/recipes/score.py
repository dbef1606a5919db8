"""What a reward model makes of answers: means, deviations, and how likely people would prefer one to another.

    python -m training.recipes.score RUN_DIR

Reads RUN_DIR/request.json, `{"pairs": [{"prompt", "response_a", "response_b"}], "lists": [{"prompt", "responses"}]}`
with prompts as messages, and leaves the scores in result.json, in the same order. Scores have mean 0 and deviation 1 on
the answers that the model learnt from; a deviation `sd` says how little the model knows of this answer, not how much
people would differ. `probability_a` is the share of votes that response_a is expected to get, a tie half for each,
calibrated on held-out prompts; an answer's `share` in a list the same against the list's others, their mean, and null
where there are none. `cut` and `prompt_cut` say where a text is longer than what the model reads of it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.recipes.features import PROMPT_CUT, RESPONSE_CUT, Answer, FeatureReader
from training.recipes.reward import RewardModel
from training.recipes.run import RecipeError, Run, main

DIGITS = 6


@dataclass(frozen=True)
class Config:
    base_dir: str
    reward_model_dir: str


def score(run: Run, config: Config) -> None:
    request = read_request(run.directory / "request.json")
    model = RewardModel.load(Path(config.reward_model_dir), FeatureReader(Path(config.base_dir)))
    scores = scores_of(model, request)
    answers = 2 * len(scores["pairs"]) + sum(len(one["responses"]) for one in scores["lists"])
    run.log(1, 1, {"answers": answers}, stage="score")
    run.finish(artifacts={}, figures={"answers": answers}, **scores)


def scores_of(model: RewardModel, request: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """`{"pairs": […], "lists": […]}`, in the order of the request.

    Raises:
        RecipeError: the model is from before deviations were kept, or its scores are no numbers.
    """
    first: list[Answer] = [(pair["prompt"], pair["response_a"]) for pair in request["pairs"]]
    second: list[Answer] = [(pair["prompt"], pair["response_b"]) for pair in request["pairs"]]
    listed: list[Answer] = [(one["prompt"], text) for one in request["lists"] for text in one["responses"]]
    # All answers in one pass: batches of one length are larger that way.
    mean_A, sd_A = model.spread_of(first + second + listed)
    cut_A = model.reader.cuts(first + second + listed)
    answers = [
        {"mean": _round(mean), "sd": _round(sd), "cut": bool(cut & RESPONSE_CUT)}
        for mean, sd, cut in zip(mean_A, sd_A, cut_A, strict=True)
    ]
    prompt_cut = [bool(cut & PROMPT_CUT) for cut in cut_A]
    pairs = _pairs(model, first, second, answers)
    for place, pair in enumerate(pairs):
        pair["prompt_cut"] = prompt_cut[place]
    lists, place = [], 2 * len(first)
    for one in request["lists"]:
        mine = slice(place, place + len(one["responses"]))
        lists.append({"responses": _list(model, one, answers[mine]), "prompt_cut": any(prompt_cut[mine])})
        place = mine.stop
    return {"pairs": pairs, "lists": lists}


def _list(model: RewardModel, one: dict[str, Any], scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(scores) < 2:
        return [{**score, "share": None} for score in scores]
    share_A = model.shares_among([(one["prompt"], text) for text in one["responses"]])
    return [score | {"share": _round(share)} for score, share in zip(scores, share_A, strict=True)]


def _pairs(
    model: RewardModel, first: list[Answer], second: list[Answer], answers: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if not first:
        return []
    mean_P, sd_P, probability_P = model.difference(first, second)
    return [
        {
            "response_a": answers[index],
            "response_b": answers[len(first) + index],
            "difference": _round(mean_P[index]),
            "difference_sd": _round(sd_P[index]),
            "probability_a": _round(probability_P[index]),
        }
        for index in range(len(first))
    ]


def read_request(path: Path) -> dict[str, Any]:
    """Raises RecipeError when there is none, or it is not as described above."""
    try:
        request = json.loads(path.read_text())
        for pair in request["pairs"]:
            pair["prompt"], pair["response_a"], pair["response_b"]
        for one in request["lists"]:
            one["prompt"], one["responses"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RecipeError(f"{path.name} does not say what to score: {problem}.") from None
    return dict(request)


def _round(value: Any) -> float:
    if not np.isfinite(value):
        raise RecipeError("The reward model gave a score that is no number; its artifact cannot be used.")
    return round(float(value), DIGITS)


if __name__ == "__main__":
    main(score, Config)
