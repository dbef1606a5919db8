"""What the benchmarks of reward learning share: where the reference data lies, the base model, and how they report."""

import argparse
import gzip
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

from training.recipes.intervals import cluster_bootstrap
from training.recipes.prepare_base import Config, prepare_base
from training.recipes.run import Run
from training.recipes.votes import Votes


def work_directory() -> Path:
    """Where benchmarks keep what takes long to make."""
    return Path(os.environ.get("ACCORD_DATA_DIR", "var")) / "benchmarks"


def data_directory() -> Path:
    return Path(os.environ.get("ACCORD_REFERENCE_DATA", "../shared/data"))


def add_base_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", type=Path, default=None, help="a prepared base model; Gemma 3 270M when absent")


def prepared_base(given: Path | None) -> Path:
    """The base model that was named, or Gemma 3 270M, which is prepared where it was not yet."""
    if given is not None:
        return given
    directory = work_directory() / "base"
    if not (directory / "result.json").exists():
        directory.mkdir(parents=True, exist_ok=True)
        prepare_base(Run(directory), Config())
    return directory / "model"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Of a compressed file of JSON lines; without it the program ends with a sentence."""
    if not path.exists():
        sys.exit(f"There is no {path}; set ACCORD_REFERENCE_DATA to the folder with the reference data.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read_pairs(path: Path, count: int | None) -> Votes:
    """A random sample of chosen and rejected answers, the better one first or second by the toss of a coin."""
    rows = read_rows(path)
    chance = random.Random(0)
    chance.shuffle(rows)
    ids: dict[str, int] = {}
    judgements = []
    for row in rows[:count]:
        first = chance.random() < 0.5
        a, b = (row["chosen"], row["rejected"]) if first else (row["rejected"], row["chosen"])
        prompt_id = ids.setdefault(json.dumps(row["prompt"]), len(ids))
        answers = {"prompt": row["prompt"], "response_a": a, "response_b": b, "choice": "a" if first else "b"}
        judgements.append({"prompt_id": prompt_id} | answers)
    return Votes.from_rows(judgements)


def say_read(done: int, total: int, tokens_per_second: float) -> None:
    """Progress of FeatureReader.read."""
    print(f"{done}/{total} answers, {tokens_per_second:.0f} tokens a second", file=sys.stderr, flush=True)


def with_interval(values: np.ndarray, prompts: list[int]) -> dict[str, float]:
    """The mean and its 95 % interval over prompts, for the JSON line."""
    low, high = cluster_bootstrap(lambda rows: float(values[rows].mean()), prompts, draws=1000)
    return {"value": round(float(values.mean()), 4), "low": round(low, 4), "high": round(high, 4)}
