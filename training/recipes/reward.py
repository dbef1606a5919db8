"""A reward model: how good people would find an answer, with mean 0 and deviation 1 on the training answers.

On disk: reward_model.safetensors and reward_model.json. The body is the base model, which whoever loads it supplies.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from training.recipes.features import Answer, FeatureReader, Floats32
from training.recipes.intervals import Floats
from training.recipes.reward_head import fit_head, sigmoid
from training.recipes.run import RecipeError

COMPONENTS = 48
TEXT, LENGTH = 0, 1  # the head's prior groups


@dataclass(frozen=True)
class Projection:
    """From mean hidden states and the answer to the head's features: principal components, then log length."""

    mean: Floats  # shape (D,)
    scale: Floats  # (D,)
    components: Floats  # (K, D)
    length_mean: float
    length_scale: float
    length_range: tuple[float, float]  # of the log lengths that the head was fitted on

    @classmethod
    def fit(cls, hidden_N_D: Floats32, texts: Sequence[str], *, components: int = COMPONENTS) -> "Projection":
        hidden = hidden_N_D.astype(np.float64)
        # A few of Gemma's dimensions are hundreds of times larger than the rest and would be all the components.
        mean, scale = hidden.mean(0), hidden.std(0) + 1e-6
        _, singular, directions = np.linalg.svd((hidden - mean) / scale, full_matrices=False)
        count = min(components, int((singular > 1e-6 * singular[0]).sum()))
        root_mean_square = float(np.sqrt((singular[:count] ** 2).sum() / len(hidden) / count))
        lengths = log_lengths(texts)
        return cls(mean, scale, directions[:count] / root_mean_square, *_length_statistics(lengths))

    def __call__(self, hidden_N_D: Floats32, texts: Sequence[str]) -> Floats:
        text_N_K = ((hidden_N_D - self.mean) / self.scale) @ self.components.T
        # Held within what was seen: a policy soon finds that an empty answer is "shorter" than any that people judged.
        length_N = np.clip(log_lengths(texts), *self.length_range)
        return np.column_stack([text_N_K, (length_N - self.length_mean) / self.length_scale])

    @property
    def groups(self) -> np.ndarray:
        return np.array([TEXT] * len(self.components) + [LENGTH])


@dataclass(frozen=True)
class RewardModel:
    """Scores answers; `spread` turns a difference of scores back into Bradley-Terry's log odds."""

    projection: Projection
    weights: Floats  # (K,)
    center: float
    spread: float
    reader: FeatureReader

    @classmethod
    def fit(
        cls,
        reader: FeatureReader,
        pairs: "Pairs",
        *,
        progress: Callable[[int, int, float], None] | None = None,
    ) -> tuple["RewardModel", dict[str, float]]:
        """Fit projection and head on votes; also returns the fit's figures.

        Raises:
            RecipeError: there is nothing to compare.
        """
        answers = list({_identity(answer): answer for answer in pairs.first + pairs.second}.values())
        hidden = reader.read(answers, progress=progress)
        projection = Projection.fit(hidden, [text for _, text in answers])
        phi = {_identity(a): row for a, row in zip(answers, projection(hidden, [t for _, t in answers]), strict=True)}
        differences = np.array(
            [phi[_identity(a)] - phi[_identity(b)] for a, b in zip(pairs.first, pairs.second, strict=True)]
        )
        head = fit_head(differences, pairs.wins, np.ones(len(pairs.wins)), projection.groups)
        raw = np.array(list(phi.values())) @ head.weights
        model = cls(projection, head.weights, float(raw.mean()), float(raw.std()) or 1.0, reader)
        figures = {
            "log_evidence": head.log_evidence,
            "prior_precision_text": head.precisions[TEXT],
            "prior_precision_length": head.precisions[LENGTH],
            "length_weight": float(head.weights[-1]),
        }
        return model, figures

    def score(self, answers: Sequence[Answer]) -> Floats:
        if not answers:
            return np.zeros(0)
        features = self.projection(self.reader.read(answers), [text for _, text in answers])
        return (features @ self.weights - self.center) / self.spread

    def preference(self, first: Sequence[Answer], second: Sequence[Answer]) -> Floats:
        """P(first is preferred). Swapping the arguments gives exactly one minus it."""
        return sigmoid(self.spread * (self.score(first) - self.score(second)))

    def save(self, directory: Path, *, base_sha256: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        p = self.projection
        tensors = {"mean": p.mean, "scale": p.scale, "components": p.components, "weights": self.weights}
        save_file(
            {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in tensors.items()},
            directory / "reward_model.safetensors",
        )
        settings = {
            "format": 1,
            "base_sha256": base_sha256,
            "layers": self.reader.layers,
            "length_mean": p.length_mean,
            "length_scale": p.length_scale,
            "length_range": p.length_range,
            "center": self.center,
            "spread": self.spread,
        }
        (directory / "reward_model.json").write_text(json.dumps(settings, indent=1))

    @classmethod
    def load(cls, directory: Path, base: Path | FeatureReader) -> "RewardModel":
        """Raises RecipeError when `directory` holds no reward model, or one over a different body."""
        for name in ("reward_model.json", "reward_model.safetensors"):
            if not (directory / name).is_file():
                raise RecipeError(f"{directory} is not a reward model: {name} is missing.")
        settings = json.loads((directory / "reward_model.json").read_text())
        tensors = load_file(directory / "reward_model.safetensors")
        reader = base if isinstance(base, FeatureReader) else FeatureReader(base)
        if settings["layers"] != reader.layers or tensors["mean"].shape[0] != reader.hidden_size:
            raise RecipeError(f"The reward model in {directory} belongs to another base model.")
        projection = Projection(
            tensors["mean"].astype(np.float64),
            tensors["scale"].astype(np.float64),
            tensors["components"].astype(np.float64),
            settings["length_mean"],
            settings["length_scale"],
            tuple(settings["length_range"]),
        )
        return cls(projection, tensors["weights"].astype(np.float64), settings["center"], settings["spread"], reader)


@dataclass(frozen=True)
class Pairs:
    """One row a vote."""

    first: list[Answer]
    second: list[Answer]
    wins: Floats  # 1 the first was preferred, 0 the second, 0.5 neither
    prompt_ids: list[int]

    @classmethod
    def from_judgements(cls, rows: Sequence[dict[str, Any]]) -> "Pairs":
        value = {"a": 1.0, "b": 0.0, "tie": 0.5, "both_bad": 0.5, "both_good": 0.5}
        if unknown := {row["choice"] for row in rows} - set(value):
            raise RecipeError(
                f"A judgement's choice is {sorted(unknown)[0]!r}; it must be a, b, tie, both_bad or both_good."
            )
        return cls(
            [(row["prompt"], row["response_a"]) for row in rows],
            [(row["prompt"], row["response_b"]) for row in rows],
            np.array([value[row["choice"]] for row in rows]),
            [row["prompt_id"] for row in rows],
        )

    def decided(self) -> "Pairs":
        """Without the votes that preferred neither."""
        return self.take(np.flatnonzero(self.wins != 0.5))

    def take(self, rows: np.ndarray) -> "Pairs":
        """These rows alone."""
        return Pairs(
            [self.first[row] for row in rows],
            [self.second[row] for row in rows],
            self.wins[rows],
            [self.prompt_ids[row] for row in rows],
        )

    def __len__(self) -> int:
        return len(self.wins)


def log_lengths(texts: Sequence[str]) -> Floats:
    """log(1 + characters)."""
    return np.log1p(np.array([len(text) for text in texts], dtype=np.float64))


def _length_statistics(lengths: Floats) -> tuple[float, float, tuple[float, float]]:
    return float(lengths.mean()), float(lengths.std() + 1e-6), (float(lengths.min()), float(lengths.max()))


def _identity(answer: Answer) -> str:
    return json.dumps(answer, sort_keys=True)
