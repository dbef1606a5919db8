"""Policies: a base model directory plus at most one LoRA adapter.

A run that goes on from a parent adapter trains a fresh adapter on (base + parent merged in memory), so that
switching the adapter off gives the parent: the reference that GRPO's KL wants. What it exports is the sum of both
as one adapter over the base. The sum is exact: B1 A1 + B2 A2 = [B1 B2] [A1; A2], at the price of a rank that grows
by one run's rank a generation.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from training.recipes.model_directory import check_model_directory, hash_directory
from training.recipes.run import RecipeError, replace_directory

transformers_logging.disable_progress_bar()


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def working_dtype(base_dir: Path) -> torch.dtype:
    """bfloat16 where the weights are stored so and the hardware multiplies in it; else float32."""
    stored = AutoConfig.from_pretrained(base_dir).dtype
    if stored not in (torch.bfloat16, torch.float16):
        return torch.float32
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capable = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if capable else torch.float32


def reading_dtype(base_dir: Path) -> torch.dtype:
    """In which whole texts are read: `working_dtype`, but on a CPU bfloat16 only where it has tiles (AMX).

    Whole texts wait for arithmetic, generation for memory. Without tiles a Xeon does 100 GFLOP/s in bfloat16 and 180 in
    float32 (Gemma's sizes, one thread): 675 tokens a second through half of Gemma 3 270M, and 1,110.
    """
    dtype = working_dtype(base_dir)
    slow = dtype == torch.bfloat16 and not torch.cuda.is_available() and not torch.cpu._is_amx_tile_supported()
    return torch.float32 if slow else dtype


def load_tokenizer(base_dir: Path) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    return AutoTokenizer.from_pretrained(base_dir, padding_side="left")


def tokenizer_sha256(base_dir: Path) -> str:
    """Two bases with the same one read a text as the same tokens."""
    path = base_dir / "tokenizer.json"
    content = path.read_bytes() if path.is_file() else load_tokenizer(base_dir).backend_tokenizer.to_str().encode()
    return hashlib.sha256(content).hexdigest()


def load_base(base_dir: Path, *, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """The base model, on the device, for scoring (evaluation mode).

    Args:
        dtype: `working_dtype` when absent. To convert a loaded model is not the same: its buffers were rounded.
    Raises:
        RecipeError: no model directory, or one whose weights are pickles.
    """
    if not base_dir.is_dir():
        raise RecipeError(f"There is no base model in {base_dir}; run prepare_base first.")
    check_model_directory(base_dir)
    os.environ["HF_HUB_OFFLINE"] = "1"
    model: Any = AutoModelForCausalLM.from_pretrained(
        base_dir, dtype=dtype or working_dtype(base_dir), use_safetensors=True
    )
    # Generation multiplies the last column of its prompts, a strided view, by the output layer; torch then copies that
    # layer for every row (hundreds of megabytes each). A contiguous input makes it one plain matrix product.
    model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    return cast(PreTrainedModel, model.to(device()).eval())


def load_policy(base_dir: Path, adapter_dir: Path | None) -> PreTrainedModel:
    """Base plus adapter, merged in memory. The sum is formed in float32 and rounded once."""
    model = load_base(base_dir)
    if adapter_dir is None:
        return model
    settings, weights = read_adapter(adapter_dir)
    with torch.no_grad():
        for name, delta in _deltas(settings, weights).items():
            weight = cast(torch.Tensor, model.get_submodule(name).weight)
            weight.copy_((weight.float() + delta.to(weight.device)).to(weight.dtype))
    return model


def lora_settings(rank: int) -> LoraConfig:
    """A LoRA on every linear layer but the output layer; it starts as zero."""
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def with_new_adapter(model: PreTrainedModel, *, rank: int, seed: int) -> PeftModel:
    """Trainable in float32, whatever the model computes in."""
    torch.manual_seed(seed)
    return cast(PeftModel, get_peft_model(model, lora_settings(rank)))


def read_adapter(adapter_dir: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The settings and float32 weights of an adapter directory.

    Raises:
        RecipeError: it is not a plain LoRA adapter in safetensors.
    """
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter_dir / name).is_file():
            raise RecipeError(f"{adapter_dir} is not an adapter in safetensors: {name} is missing.")
    settings = json.loads((adapter_dir / "adapter_config.json").read_text())
    weights = load_file(adapter_dir / "adapter_model.safetensors")
    if settings.get("peft_type") != "LORA" or settings.get("use_dora") or settings.get("bias", "none") != "none":
        raise RecipeError(f"{adapter_dir} is not a plain LoRA adapter; only those can be continued.")
    return settings, {name: tensor.float() for name, tensor in weights.items()}


def export_adapter(model: PeftModel, *, parent_dir: Path | None, base_sha256: str, target: Path) -> None:
    """Write (parent + the adapter being trained) as one adapter, in place of whatever `target` held."""
    settings = model.peft_config["default"].to_dict()
    weights = {name: t.detach().float().cpu() for name, t in get_peft_model_state_dict(model).items()}
    if parent_dir is not None:
        settings, weights = add_adapters(read_adapter(parent_dir), (settings, weights))
    # A path of this machine would be wrong on any other: the base is named by its content.
    settings |= {"base_model_name_or_path": base_sha256, "inference_mode": True, "revision": None}
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(
        {name: t.contiguous() for name, t in weights.items()}, partial / "adapter_model.safetensors", {"format": "pt"}
    )
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    (partial / "adapter_config.json").write_text(json.dumps(plain, indent=1, default=str))
    replace_directory(partial, target)


Adapter = tuple[dict[str, Any], dict[str, torch.Tensor]]


def add_adapters(first: Adapter, second: Adapter) -> Adapter:
    """One adapter that does what both together do: ranks side by side, scales folded into B.

    A layer that only one of them changes is padded with zeros, because engines expect one rank throughout.
    """
    rank = first[0]["r"] + second[0]["r"]
    added: dict[str, torch.Tensor] = {}
    for prefix in {name.removesuffix(".lora_A.weight") for _, w in (first, second) for name in w if ".lora_A." in name}:
        parts = [
            (weights[f"{prefix}.lora_A.weight"], weights[f"{prefix}.lora_B.weight"] * _scale(settings, prefix))
            for settings, weights in (first, second)
            if f"{prefix}.lora_A.weight" in weights
        ]
        a_R_I, b_O_R = torch.cat([a for a, _ in parts]), torch.cat([b for _, b in parts], dim=1)
        missing = rank - len(a_R_I)
        added[f"{prefix}.lora_A.weight"] = torch.nn.functional.pad(a_R_I, (0, 0, 0, missing))
        added[f"{prefix}.lora_B.weight"] = torch.nn.functional.pad(b_O_R, (0, missing))
    targets = sorted({*first[0]["target_modules"], *second[0]["target_modules"]})
    settings = second[0] | {
        "r": rank,
        "lora_alpha": rank,
        "target_modules": targets,
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
    }
    return settings, added


def base_sha256(base_dir: Path, stated: str | None) -> str:
    return stated or hash_directory(base_dir)


def _deltas(settings: dict[str, Any], weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Module name -> scale B A, in float32."""
    prefixes = [name.removesuffix(".lora_A.weight") for name in weights if name.endswith(".lora_A.weight")]
    return {
        prefix.removeprefix("base_model.model."): _scale(settings, prefix)
        * (weights[f"{prefix}.lora_B.weight"] @ weights[f"{prefix}.lora_A.weight"])
        for prefix in prefixes
    }


def _scale(settings: dict[str, Any], prefix: str) -> float:
    if settings.get("rank_pattern") or settings.get("alpha_pattern"):
        raise RecipeError("The parent adapter has ranks that differ by layer; it cannot be continued.")
    rank = settings["r"]
    return float(settings["lora_alpha"]) / (rank**0.5 if settings.get("use_rslora") else rank)
