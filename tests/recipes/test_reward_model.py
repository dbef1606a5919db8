"""What a reward model says, and what it keeps when it is killed."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.recipes.conftest import metrics, wait_until, write_lines
from training.recipes.conversations import read_rows
from training.recipes.features import FeatureReader
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import measure
from training.recipes.reward_model import Config, reward_model
from training.recipes.run import RecipeError, Run
from training.recipes.tiny_model import make_tiny_model
from training.recipes.votes import Votes

PROMPT = [{"role": "user", "content": "What about tea?"}]


def test_it_learns_what_people_prefer_and_says_how_surely(reward_dir):
    measured = {e["metric"]: e for e in json.loads((reward_dir / "result.json").read_text())["evaluations"]}
    accuracy = measured["reward_model_accuracy"]
    assert accuracy["value"] > 0.75
    assert accuracy["low"] > 0.5
    assert accuracy["n"] <= 36
    assert measured["length_baseline"]["detail"] == {"prefers": "the shorter answer"}
    assert measured["reward_model_calibration_error"]["value"] < 0.25
    for entry in measured.values():
        assert entry["low"] <= entry["value"] <= entry["high"]


def test_probabilities_are_measured_by_annotators_groups_but_for_one_that_all_are_in(reward_dir, tiny, snapshot):
    model = RewardModel.load(reward_dir / "model", tiny)
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))
    three = dataclasses.replace(
        held_out,
        annotators=["anna", "bert", "carl"],
        annotator_groups=[("language:de", "skill:chess"), ("language:de", "skill:chess"), ("skill:chess",)],
        annotator_P=np.arange(len(held_out)) % 3,
    )
    found = {e["metric"]: e for e in measure(model, train, three)}
    of_annotators = {name for name in found if "_by_annotators_" in name}
    assert of_annotators == {
        f"{measure}_by_annotators_language_de" for measure in ("calibration_error", "brier", "negative_log_likelihood")
    }
    assert found["brier_by_annotators_language_de"]["n"] == 24
    assert found["brier_by_annotators_language_de"]["detail"]["group"] == "language:de"


def test_it_says_how_accuracy_grew_with_the_votes(reward_dir):
    curve = [line for line in metrics(reward_dir) if line.get("stage") == "learning curve"]
    measured = {e["metric"]: e for e in json.loads((reward_dir / "result.json").read_text())["evaluations"]}
    assert [line["step"] for line in curve] == [16, 32, 64, 84]
    assert {line["figures"]["arm"] for line in curve} == {0}
    assert curve[-1]["figures"]["accuracy"] == measured["reward_model_accuracy"]["value"]
    for line in curve:
        figures = line["figures"]
        assert figures["accuracy_low"] <= figures["accuracy"] <= figures["accuracy_high"]


def test_rewards_of_the_training_answers_have_mean_0_and_deviation_1(reward_dir, tiny, snapshot):
    rows = read_rows(snapshot / "train.jsonl", keys=("prompt",))
    answers = [(row["prompt"], row[side]) for row in rows for side in ("response_a", "response_b")]
    unique = list({json.dumps(answer): answer for answer in answers}.values())
    scores = RewardModel.load(reward_dir / "model", tiny).score(unique)
    assert scores.mean() == pytest.approx(0, abs=1e-3)
    assert scores.std() == pytest.approx(1, abs=1e-3)


def test_swapping_the_answers_turns_the_preference_around(reward_dir, tiny):
    model = RewardModel.load(reward_dir / "model", tiny)
    first, second = [(PROMPT, "Boil the water."), (PROMPT, "Yes.")], [(PROMPT, "No."), (PROMPT, "Perhaps it depends.")]
    np.testing.assert_allclose(model.preference(first, second) + model.preference(second, first), 1.0, atol=1e-12)
    np.testing.assert_allclose(model.preference(first, first), 0.5, atol=1e-12)


def test_an_answer_scores_the_same_alone_and_among_others(reward_dir, tiny):
    answers = [(PROMPT, text) for text in ("Yes.", "Boil the water and wait for four minutes.", "", "é" * 40)]
    together = RewardModel.load(reward_dir / "model", tiny).score(answers)
    alone = [RewardModel.load(reward_dir / "model", tiny).score([answer])[0] for answer in answers]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_an_empty_answer_is_not_taken_as_the_shortest_of_all(reward_dir, tiny):
    model = RewardModel.load(reward_dir / "model", tiny)
    assert model.projection.length_range[0] > 0
    assert abs(model.score([(PROMPT, "")])[0]) < 5


def test_a_run_killed_while_reading_answers_reads_none_twice(tmp_path, tiny, snapshot, start, reward_dir):
    config = {"base_dir": str(tiny), "snapshot_dir": str(snapshot)}
    # Enough answers for several shards before the kill.
    many = tmp_path / "snapshot"
    many.mkdir()
    rows = read_rows(snapshot / "train.jsonl", keys=("prompt",))
    longer = [row | {"response_a": f"{row['response_a']} {n} " + "tea " * 20} for n in range(12) for row in rows]
    write_lines(many / "train.jsonl", longer)
    write_lines(many / "held_out.jsonl", read_rows(snapshot / "held_out.jsonl", keys=("prompt",)))
    config["snapshot_dir"] = str(many)
    run = tmp_path / "run"
    process = start("reward_model", run, **config)
    wait_until(lambda: len(list(run.glob("checkpoints/*/*.safetensors"))) >= 2, process)
    process.kill()
    process.wait()
    total = next(line["total"] for line in metrics(run) if line.get("stage") == "read answers")
    before = len(metrics(run))
    assert start("reward_model", run, **config).wait(200) == 0
    left = next(line["total"] for line in metrics(run)[before:] if line.get("stage") == "read answers")
    assert left <= total - 512
    assert (run / "result.json").exists()


def test_without_a_preference_there_is_nothing_to_learn(tmp_path, tiny, snapshot):
    rows = [row | {"choice": "tie"} for row in read_rows(snapshot / "train.jsonl", keys=("prompt",))]
    write_lines(tmp_path / "train.jsonl", rows)
    write_lines(tmp_path / "held_out.jsonl", read_rows(snapshot / "held_out.jsonl", keys=("prompt",)))
    with pytest.raises(RecipeError, match="prefers one answer"):
        reward_model(Run(tmp_path / "run"), Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))


def test_without_held_out_votes_nothing_is_claimed(tmp_path, tiny, snapshot):
    write_lines(tmp_path / "train.jsonl", read_rows(snapshot / "train.jsonl", keys=("prompt",)))
    (tmp_path / "held_out.jsonl").write_text("")
    reward_model(Run(tmp_path / "run"), Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))
    assert json.loads((tmp_path / "run" / "result.json").read_text())["evaluations"] == []


def test_a_model_from_when_features_were_the_mean_alone_scores_as_it_did(tmp_path, reward_dir, tiny):
    whole = RewardModel.load(reward_dir / "model", tiny)
    width = whole.reader.feature_size // 2
    shutil.copytree(reward_dir / "model", tmp_path / "old")
    tensors = load_file(tmp_path / "old" / "reward_model.safetensors")
    for name in ("mean", "scale", "components"):
        tensors[name] = np.ascontiguousarray(tensors[name][..., :width])
    save_file(tensors, tmp_path / "old" / "reward_model.safetensors")
    settings = json.loads((tmp_path / "old" / "reward_model.json").read_text())
    for name in ("files_sha256", "settings_sha256"):
        del settings[name]
    (tmp_path / "old" / "reward_model.json").write_text(json.dumps(settings))
    answers = [(PROMPT, text) for text in ("Yes.", "Boil the water and wait for four minutes.")]
    old = RewardModel.load(tmp_path / "old", tiny)
    mean_A_D = whole.reader.read(answers)[:, :width]
    text_A_K = ((mean_A_D - tensors["mean"]) / tensors["scale"]) @ tensors["components"].T
    length_A = whole.projection(whole.reader.read(answers), [text for _, text in answers])[:, -1]
    expected = (np.column_stack([text_A_K, length_A]) @ old.weights - old.center) / old.spread
    np.testing.assert_allclose(old.score(answers), expected, atol=1e-5)


def test_a_reward_model_over_another_body_is_refused(tmp_path, reward_dir):
    make_tiny_model(tmp_path / "other", layers=3)
    with pytest.raises(RecipeError, match="another base model"):
        RewardModel.load(reward_dir / "model", FeatureReader(tmp_path / "other"))
