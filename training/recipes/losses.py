"""Probabilities of chosen tokens through a frozen output layer, which for a large vocabulary is most of the work."""

from typing import Any

import torch
from torch import Tensor

CHUNK = 256  # positions whose logits exist at one time: 256 x 262,144 in bfloat16 are 134 MB


class _HeadLogProbabilities(torch.autograd.Function):
    """log p(target) and entropy at each position, without keeping the logits.

    With 262,144 words the logits of one batch are 400 MB in float32, and autograd walks over them half a dozen times.
    The output layer gets no gradient, so that of the hidden states is W[target] - E_p[W], times what comes in: the
    expectation can be taken at once, while the probabilities of a chunk are there, and nothing else need be kept.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_N_D: Tensor, head_V_D: Tensor, targets_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        count = len(hidden_N_D)
        log_p_N, entropy_N = (torch.empty(count, dtype=torch.float32, device=hidden_N_D.device) for _ in range(2))
        wants_gradient = ctx.needs_input_grad[0]
        direction_N_D = torch.empty_like(hidden_N_D) if wants_gradient else None
        for start in range(0, count, CHUNK):
            part = slice(start, start + CHUNK)
            logits = hidden_N_D[part] @ head_V_D.T
            if temperature != 1.0:
                logits /= temperature
            # Of the target in float32: its rounding would not average out, as that of the others does.
            target_rows = head_V_D[targets_N[part]]
            target_logit = (hidden_N_D[part].float() * target_rows.float()).sum(-1) / temperature
            top_logit, top = logits.max(-1)
            probability = logits.softmax(-1)
            rows = torch.arange(len(logits), device=logits.device)
            log_z = top_logit.float() - probability[rows, top].float().log()
            log_p_N[part] = target_logit - log_z
            if direction_N_D is not None:
                direction_N_D[part] = (target_rows - probability @ head_V_D) / temperature
                entropy_N[part] = log_z - logits.mul_(probability).sum(-1, dtype=torch.float32)
        ctx.save_for_backward(direction_N_D)
        ctx.mark_non_differentiable(entropy_N)
        return log_p_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (direction_N_D,) = ctx.saved_tensors
        return direction_N_D * gradients[0][:, None].to(direction_N_D.dtype), None, None, None


def head_log_probabilities(
    hidden_N_D: Tensor, head_V_D: Tensor, targets_N: Tensor, *, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """log p(target) and entropy, both in nats and of shape (N,), for an output layer that is not trained.

    The entropy carries no gradient, and is only computed where the hidden states want one.
    """
    log_p_N, entropy_N = _HeadLogProbabilities.apply(hidden_N_D, head_V_D.detach(), targets_N, temperature)
    return log_p_N, entropy_N
