"""What every test gets: the fixed cast, and files of its own. The servers are tests/embedded.py's."""

from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["tests.cast"]


@pytest.fixture(autouse=True)
def _own_data_dir(settings: Any, tmp_path: Path) -> None:
    """Each test keeps its files to itself."""
    settings.DATA_DIR = tmp_path
    for name in ("MODELS", "RUNS", "SNAPSHOTS", "ENGINE"):
        setattr(settings, f"{name}_DIR", tmp_path / name.lower())
