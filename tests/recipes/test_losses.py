"""The fast loss against the naive one."""

import torch
from torch.nn.functional import cross_entropy, log_softmax

from training.recipes.losses import head_cross_entropy


def test_head_cross_entropy_equals_the_naive_loop_in_value_and_gradient():
    torch.manual_seed(0)
    hidden, head, targets = torch.randn(7, 16), torch.randn(50, 16), torch.randint(0, 50, (7,))
    fast_hidden, naive_hidden = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    fast = head_cross_entropy(fast_hidden, head, targets, chunk=3)
    naive = torch.zeros(())
    for state, target in zip(naive_hidden, targets, strict=True):
        naive = naive - log_softmax(head @ state, dim=-1)[target]
    (3 * fast).backward()
    (3 * naive).backward()
    torch.testing.assert_close(fast, naive, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast_hidden.grad, naive_hidden.grad, rtol=1e-5, atol=1e-5)


def test_head_cross_entropy_in_bfloat16_stays_near_float32():
    torch.manual_seed(0)
    hidden, head, targets = torch.randn(64, 32), torch.randn(500, 32), torch.randint(0, 500, (64,))
    short = head_cross_entropy(hidden.bfloat16(), head.bfloat16(), targets)
    exact = cross_entropy(hidden.bfloat16().float() @ head.bfloat16().float().T, targets, reduction="sum")
    torch.testing.assert_close(short, exact, rtol=2e-3, atol=0)
