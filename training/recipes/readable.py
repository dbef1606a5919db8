"""Conversations that the base model's chat template does not take: left out of what is learnt from, counted, and told.

Some templates want the turns to alternate, or know no system prompt. A refit that stops for one such conversation among
thousands would stop for good, so the others are learnt from; where none is left it is refused, with the template's own
words.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from training.recipes.conversations import Messages, PromptRefused, check_template_takes
from training.recipes.features import Answer
from training.recipes.run import RecipeError
from training.recipes.votes import Votes


class Reader(Protocol):
    def knows(self, answer: Answer) -> bool: ...
    def takes(self, prompt: Messages) -> bool: ...


def can_read(reader: Reader, answer: Answer) -> bool:
    """What was read before was taken: the tokenizer, which takes seconds to load, is not asked again."""
    return reader.knows(answer) or reader.takes(answer[0])


def without_refused(reader: Reader, *parts: Votes) -> tuple[list[Votes], dict[str, float]]:
    """The votes on conversations that the reader can read, and `prompts_refused`, `judgements_refused`.

    Raises:
        RecipeError: it can read none of them.
    """
    kept: list[Votes] = []
    prompts: set[int] = set()
    for votes in parts:
        refused = _refused(reader, votes)
        prompts |= refused
        kept.append(votes.take(set(votes.prompt_ids_A.tolist()) - refused) if refused else votes)
    lost = sum(map(_said, parts)) - sum(map(_said, kept))
    if prompts and not any(votes.answers for votes in kept):
        raise RecipeError(
            f"The base model's chat template takes none of the {len(prompts)} conversations of this snapshot. Use a "
            "base whose template takes them, or prompts whose turns alternate and begin with the user."
        )
    if prompts:
        print(say_refused(len(prompts)), flush=True)
    return kept, {"prompts_refused": len(prompts), "judgements_refused": lost}


def rows_it_takes(tokenizer: Any, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose `prompt` the template takes.

    Raises:
        PromptRefused: it takes none of them.
    """
    kept: list[dict[str, Any]] = []
    why = None
    for row in rows:
        try:
            check_template_takes(tokenizer, row["prompt"])
        except PromptRefused as problem:
            why = problem
        else:
            kept.append(row)
    if why and not kept:
        raise why
    if why:
        print(say_refused(len(rows) - len(kept)), flush=True)
    return kept


def say_refused(count: int) -> str:
    return f"{count} prompts are left out: the base model's chat template does not take such conversations."


def _refused(reader: Reader, votes: Votes) -> set[int]:
    """Ids of prompts."""
    taken: dict[str, bool] = {}
    found: set[int] = set()
    for answer, prompt_id in zip(votes.answers, votes.prompt_ids_A.tolist(), strict=True):
        prompt = repr(answer[0])
        if prompt not in taken:
            taken[prompt] = can_read(reader, answer)
        if not taken[prompt]:
            found.add(prompt_id)
    return found


def _said(votes: Votes) -> int:
    return len(votes) + len(votes.rankings) + int(votes.is_rating_Q.sum())
