"""An export over several connections: the same rows in the same order, of one moment, and nothing left behind."""

import csv
import io
import json
import threading
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from labeling.exporting.filters import ExportFilter
from labeling.models import Comparison, Judgement
from labeling.services import copying_out, import_records, iter_export, lease_next, make_items, submit_judgement
from tests.labeling.conftest import judge_next

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = 'a "quote", a \\ and \\\\, a\ttab, two\nlines\r\n, \u2028, \x7f, ümläut 🙂 and {"json": [1]}\\n'


@pytest.fixture
def judged(project, alice, bob, monkeypatch):
    """Forty judgements of long answers, every seventh taken back: more than what fits between two processes."""
    monkeypatch.setattr(copying_out, "MANY", 10)
    lines = [
        {
            "prompt": f"{NASTY} {number}",
            "external_id": f'"{number}\\"' if number % 2 else "",
            "responses": [{"text": NASTY + "x" * 60_000, "model": "one"}, {"text": f"{NASTY} {number}"}],
        }
        for number in range(40)
    ]
    import_records(project=project, by=alice, lines=[json.dumps(line).encode() for line in lines])
    while made := judge_next(project, bob, reason=NASTY):
        if made.pk % 7 == 0:
            Comparison.objects.filter(pk=made.pk).update(retracted_at=now())
    return project


def stream(project, count, format="jsonl", **limits):
    settings.EXPORT_CONNECTIONS = count
    return iter_export(project=project, format=format, limits=ExportFilter(**limits))


@pytest.fixture(autouse=True)
def _usual_connections(settings):
    """pytest-django puts back what a test changes."""
    settings.EXPORT_CONNECTIONS = 2


def server_processes():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = %s",
            ["client backend"],
        )
        return cursor.fetchone()[0]


def wait_for_processes(count):
    """A server process ends a moment after its connection."""
    for _ in range(100):
        if server_processes() == count:
            return
        threading.Event().wait(0.05)
    assert server_processes() == count


def test_any_number_of_connections_gives_the_same_rows_in_the_same_order(judged, monkeypatch):
    monkeypatch.setattr(copying_out, "BLOCK_BYTES", 10_000_000)
    counted = list(Comparison.objects.counted().order_by("pk").values_list("pk", flat=True))
    for format in ("jsonl", "preference", "kto", "sft"):
        whole = None
        for rows, count in ((64, 1), (1, 1), (1, 2), (4, 2), (64, 2), (4, 3)):
            monkeypatch.setattr(copying_out, "ROWS", rows)
            came = b"".join(stream(judged, count, format))
            whole = whole or came
            assert came == whole
        found = [json.loads(line)["judgement_id"] for line in whole.splitlines()]
        assert found == (counted if format == "jsonl" else sorted(found))
        middle = found[len(found) // 2]
        rest = b"".join(stream(judged, 2, format, after=middle))
        assert [json.loads(line)["judgement_id"] for line in rest.splitlines()] == [
            each for each in found if each > middle
        ]


def test_a_table_over_several_connections_is_the_same_table(judged, monkeypatch):
    lines = [json.loads(line) for line in b"".join(stream(judged, 1)).splitlines()]
    whole = None
    for rows, count in ((64, 1), (1, 2), (4, 3)):
        monkeypatch.setattr(copying_out, "ROWS", rows)
        came = b"".join(stream(judged, count, "csv"))
        whole = whole or came
        assert came == whole
    table = list(csv.DictReader(io.StringIO(whole.decode(), newline="")))
    assert [int(row["judgement_id"]) for row in table] == [line["judgement_id"] for line in lines]
    for row, line in zip(table, lines, strict=True):
        assert {name: row[name] for name in ("reason", "response_a", "external_id", "annotator", "choice")} == {
            name: line[name] for name in ("reason", "response_a", "external_id", "annotator", "choice")
        }
        assert (row["held_out"], row["last_turn"]) == ("ft"[line["held_out"]], line["prompt"][-1]["content"])
        assert json.loads(row["metadata"]) == line["metadata"]


SAID = {
    "comparison": {"choice": "tie"},
    "ranking": {"ranks": {"a": 2, "b": 1, "c": 3}},
    "rating": {"scores": {"quality": 4}},
}


def test_several_kinds_come_in_one_order_over_any_number_of_connections(project, alice, bob, monkeypatch):
    monkeypatch.setattr(copying_out, "MANY", 5)
    answers = [{"text": f"{NASTY} {letter}"} for letter in "xyz"]
    lines = [json.dumps({"prompt": f"{NASTY} {number}", "responses": answers}).encode() for number in range(8)]
    import_records(project=project, by=alice, lines=lines, make_items=False)
    for kind in SAID:
        make_items(project=project, by=alice, kind=kind)
    while held := lease_next(project=project, by=bob):
        submit_judgement(assignment=held, by=bob, client_id=uuid4(), said=SAID[held.item.kind])
    counted = list(Judgement.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    assert len(counted) == 24
    for format in ("jsonl", "preference", "sft"):
        whole = None
        for rows, count in ((64, 1), (1, 1), (1, 2), (5, 2), (2, 3)):
            monkeypatch.setattr(copying_out, "ROWS", rows)
            came = b"".join(stream(project, count, format))
            whole = whole or came
            assert came == whole
        found = [json.loads(line)["judgement_id"] for line in whole.splitlines()]
        assert found == (counted if format == "jsonl" else sorted(found))
        assert found
    rest = b"".join(stream(project, 2, after=counted[9]))
    assert [json.loads(line)["judgement_id"] for line in rest.splitlines()] == counted[10:]


def test_every_text_arrives_as_it_is(judged):
    rows = [json.loads(line) for line in b"".join(stream(judged, 2)).splitlines()]
    assert {row["reason"] for row in rows} == {NASTY}
    for row in rows:
        number = int(row["prompt"][0]["content"].removeprefix(NASTY))
        assert row["external_id"] == (f'"{number}\\"' if number % 2 else "")
        texts = {row["response_a"]: row["model_a"], row["response_b"]: row["model_b"]}
        assert texts == {NASTY + "x" * 60_000: "one", f"{NASTY} {number}": ""}


def test_a_small_export_takes_no_second_connection(judged, monkeypatch):
    monkeypatch.setattr(copying_out, "MANY", 10_000)
    before = server_processes()
    blocks = stream(judged, 2)
    next(blocks)
    blocks.close()
    assert server_processes() == before


def test_what_happens_during_a_download_is_not_in_it(judged):
    whole = b"".join(stream(judged, 1))
    blocks = stream(judged, 2)
    first = next(blocks)

    def take_all_back():
        try:
            Comparison.objects.update(retracted_at=now())
        finally:
            connection.close()

    other = threading.Thread(target=take_all_back)
    other.start()
    other.join()
    assert first + b"".join(blocks) == whole
    assert b"".join(stream(judged, 2)) == b""


def test_whoever_leaves_a_download_leaves_no_connection(judged):
    before = server_processes()
    blocks = stream(judged, 3)
    next(blocks)
    blocks.close()
    wait_for_processes(before)
    assert len(b"".join(stream(judged, 2)).splitlines()) == Comparison.objects.counted().count()
    wait_for_processes(before)


def test_a_server_process_that_dies_ends_the_download_with_an_error(judged):
    before = server_processes()
    blocks = stream(judged, 2)
    next(blocks)
    # Ours is in the middle of its COPY: somebody else has to end the one beside it.
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as somebody:
        (ended,) = somebody.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid NOT IN (%s, pg_backend_pid()) AND query LIKE 'COPY%%'",
            [connection.connection.info.backend_pid],
        ).fetchone()
    assert ended == 1
    with pytest.raises(psycopg.OperationalError):
        b"".join(blocks)
    wait_for_processes(before)
    assert b"".join(stream(judged, 2)) == b"".join(stream(judged, 1))


def test_where_the_server_has_no_place_left_one_connection_does_it(judged):
    whole = b"".join(stream(judged, 1))
    name = connection.settings_dict["NAME"]
    elsewhere = {**connection.get_connection_params(), "dbname": "postgres"}
    with psycopg.connect(**elsewhere, autocommit=True) as manager:
        manager.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            assert b"".join(stream(judged, 2)) == whole
        finally:
            manager.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
