"""Two hundred annotators, twenty thousand leases; people, connections and whole processes die in the middle."""

import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.models import Count

from accounts.permissions import Role
from labeling.models import Assignment, Comparison, Item
from labeling.services import expire_leases, import_records
from tests.cast import make_member
from tests.labeling.conftest import pair_lines

PEOPLE, ITEMS, OVERLAP = 200, 6_667, 3
PROCESSES = 8

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long, pytest.mark.timeout(900)]


def work(database: str, members: list[int], project_id: int, seed: int, log: str) -> None:
    """One web process' worth of annotators, who take turns; what was told to be stored is written down first."""
    from accounts.models import Membership
    from labeling.errors import LabelingError
    from labeling.models import Project
    from labeling.services import lease_next, submit_comparison

    settings.DATABASES["default"]["NAME"] = database
    for each in connections.all(initialized_only=True):
        each.close()
    connections["default"].settings_dict["NAME"] = database
    chance = random.Random(seed)
    people = list(Membership.objects.filter(pk__in=members).select_related("user", "organisation"))
    project = Project.objects.get(pk=project_id)
    idle, shot = 0, 0
    with Path(log).open("a", buffering=1) as told:
        while idle < 200:
            by = chance.choice(people)
            try:
                held = lease_next(project=project, by=by)
                if held is None:
                    idle += 1
                    time.sleep(0.01)
                    continue
                idle = 0
                fate = chance.random()
                if fate < 0.02:  # the browser is gone: the lease lies there
                    Assignment.objects.filter(pk=held.pk).update(expires_at=held.leased_at)
                    continue
                if fate < 0.03:  # the database ends the connection
                    with connections["default"].cursor() as cursor:
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                client_id = uuid4()
                for _ in range(1 + (chance.random() < 0.05)):  # sent twice now and then
                    stored = submit_comparison(assignment=held, by=by, client_id=client_id, choice="tie")
                told.write(f"{client_id} {stored.pk}\n")
            except LabelingError:
                continue
            except Exception:  # noqa: BLE001 - a connection was shot: open another, as a web process does
                connections["default"].close()
                shot += 1
                assert shot < 5000, "nothing but shot connections: the server is gone"


def test_two_hundred_annotators_with_kills(project, alice, organisation, tmp_path):
    if sys.platform != "linux":
        pytest.skip("fork")
    project.overlap = OVERLAP
    project.save()
    import_records(project=project, by=alice, lines=pair_lines(ITEMS))
    members = [make_member(organisation, f"a{number}@example.org", Role.ANNOTATOR).pk for number in range(PEOPLE)]
    database = connection.settings_dict["NAME"]
    for each in connections.all(initialized_only=True):
        each.close()
    context = multiprocessing.get_context("fork")
    chance = random.Random(1)
    logs = [str(tmp_path / f"log{number}") for number in range(PROCESSES)]

    def start(number: int, seed: int):
        share = members[number::PROCESSES]
        for each in connections.all(initialized_only=True):
            each.close()  # a child that closed what it inherits would end our session
        process = context.Process(target=work, args=(database, share, project.pk, seed, logs[number]), daemon=True)
        process.start()
        return process

    running = [start(number, number) for number in range(PROCESSES)]
    killed = 0
    deadline = time.monotonic() + 800
    while any(process.is_alive() for process in running):
        assert time.monotonic() < deadline, "the work does not come to its end"
        time.sleep(0.5)
        expire_leases()
        if killed < 20 and (alive := [n for n, process in enumerate(running) if process.is_alive()]):
            number = chance.choice(alive)
            os.kill(running[number].pid, signal.SIGKILL)
            running[number].join()
            killed += 1
            running[number] = start(number, 1000 + killed)
            # Whoever was in its hands comes back when the lease runs out.
            Assignment.objects.filter(state="leased", annotator__memberships__in=members[number::PROCESSES]).update(
                expires_at="2000-01-01T00:00:00Z"
            )
    counted = Comparison.objects.counted()
    wrong = Item.objects.annotate(n=Count("comparisons")).exclude(n__gte=OVERLAP).count()
    assert wrong == 0, f"{wrong} items have fewer than {OVERLAP} judgements"
    assert counted.count() == ITEMS * OVERLAP
    per_item = counted.values("item").annotate(people=Count("annotator", distinct=True), n=Count("pk"))
    assert not per_item.exclude(people=OVERLAP, n=OVERLAP).exists(), "each by as many people as asked, nobody twice"
    assert not Item.objects.exclude(open_slots=0).exists()
    lines = [line for log in logs for line in Path(log).read_text().splitlines()]
    told = dict(line.split() for line in lines)
    stored = dict(Comparison.objects.values_list("client_id", "pk"))
    assert len(set(told.values())) == len(told)
    assert all(stored.get(UUID(client_id)) == int(pk) for client_id, pk in told.items()), "none lost, none doubled"
    assert Assignment.objects.count() >= ITEMS * OVERLAP
    print(f"{Assignment.objects.count()} leases, {len(told)} told, {killed} processes killed")
