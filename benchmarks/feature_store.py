"""Where do features of answers lie best: in files, or in a table of pgvector?

    python -m benchmarks.feature_store [--answers 20000] [--asked 5000]

Writes so many drawn features of 1,280 dimensions into a FeatureStore and into a table of `vector` on a PostgreSQL of
its own (COPY in binary form), and reads some of them back by key: those of one project among those of others, which
were read one project after the other, and as many from everywhere. Seconds of this program, of PostgreSQL, and by the
clock; size on disk. Prints one JSON line last.
"""

import argparse
import json
import struct
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.labeling_bench import own_database
from benchmarks.web_bench import cpu_seconds
from training.recipes.feature_store import FeatureStore

SIZE, BATCH = 1280, 256
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Features in files and in pgvector")
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--asked", type=int, default=5_000)
    options = parser.parse_args()
    chance = np.random.default_rng(0)
    keys = [f"{chance.integers(2**63):032x}" for _ in range(options.answers)]
    features = dict(zip(keys, chance.standard_normal((len(keys), SIZE), dtype=np.float32), strict=True))
    asked = {
        "one_project": keys[: options.asked],
        "everywhere": [keys[n] for n in chance.permutation(len(keys))[: options.asked]],
    }
    with tempfile.TemporaryDirectory() as directory, own_database():
        contenders: dict[str, Any] = {"files": Files(Path(directory)), "pgvector": Table()}
        found: dict[str, Any] = {name: {} for name in contenders}
        for name, contender in contenders.items():
            found[name]["write"] = timed(partial(contender.write, features))
        for what, wanted in asked.items():
            for name, contender in contenders.items():
                found[name][what] = timed(partial(check, contender, wanted, features))
        for name, contender in contenders.items():
            found[name]["bytes_an_answer"] = round(contender.bytes() / len(keys))
    about = {"benchmark": "feature_store", "answers": options.answers, "asked": options.asked, "dimensions": SIZE}
    print(json.dumps(about | found))


def timed(work: Callable[[], None]) -> dict[str, float]:
    own, server, began = time.process_time(), cpu_seconds()["database"], time.perf_counter()
    work()
    clock = time.perf_counter() - began
    return {
        "seconds": round(clock, 2),
        "program": round(time.process_time() - own, 2),
        "database": round(cpu_seconds()["database"] - server, 2),
    }


def check(contender: "Files | Table", wanted: list[str], features: dict[str, np.ndarray]) -> None:
    found = contender.take(wanted)
    assert all(np.array_equal(found[key], features[key]) for key in wanted[:: len(wanted) // 50])


class Files:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, features: dict[str, np.ndarray]) -> None:
        FeatureStore(self._directory).add(features, dict.fromkeys(features, 0))

    def take(self, keys: list[str]) -> dict[str, np.ndarray]:
        return FeatureStore(self._directory).take(keys)

    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self._directory.iterdir())


class Table:
    def __init__(self) -> None:
        with self._cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            cursor.execute(f"CREATE TABLE bench_features (key text PRIMARY KEY, features vector({SIZE}) NOT NULL)")
            # As it stands next to the row it cannot: 5 kB a row go into the table's annex, and need no compression.
            cursor.execute("ALTER TABLE bench_features ALTER COLUMN features SET STORAGE EXTERNAL")

    def write(self, features: dict[str, np.ndarray]) -> None:
        with self._cursor() as cursor, cursor.copy("COPY bench_features FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEADER)
            for key, row in features.items():
                vector = struct.pack(">hh", SIZE, 0) + row.astype(">f4").tobytes()
                copy.write(struct.pack(">hi", 2, len(key)) + key.encode() + struct.pack(">i", len(vector)) + vector)
            copy.write(TRAILER)

    def take(self, keys: list[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        with self._cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE wanted (key text) ON COMMIT PRESERVE ROWS")
            with cursor.copy("COPY wanted FROM STDIN") as copy:
                copy.write("\n".join(keys) + "\n")
            select = "SELECT f.key, f.features FROM bench_features f JOIN wanted USING (key)"
            with cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT binary)") as copy:
                for block in copy:
                    row = bytes(block)
                    at = len(HEADER) if row.startswith(HEADER) else 0
                    if len(row) - at > 40:
                        key = row[at + 6 : at + 38].decode()
                        found[key] = np.frombuffer(row[at + 46 :], dtype=">f4").astype(np.float32)
            cursor.execute("DROP TABLE wanted")
        return found

    def bytes(self) -> int:
        with self._cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size('bench_features')")
            return int(cursor.fetchone()[0])

    @staticmethod
    def _cursor() -> Any:
        from django.db import connection

        return connection.cursor()


if __name__ == "__main__":
    main()
