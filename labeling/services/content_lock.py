"""A lock on a project's content, held to the end of the transaction.

An import looks up what exists and copies in the rest: nobody may add the same content in between. Whoever adds a row or
two shares the lock with others of the kind, for whom ON CONFLICT settles it.
"""

from django.db import connection

_NAMESPACE = 7301


def lock_content_at_once(project_id: int) -> bool:
    """Take the lock alone if nobody holds it; whether it was taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, project_id % 2**31])
        return bool(cursor.fetchone()[0])


def lock_content(project_id: int, *, alone: bool = False) -> None:
    """Wait until nobody holds the other kind of lock on the project."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_NAMESPACE, project_id % 2**31])
