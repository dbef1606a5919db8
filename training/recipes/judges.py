"""Who says which of two answers is better."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import httpx
import numpy as np

from training.recipes.conversations import Messages
from training.recipes.intervals import Floats
from training.recipes.reward import RewardModel
from training.recipes.run import RecipeError

Duel = tuple[Messages, str, str]  # a prompt and two answers to it

INSTRUCTION = """\
Two assistants answered the last message of this conversation. Which answer helps the person more?
Look at whether it is right, whether it answers what was asked, and whether it is as short as it can be.
Do not let the order in which the answers stand influence you.

{conversation}

[Answer A]
{first}

[Answer B]
{second}

Reply with one letter: A, B, or T for a tie."""
REQUESTS_AT_ONCE = 4


class Judge(Protocol):
    @property
    def name(self) -> str:
        """For the evaluation's detail."""

    @property
    def kind(self) -> str:
        """What pages explain it by: `independent_head`, `reward_model` or `endpoint`."""

    def __call__(self, duels: Sequence[Duel]) -> Floats:
        """P(the first answer wins), one a duel."""


@dataclass(frozen=True)
class RewardJudge:
    """A reward model as the judge. Its probabilities are calibrated, so their mean is the share of people to expect."""

    model: RewardModel
    name: str
    kind: str = "reward_model"

    def __call__(self, duels: Sequence[Duel]) -> Floats:
        return self.model.preference([(p, first) for p, first, _ in duels], [(p, second) for p, _, second in duels])


@dataclass(frozen=True)
class EndpointJudge:
    """A model behind an OpenAI-compatible endpoint. The key, if it wants one, is in ACCORD_JUDGE_KEY."""

    url: str  # up to and with /v1
    model: str

    @property
    def name(self) -> str:
        return self.model

    @property
    def kind(self) -> str:
        return "endpoint"

    def __call__(self, duels: Sequence[Duel]) -> Floats:
        key = os.environ.get("ACCORD_JUDGE_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(headers=headers, timeout=120) as client, ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return np.array(list(pool.map(lambda duel: self._ask(client, duel), duels)))

    def _ask(self, client: httpx.Client, duel: Duel) -> float:
        prompt, first, second = duel
        conversation = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in prompt)
        content = INSTRUCTION.format(conversation=conversation, first=first, second=second)
        body = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": content}]}
        try:
            answer = client.post(f"{self.url.rstrip('/')}/chat/completions", json=body)
            answer.raise_for_status()
            verdict = str(answer.json()["choices"][0]["message"]["content"])
        except (httpx.HTTPError, ValueError, KeyError, IndexError) as problem:
            raise RecipeError(f"The judge at {self.url} did not answer: {problem!r}.") from None
        # The last lone letter: a judge that thinks aloud names its verdict at the end.
        letters = re.findall(r"\b[ABT]\b", verdict)
        return {"A": 1.0, "B": 0.0}.get(letters[-1], 0.5) if letters else 0.5


def judge_both_orders(judge: Judge, duels: Sequence[Duel]) -> tuple[Floats, float]:
    """P(the first answer wins), the mean of both orders; and the share of verdicts that the order did not turn."""
    forth = judge(duels)
    back = 1 - judge([(prompt, second, first) for prompt, first, second in duels])
    return (forth + back) / 2, float(np.mean(np.sign(forth - 0.5) == np.sign(back - 0.5)))
