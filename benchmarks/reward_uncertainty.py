"""Is Laplace's posterior or an ensemble of heads with random priors the better deviation over a trained body?

    python -m benchmarks.reward_uncertainty [--pairs 300] [--held-out 300] [--seeds 5] [--base DIRECTORY] [--threads 1]

Trains the body on pairs of random prompts of `hh_helpful_train` (adapters, one epoch, from the fast path's head on),
reads all answers with it, and fits both to what it says: the plain head, and ensembles of 8 and of 32. Each foretells
the votes on other pairs of the same file, with a temperature that is fitted on other prompts than those it is measured
on.
A seed is other members, and a random nine tenths of the training pairs. Negative log-likelihood in nats a vote and
expected calibration error are means over seeds; the difference to Laplace has a 95 % interval over prompts. Prints one
JSON line last.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch

from benchmarks.reference_data import (
    add_base_argument,
    data_directory,
    prepared_base,
    read_pairs,
    work_directory,
)
from training.recipes.calibration import cross_fitted_shares
from training.recipes.features import FeatureReader
from training.recipes.intervals import cluster_bootstrap, expected_calibration_error
from training.recipes.reward import Basis, Reader, RewardModel
from training.recipes.reward_scorer import BodyReader, BodyShape
from training.recipes.reward_trainer import TrainSettings, train_body
from training.recipes.run import Run
from training.recipes.uncertainty import deviations
from training.recipes.votes import Votes, texts_of

KINDS = {"laplace": 0, "ensemble of 8": 8, "ensemble of 32": 32}
MOST_CHARACTERS = 400  # of an answer: the question is of heads, and long texts only take longer


def main() -> None:
    parser = argparse.ArgumentParser(description="Laplace's posterior against an ensemble over a trained body")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--held-out", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    add_base_argument(parser)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    started, base = time.process_time(), prepared_base(arguments.base)
    every = read_pairs(data_directory() / "hh_helpful_train.jsonl.gz", 4 * (arguments.pairs + arguments.held_out))
    short_A = np.array([len(text) < MOST_CHARACTERS for text in texts_of(every.answers)])
    votes = every.keep(short_A[every.first_P] & short_A[every.second_P])
    prompts = np.unique(votes.prompt_ids_P).tolist()
    train = votes.take(prompts[: arguments.pairs])
    held_out = votes.take(prompts[arguments.pairs : arguments.pairs + arguments.held_out])
    frozen = FeatureReader(base, work_directory() / "features")
    fast = RewardModel.fit(frozen, train)[0]
    shape = BodyShape(layers=fast.reader.layers, pool=fast.reader.pool)
    with tempfile.TemporaryDirectory() as directory:
        body = train_body(
            Run(Path(directory)), base, train, train.take([]), shape=shape, settings=TrainSettings(), start=fast
        )
    found: dict[str, Any] = {"benchmark": "reward_uncertainty", "pairs": len(train), "held_out": len(held_out)}
    readers: dict[str, Reader] = {"frozen": frozen, "trained": BodyReader(body.scorer, base)}
    for name, reader in readers.items():
        found[name] = compare(reader, train, held_out, arguments.seeds)
        print(json.dumps(found | {"processor_seconds": round(time.process_time() - started)}), flush=True)


def compare(reader: Reader, train: Votes, held_out: Votes, seeds: int) -> dict[str, Any]:
    basis = Basis.of(reader, train)
    phi = basis.projection(reader.read(held_out.answers), texts_of(held_out.answers))
    x_P_K, prompts = phi[held_out.first_P] - phi[held_out.second_P], held_out.prompt_ids_P
    costs: dict[str, list[np.ndarray]] = {name: [] for name in KINDS}
    errors: dict[str, list[float]] = {name: [] for name in KINDS}
    right: dict[str, list[float]] = {name: [] for name in KINDS}
    for seed in range(seeds):
        part = train.keep(np.random.default_rng(seed).permutation(len(train))[: len(train) * 9 // 10])
        for name, members in KINDS.items():
            model = RewardModel.fit(reader, part, members=members, seed=seed, basis=basis)[0]
            assert model.covariance is not None
            mean_P, sd_P = x_P_K @ model.weights, deviations(x_P_K, model.covariance)
            share_P = cross_fitted_shares(mean_P, sd_P, held_out.win_P, held_out.tie_P, prompts)
            costs[name].append(-np.log(np.where(held_out.win_P > 0.5, share_P, 1 - share_P)))
            errors[name].append(expected_calibration_error(share_P, held_out.score_P, bins=10))
            right[name].append(float(((mean_P > 0) == (held_out.win_P > 0.5)).mean()))
    told: dict[str, Any] = {}
    for name in KINDS:
        apart_P = np.mean(costs[name], 0) - np.mean(costs["laplace"], 0)
        low, high = cluster_bootstrap(lambda rows, apart=apart_P: float(apart[rows].mean()), prompts.tolist())  # type: ignore[misc]
        told[name] = {
            "nats": round(float(np.mean(costs[name])), 4),
            "nats_over_laplace": [round(value, 4) for value in (float(apart_P.mean()), low, high)],
            "calibration_error": round(float(np.mean(errors[name])), 4),
            "accuracy": round(float(np.mean(right[name])), 4),
        }
    return told


if __name__ == "__main__":
    main()
