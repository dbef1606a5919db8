"""Snapshots, runs and versions: from judgements to what answers users."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.errors import AccordError
from accord.http import Http
from accord.progress import Meter, Progress, Show
from accord.projects import id_of
from accord.records import Project, Promotion, Run, Scores, Snapshot, Version


class Snapshots:
    """`client.snapshots`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def freeze(self, project: Project | int) -> Snapshot:
        """Freeze what stands now. The same judgements give the same snapshot, so that asking twice is asking once."""
        given = {"project": id_of(project)}
        return Snapshot.read(self._http.call("POST", "/api/v1/snapshots", json=given, idempotent=True))

    def list(self, project: Project | int | None = None) -> Iterator[Snapshot]:
        """Newest first."""
        params = {"project": None if project is None else id_of(project)}
        return map(Snapshot.read, self._http.pages("/api/v1/snapshots", params))

    def read(self, snapshot: Snapshot | int) -> Snapshot:
        return Snapshot.read(self._http.call("GET", f"/api/v1/snapshots/{id_of(snapshot)}"))


class Runs:
    """`client.runs`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def start(self, project: Project | int, recipe: str | None = None, **options: Any) -> list[Run]:
        """Queue a whole refresh, or one recipe with `config=…`; the runs, the first one first."""
        given = {"project": id_of(project), **({"recipe": recipe} if recipe else {}), **options}
        return [Run.read(row) for row in self._http.call("POST", "/api/v1/runs", json=given)["results"]]

    def read(self, run: Run | int) -> Run:
        return Run.read(self._http.call("GET", f"/api/v1/runs/{id_of(run)}"))

    def cancel(self, run: Run | int) -> Run:
        """End it. Its checkpoints stay."""
        return Run.read(self._http.call("POST", f"/api/v1/runs/{id_of(run)}/cancel"))

    def retry(self, run: Run | int) -> Run:
        """Queue a failed or cancelled run again, from its last checkpoint."""
        return Run.read(self._http.call("POST", f"/api/v1/runs/{id_of(run)}/retry"))

    def wait(
        self,
        runs: Run | int | Sequence[Run | int],
        *,
        timeout_seconds: float | None = None,
        every_seconds: float = 2.0,
        progress: Show = True,
    ) -> list[Run]:
        """Wait until the runs have ended, one after the other, with a bar for each.

        Raises:
            AccordError: one failed or was cancelled ("run_failed", "run_cancelled"), or the time is up ("timeout").
        """
        asked = list(runs) if isinstance(runs, Sequence) else [runs]
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        return [self._wait_for(id_of(run), deadline, every_seconds, progress) for run in asked]

    def _wait_for(self, run_id: int, deadline: float | None, every_seconds: float, progress: Show) -> Run:
        run = self.read(run_id)
        with Meter(progress, Progress(f"Run {run_id}, {run.recipe}", "steps")) as meter:
            while True:
                meter.set(run.step, total=run.total or None, note=run.stage or run.status)
                if run.is_finished:
                    break
                if deadline is not None and time.monotonic() > deadline:
                    raise AccordError(f"Run {run_id} is still {run.status}; it goes on.", code="timeout")
                time.sleep(every_seconds)
                run = self.read(run_id)
        if not run.succeeded:
            why = run.error or f"it was {run.status}"
            raise AccordError(f"Run {run_id} ({run.recipe}) did not succeed: {why}", code=f"run_{run.status}")
        return run

    def list(self, project: Project | int | None = None) -> Iterator[Run]:
        """Newest first."""
        params = {"project": None if project is None else id_of(project)}
        return map(Run.read, self._http.pages("/api/v1/runs", params))


class Versions:
    """`client.versions`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self, project: Project | int | None = None, *, kind: str | None = None, stage: str | None = None
    ) -> Iterator[Version]:
        """Newest first; of one kind (base, policy, reward_model) or stage if asked."""
        params = {"project": None if project is None else id_of(project), "kind": kind, "stage": stage}
        return map(Version.read, self._http.pages("/api/v1/versions", params))

    def read(self, version: Version | int) -> Version:
        """One version, with its gate and its evaluations."""
        return Version.read(self._http.call("GET", f"/api/v1/versions/{id_of(version)}"))

    def score(
        self,
        version: Version | int,
        *,
        pairs: Sequence[Mapping[str, Any]] = (),
        lists: Sequence[Mapping[str, Any]] = (),
        timeout_seconds: float = 300.0,
    ) -> Scores:
        """What a reward model makes of answers; waits until it has said so.

        Args:
            pairs: `{"prompt", "response_a", "response_b"}` each; lists: `{"prompt", "responses": […]}`. A prompt is
                text or messages.
        Returns:
            In the same order: each answer with `mean` and `sd`, a pair with `probability_a`, and each answer of a list
            with `share`, the votes that it is expected to get against the others; `cut` and `prompt_cut` where a text
            is longer than what the model reads.

        Raises:
            AccordError: refused, "scoring_failed", or the time is up ("timeout").
        """
        address = f"/api/v1/versions/{id_of(version)}/score"
        given = {name: list(rows) for name, rows in (("pairs", pairs), ("lists", lists)) if rows}
        deadline = time.monotonic() + timeout_seconds
        answer = self._http.call("POST", address, json={**given, "wait_seconds": min(timeout_seconds, 30.0)})
        while answer["status"] != "succeeded":
            if time.monotonic() > deadline:
                raise AccordError(f"The scores of job {answer['id']} are not there yet.", code="timeout")
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
            answer = self._http.call("GET", f"{address}/{answer['id']}")
        return Scores.read(answer)

    def promote(
        self, version: Version | int, to_stage: str, *, reason: str, canary_share: float | None = None
    ) -> Promotion:
        """Move it to canary (with a share), production, candidate or retired."""
        given: dict[str, Any] = {"to_stage": to_stage, "reason": reason}
        if canary_share is not None:
            given["canary_share"] = canary_share
        return Promotion.read(self._http.call("POST", f"/api/v1/versions/{id_of(version)}/promote", json=given))

    def roll_back(self, version: Version | int, *, reason: str) -> Promotion:
        """Take it back from its users: in production the one before returns, a canary is withdrawn."""
        address = f"/api/v1/versions/{id_of(version)}/rollback"
        return Promotion.read(self._http.call("POST", address, json={"reason": reason}))
