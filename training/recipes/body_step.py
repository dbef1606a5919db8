"""One step of a body's training: the losses of its lessons, each prompt read once, and their gradient."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from training.recipes.lessons import Lessons, Rows, split_step
from training.recipes.reward_data import TokenizedAnswers, lay_out
from training.recipes.targets import anchor_loss_tensor, pair_loss_tensor, ranking_loss_tensor


def take_step(
    accelerator: Accelerator,
    model: Any,
    lessons: Lessons,
    tokens: TokenizedAnswers,
    rows: Rows,
    *,
    row_tokens: int,
    tie_widths: Sequence[float] = (0.0,),
) -> float:
    """Add up the gradient of the mean loss over a step's lessons, by weight; that loss, in nats.

    Args:
        row_tokens: lessons are forwarded in rows of at most so many, to bound the memory.
        tie_widths: nu of targets.py, one a head.
    """
    world = accelerator.num_processes
    split = split_step(lessons, tokens, rows, processes=world, row_tokens=row_tokens)
    parts = split[accelerator.process_index]
    total = float(lessons.weight_N[rows].sum())
    summed = torch.zeros((), device=accelerator.device)
    for number, part in enumerate(parts, 1):
        # A process without a lesson of its own takes part with one that counts nothing.
        share = world / total if part else 0.0
        loss = lesson_losses(model, lessons, tokens, part or rows[:1], tie_widths) * share
        accelerator.sync_gradients = number == len(parts)  # DeepSpeed steps in the backward pass for which this holds
        accelerator.backward(loss)
        summed += loss.detach()
    return float(accelerator.reduce(summed, "mean"))


def lesson_losses(
    model: Any, lessons: Lessons, tokens: TokenizedAnswers, rows: Rows, tie_widths: Sequence[float]
) -> Tensor:
    """The losses of these lessons, each times its weight, summed: one forward pass over one packed row."""
    device = next(model.parameters()).device
    row = lay_out(tokens, [answer for n in rows for answer in lessons.answers_of[n]], device=device)
    place = {answer: index for index, answer in enumerate(row.answers)}
    score_A_X, height_A_X = model(row)
    pairs, anchors, rankings = lessons.of_kind(rows)

    def said(values: Any, chosen: Rows) -> Tensor:
        return torch.tensor(values[chosen], dtype=torch.float32, device=device)

    anchored = [place[answer] for answer in lessons.anchor_Q[anchors].tolist()]
    height_Q = height_A_X[anchored, lessons.anchor_head_Q[anchors].tolist()]
    # An empty sum where there is no anchor: the point of good is part of every step, or processes would wait for it.
    anchor_losses = anchor_loss_tensor(height_Q, said(lessons.level_Q, anchors))
    total = (said(lessons.anchor_weight_Q, anchors) * anchor_losses).sum()
    for head, tie_width in enumerate(tie_widths):
        mine = [n for n in pairs if lessons.head_P[n] == head]
        if not mine:
            continue
        first, second = (
            [place[answer] for answer in side[mine].tolist()] for side in (lessons.first_P, lessons.second_P)
        )
        win_P, tie_P, strength_P = (said(values, mine) for values in (lessons.win_P, lessons.tie_P, lessons.strength_P))
        delta_P = score_A_X[first, head] - score_A_X[second, head]
        loss_P = pair_loss_tensor(delta_P, win_P, tie_P, strength_P, tie_width, form=lessons.form)
        total = total + (said(lessons.weight_P, mine) * loss_P).sum()
    for n in rankings:
        ranking, head = lessons.rankings[n], lessons.ranking_head
        scores_K = score_A_X[[place[answer] for answer in ranking.answers], head]
        total = total + ranking.weight * ranking_loss_tensor(scores_K, ranking.ranks, tie_widths[head])
    return total
