"""Rows of the data files, and how a conversation becomes tokens."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from training.recipes.row_checks import Check
from training.recipes.run import RecipeError

# Given to a base without a chat template. Turns in plain words, ended by the token that ends documents: the base
# knows both. Gemma's own <start_of_turn> and <end_of_turn> have untrained embeddings in the *base* model, and the
# output layer shares them: fine-tuned on a few dozen answers it ends a turn with any of 6,000 <unused> tokens and
# talks on.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{{ message['role'] | capitalize + ':\\n' + message['content'] | trim }}"
    "{{ eos_token if message['role'] == 'assistant' else '' }}{{ '\\n\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}"
)

Messages = list[dict[str, str]]
SHOWN_CHARACTERS = 60


class PromptRefused(RecipeError):
    """The base model's chat template does not take such a conversation."""

    @classmethod
    def of(cls, messages: Messages, why: object) -> "PromptRefused":
        turns, last = ", ".join(str(message.get("role")) for message in messages), str(messages[-1].get("content"))
        shown = last if len(last) <= SHOWN_CHARACTERS else last[:SHOWN_CHARACTERS] + "…"
        reason = str(why).removesuffix(".")
        return cls(
            f"The base model's chat template does not take the conversation ({turns}) that ends with {shown!r}: "
            f"{reason}. Leave it out, or use a base whose template takes it."
        )


def read_rows(path: Path, *, keys: Sequence[str], check: Check | None = None) -> list[dict[str, Any]]:
    """Read JSON lines.

    Args:
        check: says what is wrong with a row that has the keys.
    Raises:
        RecipeError: no such file, or a line that is not an object, lacks a key, or is wrong; with its number.
    """
    if not path.is_file():
        raise RecipeError(f"There is no {path.name} in {path.parent}.")
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode())
            except (ValueError, RecursionError):
                raise RecipeError(f"Line {number} of {path.name} is not JSON in UTF-8.") from None
            if not isinstance(row, dict) or (missing := [key for key in keys if key not in row]):
                raise RecipeError(
                    f"Line {number} of {path.name} lacks {', '.join(missing) if isinstance(row, dict) else keys[0]}."
                )
            if check and (wrong := check(row)):
                raise RecipeError(f"Line {number} of {path.name}: {wrong}.")
            rows.append(row)
    return rows


def prompt_tokens(tokenizer: Any, messages: Messages, *, limit: int) -> list[int]:
    """The conversation up to where the assistant speaks; its first tokens are dropped beyond `limit`.

    Raises:
        PromptRefused: the template does not take such a conversation.
    """
    try:
        tokens = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    except TemplateError as problem:
        raise PromptRefused.of(messages, problem) from None
    return list(tokens[-limit:])


def check_template_takes(tokenizer: Any, messages: Messages) -> None:
    """Raises PromptRefused as `prompt_tokens`, in a tenth of its time."""
    try:
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except TemplateError as problem:
        raise PromptRefused.of(messages, problem) from None


def template_takes(tokenizer: Any, messages: Messages) -> bool:
    try:
        check_template_takes(tokenizer, messages)
    except PromptRefused:
        return False
    return True


def response_tokens(tokenizer: Any, text: str, *, limit: int) -> list[int]:
    """The answer and the token that ends a turn; a longer one is cut, and then has no end."""
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*tokens, tokenizer.eos_token_id][:limit]


def batches_by_length(lengths: Sequence[int], *, tokens: int, rows: int = 10**9) -> Iterator[list[int]]:
    """Indices in batches of similar length, longest first, each at most `rows` long and `tokens` big when padded."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    while order:
        count = max(1, min(rows, tokens // max(1, lengths[order[0]])))
        yield order[:count]
        order = order[count:]
