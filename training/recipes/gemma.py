"""Gemma 3 from a GGUF file: configuration, weights and tokenizer of a plain transformers directory."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import Gemma3TextConfig

from training.recipes.conversations import PLAIN_TEMPLATE
from training.recipes.gguf_file import GgufFile

_LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL, _USER_DEFINED, _BYTE = 3, 4, 6  # GGUF's token types


def read_config(source: GgufFile) -> Gemma3TextConfig:
    fields = source.fields
    if fields["general.architecture"] != "gemma3":
        raise ValueError(f"expected a Gemma 3 file, not {fields['general.architecture']}")
    return Gemma3TextConfig(
        architectures=["Gemma3ForCausalLM"],
        dtype="bfloat16",
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=fields["gemma3.embedding_length"],
        intermediate_size=fields["gemma3.feed_forward_length"],
        num_hidden_layers=fields["gemma3.block_count"],
        num_attention_heads=fields["gemma3.attention.head_count"],
        num_key_value_heads=fields["gemma3.attention.head_count_kv"],
        head_dim=fields["gemma3.attention.key_length"],
        query_pre_attn_scalar=fields["gemma3.attention.key_length"],
        max_position_embeddings=fields["gemma3.context_length"],
        sliding_window=fields["gemma3.attention.sliding_window"],
        rms_norm_eps=round(fields["gemma3.attention.layer_norm_rms_epsilon"], 9),
    )


def read_weights(source: GgufFile) -> dict[str, torch.Tensor]:
    """The state dict of Gemma3ForCausalLM in bfloat16; the output layer is tied to the embeddings and not stored."""
    weights = {}
    for name in source.tensors:
        tensor = source.tensor(name)
        if name.endswith("norm.weight"):
            tensor = tensor - 1  # GGUF stores the scale itself, transformers its distance from one
        weights[_torch_name(name)] = tensor.to(torch.bfloat16).contiguous()
    return weights


def _torch_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_LAYER_NAMES[part]}.weight"


def write_tokenizer(source: GgufFile, directory: Path) -> None:
    """Rebuild the SentencePiece BPE from its pieces and scores, and give it a chat template: the base file has none."""
    pieces: list[str] = source.fields["tokenizer.ggml.tokens"]
    types: list[int] = source.fields["tokenizer.ggml.token_type"]
    scores: list[float] = source.fields["tokenizer.ggml.scores"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=_merges(pieces, types, scores), unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    tokenizer.add_special_tokens(
        [AddedToken(p, normalized=False) for p, t in zip(pieces, types, strict=True) if _is_control(p, t)]
    )
    # Runs of spaces, tabs and newlines, and HTML tags: matched whole before any merge, as SentencePiece does.
    tokenizer.add_tokens(
        [AddedToken(p, normalized=True) for p, t in zip(pieces, types, strict=True) if t == _USER_DEFINED]
    )
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "model_max_length": source.fields["gemma3.context_length"],
        "chat_template": PLAIN_TEMPLATE,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False))


def _is_control(piece: str, kind: int) -> bool:
    # The thousands of <unused…> slots never occur in text; as added tokens they would slow every load down.
    return kind == _CONTROL and not piece.startswith("<unused")


def _merges(pieces: list[str], types: list[int], scores: list[float]) -> list[tuple[str, str]]:
    """Every way to join two pieces into a third, the best-scored result first: the order SentencePiece merges in."""
    mergeable = {
        piece: index
        for index, (piece, kind) in enumerate(zip(pieces, types, strict=True))
        if kind not in (_CONTROL, _USER_DEFINED, _BYTE)
    }
    found = []
    for piece, index in mergeable.items():
        for cut in range(1, len(piece)):
            left, right = mergeable.get(piece[:cut]), mergeable.get(piece[cut:])
            if left is not None and right is not None:
                found.append((-scores[index], -cut, left, right))
    return [(pieces[left], pieces[right]) for _, _, left, right in sorted(found)]
