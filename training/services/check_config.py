"""What a person may set for a recipe. Whether a setting exists is the recipe's to say: it refuses an unknown one."""

from pathlib import Path
from typing import Any

from django.conf import settings

from training.errors import BadRunConfig
from training.models import Recipe

# Directories of this machine: Accord fills them in from versions and snapshots of the project, so that nobody can point
# a recipe at another organisation's.
RESOLVED = frozenset(
    {
        "base_dir",
        "base_sha256",
        "demonstrations",
        "feature_dir",
        "open_items",
        "parent_dir",
        "policy_dir",
        "random_share",
        "reward_model_dir",
        "selection_policy",
        "served_answers",
        "snapshot_dir",
    }
)


def check_config(recipe: str, config: dict[str, Any]) -> None:
    """Refuse settings that are Accord's own.

    Raises:
        BadRunConfig: with the setting's name.
    """
    if taken := sorted(RESOLVED & config.keys()):
        raise BadRunConfig(
            f"{', '.join(taken)} is filled in by Accord from the project's versions and snapshot; leave it out.",
            fields=dict.fromkeys(taken, "Leave it out."),
        )
    if config.get("judge_url") not in (None, settings.ENGINE_URL):
        raise BadRunConfig(
            f"A judge answers at the engine that the administrator has set, {settings.ENGINE_URL}; name the model "
            "there in judge_model.",
            fields={"judge_url": f"Use {settings.ENGINE_URL}."},
        )
    source = config.get("source")
    if recipe == Recipe.PREPARE_BASE and source not in (None, "package", settings.BASE_MODEL) and _is_path(source):
        raise BadRunConfig(
            "A directory of the server is named by its administrator in ACCORD_BASE_MODEL; give a hub id here, "
            'such as "google/gemma-3-270m".',
            fields={"source": "Give a hub id."},
        )


def _is_path(source: Any) -> bool:
    text = str(source)
    return text.startswith(("/", ".", "~")) or "\\" in text or text.count("/") != 1 or Path(text).exists()
