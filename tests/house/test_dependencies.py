"""What the application imports comes with its dependencies: what only the tests install is missing in a container."""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from tests.house.test_house_rules import ROOT, _sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = PROJECT["tool"]["importlinter"]["root_packages"]


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[(<>=!~; ]", requirement)[0]).lower()


def that_come_along(package: str) -> list[str]:
    """What it requires of itself; what its extras would bring is left out."""
    try:
        wanted = requires(package) or []
    except PackageNotFoundError:  # of another platform
        return []
    return [name_of(each) for each in wanted if "extra ==" not in each]


def test_every_import_of_the_application_comes_with_its_dependencies():
    installed = {name_of(each) for each in PROJECT["project"]["dependencies"]}
    new = list(installed)
    while new:
        found = set(that_come_along(new.pop())) - installed
        installed |= found
        new += found
    packages = packages_distributions()
    missing = set()
    for path, tree in _sources(*OWN):
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - set(OWN) - set(sys.stdlib_module_names):
                if not {name_of(each) for each in packages.get(top, [top])} & installed:
                    missing.add(f"{path.relative_to(ROOT)}: {top}")
    assert not missing
