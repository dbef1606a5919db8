"""Parquet files, read by a process of its own. Arrow is imported here by nobody."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeling.errors import BadContent
from labeling.importing.containers import json_lines
from labeling.importing.lines import CHUNK_BYTES
from labeling.importing.rows import Raw

MAGIC = b"PAR1"
_PROGRAM = Path(__file__).with_name("parquet_program.py")


def parquet_rows(path: Path, *, most: int = 0) -> Iterator[Raw]:
    """The rows of the file, the first ones alone if `most` is given.

    Raises:
        BadContent: it cannot be read, or not to its end.
    """
    with _reading(path, most) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        yield from json_lines(iter(lambda: os.read(pipe, CHUNK_BYTES), b""))
        if process.wait():
            said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
            told = said.splitlines()[-1] if process.returncode == 2 and said else "It takes too much memory to read."
            raise BadContent(f"{told} Nothing was imported.")


@contextmanager
def _reading(path: Path, most: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", str(_PROGRAM), str(path), str(most)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
