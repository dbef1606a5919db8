# ruff: noqa: N815 - shapes stand in the names
"""Answers as tokens, and how they are laid out as packed rows for one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.recipes.conversations import prompt_tokens, response_tokens
from training.recipes.shared_prefix import Group, Packed, pack
from training.recipes.votes import Answer


@dataclass(frozen=True)
class TokenizedAnswers:
    """The answers of some votes as tokens, and how many of them did not fit."""

    prompts: list[list[int]]  # each prompt once
    prompt_A: list[int]  # index into `prompts` of each answer
    answers: list[list[int]]
    log_length_A: np.ndarray  # log(1 + characters), of the whole text
    cut_prompts: int
    cut_answers: int

    @classmethod
    def of(
        cls, tokenizer: Any, answers: Sequence[Answer], *, max_prompt_tokens: int, max_answer_tokens: int
    ) -> "TokenizedAnswers":
        """A longer prompt loses its beginning, a longer answer its end; both are counted, none is left out."""
        place: dict[str, int] = {}
        prompts: list[list[int]] = []
        prompt_of: list[int] = []
        texts: list[list[int]] = []
        cut_prompts = cut_answers = 0
        for messages, text in answers:
            key = repr(messages)
            if key not in place:
                place[key] = len(prompts)
                whole = prompt_tokens(tokenizer, messages, limit=10**9)
                cut_prompts += len(whole) > max_prompt_tokens
                prompts.append(whole[-max_prompt_tokens:])
            whole = response_tokens(tokenizer, text, limit=10**9)
            cut_answers += len(whole) > max_answer_tokens
            texts.append(whole[:max_answer_tokens])
            prompt_of.append(place[key])
        lengths = np.log1p([float(len(text)) for _, text in answers])
        return cls(prompts, prompt_of, texts, lengths, cut_prompts, cut_answers)

    def say_cuts(self, max_prompt_tokens: int, max_answer_tokens: int) -> str:
        return (
            f"{self.cut_prompts} of {len(self.prompts)} prompts are longer than {max_prompt_tokens} tokens and lose "
            f"their beginning; {self.cut_answers} of {len(self.answers)} answers are longer than {max_answer_tokens} "
            "tokens and lose their end."
        )


@dataclass(frozen=True)
class Row:
    """Answers laid out for one forward pass."""

    answers: list[int]  # as numbered by the votes, in the order of the scores
    packed: Packed
    log_length_A: Tensor  # (answers,), float32


def lay_out(tokens: TokenizedAnswers, answers: Sequence[int], *, device: torch.device | str = "cpu") -> Row:
    """One row of these answers, those of one prompt behind it; an answer that is named twice stands there once."""
    by_prompt: dict[int, list[int]] = {}
    for answer in dict.fromkeys(answers):
        by_prompt.setdefault(tokens.prompt_A[answer], []).append(answer)
    groups = [Group(tokens.prompts[p], [tokens.answers[a] for a in mine]) for p, mine in by_prompt.items()]
    order = [answer for mine in by_prompt.values() for answer in mine]
    lengths = torch.tensor(tokens.log_length_A[order], dtype=torch.float32, device=device)
    return Row(order, pack(groups, device=device), lengths)


def rows_of_answers(tokens: TokenizedAnswers, answers: Sequence[int], *, row_tokens: int) -> list[list[int]]:
    """All answers of a prompt in one row where they fit, rows of at most `row_tokens` unless one answer is longer."""
    by_prompt: dict[int, list[int]] = {}
    for answer in dict.fromkeys(answers):
        by_prompt.setdefault(tokens.prompt_A[answer], []).append(answer)
    rows: list[list[int]] = [[]]
    used = 0
    for prompt, mine in by_prompt.items():
        before = 0  # tokens of this prompt in the current row
        whole = len(tokens.prompts[prompt]) + sum(len(tokens.answers[answer]) for answer in mine)
        if used and used + whole > row_tokens:
            rows.append([])
            used = 0
        for answer in mine:
            needed = len(tokens.answers[answer]) + (0 if before else len(tokens.prompts[prompt]))
            if used and used + needed > row_tokens:
                rows.append([])
                used, needed = 0, len(tokens.answers[answer]) + len(tokens.prompts[prompt])
            rows[-1].append(answer)
            used, before = used + needed, 1
    return [row for row in rows if row]
