import re
from pathlib import Path

from models_registry.artifacts import ALLOWED
from models_registry.stages import STEPS

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "versions.md").read_text()


def test_the_table_of_stages_in_the_docs_is_the_one_in_the_code():
    rows = [tuple(row) for row in re.findall(r"^\| (\w+) \| (\w+) \| (.+) \|$", DOCS, re.MULTILINE)]
    assert rows[1:] == [(start, to, says) for start, steps in STEPS.items() for to, says in steps.items()]


def test_the_files_that_an_artifact_may_hold_are_told():
    assert all(f"`{kind}`" in DOCS for kind in ALLOWED)
