"""How fast items are made by rules, of prompts with two to four answers each.

    python -m benchmarks.make_items [prompts]

Prints one JSON line: for each set of rules how many items, items a second by the clock and in processor time of this
process (PostgreSQL has its own), and the longest batch, which is how long a lease or an import may wait for it.
"""

import json
import sys
import time

from benchmarks.labeling_bench import own_database
from benchmarks.lease_explain import make_member

RULES = {
    "a random pair a prompt": {},
    "six pairs a prompt": {"items_per_prompt": 6},
    "a ranking a prompt": {"kind": "ranking"},
    "similar lengths, no near-duplicates": {"policy": "length_balanced", "skip_near_duplicates": True},
}


def add_prompts(project_id, count):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """WITH prompts AS (
                   INSERT INTO labeling_prompt (project_id, messages, content_hash, external_id, source, metadata,
                                                held_out, created_at)
                   SELECT %s, jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Question ' || n)),
                          md5(n::text) || md5('p' || n), '', 'bench', '{}', false, now()
                   FROM generate_series(1, %s) n RETURNING id)
               INSERT INTO labeling_response (prompt_id, text, content_hash, origin, model_name, sampling, created_at)
               SELECT p.id, repeat('Answer ' || k || ' of some words. ', 5 + k), md5(p.id || ' ' || k) || md5('r'),
                      'import', 'model', '{}', now()
               FROM prompts p, generate_series(1, 2 + (p.id %% 3)::int) k""",
            [project_id, count],
        )
        cursor.execute("ANALYZE labeling_prompt, labeling_response")


def main(prompts=100_000):
    from django.db import connection

    from accounts.models import Organisation
    from labeling.models import Project
    from labeling.services import item_filling, make_items

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    project = Project.objects.create(organisation=organisation, name="Bench", slug="bench", overlap=1)
    by = make_member(organisation, "bench@example.org")
    add_prompts(project.pk, prompts)
    batches, fill_page = [], item_filling.fill_page

    def timed(*given):
        began = time.perf_counter()
        made = fill_page(*given)
        batches.append(time.perf_counter() - began)
        return made

    item_filling.fill_page = timed
    told = {}
    for name, rules in RULES.items():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE labeling_item CASCADE")
        batches.clear()
        began, used = time.perf_counter(), time.process_time()
        made = make_items(project=project, by=by, **rules)
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        told[name] = {
            "items": made, "items_a_second": round(made / seconds), "items_a_processor_second": round(made / processor),
            "longest_batch_ms": round(max(batches) * 1000),
        }  # fmt: skip
        print(name, told[name], file=sys.stderr)
    print(json.dumps({"prompts": prompts, **told}))


if __name__ == "__main__":
    with own_database():
        main(*map(int, sys.argv[1:]))
