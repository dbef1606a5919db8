"""A verdict that nobody ever gave: only one side is ever better, nothing is ever equal, or never both bad."""

import json
import random

import numpy as np
import pytest

from tests.recipes.conftest import WORDS, write_lines
from training.recipes.reward import RewardModel
from training.recipes.reward_model import Config, reward_model
from training.recipes.run import Run

PROBES = ["tea", "water and tea", "some more words about tea and water", ""]


def pairs(choice: str, *, first: int, count: int):
    """The shorter answer is the better one, and stands where `choice` says."""
    chance = random.Random(first)
    rows = []
    for number in range(first, first + count):
        short, long = (" ".join(chance.choices(WORDS, k=length)) for length in (chance.randint(1, 4), 9))
        a, b = (long, short) if choice == "b" else (short, long)
        prompt = [{"role": "user", "content": f"What about {WORDS[number % 40]} {number}?"}]
        verdict = {"response_a": a, "response_b": b, "choice": choice, "annotator": f"p{number % 3}"}
        rows.append({"prompt_id": number, "prompt": prompt, "item_id": number, "judgement_ids": [number]} | verdict)
    return rows


@pytest.fixture
def learn(tiny, tmp_path):
    """`learn(train, held_out)`: the run's result, its model, and its scores of the same answers."""

    def learn(train, held_out, method="features"):
        number = len(list(tmp_path.iterdir()))
        directory = tmp_path / str(number)
        directory.mkdir()
        write_lines(directory / "train.jsonl", train)
        write_lines(directory / "held_out.jsonl", held_out)
        write_lines(directory / "open.jsonl", held_out)
        run = Run(directory / "run")
        items = str(directory / "open.jsonl")
        reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(directory), method=method, open_items=items))
        model = RewardModel.load(run.model, tiny)
        answers = [(held_out[0]["prompt"], text) for text in PROBES]
        return json.loads((run.directory / "result.json").read_text()), model, answers

    return learn


@pytest.mark.parametrize("method", ["features", "lora"])
@pytest.mark.parametrize("only", ["a", "b"])
def test_only_one_side_is_ever_better(learn, only, method):
    result, model, answers = learn(pairs(only, first=0, count=30), pairs(only, first=100, count=12), method)
    measured = {entry["metric"]: entry for entry in result["evaluations"]}
    assert measured["reward_model_accuracy"]["value"] > 0.9
    assert all(measured[f"reward_model_{name}"]["value"] >= 0 for name in ("calibration_error", "brier"))
    # It has learnt of answers, not that whatever stands on one side wins.
    there, back = model.preference(answers[:1], answers[2:3])[0], model.preference(answers[2:3], answers[:1])[0]
    assert there > 0.5
    assert there + back == pytest.approx(1)
    assert result["figures"]["items_in_order"] == 12


def test_on_which_side_the_better_answer_stood_makes_no_difference(learn):
    left, right = pairs("a", first=0, count=30), pairs("b", first=0, count=30)
    mixed = [(left, right)[number % 2][number] for number in range(30)]
    held_out = pairs("a", first=100, count=12)
    scores = [model.score(answers) for _, model, answers in (learn(rows, held_out) for rows in (left, right, mixed))]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)
    np.testing.assert_allclose(scores[0], scores[2], atol=1e-3)


def test_nothing_is_ever_equal(learn):
    rows = pairs("a", first=0, count=15) + pairs("b", first=15, count=15)
    result, model, _ = learn(rows, pairs("b", first=100, count=12))
    assert (result["figures"]["train_ties"], result["figures"]["tie_width"], model.tie_width) == (0, 0, 0)
    assert {entry["metric"] for entry in result["evaluations"]} >= {"reward_model_accuracy", "length_baseline"}


def test_nothing_is_ever_bad_on_both_sides(learn):
    rows = pairs("a", first=0, count=20) + pairs("tie", first=20, count=10)
    result, model, answers = learn(rows, pairs("b", first=100, count=12))
    assert (result["figures"]["train_anchors"], result["figures"]["train_ties"]) == (0, 10)
    assert result["figures"]["tie_width"] > 0
    assert np.isfinite(result["figures"]["good_from"])
    assert np.isfinite(np.concatenate(model.spread_of(answers))).all()
    with_bad, _, _ = learn([*rows, *pairs("both_bad", first=40, count=5)], pairs("b", first=100, count=12))
    assert with_bad["figures"]["train_anchors"] == 10


def test_held_out_people_never_prefer_any_answer(learn):
    result, model, _ = learn(pairs("a", first=0, count=30), pairs("tie", first=100, count=12))
    assert "reward_model_accuracy" not in {entry["metric"] for entry in result["evaluations"]}
    assert np.isfinite(model.temperature)
