"""The demo's content keeps what its readers (the seeding, a small model, a visitor) rely on."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
TOPICS = {"rescue", "technique", "timing", "substitution", "storage", "safety", "planning", "equipment"}


def read_rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DEMO / name).read_text(encoding="utf-8").splitlines()]


def read_questions() -> dict[str, list[str]]:
    return {
        "prompts": [row["prompt"] for row in read_rows("prompts.ndjson")],
        "demonstrations": [row["prompt"][0]["content"] for row in read_rows("demonstrations.ndjson")],
        "feedback": [row["prompt"] for row in read_rows("feedback_prompts.ndjson")],
    }


def normalise(question: str) -> str:
    """Case, punctuation and spacing do not make a question another one."""
    return " ".join(re.findall(r"\w+", question.casefold()))


def split_sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?]) ", text)


@pytest.mark.parametrize("name", ["prompts.ndjson", "demonstrations.ndjson", "feedback_prompts.ndjson"])
def test_every_line_is_one_json_object_and_the_file_ends_with_a_newline(name: str) -> None:
    text = (DEMO / name).read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


def test_the_files_hold_as_many_rows_as_the_demo_needs() -> None:
    questions = read_questions()
    assert len(questions["prompts"]) >= 120
    assert len(questions["demonstrations"]) == 56
    assert len(questions["feedback"]) == 20


def test_every_prompt_has_its_own_external_id_and_a_known_topic() -> None:
    rows = read_rows("prompts.ndjson")
    assert all(set(row) == {"external_id", "prompt", "metadata"} for row in rows)
    assert [row["external_id"] for row in rows] == [f"kitchen-{number:03d}" for number in range(1, len(rows) + 1)]
    assert {row["metadata"]["topic"] for row in rows} == TOPICS


def test_the_first_eight_prompts_already_show_every_topic() -> None:
    assert {row["metadata"]["topic"] for row in read_rows("prompts.ndjson")[:8]} == TOPICS


def test_every_demonstration_is_one_user_turn_and_a_response() -> None:
    for row in read_rows("demonstrations.ndjson"):
        assert set(row) == {"prompt", "response"}
        (turn,) = row["prompt"]
        assert set(turn) == {"role", "content"}
        assert turn["role"] == "user"


def test_a_feedback_prompt_is_its_text_alone() -> None:
    assert all(set(row) == {"prompt"} for row in read_rows("feedback_prompts.ndjson"))


def test_no_question_occurs_twice_within_or_across_the_files() -> None:
    counts = Counter(normalise(question) for group in read_questions().values() for question in group)
    assert "" not in counts
    assert [question for question, count in counts.items() if count > 1] == []


def test_questions_are_short_and_have_no_stray_spaces() -> None:
    for group in read_questions().values():
        for question in group:
            assert question == " ".join(question.split())
            assert 3 <= len(question.split()) <= 30, question


def test_responses_have_25_to_55_words_in_two_or_three_sentences() -> None:
    for row in read_rows("demonstrations.ndjson"):
        response = row["response"]
        assert 25 <= len(response.split()) <= 55, response
        assert 2 <= len(split_sentences(response)) <= 3, response


def test_responses_are_one_paragraph_that_ends_with_a_full_stop() -> None:
    for row in read_rows("demonstrations.ndjson"):
        response = row["response"]
        assert response == " ".join(response.split())
        assert response.endswith(".")
        assert "!" not in response


def test_responses_do_not_open_alike_because_a_small_model_copies_tics() -> None:
    responses = [row["response"] for row in read_rows("demonstrations.ndjson")]
    first_words = Counter(response.split()[0] for response in responses)
    later_words = Counter(sentence.split()[0] for response in responses for sentence in split_sentences(response)[1:])
    assert max(first_words.values()) <= 3
    assert max(later_words.values()) <= 4


def test_no_four_words_in_a_row_recur_in_three_responses() -> None:
    counts: Counter[tuple[str, ...]] = Counter()
    for row in read_rows("demonstrations.ndjson"):
        words = re.findall(r"[\w']+", row["response"].casefold())
        counts.update({tuple(words[start : start + 4]) for start in range(len(words) - 3)})
    assert [phrase for phrase, count in counts.items() if count > 2] == []


def test_chicken_is_told_to_reach_74_degrees_and_rice_to_cool_within_an_hour() -> None:
    answers = {row["prompt"][0]["content"]: row["response"] for row in read_rows("demonstrations.ndjson")}
    assert "74 °C" in answers["What temperature is chicken done at?"]
    assert "within one hour" in answers["made way too much rice, how do i put it away safely"]


def test_guidelines_explain_every_verdict_in_about_300_words() -> None:
    text = (DEMO / "guidelines.md").read_text(encoding="utf-8")
    assert 250 <= len(text.split()) <= 350
    assert all(f"**{word}:**" in text for word in ["Slightly", "Clearly", "Much", "Tie", "Both bad", "Skip"])
