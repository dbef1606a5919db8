"""What the manager's queue costs by the size of the project: each page of it, its count, and bulk actions.

    python -m benchmarks.queue_pages [items] [judged]

Prints the plans of the pages on the large project, then one JSON line: milliseconds of each page with its count (median
of 15) and their ratio over a project of 10,000 items, and items a second of a bulk action and of its undo.
"""

import json
import os
import sys
import time

from benchmarks.labeling_bench import add_items, own_database
from benchmarks.lease_explain import judge_many, make_member

STATES = ["", "open", "leased", "expired", "judged", "skipped", "reported", "reserved", "withdrawn", "done"]


def read_page(project, wanted, before=None):
    from accounts.paging import page_of
    from labeling.services.queue_filter import count_queue, queue_items
    from labeling.services.queue_rows import queue_rows

    page = page_of(queue_items(project, wanted).select_related("prompt", "reserved_for"), before=before)
    return queue_rows(page.rows), count_queue(project, wanted)


def median_ms(project, wanted, before=None):
    times = []
    for _ in range(15):
        began = time.perf_counter()
        read_page(project, wanted, before)
        times.append((time.perf_counter() - began) * 1000)
    return round(sorted(times)[7], 2)


def main(items=1_000_000, judged=300_000):
    from django.db import connection

    from accounts.models import Organisation
    from labeling.models import Item, Project
    from labeling.services import Order, act_on_items, carry_on_unfinished, lease_next, undo_action
    from labeling.services.queue_filter import QueueFilter, queue_items

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    manager = make_member(organisation, "manager@example.org")
    people = [make_member(organisation, f"a{number}@example.org") for number in range(15)]
    projects = {}
    for name, count, done in (("large", items, judged), ("small", 10_000, 3_000)):
        project = projects[name] = Project.objects.create(organisation=organisation, name=name, slug=name, overlap=1)
        add_items(project.pk, count, overlap=1)
        judge_many(project, people[0], done, 0, analyze=False)
        for by in people:
            lease_next(project=project, by=by)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    large, filters = projects["large"], {state or "all": QueueFilter(state) for state in STATES}
    filters |= {"of a person": QueueFilter(person=people[0].user_id)}
    filters |= {"leased by a person": QueueFilter("leased", person=people[3].user_id)}
    filters |= {"rating": QueueFilter(kind="rating")}
    for name, wanted in filters.items():
        print(f"== {name} ==", queue_items(large, wanted).order_by("-pk")[:51].explain(analyze=True), sep="\n")
    pages = {name: median_ms(large, wanted) for name, wanted in filters.items()}
    middle = Item.objects.filter(project=large).order_by("pk").first().pk + items // 2
    pages["all, in the middle"] = median_ms(large, QueueFilter(), str(middle))
    small = {name: median_ms(projects["small"], wanted) for name, wanted in filters.items()}
    began = time.perf_counter()
    action = act_on_items(project=large, by=manager, order=Order("withdraw", filter=QueueFilter("open")))
    in_request = time.perf_counter() - began
    while carry_on_unfinished(seconds=60):
        pass
    done_in = time.perf_counter() - began
    action.refresh_from_db()
    began = time.perf_counter()
    undo_action(action=action, by=manager)
    while carry_on_unfinished(seconds=60):
        pass
    undone_in = time.perf_counter() - began
    print(
        json.dumps(
            {
                "benchmark": "queue_pages", "items": items, "judged": judged, "page_ms": pages,
                "page_ms_of_10000": small,
                "withdrawn": action.changed, "seconds_of_the_request": round(in_request, 2),
                "withdrawn_a_second": round(action.changed / done_in),
                "undone_a_second": round(action.changed / undone_in),
                "load_average": round(os.getloadavg()[0], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    with own_database():
        main(*map(int, sys.argv[1:]))
