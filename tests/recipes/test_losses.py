"""The fast scores against naive loops and against TRL's own."""

from types import SimpleNamespace

import torch
from torch.nn.functional import log_softmax
from trl.trainer.utils import add_fused_lm_head

from training.recipes import losses
from training.recipes.answers_only import score_answers_only
from training.recipes.losses import head_log_probabilities
from training.recipes.policies import load_base


def test_head_log_probabilities_equal_the_naive_loop_in_value_and_gradient(monkeypatch):
    monkeypatch.setattr(losses, "CHUNK", 3)
    torch.manual_seed(0)
    hidden, head, targets = torch.randn(7, 16), torch.randn(50, 16), torch.randint(0, 50, (7,))
    fast_hidden, naive_hidden = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    weights = torch.randn(7)
    fast, entropy = head_log_probabilities(fast_hidden, head, targets, temperature=0.7)
    distributions = [log_softmax(head @ state / 0.7, dim=-1) for state in naive_hidden]
    naive = torch.stack([d[target] for d, target in zip(distributions, targets, strict=True)])
    (weights * fast).sum().backward()
    (weights * naive).sum().backward()
    torch.testing.assert_close(fast, naive, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast_hidden.grad, naive_hidden.grad, rtol=1e-5, atol=1e-5)
    expected = torch.stack([-(d.exp() * d).sum() for d in distributions]).detach()
    torch.testing.assert_close(entropy, expected, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_they_stay_near_float32():
    torch.manual_seed(0)
    hidden, head = torch.randn(64, 32).bfloat16(), torch.randn(500, 32).bfloat16()
    targets = torch.randint(0, 500, (64,))
    short, _ = head_log_probabilities(hidden, head, targets)
    exact = log_softmax(hidden.float() @ head.float().T, dim=-1)[torch.arange(64), targets]
    torch.testing.assert_close(short, exact, rtol=0, atol=0.1)
    assert (short - exact).abs().mean() < 0.02


def test_answers_alone_get_the_scores_that_trl_gives_them(tiny):
    tokens = torch.arange(6, 46).reshape(2, 20)
    labels = tokens.clone()
    labels[:, :7] = -100
    labels[1, 15:] = -100
    answered = labels[:, 1:] != -100
    found = {}
    for name in ("trl", "ours"):
        model = load_base(tiny)
        add_fused_lm_head(model, temperature=0.8, outputs=("log_probs", "entropy"))
        if name == "ours":
            score_answers_only(model, temperature=0.8)
        scores = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=labels, fused_lm_head=True)
        found[name] = SimpleNamespace(
            log_p=scores.log_probs[:, -19:][answered], entropy=scores.entropy[:, -19:][answered]
        )
    torch.testing.assert_close(found["ours"].log_p, found["trl"].log_p, rtol=0, atol=1e-5)
    torch.testing.assert_close(found["ours"].entropy, found["trl"].entropy, rtol=0, atol=1e-4)


def test_without_the_request_the_model_answers_as_before(tiny):
    model = load_base(tiny)
    tokens = torch.arange(6, 26)[None]
    before = model(input_ids=tokens).logits
    score_answers_only(model, temperature=1.0)
    torch.testing.assert_close(model(input_ids=tokens).logits, before)
