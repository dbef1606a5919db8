"""Loading a version before its first user waits for it."""

import logging
from typing import TYPE_CHECKING

from accounts.lazy_module import lazy_module
from models_registry.engine.endpoint import endpoint_of
from models_registry.engine.transport import client, timeouts
from models_registry.errors import EngineError
from models_registry.models import ModelVersion

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy_module("httpx")

logger = logging.getLogger(__name__)


def warm_up(version: ModelVersion) -> None:
    """Have the embedded engine load the version; best effort, since the first request loads it as well.

    The engine loads here beside its other work, where a first request would hold up everybody's answers.
    """
    try:
        endpoint = endpoint_of(version)
        if endpoint.embedded:
            address = f"{endpoint.base_url.removesuffix('/v1')}/load_model"
            client().post(address, json={"model": endpoint.model}, timeout=timeouts(240)).read()
    except (httpx.HTTPError, EngineError) as error:
        logger.warning("%s could not be loaded ahead of its first request: %s", version.name, error)
