"""Django's sessions in the database, read by a prepared statement: every request of a page reads one."""

from functools import cache

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session

from accounts.joined_rows import JoinedRows


@cache
def _rows() -> JoinedRows:
    return JoinedRows(
        {"s": Session}, "FROM django_session s WHERE s.session_key = %(key)s AND s.expire_date > statement_timestamp()"
    )


class SessionStore(DatabaseSessions):
    """Named by SESSION_ENGINE."""

    def _get_session_from_db(self) -> Session | None:
        found = _rows().first({"key": self.session_key})
        if found is None:
            self._session_key = None
            return None
        session: Session = found[0]
        return session
