# ruff: noqa: N815 - shapes stand in the names
"""Three sources of human preferences for the label-efficiency benchmark, as features of differences.

UKPConvArg1 learns from single noisy votes and is measured on the published gold of topics that it has not seen. The
two HH sources have one human label a pair, for learning and for measuring, and are split by prompt.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.reference_data import read_rows, say_read
from training.recipes.features import Answer, FeatureReader
from training.recipes.intervals import Floats
from training.recipes.reward import Projection

HH_ROWS = 2000  # pairs of one turn drawn from each HH file
SOURCES = ("ukpconvarg1", "hh_helpful", "hh_harmless")


@dataclass(frozen=True)
class Source:
    """Pairs of answers by index, with what people said of them."""

    name: str
    answers: list[Answer]
    first_N: np.ndarray  # indices into answers
    second_N: np.ndarray
    votes_N: list[list[float]]  # each 1 for the first, 0 for the second, 0.5 for neither
    gold_N: Floats  # 1 or 0; nan where nobody published one
    prompts_N: np.ndarray  # what is held out as a whole: prompt or topic

    def __len__(self) -> int:
        return len(self.first_N)


def load_source(name: str, data: Path) -> Source:
    return _ukp(data / "ratings") if name == "ukpconvarg1" else _hh(name, data / f"{name}_train.jsonl.gz")


def hidden_states(source: Source, base_dir: Path, cache_dir: Path) -> np.ndarray:
    """Shape (answers, hidden size), float32; from the cache where it is there."""
    return FeatureReader(base_dir, cache_dir).read(source.answers, progress=say_read)


def answer_features(hidden_A_D: np.ndarray, source: Source) -> tuple[Floats, np.ndarray]:
    """Features (answers, K) by the recipe's own projection, and the prior group of each."""
    texts = [text for _, text in source.answers]
    projection = Projection.fit(hidden_A_D, texts)
    return projection(hidden_A_D, texts), projection.groups


def _ukp(directory: Path) -> Source:
    answers: list[Answer] = []
    place: dict[tuple[str, str], int] = {}
    for row in read_rows(directory / "ukpconvarg1.arguments.jsonl.gz"):
        question = f"{row['debate']}: {row['stance']}"
        place[row["topic"], row["arg_id"]] = len(answers)
        answers.append(([{"role": "user", "content": question}], row["text"]))
    value = {"a": 1.0, "b": 0.0}
    votes: dict[str, list[float]] = {}
    for row in read_rows(directory / "ukpconvarg1.ratings.jsonl.gz"):
        votes.setdefault(row["item_id"], []).append(value.get(row["label"], 0.5))
    pairs = [row for row in read_rows(directory / "ukpconvarg1.pairs.jsonl.gz") if row["item_id"] in votes]
    topics = sorted({row["topic"] for row in pairs})
    return Source(
        "ukpconvarg1",
        answers,
        np.array([place[row["topic"], row["arg_a"]] for row in pairs]),
        np.array([place[row["topic"], row["arg_b"]] for row in pairs]),
        [votes[row["item_id"]] for row in pairs],
        np.array([value.get(row["gold_mace"], np.nan) for row in pairs]),
        np.array([topics.index(row["topic"]) for row in pairs]),
    )


def _hh(name: str, path: Path, rows: int = HH_ROWS) -> Source:
    """A fixed random sample of the pairs of one turn, the better answer first or second by the toss of a coin."""
    found = read_rows(path)
    chance = random.Random(0)
    chance.shuffle(found)
    found = [row for row in found if len(row["prompt"]) == 1][:rows]
    first = np.array([chance.random() < 0.5 for _ in found])
    answers: list[Answer] = []
    for row, is_first in zip(found, first, strict=True):
        pair = (row["chosen"], row["rejected"]) if is_first else (row["rejected"], row["chosen"])
        answers += [(row["prompt"], text) for text in pair]
    ids: dict[str, int] = {}
    prompts = [ids.setdefault(json.dumps(row["prompt"]), len(ids)) for row in found]
    even = np.arange(len(found)) * 2
    wins = first.astype(np.float64)
    return Source(name, answers, even, even + 1, [[win] for win in wins], wins, np.array(prompts))


def split(source: Source, chance: np.random.Generator, *, held_out: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to measure on, by whole prompts; the latter have a published gold."""
    prompts = chance.permutation(np.unique(source.prompts_N))
    apart = np.isin(source.prompts_N, prompts[: round(held_out * len(prompts))])
    return np.flatnonzero(~apart), np.flatnonzero(apart & ~np.isnan(source.gold_N))


def split_once(source: Source) -> tuple[np.ndarray, np.ndarray, Floats]:
    """The one split on which other libraries are measured too: rows to learn from, rows to measure on, their gold."""
    train, test = split(source, np.random.default_rng(2026), held_out=0.25)
    return train, test, source.gold_N[test]
