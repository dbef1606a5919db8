"""What the lease costs: its plan, and its p95 by the size of the project and by what the annotator has judged.

    python -m benchmarks.lease_explain [items] [judged] [repeats]

Prints the plan for a newcomer and for a veteran, then one JSON line. "unknown" is a veteran of whom the planner has no
statistics yet. The project has overlap 3, so that everything the
veteran has judged is still open for others and lies in the queue's index.
"""

import json
import os
import sys
import time

from benchmarks.labeling_bench import add_items, own_database


def make_member(organisation, email):
    from accounts.models import Membership, User
    from accounts.permissions import Role

    user = User.objects.create(email=email)
    return Membership.objects.create(organisation=organisation, user=user, role=Role.ADMINISTRATOR)


def judge_many(project, member, count, slot, *, analyze):
    """Give the member `count` judged items, the best ones first; their first lease will walk over them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """WITH had AS (
                   SELECT id, priority FROM labeling_item WHERE project_id = %(project)s AND open_slots > 0
                   ORDER BY priority * -1, id LIMIT %(count)s
               ), made AS (
                   INSERT INTO labeling_assignment (project_id, item_id, annotator_id, slot, state, shown_order,
                                                    leased_at, expires_at, closed_at, skip_reason, draft)
                   SELECT %(project)s, id, %(user)s, %(slot)s, 'judged', '{0,1}', now(), now(), now(), '', '{}' FROM had
               )
               UPDATE labeling_item SET open_slots = open_slots - 1 FROM had WHERE had.id = labeling_item.id""",
            {"project": project.pk, "count": count, "user": member.user_id, "slot": slot},
        )
        if analyze:
            cursor.execute("VACUUM ANALYZE")


def time_leases(project, member, repeats):
    """Milliseconds of each of so many leases, each judged at once."""
    from uuid import uuid4

    from labeling.services import lease_next, submit_comparison

    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        held = lease_next(project=project, by=member)
        times.append((time.perf_counter() - began) * 1000)
        submit_comparison(assignment=held, by=member, client_id=uuid4(), choice="tie")
    return sorted(times)


def explain(project, member):
    """The plan of the lease as a connection keeps it; nothing is kept of what it leases."""
    import psycopg
    from django.db import connection, transaction

    from accounts.prepared import read_parameters
    from labeling.services.lease import lock_place, place_of
    from labeling.services.lease_statement import LEASE

    statement, names = read_parameters(LEASE)
    with transaction.atomic(), psycopg.ClientCursor(connection.connection) as cursor:
        values = lock_place(place_of(project, member))
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(b"PREPARE lease AS " + statement)
        places = ", ".join(["%s"] * len(names))
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) EXECUTE lease({places})", [values[name] for name in names]
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("DEALLOCATE lease")
        transaction.set_rollback(True)
    return plan


def p95(times):
    return times[int(len(times) * 0.95)]


def main(items=200_000, judged=20_000, repeats=400):
    from django.db import connection

    from accounts.models import Organisation
    from labeling.models import Project

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    projects = {}
    for name, count in (("small", 10_000), ("large", items)):
        projects[name] = Project.objects.create(organisation=organisation, name=name, slug=name, overlap=3)
        add_items(projects[name].pk, count, overlap=3)
    newcomer, veteran = make_member(organisation, "new@example.org"), make_member(organisation, "old@example.org")
    unknown = make_member(organisation, "unknown@example.org")
    large, small = projects["large"], projects["small"]
    with connection.cursor() as cursor:
        # Else it would make the unknown one known in the middle of the measurement.
        cursor.execute("ALTER TABLE labeling_assignment SET (autovacuum_enabled = false)")
    judge_many(large, veteran, judged, 2, analyze=True)
    # As much again by somebody whom the planner's statistics do not know yet, as in the hour after they came.
    judge_many(large, unknown, judged, 1, analyze=False)
    time_leases(large, unknown, 20)
    time_leases(large, veteran, 20)  # the first one walks over everything had, and leaves the cursor behind it
    time_leases(large, newcomer, 20)
    time_leases(small, newcomer, 20)
    print("== newcomer ==", explain(large, newcomer), "== veteran ==", explain(large, veteran), sep="\n")
    # In turns, so that what else the machine does hits all alike.
    rounds = {"small": [], "newcomer": [], "veteran": [], "unknown": []}
    for _ in range(10):
        rounds["small"] += time_leases(small, newcomer, repeats // 10)
        rounds["newcomer"] += time_leases(large, newcomer, repeats // 10)
        rounds["veteran"] += time_leases(large, veteran, repeats // 10)
        rounds["unknown"] += time_leases(large, unknown, repeats // 10)
    figures = {name: round(p95(sorted(times)), 3) for name, times in rounds.items()}
    figures |= {f"{name}_median": round(sorted(times)[len(times) // 2], 3) for name, times in rounds.items()}
    print(
        json.dumps(
            {
                "benchmark": "lease_explain", "items": items, "judged_by_veteran": judged, "leases_each": repeats,
                "p95_ms": figures,
                "large_over_small": round(figures["newcomer"] / figures["small"], 3),
                "veteran_over_newcomer": round(figures["veteran"] / figures["newcomer"], 3),
                "unknown_over_newcomer": round(figures["unknown"] / figures["newcomer"], 3),
                "load_average": round(os.getloadavg()[0], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    with own_database():
        main(*map(int, sys.argv[1:]))
