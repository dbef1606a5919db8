"""What annotators said, as arrays."""

import numpy as np
import pytest

from tests.recipes.conftest import write_lines
from training.recipes.run import RecipeError
from training.recipes.vote_rows import BAD_LEVEL
from training.recipes.votes import Votes


def row(prompt: int, a: str, b: str, choice: str, **more):
    prompt_id = {"prompt_id": prompt, "prompt": [{"role": "user", "content": f"Question {prompt}"}]}
    return prompt_id | {"response_a": a, "response_b": b, "choice": choice, "annotator": "anna"} | more


def ranking(prompt: int, texts: list[str], ranks: list[int]):
    prompt_id = {"prompt_id": prompt, "prompt": [{"role": "user", "content": f"Question {prompt}"}]}
    return prompt_id | {"responses": texts, "ranks": ranks, "annotator": "bert"}


def test_an_answer_is_counted_once_however_often_it_is_judged():
    votes = Votes.from_rows([row(1, "x", "y", "a"), row(1, "y", "z", "b", strength=3), row(2, "x", "y", "tie")])
    assert [text for _, text in votes.answers] == ["x", "y", "z", "x", "y"]
    assert votes.prompt_ids_A.tolist() == [1, 1, 1, 2, 2]
    assert votes.win_P.tolist() == [1, 0, 0]
    assert votes.tie_P.tolist() == [0, 0, 1]
    assert votes.lose_P.tolist() == [0, 1, 0]
    assert votes.strength_P.tolist() == [1, 3, 1]


def test_axes_are_rows_of_their_own_beside_the_overall_verdict():
    axes = {"true": {"choice": "b", "strength": 2}, "kind": {"choice": "both_good"}}
    votes = Votes.from_rows([row(1, "x", "y", "a", axes=axes)])
    assert votes.axes == ["overall", "true", "kind"]
    assert votes.axis_P.tolist() == [0, 1, 2]
    assert len(votes.on_axis(1)) == len(votes.decided(1)) == 1
    assert votes.on_axis(2).level_Q.tolist() == [0.9, 0.9]
    assert len(votes.on_axis(0).anchor_Q) == 0


def test_no_axis_can_stand_in_the_place_of_the_overall_verdict():
    with pytest.raises(RecipeError, match="named overall, as the verdict as a whole"):
        Votes.from_rows([row(1, "x", "y", "a", axes={"overall": {"choice": "b"}})])
    with pytest.raises(RecipeError, match="named overall, as the verdict as a whole"):
        Votes.from_rows([], ratings=[row(1, "x", "y", "a") | {"responses": ["x"], "levels": {"overall": 1.0}}])


def test_both_bad_is_no_preference_and_a_low_level_for_each():
    votes = Votes.from_rows([row(1, "x", "y", "both_bad")])
    assert (votes.win_P[0], votes.tie_P[0], votes.score_P[0]) == (0, 1, 0.5)
    assert votes.level_Q.tolist() == [BAD_LEVEL, BAD_LEVEL]
    assert votes.anchor_Q.tolist() == [0, 1]
    assert len(votes.decided()) == 0


def test_a_rating_is_an_anchor_an_axis_and_their_mean_overall():
    rating = row(1, "x", "y", "a") | {"responses": ["x"], "levels": {"kind": 1.0, "true": 0.5, "safe": None}}
    votes = Votes.from_rows([], ratings=[rating])
    assert votes.axes == ["overall", "kind", "true"]
    assert list(zip(votes.anchor_axis_Q, votes.level_Q, strict=True)) == [(0, 0.75), (1, 1.0), (2, 0.5)]


def test_a_ranking_is_not_counted_again_as_its_pairs():
    pairs = [row(1, "x", "y", "a", kind="ranking"), row(1, "x", "z", "a", kind="comparison")]
    votes = Votes.from_rows(pairs, rankings=[ranking(1, ["x", "y", "z"], [1, 2, 2])])
    assert len(votes) == 1
    assert votes.rankings[0].ranks == (1, 2, 2)
    assert len(Votes.from_rows(pairs)) == 2


def test_pooled_votes_are_soft_targets_whichever_way_the_answers_stood():
    votes = Votes.from_rows(
        [row(1, "x", "y", "a"), row(1, "y", "x", "a"), row(1, "y", "x", "b", strength=2), row(1, "x", "y", "tie")]
    )
    pooled = votes.pooled()
    assert len(pooled) == 1
    assert pooled.weight_P[0] == 5
    np.testing.assert_allclose([pooled.win_P[0], pooled.tie_P[0], pooled.lose_P[0]], [3 / 5, 1 / 5, 1 / 5])


def test_taking_prompts_takes_all_that_was_said_of_them_and_nothing_else():
    votes = Votes.from_rows(
        [row(1, "x", "y", "a"), row(2, "p", "q", "both_bad"), row(3, "u", "v", "b")],
        rankings=[ranking(2, ["p", "q", "r"], [3, 1, 2]), ranking(1, ["x", "y"], [1, 2])],
    )
    taken = votes.take([2, 3])
    assert [text for _, text in taken.answers] == ["p", "q", "u", "v", "r"]
    assert [(taken.answers[a][1], taken.answers[b][1]) for a, b in zip(taken.first_P, taken.second_P, strict=True)] == [
        ("p", "q"),
        ("u", "v"),
    ]
    assert [taken.answers[a][1] for a in taken.anchor_Q] == ["p", "q"]
    assert [[taken.answers[a][1] for a in r.answers] for r in taken.rankings] == [["p", "q", "r"]]


def test_an_annotators_weight_reaches_each_of_their_votes():
    votes = Votes.from_rows([row(1, "x", "y", "both_bad")], rankings=[ranking(1, ["x", "y"], [1, 2])])
    weighted = votes.weighted(np.array([0.5, 0.25]))
    assert weighted.weight_P.tolist() == [0.5]
    assert weighted.anchor_weight_Q.tolist() == [0.25, 0.25]
    assert weighted.rankings[0].weight == 0.25


def test_nothing_at_all_is_no_error():
    votes = Votes.from_rows([])
    assert (len(votes), len(votes.answers), len(votes.decided()), len(votes.take([]))) == (0, 0, 0, 0)


def test_a_snapshot_from_before_rankings_had_a_file_is_read_as_its_pairs(tmp_path):
    write_lines(tmp_path / "train.jsonl", [row(1, "x", "y", "a"), row(1, "x", "z", "tie")])
    votes = Votes.from_snapshot(tmp_path, "train")
    assert (len(votes), votes.rankings, votes.axes) == (2, [], ["overall"])
    write_lines(tmp_path / "rankings_train.jsonl", [])
    assert len(Votes.from_snapshot(tmp_path, "train")) == 2


def test_an_unknown_verdict_is_refused():
    with pytest.raises(RecipeError, match="must be a, b, tie"):
        Votes.from_rows([row(1, "x", "y", "c")])


def test_a_snapshot_that_names_the_policy_alone_is_read_as_one_that_says_what_chose():
    told = [row(1, "x", "y", "a", chosen_by=name) for name in ("chance", "active_policy", "contradiction", "person")]
    assert Votes.from_rows(told).chosen_by_P == ["chance", "active_policy", "contradiction", "person"]
    before = [row(1, "x", "y", "a", policy=name) for name in ("in_order", "soft4", "feedback", "manager")]
    assert Votes.from_rows(before).chosen_by_P == ["chance", "active_policy", "person", "person"]
    assert Votes.from_rows([row(1, "x", "y", "a", kind="correction"), row(1, "x", "y", "a")]).chosen_by_P == [
        "person", "chance",
    ]  # fmt: skip


def test_whoever_judged_has_their_groups_whichever_file_names_them_first():
    rated = row(1, "x", "y", "a") | {"responses": ["x"], "levels": {"kind": 1.0}, "annotator": "carl"}
    votes = Votes.from_rows(
        [row(1, "x", "y", "a", annotator_groups=["language:de"]), row(2, "x", "y", "a", annotator="dan")],
        ratings=[rated | {"annotator_groups": ["skill:python", "language:de"]}],
    )
    assert dict(zip(votes.annotators, votes.annotator_groups, strict=True)) == {
        "anna": ("language:de",), "dan": (), "carl": ("skill:python", "language:de"),
    }  # fmt: skip
