"""What is it worth to know what users ask for, when the items are about something else as well?

    python -m benchmarks.served_prompts [--seeds 40] [--first-seed 0] [--base DIRECTORY]

A project's open items are half HH helpful and half HH harmless, mixed, and its users ask for one of the two alone. The
head is measured on pairs of what users ask, in both cases, after 64 to 512 labels. V-optimal is told what will be
served by: the open items themselves (nothing known); held-out pairs of both kinds; pairs of what users asked before;
all answers to what users asked before, around their mean; 200 of these, and 60. Users' conversations of before and
those that are measured on are disjoint prompts, and both are held out of the items. Prints paired differences to
"held-out pairs", what a refit goes by where nothing is served, and one JSON line last.
"""

import argparse
import json
import sys

import numpy as np

from benchmarks.label_efficiency import HELD_OUT
from benchmarks.label_sources import Source, hidden_states, load_source
from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, work_directory
from training.recipes.intervals import Floats
from training.recipes.reward import Projection
from training.recipes.reward_head import fit_head
from training.recipes.selection import POLICIES, Belief, take_batch

KINDS = ("hh_helpful", "hh_harmless")
LABELS = (32, 64, 128, 256, 512)  # the first batch is random
BASELINE = "held-out pairs"


class Mixture:
    """The pairs of both kinds as one pool."""

    def __init__(self, sources: list[Source], hidden_A_D: np.ndarray) -> None:
        texts = [text for source in sources for _, text in source.answers]
        projection = Projection.fit(hidden_A_D, texts)
        self.phi_A_K, self.groups_K = projection(hidden_A_D, texts), projection.groups
        starts = np.cumsum([0, *(len(source.answers) for source in sources)])
        both = list(zip(sources, starts, strict=False))
        self.first_N = np.concatenate([source.first_N + start for source, start in both])
        self.second_N = np.concatenate([source.second_N + start for source, start in both])
        self.differences_N_K = self.phi_A_K[self.first_N] - self.phi_A_K[self.second_N]
        self.gold_N = np.concatenate([source.gold_N for source in sources])
        self.kind_N = np.repeat(range(len(sources)), [len(source) for source in sources])
        self.prompts_N = np.array([f"{kind}:{own}" for kind, source in enumerate(sources) for own in source.prompts_N])

    def fit(self, rows: np.ndarray) -> Belief:
        head = fit_head(self.differences_N_K[rows], self.gold_N[rows], np.ones(len(rows)), self.groups_K)
        return Belief(head.weights, head.covariance, np.array(head.precisions)[self.groups_K], self.groups_K)

    def accuracy(self, belief: Belief, rows: np.ndarray) -> float:
        margin = self.differences_N_K[rows] @ belief.weights_K
        return float((0.5 + 0.5 * np.sign(margin) * np.sign(self.gold_N[rows] - 0.5)).mean())

    def around_their_mean(self, answers: np.ndarray) -> Floats:
        return np.asarray(self.phi_A_K[answers] - self.phi_A_K[answers].mean(axis=0))


def run(mixture: Mixture, served: int, seed: int) -> dict[str, list[float]]:
    """Accuracy on what users ask after LABELS, and at last the share of labels that went to their kind; by way."""
    chance = np.random.default_rng([seed, served])
    prompts = chance.permutation(np.unique(mixture.prompts_N))
    apart_N = np.isin(mixture.prompts_N, prompts[: round(HELD_OUT * len(prompts))])
    pool = chance.permutation(np.flatnonzero(~apart_N))
    users = chance.permutation(np.unique(mixture.prompts_N[apart_N & (mixture.kind_N == served)]))
    half = len(users) // 2
    before, after = (np.flatnonzero(np.isin(mixture.prompts_N, part)) for part in (users[:half], users[half:]))
    answers = chance.permutation(mixture.first_N[before])  # one of each conversation
    targets = {
        "random order": None,
        "open items": mixture.differences_N_K[pool],
        BASELINE: mixture.differences_N_K[apart_N],
        "pairs of users' prompts": mixture.differences_N_K[before],
        "users' answers": mixture.around_their_mean(answers),
        "200 of users' answers": mixture.around_their_mean(answers[:200]),
        "60 of users' answers": mixture.around_their_mean(answers[:60]),
    }
    found = {}
    for way, target_M_K in targets.items():
        rows = pool[: LABELS[0]]
        accuracies = []
        for count in LABELS[1:]:
            left = pool[~np.isin(pool, rows)]
            batch = count - len(rows)
            chosen = left[:batch]
            if target_M_K is not None:
                chosen, _, _ = take_batch(
                    POLICIES["v_optimal"], mixture.differences_N_K, mixture.fit(rows), mixture.prompts_N, left, batch,
                    target_M_K,
                )  # fmt: skip
            rows = np.concatenate([rows, chosen])
            accuracies.append(mixture.accuracy(mixture.fit(rows), after))
        found[way] = [*accuracies, float((mixture.kind_N[rows] == served).mean())]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What knowing users' conversations adds to the choice of items")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    add_base_argument(parser)
    arguments = parser.parse_args()
    base, cache = prepared_base(arguments.base), work_directory() / "features"
    sources = [load_source(name, data_directory()) for name in KINDS]
    mixture = Mixture(sources, np.concatenate([hidden_states(source, base, cache) for source in sources]))
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    whole = {}
    for served, name in enumerate(KINDS):
        runs = [run(mixture, served, seed) for seed in seeds]
        print(f"users ask for {name}", file=sys.stderr, flush=True)
        whole[name] = {way: _told(runs, way) for way in runs[0]}
        for way, figures in whole[name].items():
            print(f"{way:24s}", json.dumps(figures))
    print(
        json.dumps({"benchmark": "served_prompts", "seeds": [seeds.start, seeds.stop], "labels": LABELS[1:], **whole})
    )


def _told(runs: list[dict[str, list[float]]], way: str) -> dict[str, list[float] | float]:
    """Means in per cent, paired differences to the baseline in points and their standard errors, by LABELS."""
    own_S_L = 100 * np.array([run[way] for run in runs])
    difference_S_L = own_S_L[:, :-1] - 100 * np.array([run[BASELINE][:-1] for run in runs])
    error_L = difference_S_L.std(axis=0, ddof=1) / np.sqrt(len(runs))
    return {
        "accuracy": own_S_L[:, :-1].mean(axis=0).round(2).tolist(),
        "difference": difference_S_L.mean(axis=0).round(2).tolist(),
        "standard_error": error_L.round(2).tolist(),
        "share_of_their_kind": round(float(own_S_L[:, -1].mean()), 1),
    }


if __name__ == "__main__":
    main()
