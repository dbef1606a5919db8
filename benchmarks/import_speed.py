"""How fast pairs come in by the API, and what the server's memory does meanwhile.

    python -m benchmarks.import_speed [file.jsonl.gz]

Starts a PostgreSQL and gunicorn of its own, sends the pairs as NDJSON over HTTP, then the same again (all duplicates),
then ten times as many made-up ones. The file has lines `{"prompt", "chosen", "rejected"}`; without one it is
hh_helpful_train of the folder ACCORD_REFERENCE_DATA. A row is a line: a prompt, two responses and the item of both, six
rows in four tables. Prints one JSON line last.
"""

import gzip
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.labeling_bench import own_database
from benchmarks.web_bench import Memory, Stopwatch, standard_request, web_server

ROOT = Path(__file__).resolve().parent.parent


def read_pairs(path):
    with gzip.open(path) as lines:
        for row in map(json.loads, lines):
            responses = [{"text": row["chosen"]}, {"text": row["rejected"]}]
            yield json.dumps({"prompt": row["prompt"], "responses": responses}, ensure_ascii=False).encode() + b"\n"


def made_up(count):
    for number in range(count):
        responses = [{"text": f"Yes, {number}. " + "word " * 60}, {"text": f"No, {number}. " + "word " * 60}]
        yield json.dumps({"prompt": f"Question {number}? " + "word " * 30, "responses": responses}).encode() + b"\n"


def blocks(lines: Iterable[bytes], count=200):
    lines = iter(lines)
    while block := b"".join(itertools.islice(lines, count)):
        yield block


def main(path):
    figures = {}
    with web_server() as (client, pid):
        project = client.post("/projects", json={"name": "Import"}).json()["id"]
        address = f"/projects/{project}/import"
        # What a first request loads is not the import's.
        client.post(address, content=next(made_up(1)))
        with tempfile.TemporaryFile() as pairs, tempfile.TemporaryFile() as tenfold:
            # Made before: what is measured is not their making.
            pairs.writelines(read_pairs(path))
            pairs.seek(0)
            rows = sum(1 for _ in pairs)
            tenfold.writelines(blocks(made_up(rows * 10)))
            for name, file, count in (("first", pairs, rows), ("again", pairs, rows), ("tenfold", tenfold, rows * 10)):
                size = file.tell()
                file.seek(0)
                with Memory(pid) as memory, Stopwatch() as watch:
                    report = json.load(standard_request(client, "POST", address, body=file, size=size))
                assert report["created"] + report["duplicates"] == count, report
                figures[name] = {"created": report["created"], **watch.figures(count), **memory.figures()}
                print(name, figures[name], flush=True)
    print(json.dumps({"benchmark": "import_speed", "file": path.name, **figures}))


if __name__ == "__main__":
    folder = Path(os.environ.get("ACCORD_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "hh_helpful_train.jsonl.gz"
    if not given.exists():
        raise SystemExit(f"error: there is no {given}. Name a file, or set ACCORD_REFERENCE_DATA to its folder.")
    with own_database():
        main(given)
