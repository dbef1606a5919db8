"""Named by DATABASES["default"]["ENGINE"]."""

import select

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's asks `SELECT 1` before each request's first query; a look at the socket says as much for nothing."""

    def is_usable(self) -> bool:
        """Whether the server has said nothing of an end. On an idle connection there is else little to arrive."""
        if self.connection is None:
            return False
        server = self.connection.pgconn
        try:
            poll = select.poll()
            poll.register(server.socket, select.POLLIN)
            while poll.poll(0):  # the reason comes first, the end after it
                server.consume_input()
        except psycopg.Error:
            return False
        return bool(server.status == psycopg.pq.ConnStatus.OK)
