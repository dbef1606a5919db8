"""Adapters add up exactly, travel without paths, and are refused when they are something else."""

import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from training.recipes.policies import (
    export_adapter,
    load_base,
    load_policy,
    reading_dtype,
    with_new_adapter,
    working_dtype,
)
from training.recipes.run import RecipeError


def random_adapter(tiny, parent, target, *, rank, seed):
    """Train nothing: fill a new adapter over (base + parent) with noise and export it. Returns the model in memory."""
    model = with_new_adapter(load_policy(tiny, parent), rank=rank, seed=seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    export_adapter(model, parent_dir=parent, base_sha256="f00d", target=target)
    return model.eval()


@torch.no_grad()
def logits(model):
    return model(input_ids=torch.arange(6, 30)[None]).logits


def test_three_generations_add_up_to_one_adapter(tiny, tmp_path):
    parent = None
    for generation, rank in enumerate((4, 3, 5)):
        target = tmp_path / str(generation)
        trained = random_adapter(tiny, parent, target, rank=rank, seed=generation)
        loaded = PeftModel.from_pretrained(load_base(tiny), target)
        assert (logits(trained) - logits(load_base(tiny))).abs().max() > 0.1
        torch.testing.assert_close(logits(loaded), logits(trained), rtol=0, atol=1e-5)
        torch.testing.assert_close(logits(load_policy(tiny, target)), logits(trained), rtol=0, atol=1e-5)
        parent = target
    assert json.loads((tmp_path / "2" / "adapter_config.json").read_text())["r"] == 4 + 3 + 5


def test_switching_the_new_adapter_off_gives_the_parent(tiny, tmp_path):
    parent = random_adapter(tiny, None, tmp_path / "parent", rank=4, seed=0)
    child = random_adapter(tiny, tmp_path / "parent", tmp_path / "child", rank=4, seed=1)
    with child.disable_adapter():
        torch.testing.assert_close(logits(child), logits(parent), rtol=0, atol=1e-5)


def test_an_adapter_names_its_base_by_content_and_holds_no_path(tiny, tmp_path):
    random_adapter(tiny, None, tmp_path / "a", rank=2, seed=0)
    text = (tmp_path / "a" / "adapter_config.json").read_text()
    assert json.loads(text)["base_model_name_or_path"] == "f00d"
    assert str(tiny) not in text
    assert {file.suffix for file in (tmp_path / "a").iterdir()} == {".json", ".safetensors"}


def test_layers_that_one_adapter_leaves_out_keep_their_part(tiny, tmp_path):
    random_adapter(tiny, None, tmp_path / "whole", rank=4, seed=0)
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    weights = {
        name: t for name, t in load_file(tmp_path / "whole" / "adapter_model.safetensors").items() if "mlp" in name
    }
    save_file(weights, tmp_path / "part" / "adapter_model.safetensors")
    settings = json.loads((tmp_path / "whole" / "adapter_config.json").read_text())
    settings["target_modules"] = ["up_proj", "down_proj", "gate_proj"]
    (tmp_path / "part" / "adapter_config.json").write_text(json.dumps(settings))
    trained = random_adapter(tiny, tmp_path / "part", tmp_path / "sum", rank=3, seed=2)
    loaded = PeftModel.from_pretrained(load_base(tiny), tmp_path / "sum")
    torch.testing.assert_close(logits(loaded), logits(trained), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"use_dora": True}, {"peft_type": "IA3"}, {"bias": "all"}, {"rank_pattern": {"q": 2}}]
)
def test_a_parent_that_is_no_plain_lora_is_refused(tiny, tmp_path, change):
    random_adapter(tiny, None, tmp_path / "a", rank=2, seed=0)
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(settings | change))
    with pytest.raises(RecipeError):
        load_policy(tiny, tmp_path / "a")


def test_an_adapter_in_a_pickle_is_refused(tiny, tmp_path):
    random_adapter(tiny, None, tmp_path / "a", rank=2, seed=0)
    (tmp_path / "a" / "adapter_model.safetensors").rename(tmp_path / "a" / "adapter_model.bin")
    with pytest.raises(RecipeError, match=r"adapter_model\.safetensors is missing"):
        load_policy(tiny, tmp_path / "a")


@pytest.mark.parametrize(("vectors", "tiles"), [(False, False), (True, False), (True, True)])
def test_a_processor_reads_in_bfloat16_only_where_it_has_tiles_for_it(tiny, tmp_path, monkeypatch, vectors, tiles):
    config = json.loads((tiny / "config.json").read_text()) | {"dtype": "bfloat16"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert working_dtype(tmp_path) == (torch.bfloat16 if vectors else torch.float32)
    assert reading_dtype(tmp_path) == (torch.bfloat16 if tiles else torch.float32)
