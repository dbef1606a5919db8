"""RUN_DIR/config.json: what a person set, and what Accord fills in."""

import json
import os
from typing import Any

from django.conf import settings

from labeling.services import write_open_items
from training.errors import NotReady
from training.models import Recipe, TrainingRun
from training.services.create_run import DEMONSTRATIONS
from training.services.resolve_inputs import input_directories, input_versions, resolve_inputs
from training.services.served_answers import write_served_answers
from training.services.start_refit import refit_threshold, selects_actively

# The recipes' names for the versions that a run stands on.
OPEN_ITEMS, SERVED_ANSWERS = "open_items.jsonl", "served_answers.jsonl"
# How long a refit may spend on reading answers that it has not met yet; the others keep their places until the next.
SECONDS_TO_READ = 20.0
# Of the open items so many are chosen with care: what is judged until the next refit, and a reserve. Others follow.
# Each costs a look at all the others: four thousand among ten thousand took 25 s.
MIN_BATCH, MAX_BATCH = 64, 1000
SETTINGS = {"base": "base_dir", "parent": "parent_dir", "reward_model": "reward_model_dir", "version": "policy_dir"}


def build_config(run: TrainingRun) -> dict[str, Any]:
    """Resolve the inputs (kept in `run.inputs`, so that a resumed run stands on the same) and write config.json.

    Raises:
        NotReady: an input does not exist, or the snapshot's files are gone.
        ArtifactDamaged: an input's files are not what was registered.
    """
    run.inputs = resolve_inputs(run)
    config = {SETTINGS[name]: path for name, path in input_directories(run).items()} | run.config
    if "base" in run.inputs:
        config["base_sha256"] = input_versions(run)["base"].artifact_hash
    if run.recipe == Recipe.PREPARE_BASE:
        config.setdefault("source", settings.BASE_MODEL)
    if run.recipe == Recipe.SFT:
        config["demonstrations"] = str(run.directory / DEMONSTRATIONS)
    if run.recipe in (Recipe.REWARD_MODEL, Recipe.EVALUATE):
        # What the base makes of an answer is computed once a project, and read by the next refresh.
        config["feature_dir"] = str(settings.DATA_DIR / "features" / str(run.project_id))
    if run.recipe in (Recipe.REWARD_MODEL, Recipe.GRPO, Recipe.EVALUATE):
        if run.snapshot is None or not (run.snapshot.directory / "manifest.json").exists():
            raise NotReady("The snapshot of this run is not on this machine. Freeze a new one and start again.")
        config["snapshot_dir"] = str(run.snapshot.directory)
    run.directory.mkdir(parents=True, exist_ok=True)
    if run.is_refit and selects_actively(run.project):
        config = _selection(run) | config
    partial = run.directory / "config.json.partial"
    partial.write_text(json.dumps(config, indent=1, sort_keys=True))
    os.replace(partial, run.directory / "config.json")
    return config


def _selection(run: TrainingRun) -> dict[str, Any]:
    """What the recipe needs to put the open items in order, and the file with these."""
    items, answers = run.directory / OPEN_ITEMS, run.directory / SERVED_ANSWERS
    write_open_items(project=run.project, path=items)
    write_served_answers(project_id=run.project_id, path=answers)
    return {
        "open_items": str(items),
        "served_answers": str(answers),
        "selection_policy": run.project.selection_policy,
        "random_share": run.project.random_share,
        "batch": min(MAX_BATCH, max(MIN_BATCH, 2 * (refit_threshold(run.project) or 0))),
        # The same when it is resumed.
        "seed": run.pk,
        "seconds_to_read": SECONDS_TO_READ,
    }
