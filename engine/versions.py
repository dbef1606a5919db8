"""Versions in memory: a base read once, and on it one merged copy for each adapter, the embedding shared."""

import copy
import tempfile
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase


class CannotServe(Exception):
    """A directory cannot be served; the sentence says why."""


@dataclass(frozen=True)
class Version:
    """A model ready to decode."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    end_ids: frozenset[int]
    pad_id: int
    context_tokens: int


class Versions:
    """Loads directories below the `roots` when they are asked for and keeps the most recently used."""

    def __init__(self, roots: list[Path], *, device: torch.device, keep: int = 4) -> None:
        self._roots = [root.resolve() for root in roots]
        self._device = device
        self._keep = keep
        self._lock = threading.Lock()
        self._loaded: OrderedDict[Path, Future[Version]] = OrderedDict()
        self._bases: dict[tuple[int, int], PreTrainedModel] = {}
        # One at a time: two loads at once would hold two bases.
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")

    def names(self) -> list[str]:
        """The directories that can be named in `model`."""
        return sorted(str(path.parent) for root in self._roots for path in root.glob("*/config.json"))

    def directory(self, name: str) -> Path | None:
        """The directory that `model` names, or None: only what lies below a root is served."""
        for root in self._roots:
            path = (root / name).resolve()  # an absolute name stays itself
            if path.is_relative_to(root) and path != root and (path / "config.json").is_file():
                return path
        return None

    def load(self, directory: Path) -> Future[Version]:
        """The version, loading it in the background the first time. A load that failed is tried again when asked."""
        with self._lock:
            found = self._loaded.get(directory)
            if found is None or (found.done() and found.exception() is not None):
                found = self._loaded[directory] = self._loader.submit(self._read, directory)
            self._loaded.move_to_end(directory)
            while len(self._loaded) > self._keep:
                self._loaded.popitem(last=False)
            return found

    def _read(self, directory: Path) -> Version:
        base = self._base(directory)
        model = base
        if (directory / "adapter_config.json").is_file():
            # The embedding is most of a small model and no adapter touches it: the copy shares it.
            shared = {id(parameter): parameter for parameter in base.get_input_embeddings().parameters()}
            fresh = copy.deepcopy(base, memo=dict(shared))
            model = PeftModel.from_pretrained(fresh, str(directory), autocast_adapter_dtype=False).merge_and_unload()
        tokenizer = AutoTokenizer.from_pretrained(directory)
        if not tokenizer.chat_template:
            raise CannotServe(f"{directory.name} has no chat template; add chat_template to its tokenizer_config.json.")
        settings = GenerationConfig.from_pretrained(directory)
        ends = settings.eos_token_id if settings.eos_token_id is not None else tokenizer.eos_token_id
        end_ids = frozenset([ends] if isinstance(ends, int) else ends or [])
        pad = tokenizer.pad_token_id
        context = int(getattr(base.config.get_text_config(), "max_position_embeddings", 4096))
        return Version(model.eval(), tokenizer, end_ids, pad if pad is not None else min(end_ids, default=0), context)

    def _base(self, directory: Path) -> PreTrainedModel:
        weights = sorted(path for path in directory.glob("*.safetensors") if not path.name.startswith("adapter_"))
        if not weights:
            raise CannotServe(f"{directory.name} holds no safetensors weights.")
        # Directories of versions are made of hard links: the same file is the same base.
        status = weights[0].stat()
        key = (status.st_dev, status.st_ino)
        if key not in self._bases:
            # From links without the adapter that lies beside the weights: from_pretrained would load that too.
            with tempfile.TemporaryDirectory() as plain:
                for path in directory.iterdir():
                    if not path.name.startswith("adapter_"):
                        (Path(plain) / path.name).symlink_to(path.resolve())
                model = AutoModelForCausalLM.from_pretrained(plain, dtype="auto", use_safetensors=True)
            model.requires_grad_(False)
            # The last column alone is a strided view; with that torch multiplies by a copy of the output layer for
            # every row (hundreds of megabytes each). A contiguous one is a plain matrix product.
            model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
            torch.nn.Module.to(model, self._device)
            self._bases = {key: model}  # one base at a time in memory
        return self._bases[key]
