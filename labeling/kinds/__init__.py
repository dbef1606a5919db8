"""Kinds of judgement: a folder each, with its table, its settings, its checks, its card and its exports.

A folder here that has a `kind.py` with a `KIND` is a kind; nothing else lists them.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeling.kinds.kind import Kind

NAMES: tuple[str, ...] = tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))


@cache
def all_kinds() -> dict[str, "Kind"]:
    """Every kind by its name. Only once the apps are loaded: a kind knows its model."""
    return {name: import_module(f"labeling.kinds.{name}.kind").KIND for name in NAMES}


def kind_of(name: str) -> "Kind":
    """The kind of this name, as an Item's `kind` has it."""
    return all_kinds()[name]
