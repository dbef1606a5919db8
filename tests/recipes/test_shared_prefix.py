"""Packed rows against the naive loop: every answer with its prompt, alone, through the untouched body."""

from typing import Any

import pytest
import torch
from transformers import (
    Gemma3TextConfig,
    Gemma3TextModel,
    LlamaConfig,
    LlamaModel,
    Mamba2Config,
    Mamba2Model,
    MistralConfig,
    MistralModel,
    Qwen3Config,
    Qwen3Model,
)

from training.recipes import shared_prefix
from training.recipes.run import RecipeError
from training.recipes.shared_prefix import Group, answer_states, pack, sees, share_prefixes

SMALL: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "head_dim": 8,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}
BODIES = {
    "full attention": (LlamaModel, LlamaConfig(**SMALL, num_key_value_heads=4)),
    "grouped queries": (LlamaModel, LlamaConfig(**SMALL, num_key_value_heads=2)),
    "grouped queries, Qwen": (Qwen3Model, Qwen3Config(**SMALL, num_key_value_heads=1)),
    "sliding windows of every layer": (MistralModel, MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=5)),
    "sliding and full layers, Gemma": (
        Gemma3TextModel,
        Gemma3TextConfig(
            **SMALL,
            num_key_value_heads=1,
            query_pre_attn_scalar=8,
            sliding_window=5,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        ),
    ),
}


def make(name: str, *, packed: bool):
    kind, config = BODIES[name]
    torch.manual_seed(0)
    body = kind(type(config)(**config.to_dict())).eval()
    if packed:
        share_prefixes(body)
    return body


def groups(*, seed: int = 0) -> list[Group]:
    """Three prompts with one, two and sixteen answers; prompts and answers longer and shorter than the windows."""
    chance = torch.Generator().manual_seed(seed)

    def text(length: int) -> list[int]:
        return torch.randint(1, 97, (length,), generator=chance).tolist()

    return [
        Group(text(11), [text(7)]),
        Group(text(3), [text(1), text(19)]),
        Group(text(23), [text(2 + n % 5) for n in range(16)]),
    ]


def one_by_one(body, pool: str = "mean") -> torch.Tensor:
    states = []
    for group in groups():
        for answer in group.answers:
            hidden_T_D = body(input_ids=torch.tensor([group.prompt + answer])).last_hidden_state[0]
            own_T_D = hidden_T_D[len(group.prompt) :]
            both = {"mean": own_T_D.mean(0), "last": own_T_D[-1]}
            states.append(torch.cat([both[name] for name in pool.split("_")]))
    return torch.stack(states)


@pytest.mark.parametrize("pool", ["mean", "last", "mean_last"])
@pytest.mark.parametrize("name", BODIES)
def test_packed_states_equal_the_separate_forward_passes(name, pool):
    with torch.no_grad():
        expected = one_by_one(make(name, packed=False), pool)
        found = answer_states(make(name, packed=True), pack(groups()), pool=pool)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", BODIES)
def test_gradients_through_the_shared_prompt_equal_those_of_the_separate_passes(name):
    plain, packed = make(name, packed=False), make(name, packed=True)
    direction = torch.randn(19, 32, generator=torch.Generator().manual_seed(1))
    (one_by_one(plain) * direction).sum().backward()
    (answer_states(packed, pack(groups())) * direction).sum().backward()
    for (parameter, expected), (_, found) in zip(plain.named_parameters(), packed.named_parameters(), strict=True):
        torch.testing.assert_close(
            found.grad, expected.grad, atol=2e-4, rtol=1e-4, msg=lambda m, p=parameter: f"{p}: {m}"
        )


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("name", BODIES)
def test_the_block_mask_gives_the_same_states(name, monkeypatch):
    monkeypatch.setattr(shared_prefix, "_attend_spans", shared_prefix._attend_flex)
    with torch.no_grad():
        expected = one_by_one(make(name, packed=False))
        found = answer_states(make(name, packed=True), pack(groups()))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_order_of_prompts_and_answers_changes_nothing():
    body = make("sliding and full layers, Gemma", packed=True)
    turned = [Group(group.prompt, group.answers[::-1]) for group in groups()[::-1]]
    with torch.no_grad():
        torch.testing.assert_close(
            answer_states(body, pack(turned)).flip(0), answer_states(body, pack(groups())), atol=1e-5, rtol=1e-5
        )


def test_no_answer_sees_another_nor_another_prompt():
    packed = pack(groups())
    place = torch.arange(len(packed.tokens_T))
    seen = sees(packed, place[:, None], place[None], None)
    other_answer = (packed.answer_T[:, None] != packed.answer_T[None]) & (packed.answer_T[None] >= 0)
    assert not (seen & other_answer).any()
    assert not (seen & (packed.group_T[:, None] != packed.group_T[None])).any()
    assert (seen.sum(1) == packed.positions_T + 1).all()


def test_an_answer_without_a_prompt_is_read_alone():
    with torch.no_grad():
        found = answer_states(make("full attention", packed=True), pack([Group([], [[5, 6, 7]])]))
        plain = make("full attention", packed=False)(input_ids=torch.tensor([[5, 6, 7]])).last_hidden_state[0].mean(0)
    torch.testing.assert_close(found[0], plain, atol=1e-5, rtol=1e-5)


def test_an_answer_without_tokens_is_refused():
    with pytest.raises(RecipeError, match="has no tokens"):
        pack([Group([1, 2], [[3], []])])


def test_a_body_that_mixes_tokens_outside_of_attention_is_refused():
    config = Mamba2Config(
        vocab_size=97, hidden_size=16, num_hidden_layers=1, num_heads=4, head_dim=8, state_size=4, n_groups=1
    )
    with pytest.raises(RecipeError, match="cannot share a prompt"):
        share_prefixes(Mamba2Model(config))
