"""The contract between a recipe and whoever started it: one directory.

    config.json      in: the recipe's frozen dataclass; an unknown key is refused (exit code 2)
    settings.json    every setting as the recipe uses it, defaults included: {name: {"value", "default"?}}
    metrics.jsonl    one line a step: step, total, seconds, figures, stage
    checkpoints/     what a second start of the same directory goes on from
    model/           the artifact
    result.json      written last, in one rename: a directory that has it is finished

A failure is a non-zero exit whose last line on stderr is `error: <sentence>`. SIGTERM ends a recipe at once with
code 143.
"""

import ctypes
import dataclasses
import json
import math
import os
import shutil
import signal
import sys
import time
import traceback
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

Figures = Mapping[str, float]
Config = TypeVar("Config")
PR_SET_PDEATHSIG = 1


class RecipeError(Exception):
    """A recipe cannot go on; the message is a sentence for the person who started it."""

    exit_code = 1


class BadConfig(RecipeError):
    exit_code = 2


class Run:
    """One run directory, open for writing; where several processes share a run, only the first one writes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.leads = os.environ.get("RANK", "0") == "0"  # set by torchrun and accelerate launch
        self.checkpoints = directory / "checkpoints"
        self.model = directory / "model"
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self._metrics = directory / "metrics.jsonl"
        # A resumed run keeps counting: its clock starts where the interrupted one was last seen.
        self._started = time.monotonic() - max((line["seconds"] for line in self.read_metrics()), default=0.0)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def log(self, step: int, total: int, figures: Figures | None = None, *, stage: str | None = None) -> None:
        """Append one line to metrics.jsonl.

        Raises:
            RecipeError: a figure is NaN or infinite; going on would produce a model that only looks trained.
        """
        figures = figures or {}
        for name, value in figures.items():
            if not math.isfinite(value):
                raise RecipeError(
                    f"{name} became {value} at step {step} of {total}; lower the learning rate or look for broken rows."
                )
        if not self.leads:
            return
        line: dict[str, Any] = {"step": step, "total": total, "seconds": round(self.seconds, 3)}
        line["figures"] = dict(figures)
        if stage:
            line["stage"] = stage
        with self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown = " ".join(f"{name}={value:.4g}" for name, value in figures.items())
        print(f"[{self.seconds:7.1f}s] {stage or 'step'} {step}/{total} {shown}", flush=True)

    def rewind_metrics(self, *, to_step: int, stage: str | None = None) -> None:
        """Drop the lines of steps that a resumed run is about to do again."""
        if not self.leads:
            return
        kept = [line for line in self.read_metrics() if line.get("stage") != stage or line["step"] <= to_step]
        write_atomically(self._metrics, "".join(json.dumps(line) + "\n" for line in kept))

    def finish(
        self,
        *,
        artifacts: Mapping[str, str],
        figures: Figures,
        evaluations: Sequence[Mapping[str, Any]] = (),
        **more: Any,
    ) -> None:
        """Write result.json: from this moment on the run has succeeded."""
        if not self.leads:
            return
        result = {
            "artifacts": dict(artifacts),
            "figures": {"seconds": round(self.seconds, 3), **figures},
            "evaluations": list(evaluations),
            **more,
        }
        write_atomically(self.directory / "result.json", json.dumps(result, indent=1, allow_nan=False))

    def write_settings(self, config: Any) -> None:
        """Say with what this run works: a default that changes later must not change what is known of it."""
        if not self.leads:
            return
        settings = {}
        for field in dataclasses.fields(config):
            settings[field.name] = {"value": getattr(config, field.name)}
            if field.default is not dataclasses.MISSING:
                settings[field.name]["default"] = field.default
        write_atomically(self.directory / "settings.json", json.dumps(settings, indent=1))

    def read_metrics(self) -> list[dict[str, Any]]:
        if not self._metrics.exists():
            return []
        lines = []
        for text in self._metrics.read_text().splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue  # a kill can leave half a line behind
        return lines


def write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def replace_directory(partial: Path, final: Path) -> None:
    """Put a completely written directory in place of whatever an interrupted run left there."""
    if final.exists():
        shutil.rmtree(final)
    os.replace(partial, final)


def load_config(cls: type[Config], path: Path) -> Config:
    """Read `path` into the frozen dataclass `cls`.

    Raises:
        BadConfig: not an object, an unknown or missing key, or a value of the wrong type.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise BadConfig(f"There is no {path.name} in {path.parent}; write the recipe's settings there first.") from None
    except ValueError as problem:
        raise BadConfig(f"{path.name} is not JSON: {problem}.") from None
    if not isinstance(values, dict):
        raise BadConfig(f"{path.name} must hold one JSON object.")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(fields)):
        raise BadConfig(f"Unknown settings: {', '.join(unknown)}. This recipe knows {', '.join(fields)}.")
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise BadConfig(f"Missing settings: {', '.join(missing)}.")
    hints = typing.get_type_hints(cls)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise BadConfig(f"The setting {name} cannot be {value!r}; it must be {_say(hints[name])}.")
    try:
        return cls(**values)
    except ValueError as problem:  # what a config's __post_init__ refuses
        raise BadConfig(str(problem)) from None


def _fits(value: Any, hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if typing.get_origin(hint) is dict:
        key, of = typing.get_args(hint)
        return isinstance(value, dict) and all(_fits(k, key) and _fits(v, of) for k, v in value.items())
    if alternatives := typing.get_args(hint):
        return any(_fits(value, alternative) for alternative in alternatives)
    if hint is float:
        # Not by math.isfinite, which raises on a whole number of 400 digits.
        return isinstance(value, int | float) and not isinstance(value, bool) and -1e308 <= value <= 1e308
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    return isinstance(value, hint)


def _say(hint: Any) -> str:
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    if typing.get_origin(hint) is dict:
        return f"an object whose values are each {_say(typing.get_args(hint)[1])}"
    if alternatives := typing.get_args(hint):
        return " or ".join(_say(alternative) for alternative in alternatives)
    return words.get(hint, str(hint))


def main(recipe: Callable[[Run, Config], None], cls: type[Config]) -> NoReturn:
    """Run `recipe` on the directory named on the command line and turn every ending into an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: _leave(143))
    if os.environ.get("ACCORD_DIE_WITH_PARENT") == "1":
        die_with_parent()
    if len(sys.argv) != 2:
        _fail("Name exactly one run directory.", 2)
    directory = Path(sys.argv[1])
    if (directory / "result.json").exists():
        print("This run directory is finished; nothing to do.")
        sys.exit(0)
    # Before transformers is imported by anyone: it reads these once.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        config = load_config(cls, directory / "config.json")
        run = Run(directory)
        run.write_settings(config)
        recipe(run, config)
    except RecipeError as problem:
        _fail(str(problem), problem.exit_code)
    except MemoryError:
        _fail("The machine ran out of memory; use smaller batches or shorter texts.", 1)
    except Exception as problem:  # noqa: BLE001 - the edge of the process: every ending has an exit code
        traceback.print_exc()
        _fail(f"{type(problem).__name__}: {problem}".replace("\n", " "), 1)
    _leave(0)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends (Linux).

    The signal follows the parent's *thread*: start recipes from a thread that lives as long as they do.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died between the two calls
        _leave(143)


def _fail(sentence: str, code: int) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    _leave(code)


def _leave(code: int) -> NoReturn:
    # Not sys.exit: native threads may hang or crash while the interpreter is torn down, and everything is on disk.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
