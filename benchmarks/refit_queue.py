"""What a refit costs the queue: writing out the open items, and rewriting their places while people judge.

    python -m benchmarks.refit_queue [open_items] [annotators]

Prints one JSON line: seconds for each of the two, alone and under annotators who judge without a pause, and the p95 of
their cycles (lease and judge) in the seconds before and while the places are rewritten.
"""

import json
import os
import random
import sys
import threading
import time
from uuid import uuid4

from benchmarks.labeling_bench import add_items, own_database
from benchmarks.lease_explain import make_member


def write_file(path, item_ids, seed):
    chance = random.Random(seed)
    with path.open("w") as file:
        for pk in item_ids:
            line = {"item_id": pk, "priority": chance.random(), "policy": "soft4", "propensity": 0.25, "score": 1.0}
            file.write(json.dumps(line) + "\n")


def judge_on(project, by, over, times):
    from django.db import connection

    from labeling.services import lease_next, submit_comparison

    while not over.is_set():
        began = time.perf_counter()
        held = lease_next(project=project, by=by)
        if held is None:
            break
        submit_comparison(assignment=held, by=by, client_id=uuid4(), choice="tie")
        times.append((began, time.perf_counter() - began))
    connection.close()


def p95_ms(times, start, end):
    inside = sorted(seconds for began, seconds in times if start <= began < end)
    return round(inside[int(len(inside) * 0.95)] * 1000, 1) if inside else None


def main(home, open_items=10_000, annotators=4):
    from accounts.models import Organisation
    from labeling.models import Item, Project
    from labeling.services import write_open_items, write_priorities

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    project = Project.objects.create(organisation=organisation, name="Bench", slug="bench", overlap=1)
    add_items(project.pk, open_items * 5 // 4, overlap=1)  # a fifth is held out, and no refit's business
    ids = list(Item.objects.filter(project=project, prompt__held_out=False).order_by("pk").values_list("pk", flat=True))
    began = time.perf_counter()
    written_out = write_open_items(project=project, path=home / "open_items.jsonl")
    out_seconds = time.perf_counter() - began
    priorities = home / "priorities.jsonl"
    write_file(priorities, ids, 1)
    began = time.perf_counter()
    alone = write_priorities(project=project, path=priorities)
    alone_seconds = time.perf_counter() - began

    write_file(priorities, ids, 2)
    times, over = [], threading.Event()
    people = [make_member(organisation, f"a{number}@example.org") for number in range(annotators)]
    threads = [threading.Thread(target=judge_on, args=(project, by, over, times)) for by in people]
    first = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(4)
    began = time.perf_counter()
    told = write_priorities(project=project, path=priorities)
    ended = time.perf_counter()
    over.set()
    for thread in threads:
        thread.join()
    print(
        json.dumps(
            {
                "benchmark": "refit_queue", "open_items": written_out, "seconds_to_write_out": round(out_seconds, 2),
                "rewritten_alone": alone.written, "seconds_alone": round(alone_seconds, 2),
                "annotators": annotators, "rewritten": told.written, "closed": told.closed, "left": told.left,
                "seconds_under_annotators": round(ended - began, 2),
                "cycle_p95_ms_before": p95_ms(times, first + 1, began),
                "cycle_p95_ms_while": p95_ms(times, began, ended),
                "load_average": round(os.getloadavg()[0], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    with own_database() as home:
        main(home, *map(int, sys.argv[1:]))
