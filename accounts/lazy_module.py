"""Modules that are loaded when they are first used: a web process imports much that it seldom needs.

httpx with what it brings along takes 17 MB, numpy 20; a web process has 100 for everything.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def lazy_module(name: str) -> ModuleType:
    """A stand-in that loads the module with the first look at one of its names.

    Write `if TYPE_CHECKING: import httpx` and `else: httpx = lazy_module("httpx")`; annotations in quotes. It is kept
    out of sys.modules, unlike importlib's LazyLoader: psycopg looks there for numpy, and would load it.
    """
    return _Lazy(name)
