"""New runs, alone or in a chain."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project, Snapshot
from models_registry.models import ModelVersion
from training.enqueue import enqueue_run
from training.errors import BadRunConfig
from training.models import Recipe, TrainingRun
from training.services.check_config import check_config
from training.services.reward_settings import reward_settings

DEMONSTRATIONS = "demonstrations.jsonl"


@transaction.atomic
def create_run(
    *,
    project: Project,
    by: Membership | None,
    recipe: str,
    config: dict[str, Any] | None = None,
    snapshot: Snapshot | None = None,
    parent: ModelVersion | None = None,
    after: TrainingRun | None = None,
    chain_id: UUID | None = None,
    why: str = "",
    demonstrations: Iterable[dict[str, Any]] | None = None,
) -> TrainingRun:
    """Queue one run. What its recipe reads beyond `config` is filled in when it is claimed; the project's settings of
    its reward model are settled now, so that a run that is resumed or repeated works with the same.

    Args:
        by: None when Accord starts it by itself.
        demonstrations: rows {"prompt": messages, "response": str}, for supervised fine-tuning alone.

    Raises:
        NotPermitted: the role may not start runs.
        BadRunConfig: an unknown recipe, a setting that Accord fills in itself, or demonstrations where they are
            missing or out of place.
    """
    if by:
        check_can(by, Permission.START_RUNS)
    if recipe not in Recipe.values:
        raise BadRunConfig(f"There is no recipe {recipe!r}. Choose one of {', '.join(Recipe.values)}.")
    check_config(recipe, config or {})
    if recipe == Recipe.REWARD_MODEL:
        config = reward_settings(project) | (config or {})
    rows = [] if demonstrations is None else _check_demonstrations(demonstrations)
    if bool(rows) != (recipe == Recipe.SFT):
        raise BadRunConfig(
            "Supervised fine-tuning, and nothing else, needs demonstrations: rows with a prompt and a response.",
            fields={"demonstrations": "Give them with the recipe sft alone."},
        )
    run: TrainingRun = TrainingRun.objects.create(
        organisation=project.organisation,
        project=project,
        recipe=recipe,
        config=config or {},
        snapshot=snapshot,
        parent=parent,
        after=after,
        chain_id=chain_id,
        why=why,
        created_by=by.user if by else None,
    )
    run.directory.mkdir(parents=True, exist_ok=True)
    if rows:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (run.directory / DEMONSTRATIONS).write_text(text)
    record_event("run created", by=by, subject=run, organisation=project.organisation, recipe=recipe, why=why)
    enqueue_run(run.pk)
    return run


def _check_demonstrations(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    checked = []
    for number, row in enumerate(rows, 1):
        prompt, response = row.get("prompt"), row.get("response")
        if isinstance(prompt, str):
            prompt = [{"role": "user", "content": prompt}]
        if not _is_conversation(prompt) or not isinstance(response, str) or not response.strip():
            raise BadRunConfig(
                f"Demonstration {number} must hold a prompt (text or messages with role and content) and a response.",
                fields={"demonstrations": f"Row {number} has no prompt (text or messages) or no response."},
            )
        checked.append({"prompt": prompt, "response": response})
    return checked


def _is_conversation(prompt: Any) -> bool:
    return (
        isinstance(prompt, list)
        and bool(prompt)
        and all(
            isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str) for m in prompt
        )
    )
