"""The tiny model's directory, made once for all workers of a run: what makes it imports torch for seconds."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_tiny_model(directory: Path) -> Path:
    """A model directory of half a megabyte, one's own."""
    made = Path(os.environ["ACCORD_TESTS_HOME"]) / "tiny-model"
    partial = made.with_suffix(".partial")
    with made.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            command = [sys.executable, "-m", "training.recipes.tiny_model", str(partial)]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
            partial.rename(made)
    shutil.copytree(made, directory, dirs_exist_ok=True)
    return directory
