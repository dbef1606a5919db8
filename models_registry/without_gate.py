"""Why a version serves, or may serve, though the Gate was not asked. The Gate compares with what is in production."""

from django.utils.timezone import localtime

from models_registry.models import ModelVersion, Promotion, Stage
from models_registry.services.lookup import SERVABLE

FIRST = "Nothing is in production yet that it could be worse than: the project's first version needs no gate."


def why_without_gate(version: ModelVersion, *, production: ModelVersion | None) -> str:
    """A sentence, or "" where the Gate decides or the question does not arise.

    Args:
        production: what is in production in the version's project now.
    """
    if version.kind not in SERVABLE:
        return ""
    if version.stage == Stage.CANDIDATE:
        return "" if production else FIRST
    # Newest first; read from `promotions.all()`, which a list of versions prefetches.
    steps = sorted(version.promotions.all(), key=lambda step: -step.pk)
    entry: Promotion | None = next((step for step in steps if step.to_stage == version.stage), None)
    if version.stage != Stage.PRODUCTION or entry is None or entry.verdict_id is not None:
        return ""
    day = f"{localtime(entry.created_at):%d %B %Y}".lstrip("0")
    if entry.from_stage == Stage.RETIRED:
        return f"It came back by a roll-back on {day}: it had served before, and was not asked again."
    return f"It went into production on {day} without the gate: nothing was there that it could have been worse than."
