"""What every test gets: the fixed cast, and files of its own. The servers are tests/embedded.py's."""

from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["tests.cast"]
# A file is one worker's: what takes a minute comes first, so that no worker has it left when the others are done.
LONG_FILES = (
    "loop/test_kills.py", "training/test_warm_scoring.py", "training/test_execution.py", "loop/test_loop.py",
    "browser/test_desk_kinds.py", "training/test_refit_for_real.py", "supervisor/test_supervisor.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, else as collected."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def _own_data_dir(settings: Any, tmp_path: Path) -> None:
    """Each test keeps its files to itself."""
    settings.DATA_DIR = tmp_path
    for name in ("MODELS", "RUNS", "SNAPSHOTS", "ENGINE"):
        setattr(settings, f"{name}_DIR", tmp_path / name.lower())
