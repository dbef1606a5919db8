"""A demo of the tests' own: small enough that the tiny model answers it in seconds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

DISHES = ("soup", "rice", "bread", "fish", "beans", "eggs", "pasta", "stew", "salad", "cake")
QUESTIONS = ("How long for {}?", "Why is my {} dry?", "Can I freeze {}?", "What goes with {}?", "How hot for {}?")
MORE = ("Is {} safe cold?", "When is {} done?", "How much {} for two?")


def write_content(directory: Path) -> Path:
    """project.json, prompts, demonstrations, guidelines and the users' requests."""
    directory.mkdir(parents=True, exist_ok=True)
    prompts = [question.format(dish) for dish in DISHES for question in QUESTIONS]
    others = [question.format(dish) for dish in DISHES for question in MORE]
    project = {
        "name": "Tiny kitchen",
        "purpose": "A tiny model.",
        "overlap": 2,
        "retrain_after": 1000,
        "max_tokens": 24,
        # Refits would start by themselves in between, and these tests count runs.
        "settings": {"selection_policy": "random"},
    }
    (directory / "project.json").write_text(json.dumps(project))
    (directory / "guidelines.md").write_text("Choose the shorter one.")
    _write(directory / "prompts.ndjson", [{"prompt": prompt} for prompt in prompts])
    demonstrations = [
        {"prompt": [{"role": "user", "content": prompt}], "response": f"About {number % 9 + 1} minutes."}
        for number, prompt in enumerate(others)
    ]
    _write(directory / "demonstrations.ndjson", demonstrations)
    _write(
        directory / "feedback_prompts.ndjson", [{"prompt": prompt.replace("?", ", please?")} for prompt in others[:12]]
    )
    return directory


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
