"""How long from cached features to a refreshed reward model.

    python -m benchmarks.refit_speed [--pairs 5000] [--base DIRECTORY]

Runs the recipe reward_model, as the application does, on a snapshot of so many pairs of HH-RLHF helpful, judged by 40
annotators, and 500 held-out ones: reading the snapshot and the cache, annotators' weights, projection, head with
evidence and covariance, temperature, all evaluations, learning curve, artifact. Only the start of the process and its
imports are not counted; `process_seconds` has them too. The cache is filled beforehand: with hidden states of the right
shape that are drawn, because what a refit costs depends on how many there are and not on what they say. So the accuracy
in its log is no measure of the reward model; benchmarks.reward_accuracy is one. Prints one JSON line last; the bar is
5 s on 2 cores with nothing else on them: `cpu_seconds` says what it takes of a core, imports included.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, read_rows
from training.recipes.features import FeatureReader
from training.recipes.votes import Votes

HELD_OUT, ANNOTATORS, ROUNDS, BAR_SECONDS = 500, 40, 5, 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds from cached features to a refreshed reward model")
    parser.add_argument("--pairs", type=int, default=5000)
    add_base_argument(parser)
    arguments = parser.parse_args()
    rows = read_rows(data_directory() / "hh_helpful_train.jsonl.gz")
    base = prepared_base(arguments.base)
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        write_snapshot(work, rows, arguments.pairs)
        fill_cache(base, work / "features", work)
        seconds, processes, cpus, result = [], [], [], {}
        config = {
            "base_dir": str(base.resolve()),
            "snapshot_dir": str(work),
            "base_sha256": "0" * 64,
            "feature_dir": str(work / "features"),
        }
        for number in range(ROUNDS):
            run = work / f"run{number}"
            run.mkdir()
            (run / "config.json").write_text(json.dumps(config))
            started, cpu = time.monotonic(), _children_seconds()
            with (run / "log.txt").open("w") as log:
                subprocess.run([sys.executable, "-m", "training.recipes.reward_model", run], check=True, stdout=log)
            processes.append(time.monotonic() - started)
            cpus.append(_children_seconds() - cpu)
            result = json.loads((run / "result.json").read_text())
            seconds.append(result["figures"]["seconds"])
    found: dict[str, Any] = {
        "benchmark": "refit_speed",
        "pairs": arguments.pairs,
        "answers": result["figures"]["answers"],
        "seconds": round(float(np.median(seconds)), 2),
        "all_seconds": [round(s, 2) for s in seconds],
        "process_seconds": [round(s, 2) for s in processes],
        "cpu_seconds": [round(s, 2) for s in cpus],
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "bar_seconds": BAR_SECONDS,
        "reached": bool(np.median(seconds) <= BAR_SECONDS),
    }
    print(json.dumps(found))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_snapshot(directory: Path, rows: list[dict[str, Any]], pairs: int) -> None:
    chance = np.random.default_rng(0)
    rows = list({json.dumps(row["prompt"]): row for row in rows}.values())  # no prompt is in both parts
    picked = chance.permutation(len(rows))[: pairs + HELD_OUT]
    if len(picked) < pairs + HELD_OUT:
        sys.exit(f"There are {len(rows)} pairs; ask for {len(rows) - HELD_OUT} at most.")
    for name, part in (("train", picked[:pairs]), ("held_out", picked[pairs:])):
        with (directory / f"{name}.jsonl").open("w") as out:
            for number in part:
                row, swap = rows[number], bool(chance.random() < 0.5)
                sides = (row["rejected"], row["chosen"]) if swap else (row["chosen"], row["rejected"])
                judged = {
                    "prompt_id": int(number),
                    "prompt": row["prompt"],
                    "response_a": sides[0],
                    "response_b": sides[1],
                    "choice": "b" if swap else "a",
                    "strength": int(chance.integers(1, 4)),
                    "annotator": f"annotator-{chance.integers(ANNOTATORS)}",
                    "item_id": int(number),
                }
                out.write(json.dumps(judged) + "\n")


def fill_cache(base: Path, cache: Path, snapshot: Path) -> None:
    """Shards as the reader itself writes them, also of what was cut."""
    reader = FeatureReader(base, cache)
    chance = np.random.default_rng(0)
    answers = [a for part in ("train", "held_out") for a in Votes.from_snapshot(snapshot, part).answers]
    print(f"{len(answers)} answers are put into the cache", file=sys.stderr, flush=True)
    reader.remember(answers, chance.standard_normal((len(answers), reader.feature_size), dtype=np.float32))


if __name__ == "__main__":
    main()
