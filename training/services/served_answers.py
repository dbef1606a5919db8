"""What the project's users were answered, for a recipe that chooses items for them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

# Whoever knows what is served stands beside training, and neither imports the other: settings name who is asked.
SampleAnswers = Callable[[int, int], list[tuple[list[dict[str, Any]], str]]]
MOST_ANSWERS = 200


def write_served_answers(*, project_id: int, path: Path) -> int:
    """Write a random sample of them to `path`, lines `{"prompt": messages, "response"}`; return how many there are.

    The file appears when it is whole.
    """
    sample: SampleAnswers = import_string(settings.SERVED_ANSWERS)
    rows = [{"prompt": messages, "response": text} for messages, text in sample(project_id, MOST_ANSWERS)]
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(partial, path)
    return len(rows)
