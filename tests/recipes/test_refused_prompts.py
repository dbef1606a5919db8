"""A base whose chat template does not take every conversation: told by name, left out and counted."""

import json
import shutil
import socket

import pytest

from tests.recipes.conftest import wait_until, write_lines
from training.recipes import evaluate, sft
from training.recipes.conversations import PromptRefused, prompt_tokens, read_rows
from training.recipes.features import FeatureReader
from training.recipes.policies import load_tokenizer
from training.recipes.readable import without_refused
from training.recipes.reward_model import Config, reward_model
from training.recipes.run import RecipeError, Run
from training.recipes.votes import Votes

# As Gemma's, Llama's and Mistral's do it.
ALTERNATING = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{{ message['role'] + ': ' + message['content'] }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
TWICE = [{"role": "user", "content": "Tea?"}, {"role": "user", "content": "Or rather coffee?"}]
ONCE = TWICE[:1]


@pytest.fixture(scope="module")
def strict(tiny, tmp_path_factory):
    """A base whose template wants the roles to alternate."""
    directory = tmp_path_factory.mktemp("strict") / "base"
    shutil.copytree(tiny, directory)
    (directory / "chat_template.jinja").write_text(ALTERNATING)
    return directory


@pytest.fixture
def mixed(snapshot, tmp_path):
    """A snapshot in which each part has one prompt of two turns by the user."""
    for part in ("train", "held_out"):
        for stem in ("", "prompts_"):
            rows = read_rows(snapshot / f"{stem}{part}.jsonl", keys=("prompt_id",))
            first = rows[0]["prompt_id"]
            ended = [{"role": "user", "content": "So."}]
            rows = [row | {"prompt": [*row["prompt"], *ended]} if row["prompt_id"] == first else row for row in rows]
            write_lines(tmp_path / f"{stem}{part}.jsonl", rows)
    return tmp_path


def test_a_conversation_that_the_template_does_not_take_is_named_with_what_to_do(strict):
    tokenizer = load_tokenizer(strict)
    assert prompt_tokens(tokenizer, ONCE, limit=99)
    with pytest.raises(PromptRefused) as refusal:
        prompt_tokens(tokenizer, TWICE, limit=99)
    assert str(refusal.value) == (
        "The base model's chat template does not take the conversation (user, user) that ends with 'Or rather "
        "coffee?': Conversation roles must alternate user/assistant/user/assistant/... Leave it out, or use a base "
        "whose template takes it."
    )


@pytest.mark.parametrize("method", ["features", "lora"])
def test_training_leaves_such_prompts_out_and_says_how_many(strict, mixed, method, capsys):
    items = mixed / "open_items.jsonl"
    rows = read_rows(mixed / "held_out.jsonl", keys=("prompt",))
    write_lines(items, [row | {"item_id": number} for number, row in enumerate(rows)])
    for part in ("train", "held_out"):
        rows = read_rows(mixed / f"{part}.jsonl", keys=("prompt",))
        write_lines(mixed / f"{part}.jsonl", [row | {"judgement_ids": [row["item_id"]]} for row in rows])
    run = Run(mixed / "run")
    config = Config(base_dir=str(strict), snapshot_dir=str(mixed), open_items=str(items), method=method)
    reward_model(run, config)
    figures = json.loads((run.directory / "result.json").read_text())["figures"]
    assert (figures["prompts_refused"], figures["judgements_refused"]) == (2, 6)
    assert (figures["train_votes"], figures["held_out_votes"]) == (81, 33)
    assert (figures["open_items"], figures["items_in_order"], figures["items_refused"]) == (36, 33, 3)
    assert "2 prompts are left out: the base model's chat template does not take" in capsys.readouterr().out


def test_a_base_that_takes_none_of_the_prompts_is_refused(strict, tmp_path):
    row = {"prompt_id": 1, "prompt": TWICE, "response_a": "Tea.", "response_b": "Coffee.", "choice": "a"}
    write_lines(tmp_path / "train.jsonl", [row])
    write_lines(tmp_path / "held_out.jsonl", [])
    with pytest.raises(RecipeError, match="takes none of the 1 conversations"):
        reward_model(Run(tmp_path / "run"), Config(base_dir=str(strict), snapshot_dir=str(tmp_path)))


def test_a_refit_on_answers_that_were_read_before_does_not_load_the_tokenizer(strict, snapshot, tmp_path):
    config = Config(base_dir=str(strict), snapshot_dir=str(snapshot), feature_dir=str(tmp_path / "features"))
    reward_model(Run(tmp_path / "first"), config)
    reader = FeatureReader(strict, tmp_path / "features")
    without_refused(reader, Votes.from_snapshot(snapshot, "train"))
    assert "_tokenizer" not in vars(reader)


def test_policies_are_trained_and_measured_without_such_prompts_and_say_so(strict, mixed, tmp_path, start):
    run = Run(tmp_path / "reward")
    reward_model(run, Config(base_dir=str(strict), snapshot_dir=str(mixed)))
    config = {"base_dir": str(strict), "snapshot_dir": str(mixed), "reward_model_dir": str(run.model)}
    long = {"prompt_id": 900, "prompt": [{"role": "user", "content": "tea " * 900}]}
    with (mixed / "prompts_train.jsonl").open("a") as file:
        file.write(json.dumps(long) + "\n")
    policy = tmp_path / "policy"
    process = start("grpo", policy, **config, steps=1, max_completion_tokens=4)
    assert process.wait(120) == 0, process.communicate()[1]
    figures = json.loads((policy / "result.json").read_text())["figures"]
    assert (figures["prompts_refused"], figures["prompts_too_long"]) == (1, 1)
    measured = tmp_path / "evaluate"
    evaluate.evaluate(
        Run(measured), evaluate.Config(**config, policy_dir=str(policy / "model"), max_completion_tokens=4)
    )
    figures = json.loads((measured / "result.json").read_text())["figures"]
    assert (figures["prompts"], figures["prompts_refused"]) == (11, 1)


def test_demonstrations_on_such_prompts_are_left_out_and_counted(strict, tmp_path):
    write_lines(tmp_path / "d.jsonl", [{"prompt": prompt, "response": "Yes."} for prompt in (ONCE, TWICE, ONCE)])
    sft.sft(
        Run(tmp_path / "run"),
        sft.Config(base_dir=str(strict), demonstrations=str(tmp_path / "d.jsonl"), epochs=1),
    )
    figures = json.loads((tmp_path / "run" / "result.json").read_text())["figures"]
    assert (figures["demonstrations"], figures["prompts_refused"]) == (2, 1)


def test_whatever_is_asked_of_it_the_score_server_tells_the_caller_and_stays(strict, snapshot, tmp_path, start):
    run = Run(tmp_path / "reward")
    reward_model(run, Config(base_dir=str(strict), snapshot_dir=str(snapshot)))
    server, asked = tmp_path / "server", tmp_path / "asked"
    process = start("score_server", server, base_dir=str(strict), reward_model_dir=str(run.model))
    wait_until(lambda: (server / "ready.json").exists(), process)
    place = json.loads((server / "ready.json").read_text())["socket"]
    asked.mkdir()

    def ask(prompt: object, line: str | None = None) -> str:
        pair = {"prompt": prompt, "response_a": "Yes.", "response_b": "No."}
        (asked / "request.json").write_text(json.dumps({"pairs": [pair], "lists": []}))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(place)
            connection.sendall((line or json.dumps({"directory": str(asked)})).encode() + b"\n")
            told = connection.makefile().readline()
        return str(json.loads(told)["error"]) if told else "lost"

    assert ask(ONCE) == ""
    assert "(user, user) that ends with 'Or rather coffee?'" in ask(TWICE)
    assert ask(5).startswith("These answers could not be scored: ")
    assert ask(ONCE, "[" * 4000) == "lost"
    assert ask(ONCE) == ""
    assert process.poll() is None
