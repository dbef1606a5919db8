"""Small helpers around the cast: content for a project, and a judgement in one call."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import Membership
from accounts.tokens import create_token
from labeling.models import Assignment, Comparison, Project
from labeling.services import ImportReport, import_records, lease_next, submit_comparison


def pair_lines(count: int, *, start: int = 0) -> list[bytes]:
    """NDJSON of `count` different prompts with two responses each."""
    return [
        json.dumps(
            {
                "external_id": f"p{number}",
                "prompt": f"Question {number}?",
                "responses": [{"text": f"Yes, {number}.", "model": "one"}, {"text": f"No, {number}.", "model": "two"}],
            }
        ).encode()
        for number in range(start, start + count)
    ]


@pytest.fixture
def add_pairs(project: Project, alice: Membership) -> Callable[..., ImportReport]:
    def add(count: int, *, start: int = 0, into: Project = project) -> ImportReport:
        return import_records(project=into, by=alice, lines=pair_lines(count, start=start))

    return add


def judge(assignment: Assignment, by: Membership, **said: Any) -> Comparison:
    """Submit with what is not said filled in."""
    filled: dict[str, Any] = {"choice": "a", "strength": 2, "client_id": uuid4()} | said
    return submit_comparison(assignment=assignment, by=by, **filled)


def judge_next(project: Project, by: Membership, **said: Any) -> Comparison | None:
    """Lease and judge one item."""
    assignment = lease_next(project=project, by=by)
    return judge(assignment, by, **said) if assignment else None


@pytest.fixture
def reference_data() -> Path:
    """The folder of public data; tests that read it are skipped where it is absent."""
    path = Path(os.environ.get("ACCORD_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"No reference data at {path}: set ACCORD_REFERENCE_DATA to the folder that holds it.")
    return path


class Api:
    """The REST API as one member uses it, by a token."""

    def __init__(self, member: Membership, scopes: list[str] | None = None) -> None:
        _, text = create_token(by=member, name="tests", scopes=scopes)
        self.client = Client(headers={"Authorization": f"Bearer {text}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query_params=query)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        body = {} if body is None else body
        return self.client.post(f"/api/v1{path}", body, content_type="application/json", **options)

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(f"/api/v1{path}", body, content_type="application/json")

    def send(self, path: str, lines: bytes, **headers: str) -> Any:
        """An upload of NDJSON."""
        return self.client.post(f"/api/v1{path}", lines, content_type="application/x-ndjson", headers=headers)


@pytest.fixture
def add_texts() -> Callable[..., None]:
    """One prompt with four answers, and no item."""
    texts = ["Boil it for ten minutes.", "Ask a cook.", "It depends on the egg.", "Ten minutes, then cold water."]

    def add(project: Project, by: Membership) -> None:
        line = {"prompt": "How long do I boil an egg?", "responses": [{"text": text} for text in texts]}
        import_records(project=project, by=by, lines=[json.dumps(line).encode()], make_items=False)

    return add
