"""Annotator cycles a second: submit a verdict and get the next item, as fifteen people at once.

    python -m benchmarks.desk_load [--annotators 15] [--items 2000] [--seconds 20] [--workers 2] [--pause 1] [--peer V]

Starts a PostgreSQL and gunicorn of its own, and measures the API (one request a cycle) and the HTML desk (one request
a cycle, a card back, which goes into reserve: asked as the desk's script asks). With --peer, a virtual environment V
that has Label Studio 1.23, the same number of its tasks is annotated by as many people on the same kind of PostgreSQL
under gunicorn with as many workers (two requests a cycle: that is its protocol), in turns with ours. Clients are
threads of this program and share the machine. As fast as it goes a cycle's time is the number of annotators over the
cycles a second, whatever it costs; so it is timed once more with people who think, --pause seconds on average
(`paced`). Prints one JSON line last.
"""

import argparse
import http.client
import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from benchmarks.labeling_bench import add_items, own_database
from benchmarks.web_bench import cpu_seconds as servers_cpu_seconds
from benchmarks.web_bench import gunicorn

Cycle = Callable[[], bool]  # one cycle; False when there is nothing left
ROUNDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description="Annotator cycles a second")
    parser.add_argument("--annotators", type=int, default=15)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--peer", type=Path, default=None)
    options = parser.parse_args()
    with own_database() as home, ExitStack() as servers:
        contenders = servers.enter_context(accord(options))
        if options.peer:
            from benchmarks.label_studio_peer import label_studio

            contenders |= servers.enter_context(label_studio(options, home))
        figures = take_turns(contenders, options.seconds, pause=options.pause)
    about = {"annotators": options.annotators, "items": options.items, "workers": options.workers}
    ratios: dict[str, float] = {}
    if options.peer:
        peer = figures["label_studio"]
        for name in ("api", "html"):
            ratios[f"{name}_over_peer"] = round(figures[name]["cycles_per_second"] / peer["cycles_per_second"], 1)
            ratios[f"{name}_cpu_under_peer"] = round(peer["cpu_ms_per_cycle"] / figures[name]["cpu_ms_per_cycle"], 1)
    load = round(os.getloadavg()[0], 2)
    print(json.dumps({"benchmark": "desk_load", "load_average": load} | about | figures | ratios))


@dataclass
class Contender:
    cycles: list[Cycle]
    server: psutil.Process
    times: list[float] = field(default_factory=list)
    paced: list[float] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def take_turns(contenders: dict[str, Contender], seconds: float, *, pause: float) -> dict[str, dict[str, Any]]:
    """Each for a slice at a time, in turns: what else the machine does falls on all of them."""
    for _ in range(ROUNDS):
        for contender in contenders.values():
            contender.paced += run(contender.cycles, seconds / ROUNDS, pause=pause)
            before, began = cpu_seconds(), time.perf_counter()
            contender.times += run(contender.cycles, seconds / ROUNDS)
            # With the cycles that were under way when the time was over.
            contender.seconds += time.perf_counter() - began
            for who, now in cpu_seconds().items():
                contender.spent[who] = contender.spent.get(who, 0) + now - before[who]
    return {name: figures_of(contender) for name, contender in contenders.items()}


def figures_of(contender: Contender) -> dict[str, Any]:
    times, paced = sorted(contender.times), sorted(contender.paced)
    spent = {who: round(total / len(times) * 1000, 2) for who, total in contender.spent.items()}
    return {
        "cycles_per_second": round(len(times) / contender.seconds, 1),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
        "paced_p50_ms": round(paced[len(paced) // 2], 1),
        "paced_p95_ms": round(paced[int(len(paced) * 0.95)], 1),
        "cpu_ms_per_cycle": round(sum(spent.values()), 2),
        "cpu_ms_by": spent,
        "web_process_mb": [round(child.memory_info().rss / 2**20) for child in contender.server.children()],
    }


@contextmanager
def accord(options: argparse.Namespace) -> Iterator[dict[str, Contender]]:
    """The API and the HTML desk of one server, each with a project of its own."""
    from accounts.models import Organisation
    from labeling.models import Project

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    people = [make_person(organisation, f"a{number}@example.org") for number in range(options.annotators)]
    with gunicorn(workers=options.workers) as (port, pid):
        found = {}
        for name, cycle in (("api", api_cycle), ("html", html_cycle)):
            # As many people judge each item as there are annotators: nobody runs out of items.
            project = Project.objects.create(organisation=organisation, name=name, slug=name, overlap=15)
            add_items(project.pk, options.items, min(options.annotators, 20))
            cycles = [cycle(port, project.pk, person) for person in people]
            found[name] = Contender(cycles, psutil.Process(pid))
        yield found


def make_person(organisation, email):
    from django.test import Client

    from accounts.models import Membership, User
    from accounts.permissions import Role
    from accounts.tokens import create_token

    user = User.objects.create(email=email)
    member = Membership.objects.create(organisation=organisation, user=user, role=Role.ADMINISTRATOR)
    client = Client()
    client.force_login(user)
    return create_token(by=member, name="bench")[1], client.cookies["sessionid"].value


def api_cycle(port: int, project: int, person) -> Cycle:
    token, _ = person
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    held = json.loads(ask(connection, "POST", f"/api/v1/projects/{project}/next", "", headers))

    def cycle() -> bool:
        nonlocal held
        said = json.dumps({"client_id": str(uuid4()), "choice": "a", "strength": 2, "active_ms": 1000})
        path = f"/api/v1/assignments/{held['id']}/judgement?next=1"
        held = json.loads(ask(connection, "POST", path, said, headers))["next"]
        return held is not None

    return cycle


_ITEM = re.compile(rb'data-item="(\d+)"')


def html_cycle(port: int, project: int, person) -> Cycle:
    _, session = person
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    token = "a" * 32
    headers = {
        "Cookie": f"sessionid={session}; csrftoken={token}", "X-CSRFToken": token, "HX-Request": "true",
        "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    desk = f"/projects/{project}/desk/"

    def item_of(page: bytes) -> str:
        found = _ITEM.search(page)
        return found[1].decode() if found else ""

    # As the desk's script has it: one on the screen and two in reserve.
    held = [item_of(ask(connection, "GET", desk, "", headers))]
    while len(held) < 3:
        asked = f"showing={held[0]}&reserve=1" + "".join(f"&beside={item}" for item in held[1:])
        held.append(item_of(ask(connection, "POST", f"{desk}next/", asked, headers)))

    def cycle() -> bool:
        judged, shown, *others = held
        body = f"client_id={uuid4()}&verdict=a2&active_ms=1000&showing={shown}&reserve=1"
        body += "".join(f"&beside={item}" for item in others)
        held[:] = [shown, *others, item_of(ask(connection, "POST", f"{desk}{judged}/judgement/", body, headers))]
        return bool(held[-1])

    return cycle


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str, headers: dict[str, str]) -> bytes:
    connection.request(method, path, body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"error: {method} {path} answered {answer.status}: {text[:500]!r}")
    return text


def run(cycles: list[Cycle], seconds: float, *, pause: float = 0) -> list[float]:
    """All at once for so long, each thinking so many seconds on average before a cycle: milliseconds of each."""
    times: list[float] = []
    barrier = threading.Barrier(len(cycles))

    def work(cycle: Cycle) -> None:
        barrier.wait()
        until = time.perf_counter() + seconds
        if pause:
            time.sleep(random.expovariate(1 / pause))
        while (now := time.perf_counter()) < until:
            if not cycle():
                raise SystemExit("error: an annotator ran out of items. Give --items a larger number.")
            times.append((time.perf_counter() - now) * 1000)
            if pause:
                time.sleep(random.expovariate(1 / pause))

    threads = [threading.Thread(target=work, args=[cycle]) for cycle in cycles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def cpu_seconds() -> dict[str, float]:
    """What each side has computed so far; it depends less on what else the machine does than the clock."""
    own = psutil.Process().cpu_times()
    return {**servers_cpu_seconds(), "clients": own.user + own.system}


if __name__ == "__main__":
    main()
