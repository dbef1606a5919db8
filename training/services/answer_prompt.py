"""One prompt's part of a sampling job: what is missing, what the engine says, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from labeling.errors import BadContent
from labeling.models import Prompt, Response, ResponseOrigin, SelectionPolicy
from labeling.services import make_item, store_response
from training.models import SamplingJob

# Empty and repeated answers are dropped and asked for again at most so often.
EXTRA_ROUNDS = 2
Ask = Callable[[list[dict[str, str]], int], list[str]]


@dataclass(frozen=True)
class Answers:
    prompt_id: int
    # Different from each other; the ones that were stored before are not among them.
    texts: list[str]


def collect_answers(prompt: Prompt, known: set[str], wanted: int, ask: Ask) -> Answers:
    """Ask until `wanted` answers differ from each other and from the known ones. No database: it runs in a thread."""
    texts: list[str] = []
    for _ in range(1 + EXTRA_ROUNDS):
        missing = wanted - len(texts)
        if missing <= 0:
            break
        for answer in ask(prompt.messages, missing):
            # PostgreSQL stores no NUL in text.
            text = answer.replace("\0", "").strip()
            if text and text not in known and text not in texts:
                texts.append(text)
    return Answers(prompt.pk, texts[:wanted])


@transaction.atomic
def store_answers(job: SamplingJob, prompt: Prompt, answers: Answers) -> bool:
    """Store the texts and make the items that they complete; whether the prompt now has a pair to judge."""
    assert job.version is not None
    others: list[Response] = []
    for text in answers.texts:
        try:
            response, _ = store_response(
                prompt=prompt,
                text=text,
                origin=ResponseOrigin.VERSION,
                version_id=job.version_id,
                model_name=job.version.name,
                sampling={"temperature": job.temperature, "max_tokens": job.max_tokens, "job": job.pk},
            )
        except BadContent:
            continue
        if response.version_id != job.version_id:
            others.append(response)  # another version had given this text before: still one half of a pair
    return make_pairs(job, prompt, others)


def make_pairs(job: SamplingJob, prompt: Prompt, others: list[Response] | None = None) -> bool:
    """The version's responses, two and two in the order in which they came. Done twice it makes nothing new."""
    responses = sorted(
        [*Response.objects.filter(prompt=prompt, version_id=job.version_id), *(others or [])],
        key=lambda response: response.pk,
    )
    pairs = list(zip(responses[::2], responses[1::2], strict=False))
    for pair in pairs:
        make_item(project=job.project, prompt=prompt, responses=list(pair), policy=SelectionPolicy.RANDOM)
    return bool(pairs)
