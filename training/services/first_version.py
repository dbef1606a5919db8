"""The first version of a project that has none: the external engine's model, or a base model prepared for it."""

from django.conf import settings

from accounts.models import Membership
from labeling.models import Project
from models_registry.models import ModelVersion, VersionKind
from models_registry.services import register_version
from training.models import TrainingRun
from training.services.prepare_base import prepare_base


def prepare_first_version(*, project: Project, by: Membership | None) -> tuple[ModelVersion | None, TrainingRun | None]:
    """A version that answers at once, or the run that will make one; one of the two.

    Raises:
        NotPermitted: the role may not start runs.
    """
    if not settings.ENGINE_EMBEDDED and settings.ENGINE_MODEL:
        return register_engine_model(project), None
    return None, prepare_base(project=project, by=by, why="to write the first answers")


def register_engine_model(project: Project) -> ModelVersion:
    """The model that the configured external engine serves, as a policy of the project."""
    return register_version(
        organisation=project.organisation,
        project_id=project.pk,
        kind=VersionKind.POLICY,
        name=f"{project.name} v{{number}} ({settings.ENGINE_MODEL})",
        artifact_dir=None,
        engine_model=settings.ENGINE_MODEL,
        endpoint_url=settings.ENGINE_URL,
    )
