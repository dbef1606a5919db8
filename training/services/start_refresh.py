"""A refresh: everything that has been judged so far becomes a reward model, a new policy and its evaluation."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.kinds.design import OVERALL
from labeling.models import Project
from labeling.services import (
    axis_is_judged,
    count_new_judgements,
    count_preferences,
    count_ratings,
    freeze_snapshot,
    ratings_differ,
)
from models_registry.models import VersionKind
from training.errors import BadRunConfig, NotReady
from training.locking import lock_runs
from training.models import Recipe, TrainingRun
from training.services.create_run import create_run
from training.services.prepare_base import base_under_way
from training.services.which_version import newest_version, winning_body

CHAIN = (Recipe.REWARD_MODEL, Recipe.GRPO, Recipe.EVALUATE)
MIN_TRAIN = 20


@transaction.atomic
def start_refresh(
    *, project: Project, by: Membership | None, why: str, config: dict[str, dict[str, Any]] | None = None
) -> list[TrainingRun]:
    """Freeze a Snapshot and queue the chain reward model, policy, evaluation; a base model first where there is none
    and none is under way.

    Args:
        by: None when the project's own policy starts it.
        config: settings a recipe, `{"grpo": {"steps": 20}}`.

    Raises:
        NotPermitted: the role may not start runs.
        NotReady: too few judgements, or a refresh of this project is unfinished.
        BadRunConfig: settings for something that is no recipe of a refresh.
    """
    if by:
        check_can(by, Permission.START_RUNS)
    given = dict(config or {})
    recipes = list(CHAIN)
    # A button and the trigger do not start two.
    lock_runs(project.pk)
    check_refresh(project)
    before = None
    if newest_version(project.pk, VersionKind.BASE) is None:
        # One that a refit or the first answers wait for will do, unless settings are given for one.
        before = None if Recipe.PREPARE_BASE in given else base_under_way(project)
        if before is None:
            recipes.insert(0, Recipe.PREPARE_BASE)
    if strange := sorted(given.keys() - set(recipes)):
        raise BadRunConfig(
            f"{', '.join(strange)} is no recipe of a refresh. Settings go under the name of their recipe: "
            f"{', '.join(recipes)}.",
            fields={"config": 'For example {"grpo": {"steps": 20}}.'},
        )
    if body := winning_body(project.pk):
        # The policy is trained against the kind of reward model that won last; and this is the next trial.
        given[Recipe.REWARD_MODEL] = {"method": body.method} | given.get(Recipe.REWARD_MODEL, {})
    snapshot = freeze_snapshot(project=project, by=by)
    chain_id, runs = uuid.uuid4(), []
    for recipe in recipes:
        before = create_run(
            project=project,
            by=by,
            recipe=recipe,
            config=given.get(recipe),
            snapshot=None if recipe == Recipe.PREPARE_BASE else snapshot,
            after=before,
            chain_id=chain_id,
            why=why,
        )
        runs.append(before)
    return runs


def check_refresh(project: Project) -> None:
    """Refuse a refresh that could not end well.

    Raises:
        NotReady: with the sentence that says what is missing.
    """
    unfinished = TrainingRun.objects.unfinished().filter(project=project, chain_id__isnull=False).order_by("pk").first()
    if unfinished:
        raise NotReady(
            f"A refresh of this project is under way (run {unfinished.pk}, {unfinished.get_status_display().lower()}). "
            "Wait until it has ended, or cancel it."
        )
    check_judgements(project)


def check_judgements(project: Project) -> None:
    """Refuse to learn from too little, or from what tells no better answer from a worse one.

    Raises:
        NotReady: with the sentence that says what is missing.
    """
    preferred = count_preferences(project, held_out=False, limit=MIN_TRAIN)
    left = MIN_TRAIN - preferred
    rated = count_ratings(project, held_out=False, limit=left) if left > 0 else 0
    if rated < left:
        count = preferred + rated
        raise NotReady(
            f"Training needs {MIN_TRAIN} judgements that prefer one answer or rate one, outside the held-out prompts; "
            f"there {'is' if count == 1 else 'are'} {count}. Judge {MIN_TRAIN - count} more and start again."
        )
    if not preferred and not ratings_differ(project, held_out=False):
        raise NotReady(
            "All ratings so far are alike, so they do not tell a good answer from a bad one. "
            "Rate more answers, better ones and worse ones."
        )
    if count_preferences(project, held_out=True, limit=1) or ratings_differ(project, held_out=True):
        _check_axes(project)
        return
    prompts = f"about one prompt in {max(1, round(100 / project.held_out_percent))} is held out."
    if preferred:
        raise NotReady(
            "No judgement on a held-out prompt prefers one answer yet, so the result could not be measured. "
            f"Judge a few more: {prompts}"
        )
    raise NotReady(
        "Nobody has rated two answers on held-out prompts differently yet, so the result could not be measured. "
        f"Rate a few more: {prompts}"
    )


def _check_axes(project: Project) -> None:
    """What the reward is made of must have been judged."""
    for axis in project.axis_weights:
        if axis != OVERALL and not axis_is_judged(project, axis):
            raise NotReady(
                f"The axis {axis!r} counts in the reward, and nobody has judged it yet outside the held-out prompts. "
                "Judge it, or give it no weight in the reward model's settings."
            )


def new_judgements_since_refresh(project: Project) -> int:
    """Counted judgements that no whole refresh has learnt from yet. A refit of the fast path does not count."""
    newest = TrainingRun.objects.refreshes().filter(project=project, snapshot__isnull=False)
    after = newest.aggregate(newest=Max("snapshot__last_judgement_id"))["newest"]
    return count_new_judgements(project, after=after or 0)


def can_refresh(project: Project) -> tuple[bool, str]:
    """The same for templates: whether it may start, and the sentence why not."""
    try:
        check_refresh(project)
    except NotReady as refusal:
        return False, refusal.message
    return True, ""
