"""The loop of a program that judges: lease, hold, judge, next."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accord.errors import AccordError
from accord.progress import Meter, Progress, Show
from accord.records import Assignment, Project

if TYPE_CHECKING:
    from accord.client import Client


@dataclass(frozen=True)
class Skip:
    """Instead of a judgement: pass the item on to others."""

    reason: str = ""


Judge = Callable[[Assignment], Mapping[str, Any] | Skip]
# The item is not ours any more, or not as it was: go on with the next one.
_GO_ON = frozenset({"already_judged", "lease_lost", "not_assigned"})


def annotate(client: "Client", project: Project | int, judge: Judge, *, limit: int | None, progress: Show) -> int:
    """See Client.annotate."""
    judged = 0
    with Meter(progress, Progress("Judging", "judged", limit)) as meter:
        assignment = client.next(project) if limit != 0 else None
        while assignment is not None:
            said = _ask(client, assignment, judge)
            wants_next = limit is None or judged + 1 < limit
            following: Assignment | None = None
            try:
                if isinstance(said, Skip):
                    client.skip(assignment, said.reason)
                else:
                    _, following = client.judge_and_next(assignment, wants_next=wants_next, **said)
                    judged += 1
            except AccordError as refused:
                if refused.code not in _GO_ON:
                    raise
            meter.set(judged)
            if limit is not None and judged >= limit:
                break
            # Also after the last one: somebody else may have let an item go meanwhile.
            assignment = following or client.next(project)
    return judged


def _ask(client: "Client", assignment: Assignment, judge: Judge) -> Mapping[str, Any] | Skip:
    with _held(client, assignment):
        try:
            return judge(assignment)
        except BaseException:
            # Given back at once, rather than after the lease.
            with suppress(AccordError):
                client.release(assignment)
            raise


@contextmanager
def _held(client: "Client", assignment: Assignment) -> Iterator[None]:
    """Renew the lease from a thread of its own for as long as the judge thinks."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(max(assignment.lease_seconds / 3, 1.0)):
            # A judgement whose lease was lost is kept all the same: go on.
            with suppress(AccordError):
                client.heartbeat(assignment)

    thread = threading.Thread(target=beat, name="accord-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
