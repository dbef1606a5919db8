"""The engine against plain generation of the same model, and its refusals."""

import json
import re
import threading
from pathlib import Path

import httpx
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.batch import Batch, Row
from engine.versions import CannotServe, Versions
from tests.engine_fixture import engine_url, tiny_adapter, tiny_base  # noqa: F401

QUESTIONS = [
    "My soup is too salty.",
    "How long do I boil an egg so that the yolk stays soft?",
    "Rice?",
    "Which pan for fish",
]


@pytest.fixture(scope="module")
def versions(tiny_base: Path, tiny_adapter: Path, tmp_path_factory):  # noqa: F811
    root = tmp_path_factory.mktemp("served")
    for name, extra in (("plain", []), ("adapted", list(tiny_adapter.iterdir()))):
        (root / name).mkdir()
        for path in [*tiny_base.iterdir(), *extra]:
            (root / name / path.name).hardlink_to(path)
    return Versions([root], device=torch.device("cpu")), root


def make_row(version, question: str, *, tokens: int = 20, temperature: float = 0.0, seed: int = 0) -> Row:
    chat = [{"role": "user", "content": question}]
    text = version.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    ids = version.tokenizer(text, add_special_tokens=False)["input_ids"]
    return Row(ids, tokens, temperature, 1.0, [], torch.Generator().manual_seed(seed), lambda text, reason: None)


def run_to_end(batch: Batch) -> None:
    while batch.rows:
        batch.step()


@pytest.mark.parametrize("name", ["plain", "adapted"])
def test_rows_that_join_and_leave_are_decoded_as_if_alone(versions, name):
    served, root = versions
    version = served.load(root / name).result()
    batch = Batch(version)
    rows = [make_row(version, question, tokens=10 + 7 * number) for number, question in enumerate(QUESTIONS)]
    batch.admit(rows[:1])
    batch.step()
    batch.step()
    batch.admit(rows[1:3])
    batch.step()
    batch.admit(rows[3:])
    run_to_end(batch)
    for row in rows:
        prompt = torch.tensor([row.prompt_ids])
        alone = version.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=row.max_tokens, do_sample=False
        )[0, prompt.shape[1] :].tolist()
        assert row.token_ids == [token for token in alone if token not in version.end_ids]


def test_an_adapter_changes_the_answers_and_leaves_its_base_as_it_was(versions, tiny_base):  # noqa: F811
    served, root = versions
    plain, adapted = (served.load(root / name).result() for name in ("plain", "adapted"))
    row_a, row_b = make_row(plain, QUESTIONS[0]), make_row(adapted, QUESTIONS[0])
    for version, row in ((plain, row_a), (adapted, row_b)):
        batch = Batch(version)
        batch.admit([row])
        run_to_end(batch)
    assert row_a.token_ids != row_b.token_ids
    fresh = AutoModelForCausalLM.from_pretrained(tiny_base)
    assert all(
        torch.equal(ours, theirs) for ours, theirs in zip(plain.model.parameters(), fresh.parameters(), strict=True)
    )
    assert adapted.model.get_input_embeddings().weight is plain.model.get_input_embeddings().weight


def test_a_seed_gives_the_same_draw_whoever_is_in_the_batch(versions):
    served, root = versions
    version = served.load(root / "plain").result()
    texts = []
    for company in ([], QUESTIONS):
        batch = Batch(version)
        row = make_row(version, QUESTIONS[0], temperature=1.0, seed=7)
        batch.admit([row, *(make_row(version, other, temperature=1.0, seed=3) for other in company)])
        run_to_end(batch)
        texts.append(row.token_ids)
    assert texts[0] == texts[1]


def test_a_directory_without_safetensors_is_refused(versions, tmp_path):
    _, root = versions
    bad = root / "pickled"
    bad.mkdir(exist_ok=True)
    (bad / "config.json").write_text("{}")
    (bad / "pytorch_model.bin").write_bytes(b"\x80\x04")
    served = Versions([root], device=torch.device("cpu"))
    with pytest.raises(CannotServe, match="no safetensors"):
        served.load(bad).result()


@pytest.mark.parametrize("name", ["/etc", "../..", "", ".", "nothing", "/"])
def test_nothing_outside_the_roots_is_served(versions, name):
    served, _ = versions
    assert served.directory(name) is None


def ask(url: str, model: Path | str, **more) -> httpx.Response:
    body = {"model": str(model), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, **more}
    return httpx.post(f"{url}/chat/completions", json=body, timeout=60)


def test_whole_answers_come_n_at_a_time_with_their_usage(engine_url, tiny_base):  # noqa: F811
    answer = ask(engine_url, tiny_base, n=3, seed=1, temperature=1.0).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) > 1
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert ask(engine_url, tiny_base, n=3, seed=1, temperature=1.0).json()["choices"] == answer["choices"]


def test_the_stream_adds_up_to_the_whole_answer(engine_url, tiny_base):  # noqa: F811
    whole = ask(engine_url, tiny_base, temperature=0).json()["choices"][0]
    body = {"model": str(tiny_base), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12}
    text, reason, last = "", None, ""
    with httpx.stream(
        "POST", f"{engine_url}/chat/completions", json={**body, "temperature": 0, "stream": True}
    ) as stream:
        for line in stream.iter_lines():
            last = line or last
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content", "")
                    reason = choice["finish_reason"] or reason
    assert (text, reason, last) == (whole["message"]["content"], whole["finish_reason"], "data: [DONE]")


def test_forty_at_once_all_get_their_own_answer(engine_url, tiny_base):  # noqa: F811
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        answers[number] = ask(engine_url, tiny_base, temperature=1.0, seed=number).json()["choices"][0]["message"][
            "content"
        ]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = ask(engine_url, tiny_base, temperature=1.0, seed=17).json()["choices"][0]["message"]["content"]
    assert len(answers) == 40
    assert answers[17] == alone


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "/etc"}, 404, "does not serve"),
        ({"messages": []}, 400, "`messages` must be"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "messages\\[0\\]"),
        ({"temperature": 9}, 400, "`temperature`"),
        ({"n": 0}, 400, "`n`"),
        ({"tools": [1]}, 400, "does not know tools"),
        ({"max_tokens": 5000}, 400, "exceed the 1024"),
    ],
)
def test_what_it_cannot_do_is_refused_with_a_sentence(engine_url, tiny_base, change, status, words):  # noqa: F811
    answer = ask(engine_url, change.pop("model", tiny_base), **change)
    assert answer.status_code == status
    assert re.search(words, answer.json()["error"]["message"])


def test_a_body_that_is_not_json_is_refused(engine_url):  # noqa: F811
    answer = httpx.post(f"{engine_url}/chat/completions", content=b"{" * 5000)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_json"
