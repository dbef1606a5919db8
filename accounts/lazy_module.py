"""Modules that are loaded when they are first used: a web process imports much that it seldom needs.

httpx with what it brings along takes 17 MB, numpy 14; a web process has 100 for everything.
"""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType


def lazy_module(name: str) -> ModuleType:
    """The module, loaded with the first look at one of its names.

    Write `if TYPE_CHECKING: import httpx` and `else: httpx = lazy_module("httpx")`; annotations in quotes.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError(f"There is no module {name}.")
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
