"""One change to a project's versions at a time."""

from django.db import connection


def lock_versions(project_id: int) -> None:
    """Hold the project's versions until the transaction ends.

    An advisory lock: the registry has no row of the project that it could lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('model versions', %s))", [project_id])
