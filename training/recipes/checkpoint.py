"""The state of a plain AdamW loop in one safetensors file, replaced in one rename: a kill leaves old or new."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from training.recipes.run import RecipeError

Parameters = dict[str, torch.nn.Parameter]


def save_checkpoint(
    path: Path, *, step: int, parameters: Parameters, optimizer: torch.optim.Optimizer, config: str
) -> None:
    tensors = {f"weight/{name}": parameter.detach() for name, parameter in parameters.items()}
    for name, parameter in parameters.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"adam/{key}/{name}"] = value
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"step": str(step), "config": config})
    os.replace(partial, path)


def load_checkpoint(path: Path, *, parameters: Parameters, optimizer: torch.optim.Optimizer, config: str) -> int:
    """Restore in place and return how many steps are done; 0 when there is no checkpoint.

    Raises:
        RecipeError: the checkpoint was written under another config.
    """
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        if metadata["config"] != config:
            raise RecipeError(
                "The checkpoint in this run directory was made with other settings; start a new run directory."
            )
        # safe_open looks like a dict and is none: it has keys() but cannot be iterated.
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(stored[f"weight/{name}"])
            keys = {full.split("/")[1] for full in stored if full.startswith("adam/") and full.endswith("/" + name)}
            optimizer.state[parameter] = {key: stored[f"adam/{key}/{name}"].clone() for key in keys}
    return int(metadata["step"])


def fingerprint(settings: dict[str, object]) -> str:
    return json.dumps(settings, sort_keys=True)
