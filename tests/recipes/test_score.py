"""Scores as a recipe: in the order of the request, and a sentence for what cannot be scored."""

import json

import numpy as np
import pytest

from training.recipes.run import RecipeError, Run
from training.recipes.score import Config, score

PROMPT = [{"role": "user", "content": "What about tea?"}]


@pytest.fixture
def ask(tmp_path, tiny, reward_dir):
    def ask(request: object, model=None) -> dict:
        (tmp_path / "request.json").write_text(request if isinstance(request, str) else json.dumps(request))
        score(Run(tmp_path), Config(base_dir=str(tiny), reward_model_dir=str(model or reward_dir / "model")))
        return json.loads((tmp_path / "result.json").read_text())

    return ask


def test_pairs_and_lists_come_back_in_order_and_agree(ask):
    texts = ["Boil the water.", "Yes.", ""]
    pair = {"prompt": PROMPT, "response_a": texts[0], "response_b": texts[1]}
    result = ask({"pairs": [pair], "lists": [{"prompt": PROMPT, "responses": texts}]})
    (scored,), (listed,) = result["pairs"], result["lists"]
    plain = [{name: answer[name] for name in ("mean", "sd", "cut")} for answer in listed["responses"]]
    assert [scored["response_a"], scored["response_b"]] == plain[:2]
    assert scored["difference"] == pytest.approx(scored["response_a"]["mean"] - scored["response_b"]["mean"], abs=1e-5)
    assert all(answer["sd"] > 0 for answer in listed["responses"])
    assert result["figures"]["answers"] == 5


def test_an_answers_share_is_the_mean_of_its_probabilities_against_the_others(ask):
    texts = ["Boil the water.", "Yes.", "Perhaps it depends.", "Boil the water."]
    pairs = [{"prompt": PROMPT, "response_a": a, "response_b": b} for a in texts for b in texts]
    result = ask({"pairs": pairs, "lists": [{"prompt": PROMPT, "responses": texts}]})
    against = np.array([pair["probability_a"] for pair in result["pairs"]]).reshape(4, 4)
    shares = [answer["share"] for answer in result["lists"][0]["responses"]]
    np.testing.assert_allclose(shares, (against.sum(1) - np.diag(against)) / 3, atol=2e-6)
    assert sum(shares) == pytest.approx(2, abs=1e-5)
    assert shares[0] == shares[3] != shares[1]


def test_an_answer_that_is_alone_in_its_list_has_no_share(ask):
    (listed,) = ask({"pairs": [], "lists": [{"prompt": PROMPT, "responses": ["Yes."]}]})["lists"]
    assert listed["responses"][0]["share"] is None


def test_a_swapped_pair_has_the_opposite_difference_and_the_rest_of_the_probability(ask):
    first, second = "Boil the water.", "Perhaps it depends."
    orders = ((first, second), (second, first), (first, first))
    pairs = [{"prompt": PROMPT, "response_a": a, "response_b": b} for a, b in orders]
    there, back, same = ask({"pairs": pairs, "lists": []})["pairs"]
    assert there["difference"] == pytest.approx(-back["difference"], abs=1e-5)
    assert there["probability_a"] + back["probability_a"] == pytest.approx(1, abs=1e-5)
    assert (same["difference"], same["probability_a"]) == (0.0, 0.5)
    assert same["difference_sd"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("request_", ["", "{", "[]", '{"pairs": []}', '{"pairs": [{"prompt": []}], "lists": []}'])
def test_a_request_that_says_nothing_is_refused(ask, request_):
    with pytest.raises(RecipeError, match="does not say what to score"):
        ask(request_)


def test_what_is_no_reward_model_is_refused(ask, tiny):
    with pytest.raises(RecipeError, match="reward_model.json is missing"):
        ask({"pairs": [], "lists": [{"prompt": PROMPT, "responses": ["Yes."]}]}, model=tiny)
