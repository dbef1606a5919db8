"""A module that is named lazily costs nothing until it is used, whoever looks around meanwhile."""

import subprocess
import sys

import pytest

from accounts.lazy_module import lazy_module

LOOK_AROUND = """
import inspect, sys
from accounts.lazy_module import lazy_module
np = lazy_module("numpy")
import psycopg
from psycopg import sql
inspect.getmodule(inspect.currentframe())
sql.quote(5)
assert "numpy" not in sys.modules
assert np.arange(3).sum() == 3
assert "numpy" in sys.modules
"""


def test_nobody_loads_it_by_looking_at_what_is_loaded():
    subprocess.run([sys.executable, "-c", LOOK_AROUND], check=True, timeout=60)


def test_a_module_that_is_not_there_is_named_when_it_is_used():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        lazy_module("no_such_module").something  # noqa: B018
