"""Losses whose fast form needs explaining; tests compare each with the naive one."""

from typing import Any

import torch
from torch import Tensor


class _HeadCrossEntropy(torch.autograd.Function):
    """Cross-entropy through a *frozen* output layer, without keeping the logits.

    With 262,144 words the logits of one batch are 400 MB in float32, and autograd walks over them half a dozen
    times. The output layer gets no gradient here, so the gradient for the hidden states, (softmax - onehot) W, can
    be taken right after the logits of a chunk, in place.
    """

    @staticmethod
    def forward(ctx: Any, hidden_N_D: Tensor, head_V_D: Tensor, targets_N: Tensor, chunk: int) -> Tensor:
        gradient_N_D = torch.empty_like(hidden_N_D)
        total = torch.zeros((), dtype=torch.float32, device=hidden_N_D.device)
        for start in range(0, len(hidden_N_D), chunk):
            part = slice(start, start + chunk)
            logits = hidden_N_D[part] @ head_V_D.T
            rows = torch.arange(len(logits), device=logits.device)
            target_logit, (top_logit, top) = logits[rows, targets_N[part]].float(), logits.max(-1)
            probability = logits.softmax(-1)
            # log Z from the largest entry: exact enough in bfloat16, where a logsumexp would be rounded
            log_z = top_logit.float() - probability[rows, top].float().log()
            total += (log_z - target_logit).sum()
            probability[rows, targets_N[part]] -= 1
            gradient_N_D[part] = probability @ head_V_D
        ctx.save_for_backward(gradient_N_D)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient_N_D,) = ctx.saved_tensors
        return gradient_N_D * gradients[0].to(gradient_N_D.dtype), None, None, None


def head_cross_entropy(hidden_N_D: Tensor, head_V_D: Tensor, targets_N: Tensor, *, chunk: int = 256) -> Tensor:
    """Sum of -log p(target) in nats over N tokens, for an output layer that is not trained."""
    loss: Tensor = _HeadCrossEntropy.apply(hidden_N_D, head_V_D.detach(), targets_N, chunk)
    return loss
