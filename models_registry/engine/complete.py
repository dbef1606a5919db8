"""Whole answers, asked in the foreground: for sampling, feedback and the playground."""

from django.conf import settings

from models_registry.engine.answer import Completion, check_status, completions_in, request_body
from models_registry.engine.endpoint import EngineEndpoint
from models_registry.engine.transport import client, failures_translated, headers, timeouts
from models_registry.errors import EngineNonsense


def complete(
    endpoint: EngineEndpoint,
    messages: list[dict[str, str]],
    *,
    n: int = 1,
    max_tokens: int,
    temperature: float,
    timeout: float | None = None,
    seed: int | None = None,
    top_p: float | None = None,
    stop: list[str] | None = None,
) -> list[Completion]:
    """`n` answers, asked for at once; an engine that gives fewer is asked again, with the seed counted up.

    Raises:
        EngineUnavailable, EngineTimeout, EngineNonsense: no answer; nothing is kept of the ones that came before.
    """
    seconds = timeout or float(settings.ENGINE_TIMEOUT_SECONDS)
    found: list[Completion] = []
    while len(found) < n:
        body = request_body(
            endpoint.model, messages, max_tokens=max_tokens, temperature=temperature, top_p=top_p, stop=stop,
            seed=None if seed is None else seed + len(found),
            n=n - len(found) if n - len(found) > 1 else None,
        )  # fmt: skip
        with failures_translated(endpoint, seconds):
            answer = client().post(
                f"{endpoint.base_url}/chat/completions", json=body, headers=headers(endpoint), timeout=timeouts(seconds)
            )
        check_status(answer.status_code, answer.text)
        try:
            payload = answer.json()
        except ValueError as error:
            raise EngineNonsense("The engine's answer is not JSON.") from error
        found += completions_in(payload)
    return found[:n]
