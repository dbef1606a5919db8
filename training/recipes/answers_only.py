"""Let TRL's trainer send only the answers' tokens through the output layer.

On a GPU TRL does that itself. On a CPU (TRL 1.16) it sends every position, prompt and padding too, and in float32,
which takes most of a step of a small model with a large vocabulary. TRL asks the model for `labels=...,
fused_lm_head=True` and reads `log_probs` and `entropy` from what comes back; here is another who answers that call.
A test compares the two.
"""

from dataclasses import dataclass
from typing import Any

import torch

from training.recipes.losses import head_log_probabilities


@dataclass(frozen=True)
class AnswerScores:
    log_probs: torch.Tensor  # shape (B, T - 1), zero where there is no label
    entropy: torch.Tensor


def score_answers_only(model: Any, *, temperature: float) -> None:
    """Replace the forward that GRPOTrainer has put on `model`, the causal model under the adapter."""
    plain_forward = type(model).forward.__get__(model)

    def forward(*args: Any, fused_lm_head: bool = False, labels: torch.Tensor | None = None, **inputs: Any) -> Any:
        if not fused_lm_head or labels is None:
            return plain_forward(*args, **inputs)
        hidden_B_T_D = model.base_model(*args, **inputs, use_cache=False).last_hidden_state[:, :-1]
        targets_B_T = labels[:, 1:]
        chosen_B_T = targets_B_T != -100
        scores = head_log_probabilities(
            hidden_B_T_D[chosen_B_T],
            model.get_output_embeddings().weight,
            targets_B_T[chosen_B_T],
            temperature=temperature,
        )
        log_p_B_T, entropy_B_T = (torch.zeros_like(chosen_B_T, dtype=torch.float32) for _ in range(2))
        return AnswerScores(
            log_probs=log_p_B_T.masked_scatter(chosen_B_T, scores[0]),
            entropy=entropy_B_T.masked_scatter(chosen_B_T, scores[1]),
        )

    model.forward = forward
