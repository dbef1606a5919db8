"""With OpenAI's own client, a real uvicorn and the real engine."""

import concurrent.futures
import json
import time

import httpx
import openai
import pytest
from django.db import connection

from accounts.tokens import create_token, revoke_token
from models_registry.services import promote_version
from serving.models import Feedback, ServedResponse
from tests.engine_fixture import write_adapter
from tests.models_registry.making import make_version, open_the_gate

pytestmark = pytest.mark.django_db(transaction=True)
ASK = [{"role": "user", "content": "What is tea?"}]


@pytest.fixture
def client(gateway, token):
    with openai.OpenAI(base_url=gateway, api_key=token, max_retries=0, timeout=60) as found:
        yield found


@pytest.fixture
def http(gateway, token):
    with httpx.Client(base_url=gateway, headers={"Authorization": f"Bearer {token}"}, timeout=60) as found:
        yield found


def wait_for_status(served_id, status, seconds=10):
    deadline = time.monotonic() + seconds
    while (served := ServedResponse.objects.get(pk=served_id)).status != status and time.monotonic() < deadline:
        time.sleep(0.05)
    assert served.status == status
    return served


def test_an_answer_comes_whole_and_is_stored_as_it_was_given(client, production, alice):
    answer = client.chat.completions.create(model="answers", messages=ASK, max_tokens=12, temperature=0.8, user="u-1")
    served = ServedResponse.objects.get()
    assert answer.id == served.completion_id
    assert answer.model == "answers"
    assert answer.choices[0].message.content == served.text
    assert answer.usage.completion_tokens == served.completion_tokens > 0
    assert (served.version, served.stage, served.propensity) == (production, "production", 1.0)
    assert (served.status, served.caller, served.messages) == ("complete", alice.user, ASK)
    assert served.sampling == {
        "max_tokens": 12, "temperature": 0.8, "finish_reason": answer.choices[0].finish_reason,
    }  # fmt: skip
    assert served.milliseconds > 0
    assert len(served.end_user) == 64
    assert "u-1" not in served.end_user


def test_a_streamed_answer_is_stored_whole(client, production):
    chunks = list(
        client.chat.completions.create(
            model="answers", messages=ASK, max_tokens=12, temperature=1, seed=1, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    served = ServedResponse.objects.get()
    assert (served.status, served.text) == ("complete", text)
    assert len(chunks) > 4
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].usage.completion_tokens == served.completion_tokens
    assert {chunk.id for chunk in chunks} == {served.completion_id}


def test_the_stream_ends_with_done(http, production):
    body = {"model": "answers", "messages": ASK, "max_tokens": 3, "stream": True}
    with http.stream("POST", "/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] for line in lines[:-1])


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_whose_client_leaves_is_stored_as_interrupted(http, fault_engine, faulty, stream):
    faulty(fault_engine, "trickles")
    body = {"model": "answers", "messages": ASK, "stream": stream}
    if stream:
        with http.stream("POST", "/chat/completions", json=body) as answer:
            for line in answer.iter_lines():
                if "word3" in line:
                    break
    else:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/chat/completions", json=body, timeout=1.0)
    served = wait_for_status(ServedResponse.objects.get().pk, "interrupted")
    assert served.text.startswith("word0 word1 word2")
    assert "word99" not in served.text
    deadline = time.monotonic() + 5
    while not fault_engine.left and time.monotonic() < deadline:
        time.sleep(0.05)
    assert fault_engine.left == 1, "the engine goes on writing for nobody"


def test_the_models_are_the_callers_served_projects(client, production, charlie, gateway):
    assert [model.id for model in client.models.list()] == ["answers"]
    assert client.models.retrieve("answers").owned_by == "acme"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
    _, theirs = create_token(by=charlie, name="t")
    with openai.OpenAI(base_url=gateway, api_key=theirs, max_retries=0) as other:
        assert list(other.models.list()) == []
        with pytest.raises(openai.NotFoundError, match="no project 'answers' here"):
            other.chat.completions.create(model="answers", messages=ASK)
    assert not ServedResponse.objects.exists()


def test_a_project_without_a_production_version_is_not_found(client, project):
    with pytest.raises(openai.NotFoundError, match="no version in production"):
        client.chat.completions.create(model="answers", messages=ASK)


def test_no_token_a_wrong_one_a_revoked_one_and_one_of_another_scope_are_refused(gateway, alice, bob, production):
    narrow = create_token(by=alice, name="n", scopes=["export"])[1]
    gone, gone_text = create_token(by=alice, name="g")
    revoke_token(token=gone, by=alice)
    judge = create_token(by=bob, name="b")[1]
    expected = {"": 401, "acc_wrong": 401, gone_text: 401, narrow: 403, judge: 403}
    for text, status in expected.items():
        answer = httpx.post(
            f"{gateway}/chat/completions", json={"model": "answers", "messages": ASK},
            headers={"Authorization": f"Bearer {text}"} if text else {},
        )  # fmt: skip
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
    assert not ServedResponse.objects.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"messages": None}, "must be a list"),
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "wizard"),
        ({"messages": [{"role": "user", "content": ""}]}, "empty"),
        ({"messages": [{"role": "user", "content": "a\u0000b"}]}, "NUL"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "end with a user turn"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "text alone"),
        ({"messages": [{"role": "user", "content": "x" * 100_001}]}, "100,000"),
        ({"temperature": 2.1}, "between 0 and 2"),
        ({"temperature": "hot"}, "a number"),
        ({"temperature": True}, "a number"),
        ({"max_tokens": 0}, "1 to 4096"),
        ({"max_tokens": 1.5}, "1 to 4096"),
        ({"n": 2}, "`n` must be 1"),
        ({"tools": [{"type": "function"}]}, "`tools`"),
        ({"stop": [""]}, "`stop`"),
        ({"stream": "yes"}, "`stream`"),
        ({"user": 7}, "`user`"),
        ({"model": None}, "`model` is missing"),
    ],
)
def test_a_body_that_cannot_be_answered_is_refused_with_what_to_do(http, production, change, why):
    answer = http.post("/chat/completions", json={"model": "answers", "messages": ASK} | change)
    assert answer.status_code == 400
    assert why in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not ServedResponse.objects.exists()


def test_what_is_no_json_too_long_or_elsewhere_is_refused_in_openais_shape(http, production):
    cases = [
        (http.post("/chat/completions", content=b"{nonsense"), 400),
        (http.post("/chat/completions", content=b"[" * 100_000), 400),
        (http.post("/chat/completions", content=b" " * (1024 * 1024 + 1)), 413),
        (http.post("/chat/completions", content=b" " * (9 * 1024 * 1024)), 413),
        (http.get("/chat/completions"), 405),
        (http.post("/embeddings", json={}), 404),
    ]
    for answer, status in cases:
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "code", "param"}


def test_parts_of_text_and_a_developers_message_are_understood(client, production):
    client.chat.completions.create(
        model="answers",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "tea?"}]},
        ],
        max_completion_tokens=2,
    )
    assert ServedResponse.objects.get().messages == [{"role": "system", "content": "Be brief."}, *ASK]


@pytest.mark.parametrize(
    ("model", "status"), [("error-500", 503), ("hangs-up", 503), ("not-json", 502), ("no-choices", 502)]
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_failing_engine_is_told_and_stored(http, fault_engine, faulty, model, status, stream):
    faulty(fault_engine, model)
    answer = http.post("/chat/completions", json={"model": "answers", "messages": ASK, "stream": stream})
    assert answer.status_code == status
    assert answer.headers["retry-after"] == "5"
    assert "engine" in answer.json()["error"]["message"]
    served = ServedResponse.objects.get()
    assert (served.status, served.error) == ("failed", answer.json()["error"]["message"])


def test_a_conversation_that_does_not_fit_into_the_model_is_the_callers_to_shorten(client, production):
    with pytest.raises(openai.BadRequestError, match="Shorten the conversation") as refused:
        client.chat.completions.create(model="answers", messages=ASK, max_tokens=4000)
    assert refused.value.code == "context_length_exceeded"
    assert "retry-after" not in refused.value.response.headers


def test_an_engine_that_is_down_is_503(http, fault_engine, faulty):
    faulty(fault_engine, "good")
    fault_engine.shutdown()
    fault_engine.socket.close()
    answer = http.post("/chat/completions", json={"model": "answers", "messages": ASK})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")


def test_an_engine_that_breaks_off_says_so_in_the_stream_and_keeps_the_text(client, fault_engine, faulty):
    faulty(fault_engine, "breaks-off")
    got = []
    chunks = client.chat.completions.create(model="answers", messages=ASK, stream=True)
    with pytest.raises(openai.APIError, match="in the middle"):
        got.extend(chunk.choices[0].delta.content or "" for chunk in chunks)
    served = ServedResponse.objects.get()
    assert "".join(got) == served.text == "half an"
    assert served.status == "failed"


def test_a_canary_that_fails_is_answered_for_by_production_and_both_are_recorded(
    client, production, make_canary, fault_engine
):
    canary = make_canary(production, 0.99, artifact_dir=None, engine_model="error-500", endpoint_url=fault_engine.url)
    for number in range(4):
        client.chat.completions.create(model="answers", messages=ASK, max_tokens=2, user=f"u{number}")
    failed = list(ServedResponse.objects.filter(version=canary))
    assert failed
    assert {(s.status, s.stage, s.propensity) for s in failed} == {("failed", "canary", 0.99)}
    instead = ServedResponse.objects.filter(stage="fallback")
    assert {(s.status, s.version_id, s.propensity) for s in instead} == {("complete", production.pk, 0.99)}
    assert {s.sampling["instead_of"] for s in instead} == {s.completion_id for s in failed}


def test_no_request_fails_while_a_version_is_promoted(http, alice, project, tmp_path, production, tiny_adapter):
    better = make_version(alice, project.pk, tmp_path, parent=production, base=production, artifact_dir=tiny_adapter)
    open_the_gate(better)

    def ask(number: int) -> int:
        if number == 10:
            promote_version(version=better, by=alice, to_stage="production", reason="it wins")
            connection.close()
        body = {"model": "answers", "messages": ASK, "max_tokens": 3}
        return http.post("/chat/completions", json=body).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(30))) == {200}
    assert set(ServedResponse.objects.values_list("version_id", flat=True)) == {production.pk, better.pk}
    http.post("/chat/completions", json={"model": "answers", "messages": ASK, "max_tokens": 3})
    assert ServedResponse.objects.first().version == better


def test_production_and_canary_answer_side_by_side(client, alice, tmp_path, production, make_canary):
    make_canary(production, 0.5, artifact_dir=write_adapter(tmp_path / "adapter", seed=5))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda n: client.chat.completions.create(
                    model="answers", messages=ASK, max_tokens=8, temperature=0, user=f"user {n % 16}"
                ),
                range(40),
            )
        )
    texts, users = {}, {}
    for served in ServedResponse.objects.all():
        assert (served.status, served.propensity) == ("complete", 0.5)
        texts.setdefault(served.stage, set()).add(served.text)
        users.setdefault(served.end_user, set()).add(served.stage)
    assert set(texts) == {"production", "canary"}
    assert not texts["production"] & texts["canary"]
    assert all(len(stages) == 1 for stages in users.values())


def test_feedback_is_stored_once_and_refused_where_it_cannot_be(http, client, production, charlie, gateway):
    answer = client.chat.completions.create(model="answers", messages=ASK, max_tokens=4)
    first = http.post("/feedback", json={"id": answer.id, "thumb": "down", "comment": "wrong"})
    again = http.post("/feedback", json={"id": answer.id, "thumb": "down", "comment": "wrong"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    edit = http.post("/feedback", json={"id": answer.id, "edited_text": "Tea is leaves in hot water."})
    assert (edit.status_code, edit.json()["signal"]) == (201, "edit")
    for body, status in [
        ({"id": answer.id, "thumb": "sideways"}, 400),
        ({"id": answer.id}, 400),
        ({"id": answer.id, "thumb": "up", "edited_text": "both"}, 400),
        ({"id": answer.id, "thumb": "up", "stars": 5}, 400),
        ({"id": "chatcmpl-nonsense", "thumb": "up"}, 400),
        ({"id": answer.id, "thumb": "up", "client_id": "x"}, 400),
        ({"id": "chatcmpl-" + "0" * 32, "thumb": "up"}, 404),
        (["list"], 400),
    ]:
        assert http.post("/feedback", json=body).status_code == status
    _, theirs = create_token(by=charlie, name="t")
    other = httpx.post(
        f"{gateway}/feedback", json={"id": answer.id, "thumb": "up"}, headers={"Authorization": f"Bearer {theirs}"}
    )
    assert other.status_code == 404
    assert Feedback.objects.count() == 2
