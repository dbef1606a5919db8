"""Which recipes trained a version: a hash over their sources, so that it also holds where there is no git."""

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_version() -> str:
    """`recipes-` and twelve digits of SHA-256 over training/recipes/*.py."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "recipes").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"recipes-{digest.hexdigest()[:12]}"
