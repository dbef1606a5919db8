"""Exports: filters, going on where a download broke off, anonymity, tables, and every kind of judgement."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from accounts.errors import Invalid, NotPermitted
from accounts.models import AuditEvent
from accounts.permissions import Role
from labeling.exporting.filters import ExportFilter, read_filter
from labeling.models import Comparison, Item, Response
from labeling.services import import_records, iter_export, lease_next, make_items, submit_judgement
from labeling.services.pseudonyms import pseudonym
from tests.cast import make_member
from tests.labeling.conftest import Api, judge_next


def exported(project, format="jsonl", **limits):
    blocks = iter_export(project=project, format=format, limits=ExportFilter(**limits))
    return [json.loads(line) for line in b"".join(blocks).splitlines()]


def table(project, **limits):
    text = b"".join(iter_export(project=project, format="csv", limits=ExportFilter(**limits))).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def ids(rows):
    return [row["judgement_id"] for row in rows]


@pytest.fixture
def judged(project, bob, add_pairs):
    add_pairs(12)
    for number in range(12):
        choice = ["a", "b", "tie", "both_bad"][number % 4]
        judge_next(project, bob, choice=choice, strength=number % 3 + 1 if choice in "ab" else None)
    return project


@pytest.fixture
def say(project, alice, bob, add_texts):
    """`say("rating", {...}, {...})`: items of the kind, judged one after the other."""

    def say(kind, *said):
        if not Item.objects.exists():
            add_texts(project, alice)
        make_items(project=project, by=alice, kind=kind, items_per_prompt=4)
        stored = []
        for one in said:
            held = lease_next(project=project, by=bob)
            stored.append(submit_judgement(assignment=held, by=bob, client_id=uuid4(), said=one))
        return stored

    return say


# Going on


def test_an_export_goes_on_after_the_last_judgement_that_arrived(judged):
    whole = exported(judged)
    assert ids(whole) == sorted(ids(whole))
    for format in ("jsonl", "preference", "kto", "sft"):
        rows = exported(judged, format)
        middle = rows[len(rows) // 2]["judgement_id"]
        before = [row for row in rows if row["judgement_id"] <= middle]
        assert before + exported(judged, format, after=middle) == rows
    assert exported(judged, after=max(ids(whole))) == []


def test_a_judgement_that_comes_later_is_after_the_last_one(judged, bob, add_pairs):
    last = max(ids(exported(judged)))
    add_pairs(1, start=50)
    new = judge_next(judged, bob)
    assert ids(exported(judged, after=last)) == [new.pk]


# Filters


def test_an_export_can_be_of_a_time(judged):
    half = Comparison.objects.order_by("pk")[6]
    Comparison.objects.filter(pk__lt=half.pk).update(created_at=now() - timedelta(days=3))
    day_ago = now() - timedelta(days=1)
    assert len(exported(judged, since=day_ago)) == 6
    assert len(exported(judged, until=day_ago)) == 6
    assert exported(judged, since=day_ago, until=day_ago) == []


def test_an_export_can_be_of_some_annotators_by_their_pseudonyms(judged, alice, bob, add_pairs):
    add_pairs(2, start=90)
    mine = judge_next(judged, alice)
    name = pseudonym(judged.pk, alice.user_id)
    assert ids(exported(judged, annotators=[name])) == [mine.pk]
    assert len(exported(judged, annotators=[name, pseudonym(judged.pk, bob.user_id)])) == 13
    with pytest.raises(Invalid, match="Nobody here is called 'alice@example.org'"):
        exported(judged, annotators=["alice@example.org"])


def test_an_export_can_be_of_items_on_which_people_agree(project, alice, bob, organisation, add_pairs):
    project.overlap = 3
    project.save()
    add_pairs(2)
    people = [alice, bob, make_member(organisation, "dora@example.org", Role.ANNOTATOR)]
    first, second = Item.objects.order_by("pk")
    for number, member in enumerate(people):
        while held := lease_next(project=project, by=member):
            shown = held.shown_order[0]
            # Everybody prefers the first answer of the first item; of the second one of three does not.
            wanted = 0 if held.item_id == first.pk or number < 2 else 1
            said = {"choice": "ab"[shown != wanted], "strength": 1}
            submit_judgement(assignment=held, by=member, client_id=uuid4(), said=said)
    assert {row["item_id"] for row in exported(project, min_agreement=1.0)} == {first.pk}
    assert {row["item_id"] for row in exported(project, min_agreement=0.3)} == {first.pk, second.pk}
    assert {row["item_id"] for row in exported(project, min_agreement=0.34)} == {first.pk}
    assert len(exported(project, "preference", min_agreement=0)) == 6


def test_an_item_judged_once_has_no_agreement(judged):
    assert exported(judged, min_agreement=0) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "opinion"}, "kind"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"min_agreement": "1.5"}, "min_agreement"),
        ({"min_agreement": "nan"}, "min_agreement"),
        ({"after": "-1"}, "after"),
        ({"after": "1.5"}, "after"),
        ({"after": "9" * 30}, "after"),
        ({"anonymous": "perhaps"}, "anonymous"),
    ],
)
def test_a_filter_that_says_nothing_is_refused_by_its_name(query, field):
    with pytest.raises(Invalid) as refusal:
        read_filter(query, [])
    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(
    "text", ["2026-11-21", "2026-11-21T00:00:00Z", "2026-11-21T01:00:00 01:00", "2026-11-21T00:00", "2026-11-21 00:00"]
)
def test_a_moment_may_be_written_in_the_usual_ways(text):
    assert read_filter({"since": text}, []).since == datetime(2026, 11, 21, tzinfo=UTC)


# Who may, and who made them


def test_the_api_filters_streams_and_says_so_in_the_audit_trail(judged, alice, bob, charlie):
    path = f"/projects/{judged.pk}/export"
    answer = Api(alice).get(path, format="preference", after="0", since="2026-01-01", anonymous="true")
    assert len(b"".join(answer.streaming_content).splitlines()) == 6
    event = AuditEvent.objects.get(verb="judgements exported")
    assert (event.detail["format"], event.detail["anonymous"]) == ("preference", True)
    assert Api(alice).get(path, kind="opinion").status_code == 422
    assert Api(bob).get(path).status_code == 403
    assert Api(charlie).get(path).status_code == 404
    with pytest.raises(NotPermitted):
        iter_export(project=judged, format="jsonl", by=bob)


def test_an_anonymous_export_tells_nothing_of_the_person(judged, bob, add_pairs):
    add_pairs(1, start=70)
    judge_next(judged, bob, reason="I, Bob, say so", active_ms=1234)
    telling = {"annotator", "reason", "active_ms", "created_at"}
    assert telling <= exported(judged)[0].keys()
    for rows in (exported(judged, anonymous=True), table(judged, anonymous=True)):
        assert len(rows) == 13
        assert not telling & rows[0].keys()
        assert len(rows[0]["created_on"]) == 10
        assert "Bob" not in json.dumps(rows)


# Tables


def test_no_cell_of_a_table_is_a_formula(project, alice, bob):
    starts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"]
    lines = [
        json.dumps({"prompt": f"{start} {number}", "external_id": "=x", "responses": [{"text": start}, {"text": "b"}]})
        for number, start in enumerate(starts)
    ]
    import_records(project=project, by=alice, lines=[line.encode() for line in lines])
    while judge_next(project, bob, reason="=cmd|' /C calc'!A0"):
        pass
    rows = table(project)
    assert len(rows) == len(starts)
    for row in rows:
        for cell in row.values():
            assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} or not cell
    assert {row["external_id"] for row in rows} == {"'=x"}


def test_parquet_holds_what_the_lines_hold(judged):
    import pyarrow.parquet

    data = b"".join(iter_export(project=judged, format="parquet"))
    found = pyarrow.parquet.read_table(io.BytesIO(data))
    assert str(found.schema.field("prompt").type) == "list<element: struct<role: string, content: string>>"
    for row, line in zip(found.to_pylist(), exported(judged), strict=True):
        assert row["created_at"].isoformat()[:19] == line["created_at"][:19]
        assert {name: json.loads(row[name]) for name in ("metadata", "flags", "axes")} == {
            name: line[name] for name in ("metadata", "flags", "axes")
        }
        same = line.keys() - {"metadata", "flags", "axes", "created_at"}
        assert {name: row[name] for name in same} == {name: line[name] for name in same}


def test_parquet_of_nothing_is_a_table_without_rows(project):
    import pyarrow.parquet

    data = b"".join(iter_export(project=project, format="parquet"))
    assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == 0


def test_whoever_leaves_a_parquet_download_leaves_nothing_running(judged):
    import psutil

    stream = iter_export(project=judged, format="parquet")
    next(stream)
    stream.close()
    assert not [child for child in psutil.Process().children() if "parquet_program" in " ".join(child.cmdline())]
    assert Item.objects.count() == 12


# Kinds


def test_a_ranking_is_a_row_with_its_answers_and_a_preference_for_every_two(project, say):
    (stored,) = say("ranking", {"ranks": {"a": 2, "b": 1, "c": 2, "d": 3}})
    (row,) = exported(project)
    texts = dict(Response.objects.values_list("pk", "text"))
    assert row["kind"] == "ranking"
    assert [(answer["text"], answer["rank"]) for answer in row["answers"]] == [
        (texts[pk], rank) for pk, rank in zip(stored.response_ids, [2, 1, 2, 3], strict=True)
    ]
    pairs = [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in exported(project, "preference")]
    a, b, c, d = (texts[pk] for pk in stored.response_ids)
    assert sorted(pairs) == sorted([(b, a), (b, c), (a, d), (c, d), (b, d)])
    assert [each["completion"][0]["content"] for each in exported(project, "sft")] == [b]
    with pytest.raises(Invalid, match="Rankings cannot be read as kto"):
        exported(project, "kto")


def test_a_rating_is_a_good_answer_above_the_middle_of_its_scale(project, say):
    say("rating", *({"scores": {"quality": score}} for score in (5, 3, 1, 4)))
    assert [row["scores"]["quality"] for row in exported(project)] == [5, 3, 1, 4]
    assert [row["label"] for row in exported(project, "kto")] == [True, False, True]
    assert len(exported(project, "sft")) == 2
    assert {row["scores"] for row in table(project)} == {f'{{"quality": {score}}}' for score in (5, 3, 1, 4)}
    with pytest.raises(Invalid, match="Ratings cannot be read as preference"):
        exported(project, "preference")


def test_a_correction_is_preferred_to_what_it_corrects(project, bob, say):
    held_text = "Nine minutes, and then into cold water."
    stored, _ = say("correction", {"text": held_text}, {"text": held_text + " Done."})
    first, _ = exported(project)
    assert (first["response"], first["corrected"]) == (stored.response.text, held_text)
    pair = exported(project, "preference")[0]
    assert pair["chosen"] == [{"role": "assistant", "content": held_text}]
    assert pair["rejected"] == [{"role": "assistant", "content": stored.response.text}]
    assert exported(project, "sft")[0]["completion"] == [{"role": "assistant", "content": held_text}]


def test_a_project_of_several_kinds_is_one_stream_in_order_and_a_table_each(project, say, bob):
    say("ranking", {"ranks": {"a": 1, "b": 2, "c": 3, "d": 4}})
    say("rating", {"scores": {"quality": 5}})
    rows = exported(project)
    assert [row["kind"] for row in rows] == ["ranking", "rating"]
    assert ids(rows) == sorted(ids(rows))
    assert exported(project, after=rows[0]["judgement_id"]) == rows[1:]
    assert len(exported(project, "sft")) == 2
    assert ids(exported(project, kind="rating")) == ids(rows[1:])
    with pytest.raises(Invalid, match="a table has room for one kind"):
        table(project)
    assert len(table(project, kind="ranking")) == 1


def test_every_kind_says_how_it_is_exported():
    from labeling.exporting.kind_export import KindExport
    from labeling.kinds import NAMES
    from labeling.services.exports import export_of

    assert all(isinstance(export_of(name), KindExport) for name in NAMES)


def test_a_block_holds_a_few_rows_whatever_the_export_holds(project, alice, bob):
    long = [
        json.dumps({"prompt": f"Q {n}", "responses": [{"text": "x" * 20_000}, {"text": "y" * 20_000}]}).encode()
        for n in range(20)
    ]
    import_records(project=project, by=alice, lines=long)
    while judge_next(project, bob):
        pass
    sizes = [len(block) for block in iter_export(project=project, format="jsonl")]
    assert len(sizes) > 5
    assert max(sizes) < 64 * 1024 + 45_000
