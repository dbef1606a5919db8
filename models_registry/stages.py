"""The stages of a version and the steps between them: the one table, rendered into the docs by a test's help."""

from models_registry.errors import IllegalPromotion
from models_registry.models import ModelVersion, Stage

# From → to → what the step is. A step that is not here does not exist.
STEPS: dict[str, dict[str, str]] = {
    Stage.CANDIDATE: {
        Stage.CANARY: "answers a share of the requests",
        Stage.PRODUCTION: "answers the project's requests",
        Stage.RETIRED: "is set aside",
    },
    Stage.CANARY: {
        Stage.CANARY: "answers another share of the requests",
        Stage.PRODUCTION: "answers the project's requests",
        Stage.CANDIDATE: "is withdrawn and answers nobody",
    },
    Stage.PRODUCTION: {Stage.RETIRED: "is replaced, or rolled back"},
    Stage.RETIRED: {Stage.PRODUCTION: "comes back by a roll-back"},
}
# Steps that only happen as a part of another version's: replaced, or brought back.
INDIRECT = {(Stage.PRODUCTION, Stage.RETIRED), (Stage.RETIRED, Stage.PRODUCTION)}


def check_step(version: ModelVersion, to_stage: str, *, direct: bool = True) -> None:
    """Refuse a step that the table does not have.

    Raises:
        IllegalPromotion: with the steps that there are.
    """
    if to_stage not in STEPS[version.stage] or (direct and (version.stage, to_stage) in INDIRECT):
        possible = [to for to in STEPS[version.stage] if not direct or (version.stage, to) not in INDIRECT]
        raise IllegalPromotion(
            f"{version.name} is in stage {version.stage} and cannot go to {to_stage!r}. "
            + (f"It can go to {' or '.join(possible)}." if possible else "Promote another version, or roll back.")
        )
