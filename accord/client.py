"""The client: one object for one server and one token."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

from accord.annotating import Judge, annotate
from accord.errors import AccordError
from accord.exporting import export_file
from accord.http import Http
from accord.importing import import_file, import_rows
from accord.models import Runs, Snapshots, Versions
from accord.progress import Show
from accord.projects import Projects, id_of
from accord.records import Assignment, ImportReport, Judgement, Project


class Client:
    """Accord over HTTP. Close it, or use it as a context. Safe to use from several threads.

    Args:
        url: of the web server, such as http://localhost:8000.
        token: made on the account page, `acc_…`.
        gateway: of the endpoint with its /v1, such as http://localhost:8001/v1; for feedback alone.
        patience_seconds: how long to try again while the server is away, where trying again is safe.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        gateway: str | None = None,
        patience_seconds: float = 30.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._http = Http(url, token, patience_seconds=patience_seconds, timeout_seconds=timeout_seconds)
        self._gateway = gateway.rstrip("/") if gateway else None
        self.projects = Projects(self._http)
        self.snapshots = Snapshots(self._http)
        self.runs = Runs(self._http)
        self.versions = Versions(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Any other call of the API: `client.call("GET", "/api/v1/webhooks")`; the answer's JSON."""
        return self._http.call(method, path, **options)

    def me(self) -> dict[str, Any]:
        """Whom the token acts for, and what it may do."""
        answer: dict[str, Any] = self._http.call("GET", "/api/v1/me")
        return answer

    # Data in and out

    def import_file(
        self, project: Project | int, path: str | Path, *, progress: Show = True, **options: Any
    ) -> ImportReport:
        """Stream a file into the project: NDJSON, or what else the server reads, plain or .gz, with a progress bar.

        All of it is stored or nothing; lines that are refused are told in the report, and prompts that are there
        already count as duplicates, so that a file can be sent again.

        Args:
            options: of the API, such as `source="survey"` and `make_items=False`.
        """
        return import_file(self._http, project, path, progress=progress, **options)

    def import_rows(
        self, project: Project | int, rows: Iterable[Mapping[str, Any]], *, progress: Show = True, **options: Any
    ) -> ImportReport:
        """`{"prompt": …, "responses": [{"text": …, "model"?: …}], "external_id"?, "metadata"?}`, any number of them."""
        return import_rows(self._http, project, rows, progress=progress, **options)

    def export_file(
        self, project: Project | int, path: str | Path, format: str = "jsonl", *, progress: Show = True, **filters: Any
    ) -> Path:
        """Stream the judgements to a file, which is there when it is whole.

        A download that breaks goes on after the last judgement that has arrived whole; a table starts again.

        Args:
            format: "jsonl", "preference", "kto", "sft", "csv" or "parquet".
            filters: of the API: `kind`, `since`, `until`, `annotator`, `min_agreement`, `after`, `anonymous`.
        """
        return export_file(self._http, project, Path(path), format, progress=progress, filters=filters)

    # Judging

    def next(self, project: Project | int, **options: Any) -> Assignment | None:
        """Your next item, or the one that you hold already; None when there is nothing for you."""
        answer = self._http.call(
            "POST", f"/api/v1/projects/{id_of(project)}/next", params=options or None, idempotent=True
        )
        return None if answer is None else Assignment.read(answer)

    def judge(self, assignment: Assignment | int, *, client_id: UUID | str | None = None, **said: Any) -> Judgement:
        """Store a judgement. It is sent again when the connection breaks, and stored once.

        Args:
            client_id: to send the same judgement again later, from another process.
            said: what the item's kind asks for, such as `choice="a", strength=2`; and `reason`, `flags`, `active_ms`.
        """
        stored, _ = self.judge_and_next(assignment, client_id=client_id, wants_next=False, **said)
        return stored

    def judge_and_next(
        self,
        assignment: Assignment | int,
        *,
        client_id: UUID | str | None = None,
        wants_next: bool = True,
        **said: Any,
    ) -> tuple[Judgement, Assignment | None]:
        """As `judge`, and the next item in the same answer."""
        answer = self._http.call(
            "POST", f"/api/v1/assignments/{id_of(assignment)}/judgement", params={"next": "1"} if wants_next else None,
            json={"client_id": str(client_id or uuid4()), **said}, idempotent=True,
        )  # fmt: skip
        following = answer.get("next")
        return Judgement.read(answer["judgement"]), Assignment.read(following) if following else None

    def skip(self, assignment: Assignment | int, reason: str = "") -> None:
        """Pass the item on to others; it does not come back to you."""
        self._judging(assignment, "skip", json={"reason": reason}, idempotent=True)

    def release(self, assignment: Assignment | int) -> None:
        """Give the item back unjudged; it may come to you again."""
        self._judging(assignment, "release", idempotent=True)

    def report(self, assignment: Assignment | int, note: str) -> None:
        """Tell the manager that something is wrong with the item; judge or skip it all the same."""
        self._judging(assignment, "report", json={"note": note})

    def draft(self, assignment: Assignment | int, draft: Mapping[str, Any]) -> None:
        """Keep what is written so far, for you on any device."""
        self._judging(assignment, "draft", json={"draft": dict(draft)}, idempotent=True)

    def heartbeat(self, assignment: Assignment | int) -> Assignment:
        """Hold the item for another lease."""
        return Assignment.read(self._judging(assignment, "heartbeat", idempotent=True))

    def undo(self, assignment: Assignment | int) -> Assignment | None:
        """Take back your last judgement, if it is this one; the item is leased to you again if it has room."""
        answer = self._judging(assignment, "undo")
        return None if answer is None else Assignment.read(answer)

    def annotate(self, project: Project | int, judge: Judge, *, limit: int | None = None, progress: Show = True) -> int:
        """Judge items until there are none, or `limit` of them; how many were judged.

        While `judge` thinks its item is held for it. When it raises, the item is given back and the error passed on.

        Args:
            judge: gives what to say of an assignment, such as `{"choice": "b", "strength": 1}`, or a `Skip`.
        """
        return annotate(self, project, judge, limit=limit, progress=progress)

    # Of users

    def feedback(
        self,
        completion_id: str,
        *,
        thumb: str | None = None,
        edited_text: str | None = None,
        comment: str = "",
        client_id: UUID | str | None = None,
    ) -> dict[str, Any]:
        """What a user thought of an answer of the endpoint: a thumb, "up" or "down", or the answer as it should be.

        Raises:
            AccordError: refused; or this client knows no gateway ("no_gateway").
        """
        if self._gateway is None:
            raise AccordError("Make the client with gateway=…: feedback goes to the endpoint.", code="no_gateway")
        given = {"id": completion_id, "thumb": thumb, "edited_text": edited_text, "comment": comment}
        body = {name: value for name, value in given.items() if value} | {"client_id": str(client_id or uuid4())}
        answer: dict[str, Any] = self._http.call("POST", f"{self._gateway}/feedback", json=body, idempotent=True)
        return answer

    def _judging(self, assignment: Assignment | int, act: str, **options: Any) -> Any:
        return self._http.call("POST", f"/api/v1/assignments/{id_of(assignment)}/{act}", **options)
