"""Simulated annotators at work: lease, judge by the hidden preference, send, next."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from config.loop.client import Client
from config.loop.people import Simulated
from config.loop.preference import HiddenPreference


@dataclass
class Tally:
    """What the annotators have done so far, and whether they all still work."""

    judged: int = 0
    agreed_with_preference: float = 0.0
    problems: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, agreed: float) -> int:
        with self._lock:
            self.judged += 1
            self.agreed_with_preference += agreed
            return self.judged


def judge_until(
    *,
    web: str,
    project_id: int,
    annotators: list[Simulated],
    preference: HiddenPreference,
    is_over: Callable[[Tally], bool],
    seed: int,
) -> Tally:
    """Let each annotator work in a thread of its own until `is_over` when there is nothing left for it to judge.

    Raises:
        LoopError: the first problem that any of them met.
    """
    tally = Tally()

    def work(annotator: Simulated, number: int) -> None:
        client = Client(web, annotator.token)
        try:
            _work(client, project_id, preference, random.Random(seed * 1000 + number), tally, is_over)
        except BaseException as problem:  # noqa: BLE001 - raised again in the caller's thread
            tally.problems.append(problem)
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(who, number), daemon=True) for number, who in enumerate(annotators)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if tally.problems:
        raise tally.problems[0]
    return tally


def _work(
    client: Client,
    project_id: int,
    preference: HiddenPreference,
    chance: random.Random,
    tally: Tally,
    is_over: Callable[[Tally], bool],
) -> None:
    assignment: dict[str, Any] | None = None
    while not tally.problems:
        if assignment is None:
            answer = client.call("POST", f"/api/v1/projects/{project_id}/next", {})
            assignment = answer.json() if answer.status_code == 200 else None
        if assignment is None:
            if is_over(tally):
                return
            time.sleep(1)
            continue
        shown = {response["label"]: response["text"] for response in assignment["responses"]}
        verdict = preference.judge(chance, shown["a"], shown["b"])
        body = {"client_id": str(uuid.uuid4()), "kind": "comparison", "active_ms": 1, **verdict}
        # The client sends again what got no answer; the client_id makes that one judgement.
        answer = client.call("POST", f"/api/v1/assignments/{assignment['id']}/judgement?next=1", body)
        truth = preference.wins(shown["a"], shown["b"])
        tally.count({"a": truth, "b": 1 - truth}.get(verdict["choice"], 0.5))
        assignment = answer.json().get("next") if answer.content else None
