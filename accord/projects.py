"""Projects: set up, listed, changed, paused."""

import time
from collections.abc import Iterator
from typing import Any

from accord.errors import AccordError
from accord.http import Http
from accord.progress import Meter, Progress, Show
from accord.records import Project

POLL_SECONDS = 1.0


class Projects:
    """`client.projects`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(self, name: str, **settings: Any) -> Project:
        """Set up a project; `overlap=2`, `guidelines="…"` and so on, as the API names them."""
        return Project.read(self._http.call("POST", "/api/v1/projects", json={"name": name, **settings}))

    def list(self) -> Iterator[Project]:
        """All of them, newest first."""
        return map(Project.read, self._http.pages("/api/v1/projects"))

    def read(self, project: Project | int) -> Project:
        """One project, with its `figures`."""
        return Project.read(self._http.call("GET", f"/api/v1/projects/{id_of(project)}"))

    def change(self, project: Project | int, **settings: Any) -> Project:
        """Other settings; what is not named stays."""
        address = f"/api/v1/projects/{id_of(project)}"
        return Project.read(self._http.call("PATCH", address, json=settings, idempotent=True))

    def pause(self, project: Project | int) -> Project:
        """Give out no items for now."""
        return self.change(project, paused=True)

    def resume(self, project: Project | int) -> Project:
        """Give out items again."""
        return self.change(project, paused=False)

    def make_items(self, project: Project | int, *, progress: Show = True, **rules: Any) -> int:
        """Make items of prompts and responses, by the rules of the API; how many were made.

        Many are made by the server's worker: this waits until they are. Interrupted, the server goes on.

        Raises:
            AccordError: also when somebody stopped it, or the server could not go on.
        """
        answer = self._http.call("POST", f"/api/v1/projects/{id_of(project)}/items", json=rules)
        with Meter(progress, Progress("Making items", "prompts", total=answer["prompts"])) as meter:
            while answer["state"] == "working":
                meter.set(answer["prompts_done"], note=f"{answer['made']:,} items")
                time.sleep(POLL_SECONDS)
                answer = self._http.call("GET", f"/api/v1/item-makings/{answer['id']}")
            meter.set(answer["prompts_done"], note=f"{answer['made']:,} items")
        if answer["state"] != "done":
            why = answer["error"] or "Somebody stopped it."
            raise AccordError(f"{why} {answer['made']:,} items were made and stay.", code=answer["state"])
        return int(answer["made"])

    def agreement(self, project: Project | int) -> dict[str, Any]:
        """How far annotators agree, each figure with its interval."""
        answer: dict[str, Any] = self._http.call("GET", f"/api/v1/projects/{id_of(project)}/agreement")
        return answer


def id_of(thing: Any) -> int:
    """The id of a record, or the id itself."""
    return int(getattr(thing, "id", thing))
