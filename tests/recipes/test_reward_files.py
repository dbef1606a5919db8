"""A reward model is what was trained, over the base that it was trained over, or is refused."""

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from training.recipes.features import FeatureReader
from training.recipes.model_directory import fingerprint_base
from training.recipes.reward import RewardModel
from training.recipes.reward_trainer import TrainSettings
from training.recipes.run import RecipeError, Run
from training.recipes.tiny_model import make_tiny_model
from training.recipes.trained_body import try_trained_body
from training.recipes.votes import Votes

PROMPT = [{"role": "user", "content": "What about tea?"}]
ANSWERS = [(PROMPT, "Yes."), (PROMPT, "Boil the water and wait.")]


@pytest.fixture(scope="module")
def lora_dir(tiny, snapshot, tmp_path_factory):
    """A model over a trained body."""
    directory = tmp_path_factory.mktemp("lora")
    train, held_out = (Votes.from_snapshot(snapshot, part) for part in ("train", "held_out"))
    fast = RewardModel.fit(FeatureReader(tiny), train)[0]
    trial = try_trained_body(
        Run(directory), fast, lambda reader: RewardModel.fit(reader, train)[0], train, held_out,
        settings=TrainSettings(epochs=1), method="lora", base_sha256="0" * 64, target=directory / "model",
    )  # fmt: skip
    trial.model.save(directory / "model", base_sha256="0" * 64)
    return directory


@pytest.fixture(params=["features", "lora"])
def model_dir(request, reward_dir, lora_dir, tmp_path):
    """A copy of either."""
    source = reward_dir if request.param == "features" else lora_dir
    shutil.copytree(source / "model", tmp_path / "model")
    return tmp_path / "model"


def test_another_tokenizer_is_refused(model_dir, tiny, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:-5]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(RecipeError, match="its tokenizer reads texts differently"):
        RewardModel.load(model_dir, other)


def test_a_base_of_the_same_shape_with_other_weights_is_refused(model_dir, tmp_path):
    make_tiny_model(tmp_path / "other", seed=1)
    with pytest.raises(RecipeError, match="another base model: its weights are not those"):
        RewardModel.load(model_dir, tmp_path / "other")


def test_a_copy_of_the_base_elsewhere_is_the_same_base(model_dir, tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "copy")
    scores = RewardModel.load(model_dir, tmp_path / "copy").score(ANSWERS)
    np.testing.assert_array_equal(scores, RewardModel.load(model_dir, tiny).score(ANSWERS))


def test_one_changed_layer_is_another_base(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "other")
    weights = load_file(tmp_path / "other" / "model.safetensors")
    weights["model.layers.0.mlp.down_proj.weight"] *= 1.01
    save_file(weights, tmp_path / "other" / "model.safetensors", metadata={"format": "pt"})
    assert fingerprint_base(tmp_path / "other") != fingerprint_base(tiny)


def test_a_change_in_any_file_is_refused_with_its_name(model_dir, tiny):
    for path in sorted(model_dir.iterdir()):
        whole = path.read_bytes()
        # A digit of the settings, a byte of the weights.
        place = whole.rindex(b"spread") + 9 if path.name == "reward_model.json" else len(whole) - 5
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RecipeError, match=f"is not the one that was trained: {path.name} (was changed|is damaged)"):
            RewardModel.load(model_dir, tiny)
        path.write_bytes(whole)
    assert np.isfinite(RewardModel.load(model_dir, tiny).score(ANSWERS)).all()


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "trained_body.json", "score_head.safetensors"])
def test_a_file_that_is_gone_is_refused_with_its_name(lora_dir, tiny, tmp_path, name):
    shutil.copytree(lora_dir / "model", tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(RecipeError, match=f"{name} was changed"):
        RewardModel.load(tmp_path / "model", tiny)


def test_a_body_put_beside_a_model_that_has_none_is_refused(reward_dir, lora_dir, tiny, tmp_path):
    shutil.copytree(reward_dir / "model", tmp_path / "model")
    for name in ("adapter_model.safetensors", "trained_body.json", "score_head.safetensors"):
        shutil.copy(lora_dir / "model" / name, tmp_path / "model")
    with pytest.raises(RecipeError, match=r"trained_body\.json was changed"):
        RewardModel.load(tmp_path / "model", tiny)


@pytest.mark.parametrize("text", ["", "{", '{"format"', "[]", "null"])
def test_settings_that_were_cut_off_are_refused_with_a_sentence(reward_dir, tiny, tmp_path, text):
    shutil.copytree(reward_dir / "model", tmp_path / "model")
    (tmp_path / "model" / "reward_model.json").write_text(text)
    with pytest.raises(RecipeError, match=r"reward_model\.json is damaged\. Restore it"):
        RewardModel.load(tmp_path / "model", tiny)


def of_before(directory, **settings) -> None:
    """Leave of reward_model.json what format 2 had."""
    path = directory / "reward_model.json"
    new = ("files_sha256", "settings_sha256", "base_fingerprint")
    kept = {name: value for name, value in json.loads(path.read_text()).items() if name not in new}
    path.write_text(json.dumps(kept | {"format": 2} | settings))


def test_a_model_of_before_there_were_hashes_of_all_files_is_loaded(model_dir, tiny, tmp_path):
    expected = RewardModel.load(model_dir, tiny).score(ANSWERS)
    of_before(model_dir, tokenizer_sha256=None)
    np.testing.assert_array_equal(RewardModel.load(model_dir, tiny).score(ANSWERS), expected)
    of_before(model_dir, weights_sha256="0" * 64)
    with pytest.raises(RecipeError, match=r"reward_model\.safetensors was changed"):
        RewardModel.load(model_dir, tiny)


def test_a_model_of_before_that_is_damaged_is_refused_with_a_sentence(reward_dir, tiny, tmp_path):
    shutil.copytree(reward_dir / "model", tmp_path / "model")
    of_before(tmp_path / "model")
    weights = tmp_path / "model" / "reward_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RecipeError, match=r"reward_model\.safetensors is damaged"):
        RewardModel.load(tmp_path / "model", tiny)
    (tmp_path / "model" / "reward_model.json").write_text("{}")
    with pytest.raises(RecipeError, match="lacks layers, length_mean"):
        RewardModel.load(tmp_path / "model", tiny)
