import asyncio

import pytest

from models_registry.engine import EngineEndpoint, complete, stream
from models_registry.errors import EngineNonsense, EngineTimeout, EngineUnavailable, TooLongForEngine
from tests.engine_fixture import free_port
from tests.fault_engine import fault_engine  # noqa: F401

ASK = [{"role": "user", "content": "Hello"}]


def ask(server, model: str, **given):
    return complete(EngineEndpoint(server.url, model), ASK, max_tokens=8, temperature=0.5, **given)


def read(endpoint: EngineEndpoint, **given) -> str:
    async def collect() -> str:
        return "".join([piece.text async for piece in stream(endpoint, ASK, max_tokens=8, **given)])

    return asyncio.run(collect())


def test_an_answer_comes_with_its_counts(fault_engine):  # noqa: F811
    [answer] = ask(fault_engine, "good")
    assert (answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens) == ("fine", "stop", 3, 1)


def test_several_answers_are_asked_for_at_once_where_the_engine_can(fault_engine):  # noqa: F811
    assert len(ask(fault_engine, "good", n=3)) == 3
    assert [body["n"] for body in fault_engine.bodies] == [3]


def test_an_engine_that_gives_fewer_answers_is_asked_again(fault_engine):  # noqa: F811
    assert len(ask(fault_engine, "one-at-a-time", n=3, seed=4)) == 3
    assert [(body.get("n"), body["seed"]) for body in fault_engine.bodies] == [(3, 4), (2, 5), (None, 6)]


def test_the_key_is_sent(fault_engine):  # noqa: F811
    complete(EngineEndpoint(fault_engine.url, "good", "k3y"), ASK, max_tokens=8, temperature=0.5)
    assert fault_engine.bodies[0]["authorization"] == "Bearer k3y"


@pytest.mark.parametrize(
    ("model", "error", "why"),
    [
        ("error-500", EngineUnavailable, "500"),
        ("hangs-up", EngineUnavailable, "broke off"),
        ("refuses", EngineNonsense, "Unexpected fields"),
        ("not-json", EngineNonsense, "not JSON"),
        ("no-choices", EngineNonsense, "no choices"),
        ("no-text", EngineNonsense, "no text"),
        ("too-long", TooLongForEngine, "does not fit into the model: 9000 tokens"),
    ],
)
def test_a_fault_is_told_in_a_sentence(fault_engine, model, error, why):  # noqa: F811
    with pytest.raises(error, match=why):
        ask(fault_engine, model)


def test_an_engine_that_is_too_slow_is_a_timeout(fault_engine):  # noqa: F811
    with pytest.raises(EngineTimeout, match=r"within 0.3 seconds"):
        ask(fault_engine, "slow", timeout=0.3)
    with pytest.raises(EngineTimeout):
        read(EngineEndpoint(fault_engine.url, "slow"), timeout=0.3)


def test_an_engine_that_is_down_is_unavailable():
    endpoint = EngineEndpoint(f"http://127.0.0.1:{free_port()}/v1", "any")
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        complete(endpoint, ASK, max_tokens=8, temperature=0.5)
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        read(endpoint)


def test_what_postgresql_cannot_store_is_taken_out(fault_engine):  # noqa: F811
    assert ask(fault_engine, "nul")[0].text == "ab?"


def test_a_stream_is_read_to_its_end(fault_engine):  # noqa: F811
    assert read(EngineEndpoint(fault_engine.url, "good")) == "fine"
    assert fault_engine.bodies[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("model", "error", "why"),
    [
        ("error-500", EngineUnavailable, "500"),
        ("breaks-off", EngineUnavailable, "in the middle"),
        ("error-in-stream", EngineUnavailable, "out of memory"),
        ("not-json", EngineNonsense, "not JSON"),
        ("no-choices", EngineNonsense, "not a chunk"),
    ],
)
def test_a_stream_that_goes_wrong_is_told_in_a_sentence(fault_engine, model, error, why):  # noqa: F811
    with pytest.raises(error, match=why):
        read(EngineEndpoint(fault_engine.url, model))


def test_leaving_a_stream_early_ends_the_engines_work(fault_engine):  # noqa: F811
    async def leave() -> None:
        pieces = stream(EngineEndpoint(fault_engine.url, "trickles"), ASK, max_tokens=8)
        async for _ in pieces:
            break
        await pieces.aclose()  # type: ignore[attr-defined]
        for _ in range(100):
            if fault_engine.left:
                return
            await asyncio.sleep(0.05)

    asyncio.run(leave())
    assert fault_engine.left == 1
