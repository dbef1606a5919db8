"""The content-addressed store: MODELS_DIR/<sha256>/ holds an artifact's files, read-only, and never changes.

The hash runs over the sorted relative paths and the hashes of the files, so that the same content has one place,
whoever stores it and how often. MODELS_DIR/<sha256>.json lists the files, to say which one is damaged.
"""

import hashlib
import json
import os
import shutil
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from models_registry.errors import ArtifactDamaged, ArtifactRefused
from models_registry.safetensors_header import check_safetensors

# .html is the form in which some base models ship their terms.
ALLOWED = frozenset({".safetensors", ".json", ".jinja", ".txt", ".md", ".model", ".html"})
PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz"})
_CHUNK = 1024 * 1024
Signature = tuple[tuple[str, int, int], ...]

# What this process has verified: an artifact's hash, and what its files looked like then.
_verified: dict[str, Signature] = {}
_verifying = threading.Lock()


@dataclass(frozen=True)
class Artifact:
    sha256: str
    size_bytes: int


def store_artifact(source: Path) -> Artifact:
    """Copy a directory into the store; storing the same content again changes nothing.

    Raises:
        ArtifactRefused: a pickle, another file that is not on the list, or no weights at all; nothing is stored.
    """
    files = _check_files(source)
    store = Path(settings.MODELS_DIR)
    incoming = store / f".incoming-{uuid.uuid4().hex}"
    try:
        hashes = {name: _copy(path, incoming / name) for name, path in files.items()}
        _sync_directories(incoming)
        sha256 = _hash_of(hashes)
        size = sum((incoming / name).stat().st_size for name in hashes)
        _write_manifest(store / f"{sha256}.json", sha256, hashes)
        _put_in_place(incoming, store / sha256, hashes)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return Artifact(sha256, size)


def share_files(source: Path, sha256: str) -> None:
    """Have `source`, from which the artifact was stored, hold the stored files themselves: hard links, no second copy.

    The stored files are read-only and never written, and whoever replaces a file in `source` replaces the link alone.
    Where there are no links (another file system) the copies stay.
    """
    store = Path(settings.MODELS_DIR) / sha256
    for stored in store.rglob("*"):
        copy = source / stored.relative_to(store)
        if not stored.is_file() or not copy.is_file() or copy.stat().st_size != stored.stat().st_size:
            continue
        link = copy.with_name(f".{copy.name}-{uuid.uuid4().hex[:8]}")
        with suppress(OSError):
            os.link(stored, link)
            link.replace(copy)
        link.unlink(missing_ok=True)  # also when both were the same file already: then replace() does nothing


def verified_path(sha256: str) -> Path:
    """Where the artifact lies, hashed once a process, and again when a file's time or size has changed.

    Raises:
        ArtifactDamaged: something is missing, changed or added.
    """
    directory = Path(settings.MODELS_DIR) / sha256
    if not sha256 or not directory.is_dir():
        raise ArtifactDamaged(
            f"The artifact {sha256[:12] or '(none)'} is not in the model store. "
            "Restore the directory models/ of the data directory from a backup."
        )
    # One at a time: the others find it verified instead of reading the same gigabytes.
    with _verifying:
        looks = _signature(directory)
        if _verified.get(sha256) != looks:
            _verify(directory, sha256)
            _verified[sha256] = looks
    return directory


def _check_files(source: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ArtifactRefused(f"{name} is a link or no plain file. An artifact holds its files itself.")
        if path.is_dir():
            continue
        kind = path.suffix.lower()
        if kind in PICKLES:
            raise ArtifactRefused(
                f"{name} may be a pickle, which runs code when it is loaded. Save the weights as safetensors instead."
            )
        if kind not in ALLOWED:
            raise ArtifactRefused(
                f"{name} is of a kind that no artifact holds. Allowed are {', '.join(sorted(ALLOWED))}."
            )
        if kind == ".safetensors":
            check_safetensors(path, name)
        files[name] = path
    if not any(name.lower().endswith(".safetensors") for name in files):
        raise ArtifactRefused(f"There are no weights (*.safetensors) in {source}.")
    return files


def _copy(source: Path, target: Path) -> str:
    """Copy and hash in one pass, so that what is hashed is what is kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("xb") as write:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    target.chmod(0o444)
    return digest.hexdigest()


def _hash_of(hashes: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def _hash_files(directory: Path) -> dict[str, str]:
    hashes = {}
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                hashes[path.relative_to(directory).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _put_in_place(incoming: Path, target: Path, hashes: dict[str, str]) -> None:
    if target.is_dir() and _hash_files(target) != hashes:
        # What lies there is damaged, and the whole content is at hand: put it right.
        target.rename(target.with_name(f".damaged-{target.name[:12]}-{uuid.uuid4().hex[:8]}"))
    try:
        incoming.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise it is there already: another process was first
            raise
    _sync(target.parent)


def _write_manifest(path: Path, sha256: str, hashes: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    temporary.write_text(json.dumps({"schema": 1, "sha256": sha256, "files": dict(sorted(hashes.items()))}, indent=1))
    temporary.rename(path)


def _verify(directory: Path, sha256: str) -> None:
    found = _hash_files(directory)
    if _hash_of(found) == sha256:
        return
    manifest = directory.with_name(f"{sha256}.json")
    expected = json.loads(manifest.read_text())["files"] if manifest.is_file() else {}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    raise ArtifactDamaged(
        f"The artifact {sha256[:12]} is damaged: {', '.join(wrong[:5]) or 'its content'} changed after it was stored. "
        f"Restore models/{sha256} in the data directory from a backup, or train the version again."
    )


def _signature(directory: Path) -> Signature:
    files = (path for path in directory.rglob("*") if path.is_file())
    return tuple(sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files))


def _sync_directories(root: Path) -> None:
    for path in [root, *(inner for inner in root.rglob("*") if inner.is_dir())]:
        _sync(path)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
