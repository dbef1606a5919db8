"""Training the body: exact resume, the same loss as the naive loop, what is said and refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.recipes.conftest import metrics, wait_until
from training.recipes.body_step import lesson_losses
from training.recipes.conversations import read_rows
from training.recipes.features import FeatureReader
from training.recipes.lessons import Lessons, schedule, split_step
from training.recipes.policies import load_base, load_tokenizer
from training.recipes.reward import RewardModel
from training.recipes.reward_data import TokenizedAnswers, rows_of_answers
from training.recipes.reward_scorer import BodyReader, BodyShape, Scorer, load_scorer, score_answers, tokenize_for
from training.recipes.reward_trainer import Config, TrainSettings, reward_trainer, train_body
from training.recipes.run import RecipeError, Run
from training.recipes.votes import Votes

SHORT = {"epochs": 1, "batch_pairs": 4, "checkpoint_steps": 3, "rank": 2}


@pytest.fixture(scope="module")
def votes(snapshot) -> Votes:
    return Votes.from_snapshot(snapshot, "train")


@pytest.fixture(scope="module")
def trained(tiny, snapshot, reward_dir, tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    settings = {"base_dir": str(tiny), "snapshot_dir": str(snapshot), "start_dir": str(reward_dir / "model")}
    reward_trainer(Run(directory), Config(**settings, **(SHORT | {"epochs": 3})))
    return directory


def result(directory) -> dict:
    return json.loads((directory / "result.json").read_text())


def test_the_body_starts_as_exactly_the_given_linear_model(tiny, reward_dir, votes):
    model = RewardModel.load(reward_dir / "model", tiny)
    scorer = Scorer.over(tiny, BodyShape(layers=model.reader.layers, rank=2))
    scorer.head.start_from(model.projection, model.weights[None])
    answers = [*votes.answers[:20], (votes.answers[0][0], "")]
    found = score_answers(scorer, tokenize_for(scorer.shape, load_tokenizer(tiny), answers))
    np.testing.assert_allclose(np.diff(found), model.spread * np.diff(model.score(answers)), atol=2e-4)


def test_a_trained_body_says_on_held_out_prompts_whether_it_beats_the_head(trained):
    measured = {entry["metric"]: entry for entry in result(trained)["evaluations"]}
    gain = measured["trained_body_gain"]
    difference = measured["trained_body_accuracy"]["value"] - measured["trained_body_start_accuracy"]["value"]
    assert gain["value"] == pytest.approx(difference)
    assert result(trained)["figures"]["beats_start"] == float(gain["low"] > 0)
    steps = [line for line in metrics(trained) if "loss" in line["figures"]]
    losses = [line["figures"]["loss"] for line in steps]
    assert np.mean(losses[-21:]) < np.mean(losses[:21])  # 21 steps an epoch


def test_a_saved_body_scores_as_the_trained_one_did(trained, tiny, snapshot):
    held_out = Votes.from_snapshot(snapshot, "held_out").decided()
    scorer = load_scorer(trained / "model", tiny)
    scores = score_answers(scorer, tokenize_for(scorer.shape, load_tokenizer(tiny), held_out.answers))
    right = np.sign(scores[held_out.first_P] - scores[held_out.second_P]) == np.sign(held_out.win_P - held_out.lose_P)
    measured = {entry["metric"]: entry["value"] for entry in result(trained)["evaluations"]}
    assert right.mean() == pytest.approx(measured["trained_body_accuracy"], abs=1e-6)


def test_a_head_can_be_fitted_on_the_trained_bodys_states(trained, tiny, votes):
    reader = BodyReader(load_scorer(trained / "model", tiny), tiny)
    plain = FeatureReader(tiny)
    assert reader.read(votes.answers[:3]).shape == plain.read(votes.answers[:3]).shape
    assert not np.allclose(reader.read(votes.answers[:3]), plain.read(votes.answers[:3]), atol=1e-3)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_killed_at_a_step_ends_with_the_same_bits(method, tmp_path, tiny, snapshot, start):
    config = SHORT | {"base_dir": str(tiny), "snapshot_dir": str(snapshot), "method": method, "layers": 1}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start("reward_trainer", killed, **config)
    wait_until(lambda: any(line["step"] == 5 for line in metrics(killed)), process)
    process.kill()
    process.wait()
    assert not (killed / "result.json").exists()
    assert (killed / "checkpoints" / "trained_body.safetensors").exists()
    again = start("reward_trainer", killed, **config)
    reward_trainer(Run(whole), Config(**config))
    assert again.wait(200) == 0
    for path in (whole / "model").iterdir():
        assert path.read_bytes() == (killed / "model" / path.name).read_bytes(), path.name
    losses = [
        [line["figures"]["loss"] for line in metrics(run) if "loss" in line["figures"]] for run in (whole, killed)
    ]
    assert losses[0] == losses[1]


def test_a_terminated_run_leaves_its_checkpoint(tmp_path, tiny, snapshot, start):
    run = tmp_path / "run"
    process = start("reward_trainer", run, base_dir=str(tiny), snapshot_dir=str(snapshot), **(SHORT | {"epochs": 50}))
    wait_until(lambda: any(line["step"] == 4 for line in metrics(run)), process)
    process.terminate()
    assert process.wait(60) == 143
    assert (run / "checkpoints" / "trained_body.safetensors").exists()
    assert not (run / "result.json").exists()


def test_another_runs_checkpoint_is_refused(tmp_path, tiny, votes):
    settings = TrainSettings(epochs=1, batch_pairs=16, checkpoint_steps=1)
    shape, none = BodyShape(rank=2, layers=1), votes.take([])
    train_body(Run(tmp_path), tiny, votes, none, shape=shape, settings=settings)
    with pytest.raises(RecipeError, match="other settings"):
        train_body(Run(tmp_path), tiny, votes.take(range(10)), none, shape=shape, settings=settings)


def test_a_loss_that_is_not_a_number_stops_the_run_with_a_sentence(tmp_path, tiny, votes):
    settings = TrainSettings(epochs=2, batch_pairs=16, learning_rate=1e30, head_learning_rate=1e30)
    with pytest.raises(RecipeError, match="lower the learning rate"):
        train_body(Run(tmp_path), tiny, votes, votes.take([]), shape=BodyShape(rank=2), settings=settings)


def test_without_a_preference_there_is_nothing_to_train_on(tmp_path, tiny, snapshot):
    rows = [row | {"choice": "tie"} for row in read_rows(snapshot / "train.jsonl", keys=("prompt",))]
    votes = Votes.from_rows(rows)
    with pytest.raises(RecipeError, match="prefers one answer"):
        train_body(Run(tmp_path), tiny, votes, votes, shape=BodyShape(), settings=TrainSettings())


def test_prompts_beyond_the_limit_are_counted_said_and_kept(tmp_path, tiny, votes, capsys):
    shape = BodyShape(rank=2, layers=1, max_prompt_tokens=10, max_answer_tokens=5)
    settings = TrainSettings(batch_pairs=50)
    found = train_body(Run(tmp_path), tiny, votes, votes.take([]), shape=shape, settings=settings)
    assert found.figures["cut_prompts"] == 28
    assert found.figures["lessons"] == found.figures["pairs"] == len(Lessons.of(votes))
    assert "28 of 28 prompts are longer than 10 tokens and lose their beginning" in capsys.readouterr().out


def test_the_loss_of_a_row_equals_the_naive_loop(tiny, votes):
    """Each answer with its prompt alone through the plain body, and -m log sigmoid of the difference."""
    pairs = Lessons.of(votes)
    scorer = Scorer.over(tiny, BodyShape(rank=2))
    torch.nn.init.normal_(scorer.head.weight_X_D, generator=torch.Generator().manual_seed(0))
    tokens = tokenize_for(scorer.shape, load_tokenizer(tiny), pairs.answers)
    rows = list(range(6))
    with torch.no_grad():
        found = float(lesson_losses(scorer, pairs, tokens, rows, [0.0]))
        body, expected = load_base(tiny).base_model, 0.0
        for row in rows:
            scores = []
            for answer in (int(pairs.first_P[row]), int(pairs.second_P[row])):
                prompt = tokens.prompts[tokens.prompt_A[answer]]
                hidden_T_D = body(torch.tensor([prompt + tokens.answers[answer]])).last_hidden_state[0]
                pooled = torch.cat([hidden_T_D[len(prompt) :].mean(0), hidden_T_D[-1]])
                scores.append(pooled @ scorer.head.weight_X_D[0])
            delta, win = scores[0] - scores[1], pairs.win_P[row] + pairs.tie_P[row] / 2
            log_odds = torch.nn.functional.logsigmoid
            expected -= float(pairs.weight_P[row] * (win * log_odds(delta) + (1 - win) * log_odds(-delta)))
    assert found == pytest.approx(expected, abs=1e-4)


def test_several_rows_a_step_learn_what_one_would(tmp_path, tiny, votes):
    shape, losses = BodyShape(rank=2, layers=1), []
    for name, row_tokens in (("one", 10**6), ("many", 100)):
        settings = TrainSettings(batch_pairs=16, row_tokens=row_tokens)
        run = Run(tmp_path / name)
        train_body(run, tiny, votes, votes.take([]), shape=shape, settings=settings)
        losses.append([line["figures"]["loss"] for line in run.read_metrics()[1:]])
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-5)


def test_the_order_is_a_function_of_the_seed_and_covers_every_pair(votes):
    pairs = Lessons.of(votes)
    steps = schedule(pairs, batch_pairs=5, epochs=2, seed=1)
    assert steps == schedule(pairs, batch_pairs=5, epochs=2, seed=1)
    assert steps != schedule(pairs, batch_pairs=5, epochs=2, seed=2)
    seen = [row for rows in steps for row in rows]
    assert sorted(seen) == sorted([*range(len(pairs))] * 2)


def test_parts_of_a_step_hold_each_pair_once(tiny, votes):
    pairs = Lessons.of(votes)
    tokens = TokenizedAnswers.of(load_tokenizer(tiny), pairs.answers, max_prompt_tokens=64, max_answer_tokens=64)
    rows = list(range(10))
    for processes in (1, 3, 16):
        split = split_step(pairs, tokens, rows, processes=processes, row_tokens=120)
        assert [row for parts in split for part in parts for row in part] == rows
        assert len(split) == processes
        assert len({len(parts) for parts in split}) == 1, "all go through as many backward passes"


def test_rows_for_scoring_hold_each_answer_once(tiny):
    prompt = [{"role": "user", "content": "Tea?"}]
    answers = [(prompt, "yes " * n) for n in range(1, 17)] + [([{"role": "user", "content": "No?"}], "no")]
    tokens = TokenizedAnswers.of(load_tokenizer(tiny), answers, max_prompt_tokens=64, max_answer_tokens=64)
    for limit in (1, 60, 10**6):
        assert sorted(a for row in rows_of_answers(tokens, range(17), row_tokens=limit) for a in row) == list(range(17))
    assert len(rows_of_answers(tokens, range(17), row_tokens=10**6)) == 1


def test_a_missing_snapshot_is_said(tmp_path, tiny):
    with pytest.raises(RecipeError, match=r"There is no train.jsonl"):
        reward_trainer(Run(tmp_path / "run"), Config(base_dir=str(tiny), snapshot_dir=str(tmp_path)))


def test_a_body_of_another_base_is_refused(trained, tiny, tmp_path):
    weights = load_file(trained / "model" / "score_head.safetensors")
    for path in (trained / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    save_file(
        {name: t[:7].clone() if t.ndim else t for name, t in weights.items()}, tmp_path / "score_head.safetensors"
    )
    with pytest.raises(RecipeError, match="another base model"):
        load_scorer(tmp_path, tiny)
