"""What a reward model says about items, judgements and annotators goes back to labeling."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.utils.timezone import now

from labeling.services import store_annotator_weights, store_contradictions, write_priorities
from training.errors import BadResult, IllegalMove
from training.models import Recipe, RunStatus, TrainingRun
from training.services.build_config import OPEN_ITEMS, SERVED_ANSWERS


def write_back(run: TrainingRun, result: dict[str, Any]) -> None:
    """Rewrite the places of open items, list what contradicts, and keep what each annotator weighs, as the recipe says;
    `result` learns of it.

    Before the run is called a success, and to be done twice without harm: a worker that dies in between leaves a run
    that is taken up again, and its recipe finds its result.

    Raises:
        BadResult, BadRecipeFile: a file is not there or not as agreed.
        IllegalMove: the run has been claimed anew.
    """
    if path := _file(run, result, "priorities"):
        _beat(run)
        told = write_priorities(project=run.project, path=path, between=lambda: _beat(run))
        result["priorities_written"] = asdict(told)
    if path := _file(run, result, "contradictions"):
        _beat(run)
        result["contradictions_kept"] = store_contradictions(project=run.project, path=path)
    if run.recipe == Recipe.REWARD_MODEL and run.snapshot and "annotators" in result:
        _beat(run)
        store_annotator_weights(
            project=run.project, rows=result["annotators"], last_judgement_id=run.snapshot.last_judgement_id
        )


def forget_files(run: TrainingRun, result: dict[str, Any]) -> None:
    """What was only on its way: a project's open items, a copy a refit, would fill the disk."""
    given = [run.directory / name for name in (OPEN_ITEMS, SERVED_ANSWERS)]
    for path in [*given, *(_file(run, result, name) for name in ("priorities", "contradictions"))]:
        if path:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _file(run: TrainingRun, result: dict[str, Any], name: str) -> Path | None:
    if not (given := result.get(name)):
        return None
    path = (run.directory / str(given)).resolve()
    if not path.is_relative_to(run.directory.resolve()):
        raise BadResult(f"The recipe's result.json names a file of {name} outside its directory. Nothing was changed.")
    return path


def _beat(run: TrainingRun) -> None:
    claimed = TrainingRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING, fence=run.fence)
    if not claimed.update(heartbeat_at=now()):
        raise IllegalMove(f"Run {run.pk} has been given to another worker.")
