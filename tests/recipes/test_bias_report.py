"""What a score goes by besides what is good."""

import numpy as np
import pytest

from training.recipes.bias_report import report_bias, traits
from training.recipes.votes import Votes

PROMPT = [{"role": "user", "content": "What about tea?"}]


class ByRule:
    """Scores by a function of the text."""

    def __init__(self, rule):
        self.rule = rule

    def score(self, answers):
        return np.array([self.rule(text) for _, text in answers], dtype=float)


def votes(*, length=lambda chance: chance.integers(1, 40), seed: int = 0) -> Votes:
    chance, rows = np.random.default_rng(seed), []
    for number in range(120):
        texts = []
        for _ in range(2):
            text = "word " * int(length(chance))
            text += "\n- one\n- two" * int(chance.integers(2)) + " Great question!" * int(chance.integers(2))
            texts.append(text)
        rows.append(
            {
                "prompt_id": number,
                "prompt": [{"role": "user", "content": f"What about tea number {number}?"}],
                "response_a": texts[0],
                "response_b": texts[1],
                "choice": "ab"[number % 2],
            }
        )
    return Votes.from_rows(rows)


def test_traits_are_counted_in_the_text():
    found = traits(
        [(PROMPT, "# Tea\n- **boil**\n1. pour"), (PROMPT, "What a lovely idea. You're absolutely right!"), (PROMPT, "")]
    )
    np.testing.assert_allclose(np.expm1(found["markup"]), [4, 0, 0])
    np.testing.assert_allclose(np.expm1(found["flattery"]), [0, 2, 0])
    assert found["length"][2] == 0


def test_a_score_that_is_length_is_explained_by_length():
    said = {e["metric"]: e for e in report_bias(ByRule(lambda text: np.log1p(len(text))), votes())}
    assert said["score_explained_by_length"]["value"] == pytest.approx(1)
    assert said["score_explained_by_traits"]["value"] == pytest.approx(1)
    assert said["score_explained_by_flattery"]["value"] < 0.3


def test_a_score_that_is_flattery_is_explained_by_flattery_alone():
    said = {e["metric"]: e for e in report_bias(ByRule(lambda text: text.count("Great question")), votes())}
    assert said["score_explained_by_flattery"]["value"] == pytest.approx(1)
    assert said["score_explained_by_markup"]["value"] < 0.1
    assert said["score_explained_by_flattery"]["detail"]["model_correlation"] == pytest.approx(1)
    assert abs(said["score_explained_by_flattery"]["detail"]["people_correlation"]) < 0.3


def test_accuracy_on_pairs_of_equal_length_counts_those_alone():
    said = {e["metric"]: e for e in report_bias(ByRule(len), votes())}
    assert said["length_matched_accuracy"]["n"] < 60
    assert 0.3 < said["length_matched_accuracy"]["value"] < 0.7
    same = [
        {"prompt_id": n, "prompt": PROMPT, "response_a": f"{n:03}a", "response_b": f"{n:03}b", "choice": "a"}
        for n in range(20)
    ]
    found = report_bias(ByRule(lambda text: text.endswith("a")), Votes.from_rows(same))
    assert [(e["metric"], e["value"], e["n"]) for e in found] == [("length_matched_accuracy", 1.0, 20)]


def test_what_a_reward_model_chose_is_measured_on_only_for_lack_of_others():
    rows = [
        {"prompt_id": n, "prompt": PROMPT, "response_a": f"{n:03}a", "response_b": f"{n:03}b", "choice": "ab"[n % 2]}
        | {"chosen_by": "contradiction" if n == 1 else "active_policy" if n % 2 else "chance"}
        for n in range(40)
    ]
    (mixed,) = report_bias(ByRule(lambda text: text.endswith("a")), Votes.from_rows(rows))
    assert (mixed["value"], mixed["n"], mixed["detail"]) == (1.0, 20, {"longer_by_at_most": "10%"})
    (alone,) = report_bias(ByRule(lambda text: text.endswith("a")), Votes.from_rows(rows[1::2]))
    assert (alone["value"], alone["n"]) == (0.0, 20)
    assert alone["detail"]["chosen"] == "by a reward model, for lack of others"


def test_of_a_handful_of_pairs_nothing_is_said():
    assert report_bias(ByRule(len), votes().take(range(5))) == []
