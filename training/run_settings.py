"""The settings that a run works with, for its page: the recipe writes them down when it starts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.models import TrainingRun
from training.services.check_config import RESOLVED

SETTINGS_FILE = "settings.json"


@dataclass(frozen=True)
class Setting:
    name: str
    value: Any
    default: Any
    # Somebody chose another value than the recipe's own.
    is_changed: bool


def read_settings(run: TrainingRun) -> list[Setting]:
    """The changed ones first; without those that Accord fills in, which the page tells as lineage.

    Of a run that has not started only what was chosen is known.
    """
    found = _read(run.directory / SETTINGS_FILE)
    if found is None:
        return [Setting(name, value, None, True) for name, value in run.config.items()]
    settings = [
        Setting(name, each["value"], each.get("default"), "default" in each and each["value"] != each["default"])
        for name, each in found.items()
        if name not in RESOLVED
    ]
    return sorted(settings, key=lambda setting: not setting.is_changed)


def _read(path: Path) -> dict[str, dict[str, Any]] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
