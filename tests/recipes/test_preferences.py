"""Rankings and ratings as verdicts on two answers, and a reward model that was given nothing else."""

import json

import numpy as np
import pytest

from tests.recipes.conftest import write_lines
from training.recipes.preferences import as_independent_pairs, as_pairs
from training.recipes.reward_model import Config, reward_model
from training.recipes.run import RecipeError, Run
from training.recipes.votes import Votes


def _ranking(prompt: int, texts: list[str], ranks: list[int], annotator: str = "p1") -> dict:
    said = {"responses": texts, "ranks": ranks, "annotator": annotator}
    return {"prompt_id": prompt, "prompt": [{"role": "user", "content": f"Question {prompt}?"}]} | said


def _rating(prompt: int, text: str, level: float | None, annotator: str = "p1") -> dict:
    said = {"responses": [text], "levels": {"quality": level}, "annotator": annotator}
    return {"prompt_id": prompt, "prompt": [{"role": "user", "content": f"Question {prompt}?"}]} | said


def _said(votes: Votes) -> set[tuple[str, str, float]]:
    texts = [text for _, text in votes.answers]
    rows = zip(votes.first_P, votes.second_P, votes.win_P, strict=True)
    return {(texts[a], texts[b], win) if win else (texts[b], texts[a], 1 - win) for a, b, win in rows}


def test_every_two_answers_of_a_ranking_are_a_verdict_and_equals_a_tie():
    votes = as_pairs(Votes.from_rows([], rankings=[_ranking(1, ["x", "y", "z"], [2, 1, 2])]))
    assert _said(votes.decided()) == {("y", "x", 1.0), ("y", "z", 1.0)}
    assert (len(votes), votes.tie_P.sum(), votes.rankings) == (3, 1, [])


def test_ratings_are_held_against_each_other_only_within_a_person_and_a_prompt():
    ratings = [_rating(1, "x", 0.9), _rating(1, "y", 0.1), _rating(2, "z", 0.0), _rating(1, "w", 0.5, "p2")]
    assert _said(as_pairs(Votes.from_rows([], ratings=ratings))) == {("x", "y", 1.0)}


def test_where_each_prompt_has_one_answer_each_rating_stands_in_one_pair():
    ratings = [_rating(n, f"answer {n}", n / 10) for n in range(10)]
    votes = as_pairs(Votes.from_rows([], ratings=ratings))
    assert len(votes) == 5
    assert len({*votes.first_P, *votes.second_P}) == 10
    assert all(votes.prompt_ids_A[a] > votes.prompt_ids_A[b] for a, b in zip(*_winners(votes), strict=True))


def _winners(votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    won = votes.win_P == 1
    return np.where(won, votes.first_P, votes.second_P), np.where(won, votes.second_P, votes.first_P)


def test_ratings_measure_nothing_where_somebody_compared():
    row = {"prompt_id": 1, "prompt": [], "response_a": "x", "response_b": "y", "choice": "a", "annotator": "p1"}
    ratings = [_rating(1, "v", 0.9), _rating(1, "w", 0.1)]
    assert _said(as_pairs(Votes.from_rows([row], ratings=ratings))) == {("x", "y", 1.0)}
    assert len(as_independent_pairs(Votes.from_rows([row], ratings=ratings))) == 2


def test_for_weighing_no_answer_of_a_ranking_counts_twice():
    votes = as_independent_pairs(Votes.from_rows([], rankings=[_ranking(1, list("abcdefg"), list(range(1, 8)))]))
    assert len(votes) == 3
    assert len({*votes.first_P, *votes.second_P}) == 6


def _write(directory, rankings, ratings):
    for part, kept in (("train", lambda row: row["prompt_id"] % 4), ("held_out", lambda row: not row["prompt_id"] % 4)):
        (directory / f"{part}.jsonl").write_text("")
        write_lines(directory / f"rankings_{part}.jsonl", [row for row in rankings if kept(row)])
        write_lines(directory / f"ratings_{part}.jsonl", [row for row in ratings if kept(row)])


def _shorter_is_better(kind: str, people: int = 2) -> tuple[list[dict], list[dict]]:
    """Each person judges each prompt's three answers; the last of them says the contrary."""
    rankings, ratings = [], []
    for n in range(60):
        texts = ["tea", "tea with some milk", "tea with some milk and a great deal of sugar"]
        texts = [f"{text} {n}" for text in texts]
        for person in range(people):
            order = [3, 2, 1] if person == people - 1 and people > 2 else [1, 2, 3]
            rankings.append(_ranking(n, texts, order, f"p{person}"))
            ratings += [_rating(n, t, (3 - r) / 2, f"p{person}") for t, r in zip(texts, order, strict=True)]
    return (rankings, []) if kind == "rankings" else ([], ratings)


@pytest.mark.parametrize("kind", ["rankings", "ratings"])
def test_a_project_of_one_kind_gets_a_measured_model_and_weighed_annotators(tmp_path, tiny, kind):
    _write(tmp_path, *_shorter_is_better(kind, people=6))
    reward_model(Run(tmp_path / "run"), Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    measured = {entry["metric"]: entry for entry in result["evaluations"]}
    assert measured["reward_model_accuracy"]["value"] > 0.7
    assert measured["reward_model_calibration_error"]["n"] == measured["reward_model_accuracy"]["n"] > 0
    weights = {row["annotator"]: row["weight"] for row in result["annotators"]}
    assert weights.pop("p5") < 0.2, "who says the contrary of everybody is heard less, by rankings and ratings too"
    assert set(weights.values()) == {1.0}
    assert result["figures"][f"train_{kind}"] > 100


def test_ratings_that_are_all_alike_teach_nothing_and_are_refused(tmp_path, tiny):
    _write(tmp_path, [], [_rating(n, f"answer {n}", 0.5) for n in range(40)])
    with pytest.raises(RecipeError, match="all that there are say the same"):
        reward_model(Run(tmp_path / "run"), Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))
