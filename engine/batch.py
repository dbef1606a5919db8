"""Rows that are decoded together: they join after their prefill, take a token at each step, and leave when they end.

Rows of different lengths stand in one cache, padded on the left: the mask says which columns are a row's own. Positions
count a row's own tokens, so that padding changes nothing but memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache

from engine.versions import Version


@dataclass
class Row:
    """One completion being written."""

    prompt_ids: list[int]
    max_tokens: int
    temperature: float
    top_p: float
    stop: list[str]
    generator: torch.Generator
    # Called with the text so far after each token, and once with the finish reason ("stop" or "length").
    on_text: Callable[[str, str | None], None]
    token_ids: list[int] = field(default_factory=list)
    cancelled: bool = False
    finish_reason: str | None = None
    text: str = ""


class Batch:
    """The rows of one version and their cache."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.rows: list[Row] = []
        self._cache = DynamicCache()
        self._mask_B_T = torch.zeros(0, 0, dtype=torch.long)

    @torch.inference_mode()
    def admit(self, rows: list[Row]) -> None:
        """Read the prompts of new rows, write the first token of each, and let them stand beside the others."""
        device = self.version.model.device
        width = max(len(row.prompt_ids) for row in rows)
        ids = torch.full((len(rows), width), self.version.pad_id)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, width - len(row.prompt_ids) :] = torch.tensor(row.prompt_ids)
            mask[number, width - len(row.prompt_ids) :] = 1
        cache = DynamicCache()
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        logits = self._forward(ids.to(device), mask.to(device), positions.to(device), cache)
        self._write(rows, logits)
        self._join(rows, mask.to(device), cache)
        self._drop_finished()

    @torch.inference_mode()
    def step(self) -> None:
        """One token for every row."""
        device = self.version.model.device
        ids = torch.tensor([[row.token_ids[-1]] for row in self.rows], device=device)
        positions = self._mask_B_T.sum(1, keepdim=True)
        self._mask_B_T = torch.cat([self._mask_B_T, torch.ones_like(positions)], dim=1)
        logits = self._forward(ids, self._mask_B_T, positions, self._cache)
        self._write(self.rows, logits)
        self._drop_finished()

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        answer = self.version.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return answer.logits[:, -1].float()

    def _write(self, rows: list[Row], logits_B_V: torch.Tensor) -> None:
        for row, token in zip(rows, sample(logits_B_V, rows), strict=True):
            if token in self.version.end_ids:
                row.finish_reason = "stop"
            else:
                row.token_ids.append(token)
                row.text = str(self.version.tokenizer.decode(row.token_ids, skip_special_tokens=True))
                for stop in row.stop:
                    before, found, _ = row.text.partition(stop)
                    if found:
                        row.text, row.finish_reason = before, "stop"
                if row.finish_reason is None and len(row.token_ids) >= row.max_tokens:
                    row.finish_reason = "length"
            row.on_text(row.text, row.finish_reason)

    def _join(self, rows: list[Row], mask_b_t: torch.Tensor, cache: DynamicCache) -> None:
        if not self.rows:
            self.rows, self._mask_B_T, self._cache = list(rows), mask_b_t, cache
            return
        width = max(self._mask_B_T.shape[1], mask_b_t.shape[1])
        self._mask_B_T = torch.cat([_pad_left(self._mask_B_T, width, 1), _pad_left(mask_b_t, width, 1)])
        for ours, theirs in zip(_layers(self._cache), _layers(cache), strict=True):
            ours.keys = torch.cat([_pad_left(ours.keys, width, 2), _pad_left(theirs.keys, width, 2)])
            ours.values = torch.cat([_pad_left(ours.values, width, 2), _pad_left(theirs.values, width, 2)])
        self.rows.extend(rows)

    def _drop_finished(self) -> None:
        kept = [number for number, row in enumerate(self.rows) if row.finish_reason is None and not row.cancelled]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in kept]
        if not kept:
            self._cache, self._mask_B_T = DynamicCache(), self._mask_B_T[:0, :0]
            return
        index = torch.tensor(kept, device=self._mask_B_T.device)
        mask = self._mask_B_T[index]
        # Columns in which no remaining row has a token.
        empty = int(mask.any(0).long().argmax())
        self._mask_B_T = mask[:, empty:]
        for layer in _layers(self._cache):
            layer.keys, layer.values = layer.keys[index, :, empty:], layer.values[index, :, empty:]


def _layers(cache: DynamicCache) -> list[Any]:
    # Without a config every layer of a DynamicCache keeps all keys, sliding windows are the mask's business alone.
    return cache.layers


def _pad_left(tensor: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    missing = width - tensor.shape[dim]
    if missing == 0:
        return tensor
    shape = list(tensor.shape)
    shape[dim] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)


def sample(logits_B_V: torch.Tensor, rows: list[Row]) -> list[int]:
    """A token a row: the likeliest at temperature 0, else drawn, from the smallest set that holds top_p."""
    greedy = logits_B_V.argmax(1)
    tokens = []
    for number, row in enumerate(rows):
        if row.temperature == 0:
            tokens.append(int(greedy[number]))
            continue
        probability = torch.softmax(logits_B_V[number] / row.temperature, dim=0)
        if row.top_p < 1:
            values, order = probability.sort(descending=True)
            values[values.cumsum(0) - values > row.top_p] = 0
            tokens.append(int(order[torch.multinomial(values.cpu(), 1, generator=row.generator)]))
        else:
            tokens.append(int(torch.multinomial(probability.cpu(), 1, generator=row.generator)))
    return tokens
