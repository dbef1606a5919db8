"""What a body learns from: every kind of judgement costs what a loop over single answers and votes says it costs."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from training.recipes.body_start import start_heads
from training.recipes.body_step import lesson_losses
from training.recipes.features import FeatureReader
from training.recipes.lessons import Lessons, schedule
from training.recipes.policies import load_base, load_tokenizer
from training.recipes.reward import RewardModel
from training.recipes.reward_head import POINT_PRECISION, HeadTargets, fit_targets
from training.recipes.reward_scorer import BodyShape, Scorer, load_scorer, score_answers, tokenize_for
from training.recipes.reward_trainer import TrainSettings, train_body
from training.recipes.run import RecipeError, Run
from training.recipes.targets import fit_good_from, fit_tie_width
from training.recipes.votes import Votes

TEXTS = ["one", "two words", "three short words", "and four more words"]
AXES = {"overall": 1.0, "true": -0.5}


def of_prompt(number: int) -> dict:
    return {"prompt_id": number, "prompt": [{"role": "user", "content": f"Question {number}?"}]}


@pytest.fixture(scope="module")
def mixed() -> Votes:
    """Comparisons with strengths, ties and axes, both bad, ratings, and rankings with ties."""
    choices = ["a", "b", "tie", "both_bad", "both_good", "a"]
    pairs = [
        of_prompt(n % 4)
        | {"response_a": TEXTS[n % 4], "response_b": TEXTS[(n + 1) % 4], "choice": choices[n % 6]}
        | {"strength": 1 + n % 3 if choices[n % 6] in "ab" else None}
        | {"axes": {"true": {"choice": choices[(n + 1) % 6]}}}
        for n in range(24)
    ]
    levels = [{"true": 0.2}, {"true": 0.7, "kind": 1.0}]
    ratings = [of_prompt(n % 4) | {"responses": [TEXTS[n % 3]], "levels": levels[n % 2]} for n in range(9)]
    ranks = [[1, 2, 3, 4], [2, 1, 1, 3], [1, 1, 1, 2]]
    rankings = [of_prompt(n) | {"responses": TEXTS, "ranks": ranks[n % 3]} for n in range(4)]
    return Votes.from_rows(pairs, ratings=ratings, rankings=rankings)


@pytest.fixture(scope="module")
def start(tiny, mixed) -> RewardModel:
    return RewardModel.fit(FeatureReader(tiny), mixed, axis_weights=AXES)[0]


def started(tiny, start: RewardModel, lessons: Lessons) -> tuple[Scorer, list[float]]:
    scorer = Scorer.over(tiny, BodyShape(layers=start.reader.layers, rank=2), shares=lessons.shares)
    return scorer, start_heads(scorer, lessons, start)


def naive_scores(tiny, scorer: Scorer, votes: Votes, layers: int) -> np.ndarray:
    """(A, X): each answer alone with its prompt through the plain body."""
    body: Any = load_base(tiny).base_model
    body.layers, body.norm = body.layers[:layers], torch.nn.Identity()
    tokens, found = tokenize_for(scorer.shape, load_tokenizer(tiny), votes.answers), []
    for answer, text in enumerate(tokens.answers):
        prompt = tokens.prompts[tokens.prompt_A[answer]]
        hidden_T_D = body(torch.tensor([prompt + text])).last_hidden_state[0]
        pooled_D = torch.cat([hidden_T_D[len(prompt) :].mean(0), hidden_T_D[-1]])
        length = torch.tensor([math.log1p(len(votes.answers[answer][1]))])
        found.append(scorer.head(pooled_D[None], length)[0])
    return torch.stack(found).double().numpy()


def naive_pair(d: float, win: float, tie: float, nu: float) -> float:
    z = math.exp(d / 2) + math.exp(-d / 2) + nu
    chances = (math.exp(d / 2) / z, nu / z, math.exp(-d / 2) / z)
    return -sum(said * math.log(p) for said, p in zip((win, tie, 1 - win - tie), chances, strict=True) if said)


def naive_ranking(scores: list[float], ranks: tuple[int, ...], nu: float) -> float:
    """One choice after the other among all sets of what is left, each worth nu^(size - 1) times its mean worth."""
    left, cost = list(range(len(ranks))), 0.0
    while len(left) > 1:
        best = [k for k in left if ranks[k] == min(ranks[j] for j in left)]
        sets = [[k for n, k in enumerate(left) if code >> n & 1] for code in range(1, 2 ** len(left))]
        worth = [nu ** (len(s) - 1) * math.exp(sum(scores[k] for k in s) / len(s)) for s in sets]
        cost -= math.log(worth[sets.index(best)] / sum(worth))
        left = [k for k in left if k not in best]
    return cost


@torch.no_grad()
@pytest.mark.parametrize("form", ["scaled", "margin"])
def test_what_all_lessons_cost_is_what_a_loop_over_single_votes_says(tiny, mixed, start, form):
    lessons = Lessons.of(mixed, axis_weights=AXES, form=form)
    scorer, widths = started(tiny, start, lessons)
    score_A_X = naive_scores(tiny, scorer, mixed, start.reader.layers)
    good_from = scorer.head.good_from_X.tolist()
    assert min(widths) > 0.1
    assert min(map(abs, good_from)) > 0.01
    expected = 0.0
    for head, (name, share) in enumerate(AXES.items()):
        mine = mixed.on_axis(mixed.axes.index(name))
        mean = np.average(mine.strength_P)
        for p in range(len(mine)):
            d, win, tie = score_A_X[mine.first_P[p], head], mine.win_P[p], mine.tie_P[p]
            d, m = d - score_A_X[mine.second_P[p], head], mine.strength_P[p]
            if form == "scaled":
                expected += abs(share) * m / mean * naive_pair(d, win, tie, widths[head])
            else:
                turned = (2 * win + tie - 1) * (m - 1) / 3
                expected += abs(share) * naive_pair(d - turned, win, tie, widths[head])
        for q, answer in enumerate(mine.anchor_Q):
            good = 1 / (1 + math.exp(good_from[head] - score_A_X[answer, head]))
            level, weight = mine.level_Q[q], mine.anchor_weight_Q[q]
            expected -= abs(share) * weight * (level * math.log(good) + (1 - level) * math.log(1 - good))
        for ranking in mine.rankings:
            scores = [score_A_X[answer, head] for answer in ranking.answers]
            expected += abs(share) * naive_ranking(scores, ranking.ranks, widths[head])
    tokens = tokenize_for(scorer.shape, load_tokenizer(tiny), lessons.answers)
    found = sum(float(lesson_losses(scorer, lessons, tokens, [n], widths)) for n in range(len(lessons)))
    together = float(lesson_losses(scorer, lessons, tokens, list(range(len(lessons))), widths))
    assert found == pytest.approx(expected, rel=1e-4)
    assert together == pytest.approx(expected, rel=1e-4)


def test_the_heads_start_as_the_reward_and_each_axis_of_the_linear_model(tiny, mixed, start):
    lessons = Lessons.of(mixed, axis_weights=AXES)
    scorer, widths = started(tiny, start, lessons)
    assert widths[0] == start.tie_width
    found = score_answers(scorer, tokenize_for(scorer.shape, load_tokenizer(tiny), mixed.answers))
    np.testing.assert_allclose(np.diff(found), start.spread * np.diff(start.score(mixed.answers)), atol=2e-4)


def test_width_and_point_given_the_scores_are_those_of_the_joint_fit():
    chance = np.random.default_rng(0)
    x_P, x_Q = chance.normal(size=(300, 2)), chance.normal(size=(200, 2))
    said = HeadTargets(
        x_P, (x_P[:, 0] > 0.5) * 1.0, (np.abs(x_P[:, 0]) < 0.5) * 1.0, np.ones(300), np.ones(300),
        x_Q, (x_Q[:, 0] + chance.normal(size=200) > 0.6) * 1.0, np.ones(200),
    )  # fmt: skip
    head = fit_targets(said, np.array([0, 1]))
    point = fit_good_from(x_Q @ head.weights, said.level_Q, said.weight_Q, precision=POINT_PRECISION)
    assert point == pytest.approx(head.good_from, abs=1e-5)
    assert fit_tie_width(x_P @ head.weights, said.tie_P, said.weight_P) == pytest.approx(head.tie_width, rel=0.03)


def test_a_lesson_is_in_each_epoch_once_and_a_step_has_as_many_answers_as_its_pairs(mixed):
    lessons = Lessons.of(mixed, axis_weights=AXES)
    pairs, anchors, rankings = lessons.of_kind(list(range(len(lessons))))
    assert (len(pairs), len(anchors), len(rankings)) == (
        len(lessons.first_P), len(set(zip(lessons.anchor_Q, lessons.anchor_head_Q, strict=True))), 4,
    )  # fmt: skip
    steps = schedule(lessons, batch_pairs=3, epochs=2, seed=0)
    assert sorted(n for rows in steps for n in rows) == sorted([*range(len(lessons))] * 2)
    sizes = [sum(len(lessons.answers_of[n]) for n in rows) for rows in steps]
    assert max(sizes) < 6 + 4
    assert sum(size < 6 for size in sizes) <= 2, "the last of each epoch"


@pytest.mark.parametrize("kind", ["ratings", "rankings"])
def test_a_body_learns_from_ratings_alone_and_from_rankings_alone(tiny, mixed, tmp_path, kind):
    """Longer answers are better here; the bodies come to say so."""
    prompts = [of_prompt(n) for n in range(16)]
    texts = ["yes " * n for n in (1, 3, 6)]
    levels = {"ratings": [p | {"responses": [t], "levels": {"a": len(t) / 30}} for p in prompts for t in texts]}
    ranks = {"rankings": [p | {"responses": texts, "ranks": [3, 2, 1]} for p in prompts]}
    votes = Votes.from_rows([], **{kind: (levels | ranks)[kind]})
    settings = TrainSettings(epochs=4, head_learning_rate=1e-2)
    body = train_body(Run(tmp_path), tiny, votes, votes, shape=BodyShape(rank=2), settings=settings)
    scorer = body.scorer
    scores = score_answers(scorer, tokenize_for(scorer.shape, load_tokenizer(tiny), votes.answers))
    assert all(worse < better for first in range(0, 48, 3) for worse, better in pairwise(scores[first : first + 3]))
    assert bool(scorer.head.good_from_X.abs().max() > 0) == (kind == "ratings")
    loaded = load_scorer(tmp_path / "model", tiny)
    assert loaded.head.good_from_X.tolist() == pytest.approx(scorer.head.good_from_X.tolist())


def test_an_axis_that_counts_against_the_reward_is_learnt_and_subtracted(tiny, tmp_path):
    """People find longer answers better and less plain: with plainness counted three times, shorter ones win."""
    rows = [
        of_prompt(n) | {"response_a": "yes yes yes yes", "response_b": "yes", "choice": "a"}
        | {"axes": {"flowery": {"choice": "a"}}}
        for n in range(16)
    ]  # fmt: skip
    votes, found = Votes.from_rows(rows), {}
    for name, weights in (("alone", None), ("against", {"overall": 1.0, "flowery": -3.0})):
        settings = TrainSettings(epochs=6, head_learning_rate=1e-2, axis_weights=weights)
        body = train_body(Run(tmp_path / name), tiny, votes, votes, shape=BodyShape(rank=2), settings=settings)
        assert torch.equal(load_scorer(tmp_path / name / "model", tiny).head.share_X, body.scorer.head.share_X)
        scores = score_answers(body.scorer, tokenize_for(body.scorer.shape, load_tokenizer(tiny), votes.answers))
        found[name] = scores[votes.first_P] - scores[votes.second_P]
    assert (found["alone"] > 0).all()
    assert (found["against"] < 0).all()


def test_a_weight_for_an_axis_that_nobody_judged_is_refused(mixed):
    with pytest.raises(RecipeError, match="Nobody judged the axis 'wit'"):
        Lessons.of(mixed, axis_weights={"wit": 1.0})


def test_lessons_that_differ_in_a_rank_or_a_level_are_others(mixed):
    digest = Lessons.of(mixed).digest()
    assert Lessons.of(mixed).digest() == digest
    mixed_up = Votes(**{**vars(mixed), "level_Q": 1 - mixed.level_Q})
    assert Lessons.of(mixed_up).digest() != digest
    turned = [type(r)(r.answers, r.ranks[::-1], r.weight, r.annotator) for r in mixed.rankings]
    assert Lessons.of(Votes(**{**vars(mixed), "rankings": turned})).digest() != digest
