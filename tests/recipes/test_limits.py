"""How much of a text is read: a setting, kept with the model, and told of every text that is longer."""

import json

import numpy as np
import pytest

from tests.recipes.conftest import write_lines
from training.recipes.conversations import read_rows
from training.recipes.features import PROMPT_CUT, RESPONSE_CUT, FeatureReader
from training.recipes.reward import RewardModel
from training.recipes.reward_model import Config, reward_model
from training.recipes.reward_scorer import BodyReader
from training.recipes.reward_trainer import TrainSettings
from training.recipes.run import BadConfig, RecipeError, Run, load_config
from training.recipes.score import scores_of
from training.recipes.trained_body import try_trained_body
from training.recipes.votes import Votes

SHORT, LONG = [{"role": "user", "content": "Tea?"}], [{"role": "user", "content": "What about tea? " * 9}]
LIMITS = {"prompt_tokens": 24, "response_tokens": 6}


@pytest.fixture(scope="module")
def run(tiny, snapshot, tmp_path_factory):
    """One that reads little."""
    run = Run(tmp_path_factory.mktemp("limits"))
    reward_model(run, Config(base_dir=str(tiny), snapshot_dir=str(snapshot), **LIMITS))
    return run


@pytest.fixture(scope="module", params=["features", "lora"])
def model(request, run, tiny, snapshot, tmp_path_factory):
    """Its model, and one over a body that was trained from it on; loaded by who reads more."""
    if request.param == "features":
        return RewardModel.load(run.model, FeatureReader(tiny))
    directory = tmp_path_factory.mktemp("lora")
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))
    trial = try_trained_body(
        Run(directory), RewardModel.load(run.model, tiny), lambda reader: RewardModel.fit(reader, train)[0], train,
        held_out, settings=TrainSettings(epochs=1), method="lora", base_sha256="0" * 64, target=directory / "model",
    )  # fmt: skip
    trial.model.save(directory / "model", base_sha256="0" * 64)
    loaded = RewardModel.load(directory / "model", FeatureReader(tiny))
    assert isinstance(loaded.reader, BodyReader)
    return loaded


def test_whoever_scores_reads_as_much_as_was_trained_on(model):
    assert (model.reader.prompt_tokens, model.reader.response_tokens) == (24, 6)
    said = "one two three four five six seven eight nine"
    first, second = model.reader.read([(LONG, said), (LONG, said + " and whatever else there is")])
    np.testing.assert_allclose(first, second, atol=1e-5)
    first, second = model.reader.read(
        [(LONG, said), ([{"role": "user", "content": "So! " + LONG[0]["content"]}], said)]
    )
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_what_was_cut_is_counted_with_the_limit_and_of_how_many(run, tiny, snapshot):
    figures = json.loads((run.directory / "result.json").read_text())["figures"]
    assert {name: figures[name] for name in LIMITS} == LIMITS
    assert figures["distinct_prompts"] == 40
    rows = [row for part in ("train", "held_out") for row in read_rows(snapshot / f"{part}.jsonl", keys=("prompt",))]
    tokenizer = FeatureReader(tiny)._tokenizer
    texts = {(str(row["prompt"]), row[side]) for row in rows for side in ("response_a", "response_b")}
    longer = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1 > 6 for _, text in texts)
    assert figures["answers_cut"] == longer > 0


def test_scores_say_which_texts_were_cut(model):
    texts = ["Yes.", "Boil the water and wait for four minutes, then drink."]
    assert model.reader.cuts([(SHORT, texts[0]), (LONG, texts[1])]) == [0, PROMPT_CUT + RESPONSE_CUT]
    pair = {"prompt": LONG, "response_a": texts[0], "response_b": texts[1]}
    lists = [{"prompt": prompt, "responses": texts} for prompt in (SHORT, LONG)]
    told = scores_of(model, {"pairs": [pair], "lists": lists})
    (scored,) = told["pairs"]
    assert [scored["response_a"]["cut"], scored["response_b"]["cut"], scored["prompt_cut"]] == [False, True, True]
    assert [one["prompt_cut"] for one in told["lists"]] == [False, True]
    assert [[answer["cut"] for answer in one["responses"]] for one in told["lists"]] == [[False, True]] * 2


def test_what_was_read_under_other_limits_is_read_anew(tiny, tmp_path):
    answer = [(LONG, "Boil the water and wait for four minutes.")]
    little = FeatureReader(tiny, tmp_path, prompt_tokens=4, response_tokens=2)
    assert not np.allclose(little.read(answer), FeatureReader(tiny, tmp_path).read(answer))
    again = little.with_limits(256, 256)
    assert again.knows(answer[0])
    assert again.with_limits(256, 256) is again


def test_more_than_the_base_reads_is_refused(tiny, snapshot, tmp_path):
    config = Config(base_dir=str(tiny), snapshot_dir=str(snapshot), prompt_tokens=1000, response_tokens=100)
    with pytest.raises(RecipeError, match="together they must be 1024 at most"):
        reward_model(Run(tmp_path), config)


def test_to_read_nothing_is_refused(tmp_path):
    given = {"base_dir": "b", "snapshot_dir": "s", "response_tokens": 0}
    write_lines(tmp_path / "config.json", [given])
    with pytest.raises(BadConfig, match="response_tokens must be at least 1, not 0"):
        load_config(Config, tmp_path / "config.json")


def test_a_model_of_before_there_was_a_setting_reads_256_tokens_of_each(reward_dir, tiny, tmp_path):
    settings = json.loads((reward_dir / "model" / "reward_model.json").read_text())
    new = {"prompt_tokens", "response_tokens", "files_sha256", "settings_sha256"}
    (tmp_path / "reward_model.safetensors").write_bytes((reward_dir / "model/reward_model.safetensors").read_bytes())
    kept = {name: value for name, value in settings.items() if name not in new}
    (tmp_path / "reward_model.json").write_text(json.dumps(kept))
    reader = RewardModel.load(tmp_path, FeatureReader(tiny, prompt_tokens=9, response_tokens=9)).reader
    assert (reader.prompt_tokens, reader.response_tokens) == (256, 256)
