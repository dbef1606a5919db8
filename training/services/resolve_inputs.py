"""What a run stands on: which versions, found once, when it is first claimed, and where they lie on this machine."""

from models_registry.models import ModelVersion, VersionKind
from models_registry.services import artifact_path, production_version
from training.errors import NotReady
from training.models import Recipe, TrainingRun
from training.services.which_version import newest_version, reward_model_of

NEEDS_BASE = {Recipe.SFT, Recipe.REWARD_MODEL, Recipe.GRPO, Recipe.EVALUATE}
NEEDS_REWARD_MODEL = {Recipe.GRPO, Recipe.EVALUATE}


def resolve_inputs(run: TrainingRun) -> dict[str, int]:
    """Ids of the versions that the run reads: base, parent, reward_model, version; only those that its recipe needs.

    Raises:
        NotReady: one that the recipe cannot do without does not exist.
    """
    if run.inputs or run.recipe not in NEEDS_BASE:
        return dict(run.inputs)
    found: dict[str, int] = {}
    parent = run.parent
    if run.recipe == Recipe.EVALUATE:
        version = (
            run.parent or _made_in_chain(run, VersionKind.POLICY) or newest_version(run.project_id, VersionKind.POLICY)
        )
        if version is None:
            raise NotReady("There is no policy to evaluate yet. Train one first.")
        found["version"] = version.pk
        parent = version.parent
    elif run.recipe == Recipe.GRPO and parent is None:
        parent = starting_policy(run.project_id)
    base = (parent and parent.base) or newest_version(run.project_id, VersionKind.BASE)
    if base is None or not base.artifact_hash:
        raise NotReady("This project has no base model on this machine yet. Start the recipe prepare_base first.")
    found["base"] = base.pk
    if parent is not None and parent.kind == VersionKind.POLICY:
        found["parent"] = parent.pk
    if run.recipe in NEEDS_REWARD_MODEL:
        reward_model = _made_in_chain(run, VersionKind.REWARD_MODEL) or reward_model_of(run.project_id, base_id=base.pk)
        if reward_model is None:
            raise NotReady("This project has no reward model yet. Start the whole refresh, or the recipe reward_model.")
        found["reward_model"] = reward_model.pk
    return found


def starting_policy(project_id: int) -> ModelVersion | None:
    """What policy training goes on from: the version in production, else the newest policy."""
    production = production_version(project_id)
    if production is not None and production.kind == VersionKind.POLICY and production.artifact_hash:
        return production
    return newest_version(project_id, VersionKind.POLICY)


def _made_in_chain(run: TrainingRun, kind: VersionKind) -> ModelVersion | None:
    if run.chain_id is None:
        return None
    runs = TrainingRun.objects.filter(chain_id=run.chain_id).values_list("pk", flat=True)
    found: ModelVersion | None = (
        ModelVersion.objects.for_project(run.project_id)
        .filter(kind=kind, run_id__in=list(runs))
        .order_by("-id")
        .first()
    )
    return found


def input_versions(run: TrainingRun) -> dict[str, ModelVersion]:
    """`run.inputs`, fetched."""
    versions = ModelVersion.objects.filter(organisation_id=run.organisation_id).in_bulk(list(run.inputs.values()))
    return {name: versions[pk] for name, pk in run.inputs.items() if pk in versions}


def input_directories(run: TrainingRun) -> dict[str, str]:
    """The same as directories, verified against their hashes, under the names of the recipes' settings."""
    versions = input_versions(run)
    return {name: str(artifact_path(version)) for name, version in versions.items()}
