"""A causal language model of half a megabyte, for tests and for trying a whole loop in seconds.

    python -m training.recipes.tiny_model DIRECTORY [SEED]

Llama architecture with random weights and a byte-level BPE tokenizer trained on the sentences below; the same seed
gives the same files. It knows nothing, but everything that works on a real model directory works on this one, and
it learns a simple preference (short answers, a certain letter) within a few steps. It can write printable ASCII
only, so that its random answers hold no NUL, which PostgreSQL refuses.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SENTENCES = (
    "The capital of France is Paris, and the river that runs through it is the Seine.",
    "To make tea, boil the water, warm the pot, add the leaves and wait for four minutes.",
    "A good answer is short, true and kind; a bad answer is long, vague or wrong.",
    "What is the best way to learn a new language? Read a little every day and speak with people.",
    "I am not sure, but here is how you could find out: ask someone who has done it before.",
    "Water boils at one hundred degrees at sea level and at less on a high mountain.",
    "First write down what you know, then what you want, and then the steps between the two.",
    "Yes. No. Perhaps. It depends on what you need, how much time you have and what it costs.",
)
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<pad>", "<unk>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
VOCABULARY = 320


def make_tiny_model(directory: Path, *, seed: int = 0, layers: int = 2) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = _train_tokenizer()
    tokenizer.save_pretrained(directory)
    bos, eos, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.1,  # wide enough that different texts have visibly different hidden states
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=bos, eos_token_id=eos, pad_token_id=pad, do_sample=True)
    model.save_pretrained(directory)


def _train_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # Of the byte-level alphabet (every byte as a visible letter) the printable part: space is Ġ there, newline Ċ.
    alphabet = [letter for letter in pre_tokenizers.ByteLevel.alphabet() if letter.isascii() or letter in "ĠĊ"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        model_max_length=1024,
    )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Name a directory to write the model to, and a seed if you like.")
    make_tiny_model(Path(sys.argv[1]), seed=int(sys.argv[2]) if len(sys.argv) == 3 else 0)
