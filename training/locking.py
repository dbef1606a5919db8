"""One who starts runs of a project at a time."""

from django.db import connection


def lock_runs(project_id: int) -> None:
    """Hold the project's starting of runs until the transaction ends.

    An advisory lock, not the project's row: that one would hold up every lease while a snapshot is written.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('training runs', %s))", [project_id])
