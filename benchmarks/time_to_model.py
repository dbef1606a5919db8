"""What the way of judgements to models costs to work out, by the size of the project.

    python -m benchmarks.time_to_model [judgements]

Prints the plans of its two queries, then one JSON line: milliseconds (median of 5) at so many judgements and at a
hundredth of them, with 200 snapshots and as many reward models.
"""

import json
import os
import sys
import time

from benchmarks.labeling_bench import add_items, own_database
from benchmarks.lease_explain import make_member


def add_judgements(project, member, count, snapshots):
    """Judged over the last 100 days, frozen and learnt from at even distances."""
    from django.db import connection

    from labeling.models import Snapshot
    from models_registry.models import ModelVersion

    with connection.cursor() as cursor:
        cursor.execute(
            """WITH had AS (
                   SELECT i.id, row_number() OVER (ORDER BY i.id) AS n,
                          (SELECT array_agg(response_id ORDER BY position) FROM labeling_itemresponse r
                           WHERE r.item_id = i.id) AS texts
                   FROM labeling_item i WHERE i.project_id = %(project)s
               ), made AS (
                   INSERT INTO labeling_assignment (project_id, item_id, annotator_id, slot, state, shown_order,
                                                    leased_at, expires_at, closed_at, skip_reason, draft)
                   SELECT %(project)s, id, %(user)s, 0, 'judged', '{0,1}', now(), now(), now(), '', '{}' FROM had
                   RETURNING id, item_id
               )
               INSERT INTO labeling_comparison (project_id, item_id, assignment_id, annotator_id, client_id, reason,
                                                flags, is_surplus, created_at, response_a_id, response_b_id, choice,
                                                axes)
               SELECT %(project)s, had.id, made.id, %(user)s, gen_random_uuid(), '', '[]', false,
                      now() - interval '100 days' * (1 - n::float / %(count)s), texts[1], texts[2], 'a', '{}'
               FROM had JOIN made ON made.item_id = had.id ORDER BY n""",
            {"project": project.pk, "user": member.user_id, "count": count},
        )
        cursor.execute(
            """SELECT id, created_at FROM (
                   SELECT id, created_at, row_number() OVER (ORDER BY id) AS n FROM labeling_comparison
                   WHERE project_id = %s) c WHERE n %% %s = 0""",
            [project.pk, count // snapshots],
        )
        for number, (last, moment) in enumerate(cursor.fetchall(), 1):
            frozen = Snapshot.objects.create(
                organisation=project.organisation, project=project, content_hash=f"{number}", manifest={},
                judgement_count=number, last_judgement_id=last,
            )  # fmt: skip
            made = ModelVersion.objects.create(
                organisation=project.organisation, project_id=project.pk, kind="reward_model", number=number,
                name=f"v{number}", snapshot_id=frozen.pk,
            )  # fmt: skip
            Snapshot.objects.filter(pk=frozen.pk).update(created_at=moment)
            ModelVersion.objects.filter(pk=made.pk).update(created_at=moment)
        cursor.execute("VACUUM ANALYZE")


def explain(project):
    from django.db import connection

    from training.services.time_to_model import _ARRIVALS, _JUDGED

    with connection.cursor() as cursor:
        for statement in (_ARRIVALS, _JUDGED):
            cursor.execute("EXPLAIN (ANALYZE, COSTS OFF) " + statement, {"project": project.pk})
            print(*(row[0] for row in cursor.fetchall()), sep="\n")


def median_ms(project):
    from training.services.time_to_model import time_to_model

    times = []
    for _ in range(5):
        began = time.perf_counter()
        told = time_to_model(project)
        times.append((time.perf_counter() - began) * 1000)
    return round(sorted(times)[2], 1), told


def main(judgements=1_000_000):
    from accounts.models import Organisation
    from labeling.models import Project

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    member = make_member(organisation, "a@example.org")
    figures = {}
    for name, count in (("small", judgements // 100), ("large", judgements)):
        project = Project.objects.create(organisation=organisation, name=name, slug=name, overlap=1)
        add_items(project.pk, count, overlap=1)
        add_judgements(project, member, count, 200)
        figures[name], told = median_ms(project)
    explain(project)
    print(
        json.dumps(
            {
                "benchmark": "time_to_model", "judgements": told.judgements, "snapshots": 200, "ms": figures["large"],
                "ms_of_a_hundredth": figures["small"], "arrived": told.stages[1].arrived,
                "load_average": round(os.getloadavg()[0], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    with own_database():
        main(*map(int, sys.argv[1:]))
