"""Rows, settings and weights that cannot be right are refused with the place and what is expected, before training."""

import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from tests.recipes.conftest import WORDS, write_lines
from training.recipes import grpo, reward_trainer, sft
from training.recipes.conversations import read_rows
from training.recipes.features import FeatureReader
from training.recipes.open_items import KEYS
from training.recipes.reward_model import Config, reward_model
from training.recipes.row_checks import check_open_item
from training.recipes.run import BadConfig, RecipeError, Run, load_config
from training.recipes.votes import Votes

NAN = float("nan")


def pair(number: int, **more):
    prompt = [{"role": "user", "content": f"What about {WORDS[number]}?"}]
    texts = {"response_a": " ".join(WORDS[number : number + 2]), "response_b": " ".join(WORDS[number : number + 9])}
    return {"prompt_id": number, "prompt": prompt, **texts, "choice": "a"} | more


def rating(**more):
    return {"prompt_id": 90, "prompt": pair(9)["prompt"], "responses": ["Yes."], "levels": {"clear": 0.5}} | more


def ranking(**more):
    return {"prompt_id": 90, "prompt": pair(9)["prompt"], "responses": ["x", "y"], "ranks": [1, 2]} | more


@pytest.fixture
def votes_of(tmp_path):
    """`votes_of(train=[row, …], ratings_train=[…])`: the part as read."""

    def read(**files):
        for name in {"train", *files}:
            write_lines(tmp_path / f"{name}.jsonl", files.get(name, []))
        return Votes.from_snapshot(tmp_path, "train")

    return read


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"choice": ["a"]}, 'choice must be a, b, tie, both_bad or both_good, not ["a"]'),
        ({"choice": None}, "choice must be a, b, tie, both_bad or both_good, not null"),
        ({"prompt": "hello"}, 'prompt must be messages, [{"role": "user", "content": "…"}], not "hello"'),
        ({"prompt": []}, 'prompt must be messages, [{"role": "user", "content": "…"}], not []'),
        ({"prompt": [{"role": "user"}]}, 'content": "…"}], not [{"role": "user"}]'),
        ({"prompt": [{"role": "user", "content": "\ud800"}]}, "prompt must be messages"),
        ({"response_a": None}, "response_a must be text in Unicode, not null"),
        ({"response_b": "\ud800 x"}, 'response_b must be text in Unicode, not "\\ud800 x"'),
        ({"axes": ["true"]}, 'axes must be an object, {"axis": {"choice": "a"}}, not ["true"]'),
        ({"axes": {"true": "a"}}, 'what is said on the axis true must be an object, {"choice": "a"}, not "a"'),
        ({"axes": {"true": None}}, "what is said on the axis true must be an object"),
        ({"axes": {"true": {"choice": "c"}}}, "choice on the axis true must be a, b, tie"),
        ({"axes": {"true": {"choice": "a", "strength": 9}}}, "strength on the axis true must be 1, 2 or 3"),
        ({"axes": {"overall": {"choice": "b"}}}, "axes has an axis named overall, as the verdict as a whole is"),
        ({"strength": "much"}, 'strength must be 1, 2 or 3, or null, not "much"'),
        ({"strength": NAN}, "strength must be 1, 2 or 3, or null, not NaN"),
        ({"strength": -100}, "strength must be 1, 2 or 3, or null, not -100"),
        ({"strength": 1e300}, "strength must be 1, 2 or 3, or null, not 1e+300"),
        ({"strength": 10**400}, "strength must be 1, 2 or 3, or null, not 1000"),
        ({"strength": True}, "strength must be 1, 2 or 3, or null, not true"),
        ({"prompt_id": "7"}, 'prompt_id must be a whole number of 64 bits, not "7"'),
        ({"prompt_id": None}, "prompt_id must be a whole number of 64 bits, not null"),
        ({"prompt_id": 2**70}, "prompt_id must be a whole number of 64 bits, not 11805"),
        ({"annotator": ["anna"]}, 'annotator must be text or null, not ["anna"]'),
        ({"policy": ["random"]}, 'policy must be text or null, not ["random"]'),
        ({"source": 5}, "source must be text or null, not 5"),
        ({"item_id": "1"}, 'item_id must be a whole number, not "1"'),
        ({"judgement_ids": "1"}, 'judgement_ids must be whole numbers, not "1"'),
    ],
)
def test_a_bad_comparison_is_refused_with_its_line_and_what_is_expected(votes_of, wrong, told):
    with pytest.raises(RecipeError) as refusal:
        votes_of(train=[pair(1), pair(2, **wrong)])
    assert str(refusal.value).startswith("Line 2 of train.jsonl: ")
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"levels": "high"}, 'levels must be an object of numbers by axis, not "high"'),
        ({"levels": [1]}, "levels must be an object of numbers by axis, not [1]"),
        ({"levels": {"clear": "high"}}, 'the level of clear must be a number from 0 to 1, or null, not "high"'),
        ({"levels": {"clear": NAN}}, "the level of clear must be a number from 0 to 1, or null, not NaN"),
        ({"levels": {"clear": 1.5}}, "the level of clear must be a number from 0 to 1, or null, not 1.5"),
        ({"levels": {"overall": 0.5}}, "levels has an axis named overall"),
        ({"responses": []}, "responses must be a text, not []"),
        ({"responses": [None]}, "responses must be a text, not [null]"),
        ({"prompt_id": 1.5}, "prompt_id must be a whole number of 64 bits, not 1.5"),
    ],
)
def test_a_bad_rating_is_refused_with_its_line_and_what_is_expected(votes_of, wrong, told):
    with pytest.raises(RecipeError) as refusal:
        votes_of(ratings_train=[rating(), rating(**wrong)])
    assert str(refusal.value).startswith(f"Line 2 of ratings_train.jsonl: {told}")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"ranks": None}, "ranks must be places from 1 on, not null"),
        ({"ranks": [1, None]}, "ranks must be places from 1 on, not [1, null]"),
        ({"ranks": ["10", "9"]}, 'ranks must be places from 1 on, not ["10", "9"]'),
        ({"ranks": [0, 1]}, "ranks must be places from 1 on, not [0, 1]"),
        ({"ranks": [1]}, "there are 2 responses and 1 ranks; each response must have a place"),
        ({"responses": ["x"], "ranks": [1]}, 'responses must be two texts or more, not ["x"]'),
    ],
)
def test_a_bad_ranking_is_refused_with_its_line_and_what_is_expected(votes_of, wrong, told):
    with pytest.raises(RecipeError) as refusal:
        votes_of(rankings_train=[ranking(), ranking(**wrong)])
    assert str(refusal.value).startswith(f"Line 2 of rankings_train.jsonl: {told}")


def test_a_line_that_is_no_text_or_too_deep_is_refused_with_its_number(tmp_path):
    for bad in (b'{"prompt": "\xff"}', b"[" * 100_000):
        (tmp_path / "rows.jsonl").write_bytes(b"{}\n" + bad + b"\n")
        with pytest.raises(RecipeError, match=r"Line 2 of rows\.jsonl is not JSON in UTF-8"):
            read_rows(tmp_path / "rows.jsonl", keys=())


def test_a_bad_open_item_is_refused_with_its_line(tmp_path):
    for wrong, told in (({"item_id": "1"}, "item_id must be"), ({"response_a": 1}, "response_a must be text")):
        write_lines(tmp_path / "open.jsonl", [pair(1, item_id=1), pair(2, item_id=2) | wrong])
        with pytest.raises(RecipeError, match=rf"Line 2 of open\.jsonl: {told}"):
            read_rows(tmp_path / "open.jsonl", keys=KEYS, check=check_open_item)


def test_a_prompt_in_both_parts_is_refused_whatever_its_number(tiny, tmp_path):
    write_lines(tmp_path / "train.jsonl", [pair(n) for n in range(5)])
    write_lines(tmp_path / "held_out.jsonl", [pair(7), pair(3, prompt_id=8, response_a="Another answer.")])
    settings = {"base_dir": str(tiny), "snapshot_dir": str(tmp_path)}
    told = f"A prompt is in both parts of the snapshot: .What about {WORDS[3]}"
    with pytest.raises(RecipeError, match=told):
        reward_model(Run(tmp_path / "run"), Config(**settings))
    with pytest.raises(RecipeError, match=told):
        reward_trainer.reward_trainer(Run(tmp_path / "body"), reward_trainer.Config(**settings))


def damaged(tiny, directory):
    """A base one of whose weights is infinite."""
    shutil.copytree(tiny, directory)
    weights = load_file(directory / "model.safetensors")
    weights["model.layers.0.mlp.down_proj.weight"][0, 0] = float("inf")
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def test_a_base_that_gives_no_numbers_is_refused_and_nothing_of_it_is_kept(tiny, tmp_path):
    write_lines(tmp_path / "train.jsonl", [pair(n) for n in range(5)])
    write_lines(tmp_path / "held_out.jsonl", [pair(7)])
    base, features = damaged(tiny, tmp_path / "base"), tmp_path / "features"
    config = Config(base_dir=str(base), snapshot_dir=str(tmp_path), feature_dir=str(features))
    with pytest.raises(RecipeError, match="gave what is no number when it read answers such as"):
        reward_model(Run(tmp_path / "run"), config)
    assert list(features.rglob("*.safetensors")) == []


def test_features_that_are_no_numbers_are_read_anew(tiny, tmp_path):
    answer = (pair(1)["prompt"], "Yes.")
    expected = FeatureReader(tiny, tmp_path).read([answer])
    (shard,) = tmp_path.rglob("*.safetensors")
    with safe_open(shard, framework="numpy") as file:
        about = file.metadata()
    save_arrays({"features": load_arrays(shard)["features"] * np.float32(NAN)}, shard, metadata=about)
    np.testing.assert_array_equal(FeatureReader(tiny, tmp_path).read([answer]), expected)


@pytest.mark.parametrize(
    ("config", "given", "told"),
    [
        (Config, {"seed": -1}, "seed must be at least 0, not -1"),
        (Config, {"epochs": -3, "method": "lora"}, "epochs must be at least 1, not -3"),
        (Config, {"axis_weights": {"overall": 1e200}}, "The weight of the axis overall is 1e[+]200; its size must be"),
        (Config, {"axis_weights": {"overall": 10**400}}, "The setting axis_weights cannot be"),
        (Config, {"axis_weights": {"overall": 0.0, "true": 0}}, "gives every axis the weight 0"),
        (reward_trainer.Config, {"epochs": 0}, "epochs must be at least 1, not 0"),
        (reward_trainer.Config, {"axis_weights": {"true": 1e-9}}, "The weight of the axis true is 1e-09"),
        (sft.Config, {"epochs": -3}, "epochs must be at least 1, not -3"),
        (grpo.Config, {"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_settings_out_of_their_range_are_refused(tmp_path, config, given, told):
    needed = {"base_dir", "snapshot_dir", "demonstrations", "reward_model_dir"} & config.__dataclass_fields__.keys()
    (tmp_path / "config.json").write_text(json.dumps(dict.fromkeys(needed, "x") | given))
    with pytest.raises(BadConfig, match=told):
        load_config(config, tmp_path / "config.json")
