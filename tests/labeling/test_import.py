import gzip
import hashlib
import json
import random
from itertools import chain, pairwise

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labeling.hashing import hash_prompt
from labeling.importing import bounded_lines
from labeling.importing.lookups import draw_ids
from labeling.models import Item, ItemResponse, Prompt, Response
from labeling.services import import_records, imports
from tests.labeling.conftest import pair_lines

GOOD = b'{"prompt": "Why?", "responses": [{"text": "So."}, {"text": "Hm.", "model": "m"}]}'


@pytest.fixture
def send(project, alice):
    return lambda *lines, **options: import_records(project=project, by=alice, lines=lines, **options)


def test_a_line_becomes_a_prompt_its_responses_and_one_item(send, project):
    report = send(GOOD)
    assert (report.created, report.duplicates, report.rejected, report.items_made) == (1, 0, [], 1)
    prompt = Prompt.objects.get(project=project)
    assert prompt.messages == [{"role": "user", "content": "Why?"}]
    item = Item.objects.get()
    assert [entry.response.text for entry in item.item_responses.all()] == ["So.", "Hm."]
    assert (item.open_slots, item.overlap, item.propensity) == (1, 1, 1.0)
    assert set(Response.objects.values_list("model_name", flat=True)) == {"", "m"}


def test_sending_the_same_file_again_adds_nothing(send):
    send(*pair_lines(5))
    report = send(*pair_lines(6))
    assert (report.created, report.duplicates, report.items_made) == (1, 5, 1)
    assert Item.objects.count() == 6


def test_a_repeated_line_counts_once_also_within_one_file(send):
    report = send(GOOD, GOOD)
    assert (report.created, report.duplicates, report.items_made) == (1, 1, 1)


def test_a_known_prompt_with_a_new_response_counts_as_created(send):
    send(GOOD)
    report = send(b'{"prompt": "Why?", "responses": [{"text": "So."}, {"text": "Because."}]}')
    assert (report.created, report.duplicates, report.items_made) == (1, 0, 1)
    assert Prompt.objects.count() == 1
    assert Response.objects.count() == 3


def test_a_prompt_alone_is_taken_and_makes_no_item(send):
    assert send(b'{"prompt": [{"role": "user", "content": "Why?"}]}').items_made == 0
    assert Prompt.objects.count() == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"prompt": "a"} x', "not JSON"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        (b"[1]", "must be an object"),
        (b'"prompt"', "must be an object"),
        (b'{"responses": []}', '"prompt" is missing'),
        (b'{"prompt": "a", "chosen": "b"}', "Unknown keys: 'chosen'"),
        (b'{"prompt": ""}', "is empty"),
        (b'{"prompt": "  "}', "is empty"),
        (b'{"prompt": []}', "is empty"),
        (b'{"prompt": 5}', "not a number"),
        (b'{"prompt": {"role": "user", "content": "a"}}', "not an object"),
        (b'{"prompt": [{"role": "bot", "content": "a"}]}', "the role 'bot'"),
        (b'{"prompt": [{"role": ["user"], "content": "a"}]}', "the role"),
        (b'{"prompt": [{"role": "user", "content": "a", "name": "n"}]}', "nothing else"),
        (b'{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}', "end with a user"),
        (b'{"prompt": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}', "end with a user"),
        (
            b'{"prompt": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}, '
            b'{"role": "user", "content": "a"}]}',
            "only come first",
        ),
        (b'{"prompt": "a\\u0000"}', "NUL"),
        (b'{"prompt": "a\\ud800"}', "surrogate"),
        (b'{"prompt": "a", "metadata": {"k": ["\\u0000"]}}', "NUL"),
        (b'{"prompt": "a", "metadata": {"\\udc00": 1}}', "surrogate"),
        (b'{"prompt": "a", "metadata": {"k": NaN}}', "NaN is not JSON"),
        (b'{"prompt": "a", "metadata": {"k": -Infinity}}', "Infinity is not JSON"),
        (b'{"prompt": "a", "metadata": {"k": 1e999}}', "too large"),
        (b'{"prompt": "a", "metadata": {"k": ' + b"9" * 5000 + b"}}", "too many digits"),
        (b'{"prompt": "a", "metadata": [1]}', "must be an object"),
        (b'{"prompt": "a", "metadata": {"k": ' + b"[" * 50 + b"]" * 50 + b"}}", "nested more than"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"prompt": "a", "external_id": 7}', '"external_id" must be text'),
        (b'{"prompt": "a", "external_id": "' + b"x" * 201 + b'"}', "longer than 200"),
        (b'{"prompt": "a", "responses": {"text": "b"}}', '"responses" must be a list'),
        (b'{"prompt": "a", "responses": ["b"]}', "Response 1 must be an object"),
        (b'{"prompt": "a", "responses": [{"text": true}]}', "must be text in quotes, not true or false"),
        (b'{"prompt": "a", "responses": [{"text": null}]}', "not null"),
        (b'{"prompt": "a", "responses": [{"text": "b", "score": 1}]}', "unknown keys: 'score'"),
        (b'{"prompt": "a", "responses": [{"text": "b"}, {"text": "b"}]}', "the same text"),
        (b'{"prompt": "a", "responses": [{"text": "b", "model": 3}]}', "The model of response 1 must be text"),
    ],
)
def test_a_line_that_cannot_be_taken_is_told_with_its_number_and_reason(send, line, reason):
    report = send(GOOD, b"", line, *pair_lines(1))
    assert report.created == 2
    ((number, why),) = report.rejected
    assert number == 3
    assert reason in why
    assert why.endswith(".")


def test_an_empty_answer_is_a_real_one(send):
    turns = [{"role": role, "content": text} for role, text in (("user", "a"), ("assistant", ""), ("user", "b"))]
    assert send(json.dumps({"prompt": turns}).encode()).created == 1
    assert send(b'{"prompt": "a", "responses": [{"text": ""}, {"text": "b"}]}').items_made == 1


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(send):
    assert send(b"\xef\xbb\xbf" + GOOD + b"\r\n", *pair_lines(1)).created == 2


def test_a_line_of_a_hundred_megabytes_is_refused_without_being_held(send, settings):
    settings.IMPORT_MAX_LINE_BYTES = 10_000
    stream = chain([GOOD + b'\n{"prompt": "'], (b"x" * 1_000_000 for _ in range(100)), [b'"}\n' + pair_lines(1)[0]])
    lines = list(bounded_lines(stream))
    assert [len(line) for line in lines] == [len(GOOD), 10_001, len(pair_lines(1)[0])]
    report = send(*lines)
    assert report.created == 2
    assert report.rejected == [(2, "The line is longer than 10,000 bytes.")]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lines_do_not_depend_on_how_the_stream_is_cut(size):
    whole = b"a\n\nbb\r\nccc"
    assert list(bounded_lines(whole[i : i + size] for i in range(0, len(whole), size))) == [b"a", b"", b"bb\r", b"ccc"]


def test_nothing_is_imported_when_the_stream_breaks(project, alice):
    def broken():
        yield from pair_lines(5000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        import_records(project=project, by=alice, lines=broken())
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_rows_that_are_on_their_way_are_known_to_the_next_batch(send, project, size, monkeypatch):
    """Few prompts and answers, so that the batches repeat each other: what is stored is what one batch would store."""
    chance = random.Random(size)
    lines, wanted, items, created = [], set(), set(), 0
    for _ in range(120):
        prompt = f"Question {chance.randrange(9)}"
        answers = chance.sample([f"Answer {number}" for number in range(4)], chance.randrange(4))
        new = {(prompt, answer) for answer in ("", *answers)} - wanted
        created += bool(new)
        wanted |= new
        if len(answers) > 1:
            items.add((prompt, frozenset(answers[:2])))
        lines.append(json.dumps({"prompt": prompt, "responses": [{"text": text} for text in answers]}).encode())
    monkeypatch.setattr(imports, "BATCH_LINES", size)
    report = send(*lines)
    assert (report.created, report.duplicates, report.items_made) == (created, 120 - created, len(items))
    texts = {prompt.pk: prompt.last_user_text for prompt in Prompt.objects.all()}
    stored = {(texts[prompt], text) for prompt, text in Response.objects.values_list("prompt_id", "text")}
    assert stored | {(text, "") for text in texts.values()} == wanted
    assert len(texts) + Response.objects.count() == len(wanted)
    made = [
        (texts[item.prompt_id], frozenset(item.responses.values_list("text", flat=True))) for item in Item.objects.all()
    ]
    assert len(made) == len(items)
    assert set(made) == items


def test_rows_that_the_database_refuses_on_their_way_take_the_whole_import_with_them(send, project, monkeypatch):
    monkeypatch.setattr(imports, "BATCH_LINES", 2)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE labeling_response ADD CONSTRAINT strict CHECK (text <> 'No, 3.')")
    with pytest.raises(IntegrityError, match="strict"):
        send(*pair_lines(9))
    assert not Prompt.objects.exists()
    assert send(*pair_lines(9, start=4)).created == 9
    assert Response.objects.count() == 18


def test_more_rejected_lines_than_anybody_reads_are_counted_and_not_kept(send):
    report = send(*[b"x"] * 1500)
    assert report.rejected_count == 1500
    assert len(report.rejected) == 1000


def test_the_random_policy_spreads_items_over_the_queue(send, project):
    send(*pair_lines(50))
    assert len(set(Item.objects.values_list("priority", flat=True))) == 50
    project.selection_policy = "in_order"
    project.save()
    send(*pair_lines(50, start=50))
    assert Item.objects.filter(priority=0.0, policy="in_order").count() == 50


def test_the_part_of_the_split_follows_from_the_content(send, project):
    send(*pair_lines(1000))
    held_out = Prompt.objects.filter(held_out=True).count()
    assert 150 < held_out < 250


def test_real_pairs_are_imported_whole(send, reference_data):
    with gzip.open(reference_data / "hh_helpful_dev.jsonl.gz") as rows:
        lines = [
            json.dumps({"prompt": row["prompt"], "responses": [{"text": row["chosen"]}, {"text": row["rejected"]}]})
            for row in map(json.loads, rows)
        ]
    report = send(*(line.encode() for line in lines))
    assert report.created + report.duplicates + report.rejected_count == len(lines) == 1150


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()})))
def test_the_hash_of_a_conversation_is_that_of_its_compact_json(messages):
    turns = [[message["role"], message["content"]] for message in messages]
    written = json.dumps(turns, ensure_ascii=False, separators=(",", ":"))
    try:
        wanted = hashlib.sha256(written.encode()).hexdigest()
    except UnicodeEncodeError:  # half a surrogate pair: refused long before
        return
    assert hash_prompt(messages) == wanted


@examples(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_any_text_is_stored_as_it_came(send, text):
    turns = [{"role": "user", "content": f"> {text}"}]
    line = {"prompt": turns, "responses": [{"text": text}, {"text": f"{text}."}], "metadata": {"k": text}}
    assert send(json.dumps(line).encode()).rejected == []
    prompt = Prompt.objects.latest("pk")
    assert (prompt.messages, prompt.metadata) == (turns, {"k": text})
    assert {response.text for response in prompt.responses.all()} == {text, f"{text}."}


def test_a_reference_to_nothing_is_refused_where_the_caller_does_not_vouch_for_it(project):
    from labeling.importing.copying import references_checked_by_caller

    row = "1\t999999999\tText\thash\timport\t\t{}\t2026-01-01"
    columns = "id, prompt_id, text, content_hash, origin, model_name, sampling, created_at"
    with transaction.atomic():
        with references_checked_by_caller(["labeling_response"]):
            pass
        with connection.cursor() as cursor, cursor.copy(f"COPY labeling_response ({columns}) FROM STDIN") as copy:
            copy.write(row + "\n")
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def test_every_reference_that_an_import_wrote_is_there(send, project):
    send(*pair_lines(50))
    send(*pair_lines(60), b'{"prompt": "Question 3?", "responses": [{"text": "Yes, 3."}, {"text": "New"}]}')
    looked_at = 0
    for model in (Prompt, Response, Item, ItemResponse):
        for each in (each for each in model._meta.concrete_fields if each.many_to_one):
            rows = model.objects.filter(**{f"{each.name}__isnull": False})
            assert not rows.exclude(**{f"{each.name}__in": each.related_model.objects.all()}).exists()
            looked_at += rows.count()
    assert looked_at == 60 + 121 + 2 * 61 + 2 * 122


def test_what_is_stored_of_a_row_is_what_it_says_and_what_the_project_has(send, project):
    project.overlap, project.held_out_percent = 3, 50
    project.save()
    line = (
        b'{"prompt": "Why?", "external_id": "n\\u00b0 7", "metadata": {"a": [1, 2.5, null, "\\u2028"]}, "responses": ['
    )
    send(line + b'{"text": "So.", "model": "m\\tn"}, {"text": ""}, {"text": "\\\\N"}]}', source="a \\.\t b")
    prompt, item = Prompt.objects.get(), Item.objects.get()
    assert (prompt.external_id, prompt.source) == ("n° 7", "a \\.\t b")
    assert prompt.metadata == {"a": [1, 2.5, None, "\u2028"]}
    assert prompt.held_out == project.holds_out(prompt.content_hash)
    assert prompt.content_hash == hash_prompt(prompt.messages)
    assert abs((now() - prompt.created_at).total_seconds()) < 60
    stored = prompt.responses.order_by("pk").values_list("text", "model_name", "content_hash", "origin", "sampling")
    assert list(stored) == [
        (text, name, hashlib.sha256(text.encode()).hexdigest(), "import", {})
        for text, name in (("So.", "m\tn"), ("", ""), ("\\N", ""))
    ]
    assert (item.project, item.prompt, item.kind, item.reopened) == (project, prompt, "comparison", False)
    assert (item.overlap, item.open_slots, item.policy, item.propensity) == (3, 3, "random", 1.0)
    assert 0 < item.priority < 1
    assert item.response_key == ",".join(str(each.response_id) for each in item.item_responses.order_by("position"))


def test_ids_with_gaps_between_them_are_told_one_by_one(project):
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE labeling_prompt_id_seq INCREMENT BY 3")
        assert draw_ids(Response, 4)[-1] - draw_ids(Response, 1)[0] == -1
        found = [*draw_ids(Prompt, 3), *draw_ids(Prompt, 1)]
    assert [after - before for before, after in pairwise(found)] == [3, 3, 3]
    assert list(draw_ids(Prompt, 0)) == []


def test_a_table_with_a_trigger_of_its_own_keeps_it(project):
    from labeling.importing.copying import references_checked_by_caller

    with connection.cursor() as cursor:
        cursor.execute("""CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                          CREATE TRIGGER mine AFTER INSERT ON labeling_item EXECUTE FUNCTION nothing()""")
        with references_checked_by_caller(["labeling_item"]):
            cursor.execute("SHOW session_replication_role")
            assert cursor.fetchone() == ("origin",)
        with references_checked_by_caller(["labeling_prompt"]):
            cursor.execute("SHOW session_replication_role")
            assert cursor.fetchone() == ("replica",)
        cursor.execute("SHOW session_replication_role")
        assert cursor.fetchone() == ("origin",)
