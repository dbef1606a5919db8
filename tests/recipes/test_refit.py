"""What a refit hands back: places for open items, verdicts that it contradicts, and what the arms' labels bought."""

import dataclasses
import json

import numpy as np
import pytest

from tests.recipes.conftest import write_lines
from training.recipes.arms import label_spread, measure_arms, tell_gains
from training.recipes.contradictions import write_contradictions
from training.recipes.conversations import read_rows
from training.recipes.features import FeatureReader
from training.recipes.open_items import Ordering, put_in_order
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import calibrate
from training.recipes.reward_model import Config, reward_model
from training.recipes.reward_scorer import BodyReader
from training.recipes.reward_trainer import TrainSettings
from training.recipes.run import RecipeError, Run
from training.recipes.selection import Belief, choose
from training.recipes.trained_body import try_trained_body
from training.recipes.votes import Votes

ORDERING = Ordering(policy="soft4", random_share=0.2, batch=8, seed=1, seconds_to_read=60)


@pytest.fixture
def model(reward_dir, tiny) -> RewardModel:
    return RewardModel.load(reward_dir / "model", tiny)


@pytest.fixture
def open_items(snapshot, tmp_path):
    rows = read_rows(snapshot / "held_out.jsonl", keys=("prompt",))
    path = tmp_path / "open_items.jsonl"
    write_lines(path, [row | {"item_id": 100 + number} for number, row in enumerate(rows)])
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_open_item_gets_a_place_and_some_are_left_to_chance(model, open_items, tmp_path):
    target = tmp_path / "priorities.jsonl"
    figures = put_in_order(model, open_items, target, ORDERING)
    written = lines(target)
    assert figures == {"open_items": 36, "items_in_order": 36, "items_refused": 0}
    assert {line["item_id"] for line in written} == {100 + n for n in range(36)}
    assert len({line["priority"] for line in written}) == 36
    policies = [line["policy"] for line in written]
    assert set(policies) == {"soft4", "random"}
    assert sum(line["score"] is not None for line in written) == 8
    assert all(0 < line["propensity"] <= 1 for line in written)


def test_what_cannot_be_read_in_time_keeps_its_place(model, open_items, tmp_path):
    target = tmp_path / "priorities.jsonl"
    rows = read_rows(open_items, keys=("prompt",))
    model.reader.read([(rows[0]["prompt"], rows[0]["response_a"]), (rows[0]["prompt"], rows[0]["response_b"])])
    figures = put_in_order(model, open_items, target, dataclasses.replace(ORDERING, seconds_to_read=0))
    assert figures == {"open_items": 36, "items_in_order": 1, "items_refused": 0}
    assert [line["item_id"] for line in lines(target)] == [rows[0]["item_id"]]


@pytest.fixture
def served_answers(snapshot, tmp_path):
    """The first answers of prompts that are about one thing."""
    rows = read_rows(snapshot / "train.jsonl", keys=("prompt",))
    path = tmp_path / "served_answers.jsonl"
    write_lines(path, [{"prompt": row["prompt"], "response": f"{row['response_a']} So there."} for row in rows[:40]])
    return path


def test_what_users_were_answered_is_what_v_optimal_chooses_for(model, open_items, served_answers, tmp_path):
    target, ordering = tmp_path / "priorities.jsonl", dataclasses.replace(ORDERING, policy="v_optimal")
    figures = put_in_order(model, open_items, target, ordering, served_answers=served_answers)
    assert figures["served_answers"] == 40
    scores = [line["score"] for line in lines(target) if line["score"] is not None]
    rows = read_rows(open_items, keys=("prompt",))
    sides = [
        model.features([(row["prompt"], row[f"response_{side}"]) for row in rows]) for side in ("a", "b")
    ]  # fmt: skip
    served = model.features([(row["prompt"], row["response"]) for row in read_rows(served_answers, keys=())])
    expected = choose(
        "v_optimal", sides[0] - sides[1],
        Belief(model.weights, model.covariance, model.prior_precision, model.projection.groups),
        served_M_K=served - served.mean(0), item_ids=[row["item_id"] for row in rows],
        prompt_ids=[row["prompt_id"] for row in rows], batch=8, seed=1, random_share=0.2,
    )  # fmt: skip
    assert sorted(scores) == pytest.approx(sorted(expected.score_N[~np.isnan(expected.score_N)]), rel=1e-6)
    put_in_order(model, open_items, target, ordering)
    assert scores != [line["score"] for line in lines(target) if line["score"] is not None]


@pytest.mark.parametrize("why", ["few", "no time", "none"])
def test_where_too_little_is_known_of_users_it_chooses_for_the_held_out_pairs(
    model, open_items, served_answers, tmp_path, why
):
    target, ordering = tmp_path / "priorities.jsonl", dataclasses.replace(ORDERING, policy="v_optimal")
    answers = [(row["prompt"], row["response_a"]) for row in read_rows(open_items, keys=("prompt",))]
    pairs = answers[:9], answers[9:18]
    put_in_order(model, open_items, target, ordering, held_out=pairs)
    expected = target.read_text()
    if why == "no time":
        ordering = dataclasses.replace(ordering, seconds_to_read=0)
    else:
        rows = read_rows(served_answers, keys=("prompt",))
        write_lines(served_answers, rows[:29] if why == "few" else [])
    figures = put_in_order(model, open_items, target, ordering, held_out=pairs, served_answers=served_answers)
    assert figures["served_answers"] == 0
    assert target.read_text() == expected


def test_a_policy_that_does_not_ask_what_is_served_reads_none_of_it(model, open_items, tmp_path):
    figures = put_in_order(model, open_items, tmp_path / "out", ORDERING, served_answers=tmp_path / "not there")
    assert "served_answers" not in figures


def test_served_answers_that_are_not_as_agreed_are_refused_with_their_line(model, open_items, tmp_path):
    write_lines(tmp_path / "served.jsonl", [{"prompt": [{"role": "user", "content": "Hm?"}], "response": 7}])
    ordering = dataclasses.replace(ORDERING, policy="v_optimal")
    with pytest.raises(RecipeError, match="Line 1 of served.jsonl: response must be text"):
        put_in_order(model, open_items, tmp_path / "out", ordering, served_answers=tmp_path / "served.jsonl")
    assert not (tmp_path / "out").exists()


def test_no_open_items_are_no_trouble(model, tmp_path):
    (tmp_path / "open_items.jsonl").write_text("")
    assert put_in_order(model, tmp_path / "open_items.jsonl", tmp_path / "out", ORDERING)["open_items"] == 0
    assert (tmp_path / "out").read_text() == ""


def test_an_item_that_lacks_an_answer_is_refused(model, tmp_path):
    write_lines(tmp_path / "open_items.jsonl", [{"item_id": 1, "prompt_id": 1, "prompt": [], "response_a": "x"}])
    with pytest.raises(RecipeError, match="lacks response_b"):
        put_in_order(model, tmp_path / "open_items.jsonl", tmp_path / "out", ORDERING)


def test_a_verdict_that_was_turned_around_is_among_the_surest_contradictions(tiny, snapshot, tmp_path):
    """People here prefer the shorter answer."""
    for part in ("train", "held_out"):
        rows = read_rows(snapshot / f"{part}.jsonl", keys=("prompt",))
        if part == "train":
            clear = [row for row in rows if abs(len(row["response_a"]) - len(row["response_b"])) > 30]
            turned = next(row for row in clear if row["choice"] in ("a", "b"))
            turned["choice"] = "b" if turned["choice"] == "a" else "a"
        write_lines(tmp_path / f"{part}.jsonl", [row | {"judgement_ids": [n]} for n, row in enumerate(rows)])
    reader = FeatureReader(tiny)
    train, held_out = (Votes.from_snapshot(tmp_path, part) for part in ("train", "held_out"))
    fitted = calibrate(RewardModel.fit(reader, train)[0], held_out)
    target = tmp_path / "contradictions.jsonl"
    count = write_contradictions(lambda part, _: RewardModel.fit(reader, part)[0], fitted, train, tmp_path, target)
    found = lines(target)
    decided = [row for part in (train, held_out) for row in part.decided().win_P]
    assert count == len(found) == len(decided)
    places = sorted(found, key=lambda line: -line["probability"])
    its = [place for place, line in enumerate(places) if line["item_id"] == turned["item_id"]]
    assert its[0] < len(places) / 4


@pytest.fixture
def arms(tiny, snapshot):
    """What is told of the arms when these are the names of what chose each training vote."""
    reader = FeatureReader(tiny)
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))

    def fit(part: Votes) -> RewardModel:
        return RewardModel.fit(reader, part)[0]

    return lambda *names: measure_arms(
        fit,
        fit(train),
        dataclasses.replace(train, chosen_by_P=[*names, *["chance"] * len(train)][: len(train)]),
        held_out,
    )


def test_each_arm_has_its_curve_and_one_arm_alone_too(arms):
    alone = arms()
    assert [(row["arm"], row["labels"]) for row in alone["learning_curve"]] == [("random", n) for n in (16, 32, 64, 84)]
    assert alone["label_gains"]["difference"] is alone["label_gains"]["saving"] is None
    both = arms(*["active_policy", "active_policy", "chance"] * 28)
    assert [(row["arm"], row["labels"]) for row in both["learning_curve"]] == [
        ("random", 16), ("random", 28), ("active", 16), ("active", 28), ("active", 32), ("active", 56),
    ]  # fmt: skip
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in both["learning_curve"])
    assert arms(*["person", "contradiction"] * 42)["learning_curve"] == []


def test_the_arms_differ_by_what_their_curves_say_and_surer_than_the_curves_are(arms):
    told = arms(*["active_policy", "chance", "active_policy"] * 28)
    curve = {(row["arm"], row["labels"]): row for row in told["learning_curve"]}
    random, active, difference = curve["random", 28], curve["active", 28], told["label_gains"]["difference"]
    assert difference["labels"] == 28
    assert difference["value"] == pytest.approx(active["accuracy"] - random["accuracy"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert difference["high"] - difference["low"] < (active["high"] - active["low"]) + (random["high"] - random["low"])
    (gained,) = [row for row in told["label_gains"]["gained"] if row["arm"] == "active"]
    assert (gained["from"], gained["to"]) == (16, 56)
    assert gained["value"] == pytest.approx(curve["active", 56]["accuracy"] - curve["active", 16]["accuracy"])


def test_how_far_other_labels_would_have_moved_an_arm_is_nothing_where_there_are_no_others(tiny, snapshot):
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))
    reader = FeatureReader(tiny)

    def fit(part: Votes) -> RewardModel:
        return RewardModel.fit(reader, part)[0]

    own = train.decided()
    one_prompt = own.keep(np.repeat(np.flatnonzero(own.prompt_ids_P == own.prompt_ids_P[0])[:1], 20))
    assert label_spread(fit, one_prompt, held_out.decided(), 20) == 0
    by_coin = dataclasses.replace(own, win_P=np.random.default_rng(0).integers(2, size=len(own)).astype(float))
    assert 0 < label_spread(fit, by_coin, held_out.decided(), 20) < 0.5


def curves(noise=0.0, *, active_ahead_by=1.0):
    """Accuracy grows by 0.02 with each doubling; the active arm is so many doublings ahead."""
    shift = np.append(0.0, noise * np.random.default_rng(0).normal(size=2000))
    of = {
        arm: {n: 0.5 + 0.02 * (np.log2(n) + ahead) + shift * (arm == "active") for n in (16, 32, 64, 128, 256)}
        for arm, ahead in (("random", 0.0), ("active", active_ahead_by))
    }
    del of["random"][256]
    return of


@pytest.mark.parametrize(("ahead", "saving"), [(1.0, 2.0), (0.0, 1.0), (-1.0, 0.5)])
def test_an_arm_that_is_a_doubling_ahead_saves_half_of_the_labels(ahead, saving):
    told = tell_gains(curves(active_ahead_by=ahead))
    assert told["difference"]["value"] == pytest.approx(0.02 * ahead)
    assert told["saving"]["value"] == pytest.approx(saving, rel=1e-4)
    assert told["saving"]["labels"] == 128


def test_the_saving_is_told_with_the_bounds_that_the_curves_reach():
    told = tell_gains(curves(noise=0.005))["saving"]
    spread = 2 ** (1.96 * 0.005 / 0.02)
    assert told["low"] == pytest.approx(2 / spread, rel=0.05)
    assert told["high"] == pytest.approx(2 * spread, rel=0.05)
    wide = tell_gains(curves(noise=0.1))["saving"]
    assert wide["low"] is wide["high"] is None
    assert tell_gains(curves(active_ahead_by=5.0))["saving"] is None, "it begins above what is looked for"


def test_a_refit_writes_the_files_that_it_names(tiny, snapshot, open_items, tmp_path):
    rows = {}
    for part in ("train", "held_out"):
        rows[part] = read_rows(snapshot / f"{part}.jsonl", keys=("prompt",))
        write_lines(tmp_path / f"{part}.jsonl", [row | {"judgement_ids": [n]} for n, row in enumerate(rows[part])])
    run = Run(tmp_path / "run")
    reward_model(
        run,
        Config(
            base_dir=str(tiny), snapshot_dir=str(tmp_path), open_items=str(open_items), batch=5, seed=3,
            seconds_to_read=60,
        ),
    )  # fmt: skip
    result = json.loads((run.directory / "result.json").read_text())
    assert result["method"] == "features"
    assert {row["arm"] for row in result["learning_curve"]} == {"random"}
    assert len(lines(run.directory / result["priorities"])) == 36
    assert lines(run.directory / result["contradictions"])
    assert result["figures"]["items_in_order"] == 36


def test_what_contradicts_is_told_without_open_items_too(tiny, snapshot, tmp_path):
    for part in ("train", "held_out"):
        rows = read_rows(snapshot / f"{part}.jsonl", keys=("prompt",))
        write_lines(tmp_path / f"{part}.jsonl", [row | {"judgement_ids": [n]} for n, row in enumerate(rows)])
    run = Run(tmp_path / "run")
    reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))
    result = json.loads((run.directory / "result.json").read_text())
    decided = sum(
        row["choice"] in "ab"
        for part in ("train", "held_out")
        for row in read_rows(tmp_path / f"{part}.jsonl", keys=("choice",))
    )
    assert len(lines(run.directory / result["contradictions"])) == decided
    assert "priorities" not in result


def test_judgements_without_a_number_contradict_nothing(reward_dir):
    result = json.loads((reward_dir / "result.json").read_text())
    assert lines(reward_dir / result["contradictions"]) == []


def test_a_trained_body_takes_the_place_of_the_fast_path_only_where_it_is_better(tiny, snapshot, tmp_path):
    run = Run(tmp_path / "run")
    reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(snapshot), method="lora", uncertainty="ensemble"))
    result = json.loads((run.directory / "result.json").read_text())
    (gain,) = [e for e in result["evaluations"] if e["metric"] == "trained_body_over_fast_path"]
    assert result["method"] == ("lora" if gain["low"] > 0 else "features")
    assert (run.model / "trained_body.json").is_file() == (result["method"] == "lora")
    loaded = RewardModel.load(run.model, tiny)
    assert (loaded.members is not None) == (result["method"] == "lora"), "an ensemble is a trained body's"
    mean, sd = loaded.spread_of(Votes.from_snapshot(snapshot, "held_out").answers)
    assert np.isfinite(mean).all()
    assert (sd > 0).all()


@pytest.mark.parametrize("members", [0, 8])
def test_a_model_over_a_trained_body_is_loaded_as_it_was_saved(members, tiny, snapshot, tmp_path):
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))
    fast = RewardModel.fit(FeatureReader(tiny), train)[0]
    trial = try_trained_body(
        Run(tmp_path / "run"), fast, lambda reader: RewardModel.fit(reader, train, members=members)[0], train, held_out,
        method="lora", settings=TrainSettings(), base_sha256="0" * 64, target=tmp_path / "model",
    )  # fmt: skip
    trial.model.save(tmp_path / "model", base_sha256="0" * 64)
    loaded = RewardModel.load(tmp_path / "model", tiny)
    assert isinstance(loaded.reader, BodyReader)
    for found, expected in zip(
        loaded.spread_of(held_out.answers), trial.model.spread_of(held_out.answers), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=2e-3, rtol=0)
    assert (loaded.members is None) == (members == 0)
    assert np.abs(loaded.reader.read(held_out.answers) - fast.reader.read(held_out.answers)).max() > 1e-4, "it learnt"
