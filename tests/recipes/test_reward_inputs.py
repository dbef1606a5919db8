"""Bad and unusual judgements: each has a clear outcome."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from tests.recipes.conftest import WORDS, write_lines
from training.recipes.conversations import prompt_tokens, response_tokens
from training.recipes.features import PROMPT_TOKENS, FeatureReader
from training.recipes.policies import load_base
from training.recipes.projection import components_for
from training.recipes.reward import RewardModel
from training.recipes.reward_model import Config, reward_model
from training.recipes.run import BadConfig, RecipeError, Run, load_config
from training.recipes.votes import Votes

PROMPT = [{"role": "user", "content": "What about tea?"}]


def row(number: int, a: str, b: str, choice: str, **more):
    return {"prompt_id": number, "prompt": PROMPT, "response_a": a, "response_b": b, "choice": choice} | more


def some(count: int, choice=lambda n: "ab"[n % 3 == 0], **more):
    return [row(n, " ".join(WORDS[n : n + 3]), " ".join(WORDS[n + 1 : n + 9]), choice(n), **more) for n in range(count)]


@pytest.fixture
def train(tmp_path, tiny):
    """`train(rows, held_out)`: the run's result, and its model."""

    def train(rows, held_out=(), *, ratings=(), rankings=(), **config):
        for name, lines in (("train", rows), ("held_out", held_out)):
            write_lines(tmp_path / f"{name}.jsonl", list(lines))
        write_lines(tmp_path / "ratings_train.jsonl", list(ratings))
        write_lines(tmp_path / "rankings_train.jsonl", list(rankings))
        run = Run(tmp_path / "run")
        reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(tmp_path), **config))
        return json.loads((run.directory / "result.json").read_text()), RewardModel.load(run.model, tiny)

    return train


@pytest.mark.parametrize("rows", [[], some(5, lambda n: "tie"), some(1, lambda n: "tie")], ids=["none", "ties", "one"])
def test_without_any_preference_it_is_refused_with_what_to_do(train, rows):
    with pytest.raises(RecipeError, match="prefers one answer; collect"):
        train(rows)


def test_one_label_is_learnt_from_and_nothing_is_claimed(train):
    result, model = train(some(1))
    assert result["evaluations"] == []
    assert result["figures"]["train_votes"] == 1
    mean, sd, share = model.difference([(PROMPT, "Yes.")], [(PROMPT, "No, it depends.")])
    assert np.isfinite([*mean, *sd, *share]).all()


def test_one_annotator_weighs_1(train):
    result, _ = train(some(12, annotator="anna"))
    assert [(r["annotator"], r["weight"]) for r in result["annotators"]] == [("anna", 1.0)]


def test_contradictory_votes_cancel(train):
    rows = [row(1, "short", "a much longer answer", choice, annotator="anna") for choice in "ab" * 5]
    _, model = train(rows)
    share = model.preference([(PROMPT, "short")], [(PROMPT, "a much longer answer")])
    assert share[0] == pytest.approx(0.5, abs=0.01)


def test_texts_that_are_longer_than_what_is_read_are_counted_and_kept(train, tiny):
    long = [{"role": "user", "content": "tea " * 3 * PROMPT_TOKENS}]
    rows = [*some(6), row(90, "Yes.", "water " * 900, "b") | {"prompt": long}]
    result, _ = train(rows)
    assert result["figures"]["prompts_cut"] == 1
    assert result["figures"]["answers_cut"] == 1
    assert result["figures"]["train_votes"] == 7
    again = FeatureReader(tiny)
    assert again.count_cut([(long, "Yes."), (PROMPT, "Yes.")]) == {"prompts_cut": 1, "answers_cut": 0}


@pytest.mark.parametrize("shared", [True, False])
def test_features_are_the_mean_of_an_answers_states_and_the_last_of_them(tiny, shared):
    reader = FeatureReader(tiny)
    answers = [(PROMPT, "Boil the water."), (PROMPT, "Yes."), ([{"role": "user", "content": "Why?"}], "So")]
    body = load_base(tiny).base_model
    body.layers, body.norm = body.layers[: reader.layers], torch.nn.Identity()
    body.config.num_hidden_layers = reader.layers
    expected = []
    for prompt, text in answers:
        before = prompt_tokens(reader._tokenizer, prompt, limit=PROMPT_TOKENS)
        tokens = torch.tensor([before + response_tokens(reader._tokenizer, text, limit=256)])
        with torch.no_grad():
            own_T_D = body(input_ids=tokens).last_hidden_state[0, len(before) :]
        expected.append(torch.cat([own_T_D.mean(0), own_T_D[-1]]).numpy())
    assert reader._body is not None
    reader._shares = reader._shares and shared
    if not shared:
        reader._body.config._attn_implementation = "sdpa"
    np.testing.assert_allclose(reader.read(answers), np.stack(expected), atol=1e-4)


def test_more_votes_get_more_components():
    assert [components_for(votes) for votes in (0, 300, 3000, 5000, 50_000)] == [48, 48, 48, 78, 96]


def test_empty_and_identical_answers_are_learnt_from_and_counted(train):
    rows = [*some(6), row(90, "", "something", "b"), row(91, "the same", "the same", "tie"), row(92, " ", "x", "b")]
    result, model = train(rows)
    assert result["figures"]["empty_answers"] == 2
    assert result["figures"]["votes_on_identical_answers"] == 1
    # A tie between two copies says nothing of how like each other two different answers must be.
    assert result["figures"]["tie_width"] == 0
    assert np.isfinite(model.score([(PROMPT, "")])).all()


def test_only_copies_of_one_answer(train):
    result, model = train([row(1, "the same", "the same", "a"), row(2, "the same", "the same", "b")])
    assert result["figures"]["votes_on_identical_answers"] == 2
    assert model.preference([(PROMPT, "the same")], [(PROMPT, "other")])[0] == pytest.approx(0.5)


def test_ratings_alone_are_enough(train):
    ratings = [
        {"prompt_id": n, "prompt": PROMPT, "responses": [" ".join(WORDS[: n + 1])], "levels": {"quality": n / 11}}
        for n in range(12)
    ]
    result, model = train([], ratings=ratings)
    assert result["figures"]["train_anchors"] == 12
    scores = model.score([(PROMPT, " ".join(WORDS[:count])) for count in (1, 6, 12)])
    assert scores[0] < scores[1] < scores[2]


def test_rankings_alone_are_enough(train):
    rankings = [
        {"prompt_id": n, "prompt": PROMPT, "ranks": [1, 2, 2], "responses": [w, w + " tea tea", w + " tea tea tea"]}
        for n, w in enumerate(WORDS[:10])
    ]
    result, model = train([], rankings=rankings)
    assert (result["figures"]["train_rankings"], result["figures"]["tie_width"] > 0) == (10, True)
    scores = model.score([(PROMPT, "word"), (PROMPT, "word tea tea tea")])
    assert scores[0] > scores[1]


def test_the_reward_is_made_of_the_axes_as_their_weights_say(train):
    axes = {"long": {"choice": "b"}, "short": {"choice": "a"}}
    rows = [row(n, w, w + " and some more words", "ab"[n % 2], axes=axes) for n, w in enumerate(WORDS[:20])]
    pair = [(PROMPT, "one")], [(PROMPT, "one and some more words")]
    result, model = train(rows, axis_weights={"long": 1.0})
    assert model.preference(*pair)[0] < 0.5
    assert set(model.axes) == {"overall", "long", "short"}
    scores = model.axis_scores([pair[0][0], pair[1][0]])
    assert scores["long"][1] > scores["long"][0]
    assert scores["short"][1] < scores["short"][0]


def test_a_weight_for_an_axis_that_nobody_judged_is_refused(train):
    with pytest.raises(RecipeError, match="Nobody judged the axis 'kind'; this snapshot has overall"):
        train(some(6), axis_weights={"kind": 1.0})


def test_without_length_the_score_does_not_go_along_with_it(tiny):
    votes = Votes.from_rows(some(30, lambda n: "b"))
    reader = FeatureReader(tiny)
    with_it, without = (RewardModel.fit(reader, votes, remove_length=r)[0] for r in (False, True))
    lengths = np.log1p([len(text) for _, text in votes.answers])
    assert abs(np.corrcoef(with_it.score(votes.answers), lengths)[0, 1]) > 0.5
    assert abs(np.corrcoef(without.score(votes.answers), lengths)[0, 1]) < 1e-6


def test_where_length_is_all_that_counts_a_score_without_it_is_refused(tiny, snapshot, tmp_path):
    """In the common snapshot the shorter answer is always the better one."""
    config = Config(base_dir=str(tiny), snapshot_dir=str(snapshot), remove_length=True)
    with pytest.raises(RecipeError, match=r"length is all that counts: without it [\d.e-]+ % of the score is left"):
        reward_model(Run(tmp_path / "refused"), config)
    assert not (tmp_path / "refused" / "result.json").exists()


def test_where_more_than_length_counts_a_score_without_it_is_learnt_and_says_how_much_is_left(tiny, tmp_path):
    for part, first in (("train", 0), ("held_out", 1000)):
        rows = [row(first + n, f"{n} is good", f"{n} is evil", "a") for n in range(40)]
        for each in rows:
            each["prompt"] = [{"role": "user", "content": f"What of {each['prompt_id']}?"}]
        write_lines(tmp_path / f"{part}.jsonl", rows)
    run = Run(tmp_path / "run")
    reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(tmp_path), remove_length=True))
    assert 0.5 < json.loads((run.directory / "result.json").read_text())["figures"]["left_without_length"] <= 1


def test_a_model_from_before_deviations_were_kept_scores_and_says_what_it_lacks(tmp_path, reward_dir, tiny):
    old = tmp_path / "old"
    shutil.copytree(reward_dir / "model", old)
    settings = json.loads((old / "reward_model.json").read_text())
    later = ("tie_width", "temperature", "axes", "tokenizer_sha256", "base_fingerprint")
    for name in (*later, "files_sha256", "settings_sha256"):
        del settings[name]
    (old / "reward_model.json").write_text(json.dumps(settings | {"format": 1}))
    tensors = load_file(old / "reward_model.safetensors")
    del tensors["covariance"], tensors["axes"]
    save_file(tensors, old / "reward_model.safetensors")
    model, answers = RewardModel.load(old, tiny), [(PROMPT, "Yes."), (PROMPT, "No.")]
    np.testing.assert_allclose(model.score(answers), RewardModel.load(reward_dir / "model", tiny).score(answers))
    with pytest.raises(RecipeError, match="train it again"):
        model.spread_of(answers)


def test_known_answers_are_scored_without_loading_the_body(tmp_path, reward_dir, tiny):
    answers = [(PROMPT, "Yes."), (PROMPT, "No.")]
    FeatureReader(tiny, tmp_path).read(answers)
    reader = FeatureReader(tiny, tmp_path)
    reader.read(answers)
    assert reader._loaded_body is None


@pytest.mark.parametrize("given", [{"kind": "much"}, {"kind": None}, ["kind"]])
def test_axis_weights_are_numbers(tmp_path, given):
    (tmp_path / "config.json").write_text(json.dumps({"base_dir": "b", "snapshot_dir": "s", "axis_weights": given}))
    with pytest.raises(BadConfig, match="axis_weights cannot be"):
        load_config(Config, tmp_path / "config.json")
