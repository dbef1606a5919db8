"""Verdicts: fair to equals, in both orders, from a judge that can be named."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from tests.recipes.conftest import write_lines
from training.recipes.conversations import read_rows
from training.recipes.evaluate import Config, evaluate
from training.recipes.judges import EndpointJudge, judge_both_orders
from training.recipes.policies import export_adapter, load_policy, with_new_adapter
from training.recipes.run import RecipeError, Run

PROMPT = [{"role": "user", "content": "What about tea?"}]


@pytest.fixture(scope="module")
def untrained(tiny, tmp_path_factory):
    """An adapter that changes nothing."""
    target = tmp_path_factory.mktemp("untrained") / "model"
    model = with_new_adapter(load_policy(tiny, None), rank=2, seed=0)
    export_adapter(model, parent_dir=None, base_sha256="f00d", target=target)
    return target


@pytest.fixture
def options(tiny, snapshot, untrained):
    return {
        "base_dir": str(tiny), "snapshot_dir": str(snapshot), "policy_dir": str(untrained),
        "max_completion_tokens": 12, "samples_per_prompt": 4,
    }  # fmt: skip


class JudgeServer(ThreadingHTTPServer):
    verdict: Callable[[str, str], str]

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.seen: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


@pytest.fixture
def judge_server():
    """A judge behind HTTP that says whatever `verdict(first, second)` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.seen.append(body)
            text = body["messages"][0]["content"]
            first, second = text.split("[Answer A]\n")[1].split("\n\n[Answer B]\n")
            verdict = server.verdict(first, second.split("\n\nReply")[0])
            answer = json.dumps({"choices": [{"message": {"content": verdict}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = JudgeServer(Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def measured(directory):
    return {e["metric"]: e for e in json.loads((directory / "result.json").read_text())["evaluations"]}


def test_a_version_against_itself_wins_half(tmp_path, options):
    evaluate(Run(tmp_path), Config(**options))
    win_rate = measured(tmp_path)["win_rate"]
    assert win_rate["value"] == pytest.approx(0.5, abs=0.2)
    assert win_rate["low"] < 0.5 < win_rate["high"]
    assert win_rate["n"] == 12
    ratio = measured(tmp_path)["length_ratio"]
    assert ratio["low"] < 1 < ratio["high"]


def test_every_prompt_leaves_a_sample_to_look_at(tmp_path, options, snapshot):
    evaluate(Run(tmp_path), Config(**options))
    samples = read_rows(tmp_path / "samples.jsonl", keys=("prompt", "policy", "parent", "verdict", "probability"))
    prompts = read_rows(snapshot / "prompts_held_out.jsonl", keys=("prompt_id",))
    assert [s["prompt_id"] for s in samples] == [p["prompt_id"] for p in prompts]
    for sample in samples:
        wanted = {"policy": sample["probability"] > 0.5, "parent": sample["probability"] < 0.5}
        assert wanted.get(sample["verdict"], sample["probability"] == 0.5)


def test_the_verdict_names_its_judge_and_carries_some_pairs_for_the_page(tmp_path, options, monkeypatch):
    monkeypatch.setattr("training.recipes.evaluate.SHOWN_SAMPLES", 5)
    monkeypatch.setattr("training.recipes.evaluate.SHOWN_CHARACTERS", 3)
    evaluate(Run(tmp_path), Config(**options))
    detail = measured(tmp_path)["win_rate"]["detail"]
    assert detail["judge_kind"] == "independent_head"
    assert f"on {detail['held_out_judgements']} held-out judgements" in detail["judge"]
    assert len(detail["samples"]) == 5
    assert all(len(sample[side]) <= 4 for sample in detail["samples"] for side in ("prompt", "policy", "parent"))
    lengths = measured(tmp_path)["length_ratio"]["detail"]
    medians = lengths["median_characters"]
    assert lengths["of_medians"] == pytest.approx((1 + medians["policy"]) / (1 + medians["parent"]))


def test_a_resumed_evaluation_keeps_the_answers_it_has(tmp_path, options):
    evaluate(Run(tmp_path), Config(**options))
    first = (tmp_path / "samples.jsonl").read_text()
    (tmp_path / "result.json").unlink()
    evaluate(Run(tmp_path), Config(**options))
    assert (tmp_path / "samples.jsonl").read_text() == first


def test_with_few_held_out_votes_the_verdict_says_who_judged(tmp_path, options, reward_dir):
    config = Config(**options, least_judgements=1000, reward_model_dir=str(reward_dir / "model"))
    evaluate(Run(tmp_path), config)
    assert "the reward model itself" in measured(tmp_path)["win_rate"]["detail"]["judge"]
    assert measured(tmp_path)["win_rate"]["detail"]["judge_kind"] == "reward_model"


def test_with_neither_votes_nor_reward_model_there_is_no_verdict(tmp_path, options):
    with pytest.raises(RecipeError, match="collect 1000"):
        evaluate(Run(tmp_path), Config(**options, least_judgements=1000))
    assert not (tmp_path / "result.json").exists()


def test_without_held_out_prompts_there_is_no_verdict(tmp_path, options):
    write_lines(tmp_path / "prompts_held_out.jsonl", [])
    with pytest.raises(RecipeError, match="no held-out prompts"):
        evaluate(Run(tmp_path / "run"), Config(**options | {"snapshot_dir": str(tmp_path)}))


def test_a_judge_that_always_says_a_gives_a_half_and_is_found_out(judge_server):
    judge_server.verdict = lambda first, second: "A"
    wins, consistent = judge_both_orders(EndpointJudge(judge_server.url, "j"), [(PROMPT, "x", "y")] * 6)
    np.testing.assert_array_equal(wins, 0.5)
    assert consistent == 0


def test_a_judge_that_thinks_aloud_is_understood(judge_server):
    judge_server.verdict = lambda first, second: (
        "A rambles; so the verdict is B." if len(first) > len(second) else "Clear: A"
    )
    duels = [(PROMPT, "short", "a longer one"), (PROMPT, "a longer one", "short"), (PROMPT, "same", "same")]
    wins, consistent = judge_both_orders(EndpointJudge(judge_server.url, "j"), duels)
    assert wins.tolist() == [1.0, 0.0, 0.5]
    assert consistent == pytest.approx(2 / 3)


def test_an_endpoint_can_judge_an_evaluation(tmp_path, options, judge_server):
    judge_server.verdict = lambda first, second: "T"
    config = Config(**options | {"samples_per_prompt": 1}, judge_url=judge_server.url, judge_model="wise")
    evaluate(Run(tmp_path), config)
    win_rate = measured(tmp_path)["win_rate"]
    assert (win_rate["value"], win_rate["detail"]["judge"]) == (0.5, "wise")
    assert len(judge_server.seen) == 24
    assert {body["model"] for body in judge_server.seen} == {"wise"}


def test_a_judge_that_is_down_is_said():
    with pytest.raises(RecipeError, match="did not answer"):
        EndpointJudge("http://127.0.0.1:9/v1", "j")([(PROMPT, "a", "b")])


def test_half_a_judge_is_refused(options):
    with pytest.raises(ValueError, match="go together"):
        Config(**options, judge_url="http://127.0.0.1:9/v1")
