from celery import shared_task

from models_registry.engine import warm_up
from models_registry.models import ModelVersion


@shared_task(soft_time_limit=300, time_limit=330)
def warm_engine_task(version_id: int) -> None:
    """Have the engine load the version, so that its first user does not wait for it."""
    warm_up(ModelVersion.objects.select_related("base").get(pk=version_id))
