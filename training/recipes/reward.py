# ruff: noqa: N815 - shapes stand in the names
"""A reward model: how good people would find an answer, with mean 0 and deviation 1 on the training answers.

On disk: reward_model.safetensors and reward_model.json. The body is the base model, which whoever loads it supplies.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from training.recipes.features import PROMPT_TOKENS, RESPONSE_TOKENS, Answer, FeatureReader, Floats32
from training.recipes.intervals import Floats
from training.recipes.projection import (
    COMPONENTS,
    LENGTH,
    TEXT,
    Projection,
    components_for,
    length_removal,
    log_lengths,
)
from training.recipes.reward_ensemble import fit_members
from training.recipes.reward_files import WEIGHTS, check_base, read_artifact, write_settings
from training.recipes.reward_head import Head, fit_targets
from training.recipes.reward_scorer import TRAINED_BODY, BodyReader
from training.recipes.reward_targets import head_targets
from training.recipes.run import RecipeError
from training.recipes.targets import Strength
from training.recipes.uncertainty import deviations, expected_share
from training.recipes.votes import OVERALL, Votes, texts_of

__all__ = ["COMPONENTS", "LENGTH", "TEXT", "Projection", "RewardModel", "log_lengths"]
Reader = FeatureReader | BodyReader
FORMAT = 3  # 1 had no covariance, temperature, tie width nor axes; 2 named the hash of one file alone


@dataclass(frozen=True)
class Basis:
    """What the heads of one set of answers stand on: computed once, however many are fitted."""

    projection: Projection
    phi_A_K: Floats  # of the votes' answers

    @classmethod
    def of(
        cls,
        reader: Reader,
        votes: Votes,
        *,
        hidden_A_D: Floats32 | None = None,
        progress: Callable[[int, int, float], None] | None = None,
    ) -> "Basis":
        """From the answers' pooled hidden states, read here unless they were read before.

        Raises:
            RecipeError: there are no answers.
        """
        if not votes.answers:
            raise RecipeError("There are no judgements to learn from; collect some comparisons first.")
        hidden = reader.read(votes.answers, progress=progress) if hidden_A_D is None else hidden_A_D
        texts = texts_of(votes.answers)
        votes_given = len(votes) + len(votes.level_Q) + len(votes.rankings)
        projection = Projection.fit(hidden, texts, components=components_for(votes_given))
        return cls(projection, projection(hidden, texts))

    def of_some(self, chosen_A: NDArray[np.bool_]) -> "Basis":
        """The same projection, which knows of no verdict, and these answers alone: for what `Votes.take` leaves."""
        return Basis(self.projection, self.phi_A_K[chosen_A])


@dataclass(frozen=True)
class RewardModel:
    """Scores answers; `spread` turns a difference of scores back into log odds."""

    projection: Projection
    weights: Floats  # (K,)
    center: float
    spread: float
    reader: Reader
    covariance: Floats | None = None  # (K, K), of `weights`; None: a model from before it was kept
    tie_width: float = 0.0
    temperature: float = 1.0  # log odds are divided by it
    axes: dict[str, Floats] = field(default_factory=dict)  # (K,) each: the head of every axis that was judged
    members: Floats | None = None  # (E, K): of an ensemble; then `weights` are their mean, `covariance` is theirs
    # (K,), of a head just fitted to the overall verdict alone; not kept on disk.
    prior_precision: Floats | None = None

    @classmethod
    def fit(
        cls,
        reader: Reader,
        votes: Votes,
        *,
        axis_weights: Mapping[str, float] | None = None,
        form: Strength = "scaled",
        remove_length: bool = False,
        members: int = 0,
        seed: int = 0,
        basis: Basis | None = None,
        progress: Callable[[int, int, float], None] | None = None,
    ) -> tuple["RewardModel", dict[str, float]]:
        """Fit projection and a head an axis on all that was said; also returns the fit's figures.

        Args:
            axis_weights: what each axis' score counts in the reward; the overall verdict alone when absent.
            form: what the strength of a preference does.
            remove_length: take out of the score what goes along with length.
            members: of an ensemble that tells the deviations; 0: Laplace's posterior tells them.
            seed: of the ensemble.
            basis: of the same answers, where it is there already.
        Raises:
            RecipeError: there is nothing to learn from, or a weight for an axis that nobody judged.
        """
        basis = basis or Basis.of(reader, votes, progress=progress)
        projection, phi_A_K = basis.projection, basis.phi_A_K
        heads: dict[str, Head] = {}
        drawn: dict[str, Floats] = {}
        for axis, name in enumerate(votes.axes):
            said = head_targets(phi_A_K, votes.on_axis(axis), form=form)
            if axis == OVERALL or said.says_something():
                heads[name] = fit_targets(said, projection.groups)
                drawn[name] = fit_members(said, projection.groups, heads[name], size=members, seed=(seed, axis))
        stated = dict(axis_weights or {votes.axes[OVERALL]: 1.0})
        if unknown := sorted(set(stated) - set(heads)):
            raise RecipeError(
                f"Nobody judged the axis {unknown[0]!r}; this snapshot has {', '.join(heads)}. Judge it, or give it no "
                "weight."
            )
        weights = sum((share * heads[name].weights for name, share in stated.items()), np.zeros(phi_A_K.shape[1]))
        # The heads were fitted apart, so what is not known of one says nothing of another.
        covariance = sum(
            (share**2 * heads[name].covariance for name, share in stated.items()),
            np.zeros((phi_A_K.shape[1], phi_A_K.shape[1])),
        )
        drawn_E_K = sum((share * drawn[name] for name, share in stated.items()), np.zeros((members, len(weights))))
        if members:
            weights, covariance = drawn_E_K.mean(0), np.cov(drawn_E_K.T)
        before = float((phi_A_K @ weights).std())
        if remove_length:
            change = length_removal(phi_A_K)
            weights, covariance, drawn_E_K = change @ weights, change @ covariance @ change.T, drawn_E_K @ change.T
        overall = heads[votes.axes[OVERALL]]
        alone = not remove_length and not members and set(stated) == {votes.axes[OVERALL]}
        raw = phi_A_K @ weights
        center, spread = float(raw.mean()), float(raw.std()) or 1.0
        model = cls(
            projection, weights, center, spread, reader, covariance, overall.tie_width,
            axes={name: drawn[name].mean(0) if members else head.weights for name, head in heads.items()},
            members=drawn_E_K if members else None,
            prior_precision=np.array(overall.precisions)[projection.groups] if alone else None,
        )  # fmt: skip
        figures = {
            "log_evidence": overall.log_evidence,
            "prior_precision_text": overall.precisions[TEXT],
            "prior_precision_length": overall.precisions[LENGTH],
            "length_weight": float(weights[-1]),
            "left_without_length": float(raw.std()) / (before or 1.0),
            "tie_width": overall.tie_width,
            "good_from": (overall.good_from - center) / spread,
        }
        return model, figures

    def features(self, answers: Sequence[Answer]) -> Floats:
        """Shape (answers, K)."""
        if not answers:
            return np.zeros((0, len(self.weights)))
        return self.projection(self.reader.read(answers), texts_of(answers))

    def score(self, answers: Sequence[Answer]) -> Floats:
        return (self.features(answers) @ self.weights - self.center) / self.spread

    def axis_scores(self, answers: Sequence[Answer]) -> dict[str, Floats]:
        """By axis, in log odds over the mean training answer."""
        features = self.features(answers)
        return {name: features @ weights for name, weights in self.axes.items()}

    def spread_of(self, answers: Sequence[Answer]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each answer's score, the latter against the mean training answer.

        Raises:
            RecipeError: the model was fitted before covariances were kept.
        """
        features = self.features(answers)
        mean_A = (features @ self.weights - self.center) / self.spread
        return mean_A, deviations(features, self._covariance()) / self.spread

    def difference(self, first: Sequence[Answer], second: Sequence[Answer]) -> tuple[Floats, Floats, Floats]:
        """Mean and deviation of (score of the first - score of the second), and the share of votes for the first.

        Raises:
            RecipeError: as `spread_of`.
        """
        x_P_K = self.features(first) - self.features(second)
        mean_P, sd_P = x_P_K @ self.weights, deviations(x_P_K, self._covariance())
        return mean_P / self.spread, sd_P / self.spread, self._share(mean_P, sd_P)

    def preference(self, first: Sequence[Answer], second: Sequence[Answer]) -> Floats:
        """The share of votes that the first is expected to get, a tie half for each. Swapped it is one minus it."""
        x_P_K = self.features(first) - self.features(second)
        sd_P = np.zeros(len(x_P_K)) if self.covariance is None else deviations(x_P_K, self.covariance)
        return self._share(x_P_K @ self.weights, sd_P)

    def shares_among(self, answers: Sequence[Answer]) -> Floats:
        """The share of votes that each of two answers or more is expected to get against the others, a tie half for
        each: the mean over the others. Over all answers its mean is a half.

        Raises:
            RecipeError: as `spread_of`.
        """
        features = self.features(answers)
        first, second = np.triu_indices(len(answers), 1)
        x_P_K = features[first] - features[second]
        share_P = self._share(x_P_K @ self.weights, deviations(x_P_K, self._covariance()))
        won_A = np.bincount(first, share_P, len(answers)) + np.bincount(second, 1 - share_P, len(answers))
        return np.asarray(won_A / (len(answers) - 1))

    def calibrated(self, temperature: float) -> "RewardModel":
        return dataclasses.replace(self, temperature=temperature)

    def save(self, directory: Path, *, base_sha256: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        p = self.projection
        tensors = {"mean": p.mean, "scale": p.scale, "components": p.components, "weights": self.weights}
        if self.covariance is not None:
            tensors["covariance"] = self.covariance
        if self.members is not None:
            tensors["members"] = self.members
        if self.axes:
            tensors["axes"] = np.stack(list(self.axes.values()))
        plain = {name: np.ascontiguousarray(tensor, dtype=np.float32) for name, tensor in tensors.items()}
        save_file(plain, directory / WEIGHTS)
        settings = {
            "format": FORMAT,
            "base_sha256": base_sha256,
            "layers": self.reader.layers,
            "prompt_tokens": self.reader.prompt_tokens,
            "response_tokens": self.reader.response_tokens,
            "length_mean": p.length_mean,
            "length_scale": p.length_scale,
            "length_range": p.length_range,
            "center": self.center,
            "spread": self.spread,
            "tie_width": self.tie_width,
            "temperature": self.temperature,
            "axes": list(self.axes),
        }
        write_settings(directory, settings, base_dir=self.reader.base_dir)

    @classmethod
    def load(cls, directory: Path, base: Path | FeatureReader) -> "RewardModel":
        """Raises RecipeError when `directory` holds no reward model, a changed one, or one over a different body."""
        settings, tensors = read_artifact(directory)
        given = FeatureReader(base) if isinstance(base, Path) else base
        check_base(directory, settings, given.base_dir)
        if (directory / TRAINED_BODY).is_file():
            reader: Reader = BodyReader.load(directory, given.base_dir)
        else:  # as much as was trained on, whatever the caller reads
            limits = settings.get("prompt_tokens", PROMPT_TOKENS), settings.get("response_tokens", RESPONSE_TOKENS)
            reader = given.with_limits(*limits)
        p = (settings["length_mean"], settings["length_scale"], tuple(settings["length_range"]))
        projection = Projection(tensors["mean"], tensors["scale"], tensors["components"], *p)
        if reader.pool == "mean_last" and len(projection.mean) * 2 == reader.feature_size:
            projection = projection.before_last_states()
        if settings["layers"] != reader.layers or len(projection.mean) != reader.feature_size:
            raise RecipeError(f"The reward model in {directory} belongs to another base model.")
        return cls(
            projection,
            tensors["weights"],
            settings["center"],
            settings["spread"],
            reader,
            tensors.get("covariance"),
            settings.get("tie_width", 0.0),
            settings.get("temperature", 1.0),
            dict(zip(settings.get("axes", []), tensors.get("axes", np.zeros((0, 0))), strict=True)),
            tensors.get("members"),
        )

    def _share(self, mean_P: Floats, sd_P: Floats) -> Floats:
        return expected_share(mean_P, sd_P, tie_width=self.tie_width, temperature=self.temperature)

    def _covariance(self) -> Floats:
        if self.covariance is None:
            raise RecipeError("This reward model is from before deviations were kept; train it again.")
        return self.covariance
