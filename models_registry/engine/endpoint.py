"""Where a version answers."""

from dataclasses import dataclass

from django.conf import settings

from models_registry.engine.directory import engine_directory
from models_registry.errors import EngineUnavailable
from models_registry.models import ModelVersion


@dataclass(frozen=True)
class EngineEndpoint:
    """`embedded`: the engine that loads our directories, named by their paths."""

    base_url: str
    model: str
    api_key: str = ""
    embedded: bool = False


def endpoint_of(version: ModelVersion) -> EngineEndpoint:
    """Resolve the version to an address and a model name there. Slow at first (it verifies the artifact), then quick.

    Raises:
        ArtifactDamaged: the artifact is missing or not what was registered.
        EngineUnavailable: an external engine is configured and nobody said what it calls this version.
    """
    if version.endpoint_url:
        # The key belongs to the configured engine; it is not sent to another host.
        own = version.endpoint_url.rstrip("/") == settings.ENGINE_URL.rstrip("/")
        return EngineEndpoint(
            version.endpoint_url.rstrip("/"), version.engine_model, settings.ENGINE_API_KEY if own else ""
        )
    base_url = settings.ENGINE_URL.rstrip("/")
    if settings.ENGINE_EMBEDDED and version.artifact_hash:
        return EngineEndpoint(base_url, str(engine_directory(version)), settings.ENGINE_API_KEY, embedded=True)
    model = version.engine_model or settings.ENGINE_MODEL
    if not model:
        raise EngineUnavailable(
            f"The engine at {base_url} does not know {version.name}. Load it there, and set ENGINE_MODEL to its name."
        )
    return EngineEndpoint(base_url, model, settings.ENGINE_API_KEY)
