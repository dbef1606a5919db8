"""The demo's project, its prompts, and the first models: queued once, then the trainer's."""

import json
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Membership
from labeling.models import Project
from labeling.services import create_project, import_records
from models_registry.models import ModelVersion, Stage
from models_registry.services import promote_version
from training.models import Recipe, TrainingRun
from training.services import create_run, register_engine_model, start_sampling


def read_content() -> dict[str, Any]:
    """project.json of the content directory: name, purpose, overlap, retrain_after, max_tokens, other `settings`."""
    content: dict[str, Any] = json.loads((Path(settings.DEMO_DIR) / "project.json").read_text())
    return content


def seed_project(known: dict[str, Any], manager: Membership) -> Project:
    """The project, whatever it is called meanwhile, with its prompts."""
    projects = Project.objects.for_member(manager)
    content = read_content()
    name = content["name"]
    project = projects.filter(pk=known.get("project_id") or 0).first() or projects.filter(name=name).first()
    if project is None:
        project = create_project(
            by=manager,
            name=name,
            purpose=content["purpose"],
            guidelines=(Path(settings.DEMO_DIR) / "guidelines.md").read_text(),
            overlap=content["overlap"],
            retrain_after=content["retrain_after"],
            **content.get("settings", {}),
        )
    if not project.prompts.exists():
        with (Path(settings.DEMO_DIR) / "prompts.ndjson").open("rb") as lines:
            import_records(project=project, by=manager, lines=lines, source="demo")
    return project


@transaction.atomic
def seed_models(project: Project, engineer: Membership) -> str:
    """Queue base model, fine-tuning and the first answers, unless the project has had any of it; say what was done."""
    if TrainingRun.objects.filter(project=project).exists() or ModelVersion.objects.for_project(project.pk).exists():
        return ""
    if not settings.ENGINE_EMBEDDED and settings.ENGINE_MODEL:
        return _use_external_engine(project, engineer)
    chain, why = uuid.uuid4(), "the demo's first model"
    base = create_run(project=project, by=engineer, recipe=Recipe.PREPARE_BASE, chain_id=chain, why=why)
    demonstrations = [json.loads(line) for line in _lines("demonstrations.ndjson")]
    tuned = create_run(
        project=project,
        by=engineer,
        recipe=Recipe.SFT,
        after=base,
        chain_id=chain,
        why=why,
        demonstrations=demonstrations,
    )
    start_sampling(project=project, by=engineer, after=tuned, max_tokens=read_content()["max_tokens"])
    return "queued the base model, its fine-tuning and the first answers"


def _use_external_engine(project: Project, engineer: Membership) -> str:
    version = register_engine_model(project)
    promote_version(
        version=version, by=engineer, to_stage=Stage.PRODUCTION, reason="The first policy: the engine's own model."
    )
    start_sampling(project=project, by=engineer, version=version, max_tokens=read_content()["max_tokens"])
    return f"registered {settings.ENGINE_MODEL} at {settings.ENGINE_URL} and queued the first answers"


def _lines(name: str) -> list[str]:
    return (Path(settings.DEMO_DIR) / name).read_text().splitlines()
