"""From the last label to a refreshed reward model and rewritten priorities: the chain as the application runs it.

    python -m benchmarks.label_to_model [--open 10000] [--judged 2000] [--base DIRECTORY]

A project with so many judged comparisons and so many open ones, of HH-RLHF's prompts and answers; what the base model
makes of each is in the cache already, as it is from the second refit on. (It is drawn: a refit costs what it costs
whatever the numbers are, and so nothing is said here of accuracy.) Then somebody submits one more judgement, and the
clock runs: the trigger freezes a snapshot and queues the refit, a worker claims it, writes out the open items, starts
the recipe as a process, which fits, measures and puts the open items in order, and their places are rewritten.
`wait_for_trigger` is what the trigger's interval can add at most, and counts against the bar of 60 s on 2 cores. Prints
one JSON line last.
"""

import argparse
import json
import os
import resource
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.labeling_bench import own_database
from benchmarks.lease_explain import make_member
from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, read_rows

BAR_SECONDS, ANNOTATORS = 60.0, 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds from the last label to rewritten priorities")
    parser.add_argument("--open", type=int, default=10_000)
    parser.add_argument("--judged", type=int, default=2000)
    add_base_argument(parser)
    arguments = parser.parse_args()
    base, rows = prepared_base(arguments.base).resolve(), []
    for name in ("hh_helpful_train", "hh_harmless_train"):
        rows += read_rows(data_directory() / f"{name}.jsonl.gz")
    # A message is only a hint, and there is nobody here to take it.
    os.environ["BROKER_URL"] = "memory://"
    with own_database() as home:
        print(json.dumps(measure(home, base, rows, arguments.open, arguments.judged)))


def measure(home: Path, base: Path, rows: list[dict[str, Any]], open_items: int, judged: int) -> dict[str, Any]:
    from accounts.models import Organisation
    from config.celery import SWEEP_SECONDS
    from labeling.models import Item, Project
    from labeling.services import import_records
    from models_registry.services import register_version
    from training import services
    from training.models import TrainingRun
    from training.triggers import start_due_refits

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    project = Project.objects.create(
        organisation=organisation, name="Bench", slug="bench", overlap=1, selection_policy="v_optimal"
    )
    people = [make_member(organisation, f"a{number}@example.org") for number in range(ANNOTATORS)]
    register_version(
        organisation=organisation, project_id=project.pk, kind="base", name="Base v{number}", artifact_dir=base
    )
    # A tenth of the prompts is held out, and no refit's business.
    lines = (
        json.dumps(
            {"prompt": row["prompt"], "responses": [{"text": row["chosen"]}, {"text": row["rejected"]}]}
        ).encode()
        for row in rows
    )
    import_records(project=project, by=people[0], lines=lines)
    say("imported")
    for number in range(judged - 1):
        judge_one(project, people[number % ANNOTATORS])
    is_open = Item.objects.filter(project=project, open_slots__gt=0, prompt__held_out=False)
    surplus = list(is_open.order_by("pk").values_list("pk", flat=True)[open_items:])
    Item.objects.filter(pk__in=surplus).update(open_slots=0)
    say("judged")
    fill_cache(project, base)
    used, began = processor_seconds(), time.monotonic()
    judge_one(project, people[0])
    (run,) = start_due_refits()
    frozen = time.monotonic()
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    services.execute_run(run=claimed)
    ended = time.monotonic()
    run = TrainingRun.objects.get(pk=run.pk)
    if run.status != "succeeded":
        sys.exit(f"The refit ended as {run.status}: {run.error}\n{run.log_tail}")
    assert run.snapshot is not None
    return {
        "benchmark": "label_to_model",
        "open_items": int(run.result["figures"]["open_items"]),
        "judged": run.snapshot.judgement_count,
        "answers_read_before": int(run.result["figures"]["answers"]),
        "seconds": round(ended - began, 1),
        "seconds_to_freeze": round(frozen - began, 1),
        "seconds_of_the_recipe": round(run.result["figures"]["seconds"], 1),
        "priorities_written": run.result["priorities_written"]["written"],
        "cpu_seconds": round(processor_seconds() - used, 1),
        "wait_for_trigger": SWEEP_SECONDS,
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "bar_seconds": BAR_SECONDS,
        "reached": bool(ended - began + SWEEP_SECONDS <= BAR_SECONDS),
    }


def judge_one(project: Any, by: Any) -> None:
    """The longer answer is preferred, mostly."""
    from labeling.services import lease_next, submit_comparison

    held = lease_next(project=project, by=by)
    assert held is not None
    shown = {each.position: each.response.text for each in held.item.item_responses.select_related("response")}
    first, second = (len(shown[position]) for position in held.shown_order)
    choice = "a" if (first > second) == (held.item_id % 5 > 0) else "b"
    submit_comparison(assignment=held, by=by, client_id=uuid.uuid4(), choice=choice, strength=1 + held.item_id % 3)


def fill_cache(project: Any, base: Path) -> None:
    """Shards as the reader itself writes them, also of what was cut, of every answer of the project."""
    from django.conf import settings

    from labeling.models import Response
    from training.recipes.features import FeatureReader

    found = Response.objects.filter(prompt__project=project).values_list("prompt__messages", "text").order_by("pk")
    answers = [(messages, text) for messages, text in found.iterator()]
    reader = FeatureReader(base, settings.DATA_DIR / "features" / str(project.pk))
    hidden = np.random.default_rng(0).standard_normal((len(answers), reader.feature_size), dtype=np.float32)
    reader.remember(answers, hidden)
    say(f"{len(answers)} answers are in the cache")


def processor_seconds() -> float:
    of = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in of)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
