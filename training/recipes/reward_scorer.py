# ruff: noqa: N815 - shapes stand in the names
"""A body and a head that score packed answers; what is trained of them, and their artifact.

    score = w . (pooled state - mean) / scale  +  v . (log length - its mean) / its scale

There is a w and a v for every axis that counts, over one body, and the reward is their sum by what each counts. With
the mean and scale of a fitted linear reward model the body starts as exactly that model: the same layers, the same
pooling, the same weights. Without one the heads start at zero over the pooled states as they are.

On disk: adapter_model.safetensors (LoRA) or body.safetensors (all weights), score_head.safetensors, and
trained_body.json. The base model is supplied by whoever loads it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.recipes.conversations import Messages, template_takes
from training.recipes.features import PROMPT_CUT, RESPONSE_CUT, Floats32
from training.recipes.policies import device, load_base, load_tokenizer, reading_dtype
from training.recipes.projection import Projection
from training.recipes.reward_data import Row, TokenizedAnswers, lay_out, rows_of_answers
from training.recipes.run import RecipeError
from training.recipes.shared_prefix import Pool, answer_states, share_prefixes
from training.recipes.votes import Answer

Method = Literal["lora", "full"]
SCORE_ROW_TOKENS = 2048
TRAINED_BODY = "trained_body.json"


@dataclass(frozen=True)
class BodyShape:
    """Which part of the base is the body, what of it is trained, and how much of a text it reads."""

    method: Method = "lora"
    layers: int | None = None  # the first so many, without the final norm; None: all, with it
    pool: Pool = "mean_last"
    rank: int = 8  # of the adapters, on every linear layer; alpha is twice it
    max_prompt_tokens: int = 256
    max_answer_tokens: int = 256


class ScoreHead(nn.Module):
    """Linear over standardized pooled states and the standardized log length, once an axis."""

    mean_D: Tensor
    scale_D: Tensor
    length_statistics: Tensor
    share_X: Tensor

    def __init__(self, size: int, shares: Sequence[float] = (1.0,)) -> None:
        super().__init__()
        self.weight_X_D = nn.Parameter(torch.zeros(len(shares), size))
        self.length_weight_X = nn.Parameter(torch.zeros(len(shares)))
        # The score from which an answer is rather good than bad; trained where there are anchors.
        self.good_from_X = nn.Parameter(torch.zeros(len(shares)), requires_grad=False)
        self.register_buffer("share_X", torch.tensor(shares, dtype=torch.float32))  # what each axis counts
        self.register_buffer("mean_D", torch.zeros(size))
        self.register_buffer("scale_D", torch.ones(size))
        # Mean, scale, least and most of the log lengths that the starting head was fitted on.
        self.register_buffer("length_statistics", torch.tensor([0.0, 1.0, 0.0, 100.0]))

    def start_from(self, projection: Projection, weights_X_K: np.ndarray) -> None:
        """Take over linear heads, one an axis: components and weights become one direction."""
        with torch.no_grad():
            self.weight_X_D.copy_(torch.tensor(weights_X_K[:, :-1] @ projection.components))
            self.length_weight_X.copy_(torch.tensor(weights_X_K[:, -1]))
            self.mean_D.copy_(torch.tensor(projection.mean))
            self.scale_D.copy_(torch.tensor(projection.scale))
            statistics = [projection.length_mean, projection.length_scale, *projection.length_range]
            self.length_statistics.copy_(torch.tensor(statistics))

    def forward(self, pooled_A_D: Tensor, log_length_A: Tensor) -> Tensor:
        """(A, X), in log odds."""
        mean, scale, least, most = self.length_statistics
        length_A = (torch.clamp(log_length_A, least, most) - mean) / scale
        text_A_X = (pooled_A_D - self.mean_D) / self.scale_D @ self.weight_X_D.T
        return text_A_X + length_A[:, None] * self.length_weight_X


class Scorer(nn.Module):
    """Scores of the answers of one packed row, in log odds."""

    def __init__(self, body: Any, shape: BodyShape, shares: Sequence[float] = (1.0,)) -> None:
        super().__init__()
        self.shape = shape
        self.body = body
        self.head = ScoreHead(body.config.hidden_size * (2 if shape.pool == "mean_last" else 1), shares)
        self._no_split_modules = getattr(body, "_no_split_modules", None)  # what FSDP wraps one by one

    @classmethod
    def over(
        cls,
        base_dir: Path,
        shape: BodyShape,
        *,
        shares: Sequence[float] = (1.0,),
        seed: int = 0,
        dtype: torch.dtype | None = None,
    ) -> "Scorer":
        """A fresh scorer on the device, with untrained adapters (which change nothing yet) or all weights trainable.

        Args:
            shares: what each axis counts in the reward.
            dtype: of the frozen weights; `reading_dtype` when absent. All that is trained is float32.
        Raises:
            RecipeError: no base model, or one whose layers cannot share a prompt.
        """
        exact = torch.float32 if shape.method == "full" else dtype
        body: Any = load_base(base_dir, dtype=exact or reading_dtype(base_dir)).base_model
        if shape.layers is not None:
            body.layers = body.layers[: shape.layers]  # the ones above are not computed at all
            body.config.num_hidden_layers = shape.layers
            body.norm = nn.Identity()
        share_prefixes(body)
        if shape.method == "lora":
            body.requires_grad_(False)
            linear = [name for name, module in body.named_modules() if isinstance(module, nn.Linear)]
            settings = LoraConfig(r=shape.rank, lora_alpha=2 * shape.rank, target_modules=linear)
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                body = inject_adapter_in_model(settings, body)
            for parameter in body.parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.float()
        return cls(body, shape, shares).to(device())

    def forward(self, row: Row) -> tuple[Tensor, Tensor]:
        """Scores and heights over the point between good and bad, (A, X) each."""
        score_A_X = self.head(self.pooled(row), row.log_length_A)
        return score_A_X, score_A_X - self.head.good_from_X

    def reward(self, row: Row) -> Tensor:
        """(A,): the axes' scores, each by what it counts."""
        return self(row)[0] @ self.head.share_X

    def pooled(self, row: Row) -> Tensor:
        return answer_states(self.body, row.packed, pool=self.shape.pool)

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def score_answers(
    scorer: Scorer,
    tokens: TokenizedAnswers,
    *,
    states: bool = False,
    row_tokens: int = SCORE_ROW_TOKENS,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Rewards of all answers, shape (A,), or their pooled states, (A, D), with each prompt read once."""
    count = len(tokens.answers)
    scorer.eval()
    out = np.zeros((count, scorer.head.weight_X_D.shape[1]) if states else count, np.float32)
    done = 0
    for answers in rows_of_answers(tokens, range(count), row_tokens=row_tokens):
        row = lay_out(tokens, answers, device=scorer.head.mean_D.device)
        out[row.answers] = (scorer.pooled(row) if states else scorer.reward(row)).float().cpu().numpy()
        done += len(answers)
        if progress:
            progress(done, count)
    return out


def save_scorer(scorer: Scorer, weights: dict[str, Tensor], directory: Path, *, base_sha256: str) -> None:
    """Write the artifact.

    Args:
        weights: the scorer's state, whole and on the CPU; of an adapted body only what was trained is kept.
    """
    directory.mkdir(parents=True, exist_ok=True)
    head = {name.removeprefix("head."): t for name, t in weights.items() if name.startswith("head.")}
    lora = scorer.shape.method == "lora"
    body = {
        name.removeprefix("body.").replace(".default.", "."): t.contiguous().clone()
        for name, t in weights.items()
        if name.startswith("body.") and (".lora_" in name or not lora)
    }
    save_file({name: t.contiguous() for name, t in head.items()}, directory / "score_head.safetensors")
    save_file(body, directory / ("adapter_model.safetensors" if lora else "body.safetensors"))
    settings = {"format": 2, "base_sha256": base_sha256} | asdict(scorer.shape)
    (directory / TRAINED_BODY).write_text(json.dumps(settings, indent=1))


def load_scorer(directory: Path, base_dir: Path, *, dtype: torch.dtype | None = None) -> Scorer:
    """Raises RecipeError when `directory` holds no trained body, or one over a different base."""
    path = directory / TRAINED_BODY
    if not path.is_file():
        raise RecipeError(f"{directory} is not a trained reward body: {TRAINED_BODY} is missing.")
    settings = json.loads(path.read_text())
    shape = BodyShape(**{name: settings[name] for name in asdict(BodyShape())})
    head = load_file(directory / "score_head.safetensors")
    if settings["format"] == 1:  # had one axis, and no point of good
        head["weight_X_D"], head["length_weight_X"] = head.pop("weight_D")[None], head.pop("length_weight")[None]
    scorer = Scorer.over(base_dir, shape, shares=[1.0] * len(head["weight_X_D"]), dtype=dtype)
    body = load_file(directory / ("adapter_model.safetensors" if shape.method == "lora" else "body.safetensors"))
    weights = {
        "body." + name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default."): t
        for name, t in body.items()
    }
    weights |= {"head." + name: t for name, t in head.items()}
    try:
        _, unexpected = scorer.load_state_dict(weights, strict=False)
    except RuntimeError:
        unexpected = ["sizes"]
    if unexpected:
        raise RecipeError(f"The trained reward body in {directory} belongs to another base model.")
    return scorer.eval()


class BodyReader:
    """Pooled states under a trained body, read as `FeatureReader` reads those of the base: a head can be fitted on
    them, with its evidence, covariance and calibration.
    """

    def __init__(self, scorer: Scorer, base_dir: Path) -> None:
        self._scorer, self._tokenizer, self.base_dir = scorer, load_tokenizer(base_dir), base_dir
        self._known: dict[str, np.ndarray] = {}
        self.layers: int = len(scorer.body.layers)
        self.pool = scorer.shape.pool
        self.prompt_tokens, self.response_tokens = scorer.shape.max_prompt_tokens, scorer.shape.max_answer_tokens
        self.feature_size: int = scorer.head.weight_X_D.shape[1]

    @classmethod
    def load(cls, directory: Path, base_dir: Path) -> "BodyReader":
        """Raises RecipeError as `load_scorer`."""
        return cls(load_scorer(directory, base_dir), base_dir)

    def knows(self, answer: Answer) -> bool:
        """Whether it was read before."""
        return json.dumps(answer, sort_keys=True) in self._known

    def cuts(self, answers: Sequence[Answer]) -> list[int]:
        """What of each is longer than what is read of it, as `FeatureReader.cuts`."""
        found = (tokenize_for(self._scorer.shape, self._tokenizer, [answer]) for answer in answers)
        return [PROMPT_CUT * tokens.cut_prompts + RESPONSE_CUT * tokens.cut_answers for tokens in found]

    def takes(self, prompt: Messages) -> bool:
        """Whether the base model's chat template takes such a conversation."""
        return template_takes(self._tokenizer, prompt)

    def read(self, answers: Sequence[Answer], *, progress: Callable[[int, int, float], None] | None = None) -> Floats32:
        """Shape (answers, feature size)."""
        keys = [json.dumps(answer, sort_keys=True) for answer in answers]
        unknown = {key: a for key, a in zip(keys, answers, strict=True) if key not in self._known}
        if unknown:
            tokens = tokenize_for(self._scorer.shape, self._tokenizer, list(unknown.values()))
            self._known |= zip(unknown, score_answers(self._scorer, tokens, states=True), strict=True)
        if progress:
            progress(len(unknown), len(unknown), 0.0)
        return np.stack([self._known[key] for key in keys])


def tokenize_for(shape: BodyShape, tokenizer: Any, answers: Sequence[Answer]) -> TokenizedAnswers:
    return TokenizedAnswers.of(
        tokenizer, answers, max_prompt_tokens=shape.max_prompt_tokens, max_answer_tokens=shape.max_answer_tokens
    )
