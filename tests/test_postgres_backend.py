"""A kept connection that has ended is noticed before a request uses it, and one that has not is kept."""

import psycopg
import pytest
from django.db import connection

from accounts.prepared import run_prepared

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_else() -> psycopg.Connection:
    connection.ensure_connection()
    return psycopg.connect(connection.connection.info.dsn, autocommit=True)


def backend() -> int:
    _, ((pid,),) = run_prepared("SELECT pg_backend_pid()", {})
    return int(pid)


def begin_request() -> None:
    """As a kept connection meets the next request."""
    connection.close_if_unusable_or_obsolete()


def test_a_connection_that_the_server_ended_is_replaced():
    before = backend()
    with somebody_else() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    begin_request()
    assert backend() != before


def test_a_message_that_came_meanwhile_is_no_end():
    with connection.cursor() as cursor:
        cursor.execute("LISTEN something")
    before = backend()
    with somebody_else() as other:
        other.execute("NOTIFY something")
    begin_request()
    assert backend() == before
    with connection.cursor() as cursor:
        cursor.execute("UNLISTEN something")
