# ruff: noqa: N815 - shapes stand in the names
"""Many answers in one forward pass: each prompt read once, its answers after it, no padding.

    prompt 1 | answer 1.1 | answer 1.2 | prompt 2 | answer 2.1 | ...        one row of T tokens

Every answer's positions go on from the end of its own prompt, and it sees that prompt and itself. Linear layers and
norms work on a token by itself, so the whole row goes through them as it is; attention alone must know who sees whom.
It is replaced by one of two ways of computing the same thing:

- a loop over prompts and answers with SDPA, which computes no product of tokens that do not see each other: the CPU,
  and any device without a compiler;
- FlexAttention with one block mask over the row, which skips the empty blocks: CUDA.

A layer's sliding window is counted in positions, so that an answer far down the row still sees the end of its prompt.
The gradient of a prompt is that of all its answers together, and is taken back through the body once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from training.recipes.run import RecipeError

ATTENTION = "shared_prefix"  # the name under which transformers finds `_attend`
PROMPT = -1
Pool = Literal["mean", "last", "mean_last"]


@dataclass(frozen=True)
class Group:
    """A prompt and its answers, as tokens."""

    prompt: list[int]
    answers: list[list[int]]

    @property
    def tokens(self) -> int:
        return len(self.prompt) + sum(map(len, self.answers))


@dataclass(frozen=True)
class Packed:
    """Groups one behind the other, on one device."""

    tokens_T: Tensor
    positions_T: Tensor  # in the text that an answer and its prompt would be alone
    group_T: Tensor
    answer_T: Tensor  # counted over all groups; PROMPT where the token belongs to a prompt
    shape: tuple[tuple[int, tuple[int, ...]], ...]  # of each group: prompt tokens, tokens of each answer
    masks: dict[Any, Any] = field(default_factory=dict)  # block masks by window: all layers of a kind share one

    @property
    def answers(self) -> int:
        return sum(len(answers) for _, answers in self.shape)


def pack(groups: Sequence[Group], *, device: torch.device | str = "cpu") -> Packed:
    """Raises RecipeError when an answer has no tokens: it would have no state to score."""
    tokens: list[int] = []
    positions: list[int] = []
    group_of: list[int] = []
    answer_of: list[int] = []
    count = 0
    for index, group in enumerate(groups):
        before = len(group.prompt)
        tokens += group.prompt
        positions += range(before)
        answer_of += [PROMPT] * before
        for answer in group.answers:
            if not answer:
                raise RecipeError("An answer has no tokens; give it at least the token that ends a turn.")
            tokens += answer
            positions += range(before, before + len(answer))
            answer_of += [count] * len(answer)
            count += 1
        group_of += [index] * group.tokens
    shape = tuple((len(group.prompt), tuple(map(len, group.answers))) for group in groups)
    rows = torch.tensor([tokens, positions, group_of, answer_of], dtype=torch.long, device=device)
    return Packed(rows[0], rows[1], rows[2], rows[3], shape)


def share_prefixes(body: nn.Module, *, refuse: bool = True) -> bool:
    """Let a transformers body (the model without its output layer) take packed rows, and nothing else from now on.

    Whether it can is tried out: a body whose layers mix tokens outside of attention, or take no attention function,
    does not come out the same.

    Raises:
        RecipeError: it cannot. With `refuse` off the body stays as it is and the answer is False.
    """
    config: Any = body.config
    usual, was_training = config._attn_implementation, body.training
    trial = Group([1, 2, 3], [[4, 5], [6]])
    packed = pack([trial, trial], device=next(body.parameters()).device)
    body.eval()
    with torch.no_grad():
        texts = [torch.tensor([trial.prompt + answer], device=packed.tokens_T.device) for answer in trial.answers]
        alone = torch.cat([body(input_ids=text, use_cache=False).last_hidden_state[:, -1] for text in texts]).float()
        config._attn_implementation = ATTENTION
        try:
            together = answer_states(body, packed, pool="last")[:2]
            apart = float((together - alone).abs().max() / alone.abs().max())
        except (KeyError, TypeError, ValueError):
            apart = math.inf
    body.train(was_training)
    if shares := apart < (1e-4 if next(body.parameters()).dtype == torch.float32 else 0.05):
        if getattr(config, "attention_dropout", 0.0):
            config.attention_dropout = 0.0
    else:
        config._attn_implementation = usual
        if refuse:
            raise RecipeError(f"The answers of a {config.model_type} model cannot share a prompt; use another base.")
    return shares


def answer_states(body: nn.Module, packed: Packed, *, pool: Pool = "mean") -> Tensor:
    """Pooled hidden states of the answers, shape (answers, hidden size) or twice as wide, float32.

    Args:
        body: one that `share_prefixes` has seen.
        pool: the mean over an answer's tokens, the state of its last token, or the one and then the other.
    """
    states_T_D = body(
        input_ids=packed.tokens_T[None], position_ids=packed.positions_T[None], use_cache=False, shared_prefix=packed
    ).last_hidden_state[0]
    ids_A = torch.arange(packed.answers, device=states_T_D.device)
    own_A_T = packed.answer_T[None] == ids_A[:, None]
    # The last of an answer's tokens: the largest place in the row.
    place_T = torch.arange(len(packed.answer_T), device=states_T_D.device)
    last_A_D = states_T_D[(own_A_T * place_T).argmax(1)].float()
    if pool == "last":
        return last_A_D
    # A product with a matrix of shares, not index_add: its order of summing is the same each time.
    share_A_T = own_A_T / own_A_T.sum(1, keepdim=True)
    mean_A_D = share_A_T.float() @ states_T_D.float()
    return mean_A_D if pool == "mean" else torch.cat([mean_A_D, last_A_D], dim=1)


def sees(packed: Packed, query: Tensor, key: Tensor, window: int | None) -> Tensor:
    """Whether the token at place `query` of the row sees the one at `key`: the rule that both ways below obey."""
    same_text = (packed.answer_T[key] == PROMPT) | (packed.answer_T[key] == packed.answer_T[query])
    distance = packed.positions_T[query] - packed.positions_T[key]
    seen = (packed.group_T[query] == packed.group_T[key]) & same_text & (distance >= 0)
    return seen if window is None else seen & (distance < window)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    shared_prefix: Packed,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query of shape (1, heads, T, head size), answer (1, T, heads, head size)."""
    how = _attend_flex if query.is_cuda else _attend_spans
    return how(query, key, value, shared_prefix, scaling, sliding_window).transpose(1, 2), None


def _attend_spans(q: Tensor, k: Tensor, v: Tensor, packed: Packed, scale: float | None, window: int | None) -> Tensor:
    spans = [length for prompt, answers in packed.shape for length in (prompt, *answers)]
    # One split and one join: a slice a span would fill a gradient of the whole row with zeros for each.
    queries, keys, values = (iter(tensor.split(spans, dim=2)) for tensor in (q, k, v))
    out = []
    for prompt, answers in packed.shape:
        prompt_q, prompt_k, prompt_v = next(queries), next(keys), next(values)
        out.append(_causal(prompt_q, prompt_k, prompt_v, scale, window) if prompt else prompt_q)
        for _ in answers:
            seen_k, seen_v = torch.cat([prompt_k, next(keys)], dim=2), torch.cat([prompt_v, next(values)], dim=2)
            out.append(_causal(next(queries), seen_k, seen_v, scale, window))
    return torch.cat(out, dim=2)


def _causal(q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
    """The queries are the last ones of the keys' text."""
    count, seen, grouped = q.shape[2], k.shape[2], q.shape[1] != k.shape[1]
    window = None if window is None or window >= seen else window
    if window is None and count == seen:
        return scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=grouped)
    mask = _lower_right(count, seen, window, q.device)
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, enable_gqa=grouped)


@cache
def _all_distances(device: torch.device, size: int) -> Tensor:
    places = torch.arange(size, device=device)
    return places[:, None] - places[None]


def _lower_right(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor:
    size = 1 << (keys - 1).bit_length()  # a few sizes are kept, whatever the lengths of the texts
    distance_Q_K = _all_distances(device, size)[keys - queries : keys, :keys]
    seen_Q_K = distance_Q_K >= 0
    return seen_Q_K if window is None else seen_Q_K & (distance_Q_K < window)


def _attend_flex(q: Tensor, k: Tensor, v: Tensor, packed: Packed, scale: float | None, window: int | None) -> Tensor:
    if window not in packed.masks:
        packed.masks[window] = _block_mask(packed, window)
    attend: Any = _compiled_flex() if q.is_cuda else flex_attention
    out: Tensor = attend(q, k, v, block_mask=packed.masks[window], scale=scale, enable_gqa=q.shape[1] != k.shape[1])
    return out


def _block_mask(packed: Packed, window: int | None) -> BlockMask:
    def rule(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return sees(packed, query, key, window)

    length, device = len(packed.tokens_T), packed.tokens_T.device
    return create_block_mask(rule, None, None, length, length, device=device, _compile=device.type == "cuda")


@cache
def _compiled_flex() -> Any:
    return torch.compile(flex_attention, dynamic=True)


AttentionInterface.register(ATTENTION, _attend)
