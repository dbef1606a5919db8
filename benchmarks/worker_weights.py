"""What weighing annotators by their agreement with the reward model is worth, and what it costs where nobody cheats.

    python -m benchmarks.worker_weights [--seeds 20] [--base DIRECTORY]

UKPConvArg1: thousands of crowd workers said which of two arguments convinces them more. Each seed holds out a quarter
of the topics, measured on their published gold; of the others it hires whole workers in a random order, with all that
they said, until the budget of votes is spent. A fifth of the workers is then replaced: by coins, or by people who say
the contrary. From the same votes come two heads, one that takes every vote as it is (plain) and one with the recipe's
weights; the paired difference of their accuracies is what the weights are worth. Also: the rank correlation of the
workers' competence (from labels alone, in MACE's model and in Dawid and Skene's, and from the reward model) with the
published one, which is MACE's. Prints one JSON line last.

Bars: at least +1 point under abuse (the mean over both kinds and all budgets), no loss on the crowd as it is (the
lower end of the mean's interval over -0.3 points).
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reference_data import (
    add_base_argument,
    data_directory,
    prepared_base,
    read_rows,
    say_read,
    work_directory,
)
from labeling.agreement.competence import competence as competence_of
from labeling.agreement.dawid_skene import dawid_skene
from training.recipes.annotator_weights import LEAST_WEIGHT, weigh_annotators
from training.recipes.features import FeatureReader
from training.recipes.intervals import Floats
from training.recipes.projection import Projection
from training.recipes.reward_head import fit_targets
from training.recipes.reward_targets import head_targets
from training.recipes.votes import Ints, Votes, texts_of

BUDGETS = (1000, 4000, 16000)  # votes
ABUSES = ("none", "coins", "contrary")
PLANTED, HELD_OUT = 0.2, 0.25
LABELS = {"a": 0, "b": 1, "tie": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description="Annotator weights against plain votes on UKPConvArg1")
    parser.add_argument("--seeds", type=int, default=20)
    add_base_argument(parser)
    arguments = parser.parse_args()
    ratings = data_directory() / "ratings"
    votes, gold = read_votes(ratings)
    reader = FeatureReader(prepared_base(arguments.base), work_directory() / "features")
    hidden = reader.read(votes.answers, progress=say_read)
    projection = Projection.fit(hidden, texts_of(votes.answers))
    phi = projection(hidden, texts_of(votes.answers))
    gains: dict[str, list[list[float]]] = {}
    for seed in range(arguments.seeds):
        for name, row in one_seed(seed, phi, projection.groups, votes, gold).items():
            gains.setdefault(name, []).append(row)
        print(f"seed {seed + 1} of {arguments.seeds}", file=sys.stderr, flush=True)
    table = {name: summary(np.array(rows)) for name, rows in gains.items()}
    abuse, clean = gain_under(gains, "co"), gain_under(gains, "none")  # both kinds of abuse begin alike
    found: dict[str, Any] = {
        "benchmark": "worker_weights",
        "seeds": arguments.seeds,
        "gain_under_abuse": points(abuse),
        "gain_on_the_crowd_as_it_is": points(clean),
        "gain_by_abuse": {abuse: points(gain_under(gains, abuse)) for abuse in ABUSES},
        "gain_if_the_planted_were_known": points(gain_under(gains, "co", column=2)),
        "by_abuse_and_budget": table,
        "competence": competence(phi, projection.groups, votes, ratings),
        "reached": bool(abuse.mean() >= 0.01 and points(clean)["low"] > -0.3),
    }
    print(json.dumps(found))


def read_votes(directory: Path) -> tuple[Votes, Floats]:
    """Every vote, its topic as its prompt, and the published gold of each vote's pair: 1, 0, or nan."""
    arguments = {(row["topic"], row["arg_id"]): row for row in read_rows(directory / "ukpconvarg1.arguments.jsonl.gz")}
    pairs = {row["item_id"]: row for row in read_rows(directory / "ukpconvarg1.pairs.jsonl.gz")}
    topics = {topic: number for number, topic in enumerate(sorted({row["topic"] for row in pairs.values()}))}
    judgements, gold = [], []
    for row in read_rows(directory / "ukpconvarg1.ratings.jsonl.gz"):
        pair = pairs[row["item_id"]]
        first, second = (arguments[pair["topic"], pair[side]] for side in ("arg_a", "arg_b"))
        question = f"{first['debate']}: {first['stance']}"
        judgements.append(
            {
                "prompt_id": topics[pair["topic"]],
                "prompt": [{"role": "user", "content": question}],
                "response_a": first["text"],
                "response_b": second["text"],
                "choice": row["label"],
                "annotator": row["annotator_id"],
            }
        )
        gold.append({"a": 1.0, "b": 0.0}.get(pair["gold_mace"], np.nan))
    return Votes.from_rows(judgements), np.array(gold)


def one_seed(seed: int, phi: Floats, groups: np.ndarray, votes: Votes, gold: Floats) -> dict[str, list[float]]:
    """Accuracy of the plain head, of the weighted one, and of one that knows who was planted, by abuse and budget."""
    chance = np.random.default_rng(seed)
    topics = chance.permutation(int(votes.prompt_ids_A.max()) + 1)
    apart = np.isin(votes.prompt_ids_P, topics[: round(HELD_OUT * len(topics))])
    workers = chance.permutation(len(votes.annotators))
    planted = chance.random(len(votes.annotators)) < PLANTED
    rank_P = np.argsort(workers)[votes.annotator_P]
    order = np.argsort(rank_P, kind="stable")
    order = order[~apart[order]]
    coins = chance.random(len(votes)) < 0.5
    _, test = np.unique(np.stack([votes.first_P, votes.second_P], 1), axis=0, return_index=True)
    test = test[apart[test] & ~np.isnan(gold[test])]
    x_T_K = phi[votes.first_P[test]] - phi[votes.second_P[test]]
    found = {}
    for abuse in ABUSES:
        said = replace(votes, win_P=abused(votes, abuse, planted[votes.annotator_P], coins))
        if abuse == "coins":
            said = replace(said, tie_P=np.where(planted[votes.annotator_P], 0.0, votes.tie_P))
        for budget in BUDGETS:
            hired = said.keep(order[:budget])
            weights = weigh_annotators(phi, groups, hired).weights
            # What could be had at most: the same least weight for exactly those who were planted.
            known = np.where(planted & (abuse != "none"), LEAST_WEIGHT, 1.0)
            found[f"{abuse} {budget}"] = [
                _accuracy(x_T_K @ fit_targets(head_targets(phi, taught), groups).weights, gold[test])
                for taught in (hired, hired.weighted(weights), hired.weighted(known))
            ]
    return found


def abused(votes: Votes, abuse: str, planted_P: np.ndarray, coins_P: np.ndarray) -> Floats:
    """Who wins each vote when the planted workers say what they say."""
    instead = {"none": votes.win_P, "coins": coins_P.astype(float), "contrary": votes.lose_P}[abuse]
    return np.where(planted_P, instead, votes.win_P)


def competence(phi: Floats, groups: np.ndarray, votes: Votes, directory: Path) -> dict[str, Any]:
    """Spearman's rank correlations with the published competence, over all workers and over those with 20 votes."""
    published = {
        row["annotator_id"]: row["published_mace_competence"]
        for row in read_rows(directory / "ukpconvarg1.workers.jsonl.gz")
    }
    theirs = np.array([published[name] for name in votes.annotators])
    _, items = np.unique(np.stack([votes.first_P, votes.second_P], 1), axis=0, return_inverse=True)
    labels: Ints = np.where(votes.tie_P == 1, 2, np.where(votes.win_P == 1, 0, 1)).astype(np.int64)
    skene = dawid_skene(items.ravel(), votes.annotator_P, labels, 3, smoothing=1.0)
    knows = competence_of(items.ravel(), votes.annotator_P, labels, 3)
    ours = weigh_annotators(phi, groups, votes)
    if skene is None:
        return {}
    many = skene.labels_A >= 20
    return {
        f"{name}_{which}": round(spearman(of[rows], theirs[rows]), 3)
        for name, of in (("labels", knows), ("dawid_skene", skene.competence()), ("reward_model", ours.competence))
        for which, rows in (("all", many | True), ("with_20_votes", many))
    } | {"workers": len(theirs), "weighed_down": int((ours.weights < 1).sum())}


def gain_under(gains: dict[str, list[list[float]]], abuse: str, *, column: int = 1) -> Floats:
    """Each seed's gain over plain votes, the mean over the settings whose names begin so."""
    chosen = [np.array(rows) for name, rows in gains.items() if name.startswith(abuse)]
    return np.mean([rows[:, column] - rows[:, 0] for rows in chosen], axis=0)


def spearman(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def summary(rows: Floats) -> dict[str, Any]:
    return {
        "plain": round(100 * float(rows[:, 0].mean()), 2),
        "weighted": round(100 * float(rows[:, 1].mean()), 2),
        "gain": points(rows[:, 1] - rows[:, 0]),
        "gain_if_the_planted_were_known": points(rows[:, 2] - rows[:, 0]),
    }


def points(differences: Floats) -> dict[str, float]:
    """The mean of paired differences with its 95 % interval, in points."""
    half = 1.96 * float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else np.inf
    mean = float(differences.mean())
    return {"mean": round(100 * mean, 2), "low": round(100 * (mean - half), 2), "high": round(100 * (mean + half), 2)}


def _accuracy(margin_T: Floats, gold_T: Floats) -> float:
    return float((0.5 + 0.5 * np.sign(margin_T) * np.sign(gold_T - 0.5)).mean())


def _ranks(values: Floats) -> Floats:
    """From 1, equals sharing their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


if __name__ == "__main__":
    main()
