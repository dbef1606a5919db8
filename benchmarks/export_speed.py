"""How fast judgements go out by the API, and what the server's memory does meanwhile.

    python -m benchmarks.export_speed [--judgements N] [--formats jsonl,csv,parquet,preference,kto,sft]

Starts a PostgreSQL and a gunicorn of its own, fills a project with N (a million) comparisons of answers of some 60
words, and streams each format over HTTP; then asks for the last 1,000 alone, as a download that goes on does. Prints
one JSON line last.
"""

import argparse
import json

from benchmarks.labeling_bench import add_items, own_database
from benchmarks.web_bench import Memory, Stopwatch, standard_request, web_server

_WORDS = "update labeling_response set text = text || repeat(' and some more words of it', 12)"
_JUDGE = """
WITH held AS (
    INSERT INTO labeling_assignment (project_id, item_id, annotator_id, slot, state, shown_order, leased_at, expires_at,
                                     closed_at, skip_reason, draft)
    SELECT project_id, id, %(user)s, 0, 'judged', '{0,1}', now(), now(), now(), '', '{}' FROM labeling_item
    WHERE project_id = %(project)s
    RETURNING id, item_id, project_id, annotator_id
)
INSERT INTO labeling_comparison (project_id, item_id, assignment_id, annotator_id, client_id, reason, flags, active_ms,
                                 is_surplus, created_at, response_a_id, response_b_id, choice, strength, axes)
SELECT held.project_id, held.item_id, held.id, held.annotator_id, gen_random_uuid(), '', '[]', 5000, false, now(),
       a.response_id, b.response_id, (ARRAY['a', 'b', 'tie', 'both_bad'])[1 + held.id %% 4],
       CASE WHEN held.id %% 4 IN (0, 1) THEN 2 END, '{}'
FROM held
JOIN labeling_itemresponse a ON a.item_id = held.item_id AND a.position = 0
JOIN labeling_itemresponse b ON b.item_id = held.item_id AND b.position = 1
"""


def fill(project_id, user_id, count):
    from django.db import connection

    add_items(project_id, count, 1)
    with connection.cursor() as cursor:
        cursor.execute(_WORDS)
        cursor.execute(_JUDGE, {"user": user_id, "project": project_id})
        cursor.execute("VACUUM ANALYZE")


def read(client, address, **query):
    """Lines and bytes."""
    buffer = bytearray(2**20)
    lines = size = 0
    with standard_request(client, "GET", address, params=query) as answer:
        while count := answer.readinto(buffer):
            lines += buffer.count(b"\n", 0, count)
            size += count
    return lines, size


def main(count, formats):
    from accounts.models import User

    figures = {}
    with web_server() as (client, pid):
        project = client.post("/projects", json={"name": "Export"}).json()["id"]
        fill(project, User.objects.get(email="bench@example.org").pk, count)
        address = f"/projects/{project}/export"
        # What a first request loads is not the export's.
        read(client, address, format="jsonl", after=count - 1)
        for format in formats:
            with Memory(pid) as memory, Stopwatch() as watch:
                lines, size = read(client, address, format=format)
            rows = count if format in ("csv", "parquet") else lines
            figures[format] = watch.figures(rows) | memory.figures() | {"bytes_per_row": size // rows}
            print(format, figures[format], flush=True)
        last = json.loads(client.get(address, params={"after": count - 2}).text.splitlines()[0])["judgement_id"]
        with Stopwatch() as watch:
            read(client, address, format="jsonl", after=last - 1000)
        figures["last_thousand_ms"] = round(watch.seconds * 1000)
    print(json.dumps({"benchmark": "export_speed", "judgements": count, **figures}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, default=1_000_000)
    parser.add_argument("--formats", default="jsonl,csv,parquet,preference,kto,sft")
    given = parser.parse_args()
    with own_database():
        main(given.judgements, given.formats.split(","))
