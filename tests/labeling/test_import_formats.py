"""Files of other tools: CSV, Parquet, Label Studio, TRL preferences."""

import gzip
import io
import json
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Invalid
from labeling.errors import BadContent, BrokenUpload
from labeling.importing.containers import csv_rows, json_array
from labeling.importing.formats import open_rows, read_rows, sniff_file, sniff_stream
from labeling.importing.tables import Columns, guess_columns
from labeling.models import Item, Prompt, Response
from labeling.services.imports import import_rows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def send(project, alice):
    """Import bytes as they come over the API."""

    def send(content: bytes, *, format: str = "", columns: Columns | None = None, name: str = ""):
        sniffed, raws = sniff_stream(iter([content]), name=name, format=format)
        return import_rows(project=project, by=alice, rows=read_rows(raws, sniffed.format, columns or sniffed.columns))

    return send


@pytest.fixture
def send_file(project, alice, tmp_path):
    """Import a file on disk."""

    def send_file(content: bytes, *, format: str = "", name: str = "upload"):
        path = tmp_path / name
        path.write_bytes(content)
        sniffed = sniff_file(path, format=format)
        rows = open_rows(path, sniffed, sniffed.columns, lambda done: None)
        return import_rows(project=project, by=alice, rows=rows)

    return send_file


def texts(prompt: Prompt) -> list[str]:
    return list(prompt.responses.order_by("pk").values_list("text", flat=True))


def test_a_table_with_the_usual_names_needs_no_words(send):
    table = (
        "prompt,response_a,response_b,model_a,model_b,external_id,topic\r\n"
        '"Why, though?","So.\r\nReally.",Hm,one,two,x1,chat\r\n'
    )
    report = send(table.encode())
    assert (report.created, report.items_made, report.rejected) == (1, 1, [])
    prompt = Prompt.objects.get()
    assert (prompt.last_user_text, prompt.external_id, prompt.metadata) == ("Why, though?", "x1", {"topic": "chat"})
    assert texts(prompt) == ["So.\r\nReally.", "Hm"]
    assert list(prompt.responses.order_by("pk").values_list("model_name", flat=True)) == ["one", "two"]


@pytest.mark.parametrize(
    ("names", "guessed"),
    [
        (["prompt", "answer_1", "answer_2", "answer_10"], Columns("prompt", ("answer_1", "answer_2", "answer_10"))),
        (["Question", "Answer A", "Answer B"], Columns("Question", ("Answer A", "Answer B"))),
        (["text1", "text2", "Prompt"], Columns("Prompt", ("text1", "text2"))),
        (["instruction", "output", "id"], Columns("instruction", ("output",), (), "id")),
        (["query", "completion", "model"], Columns("query", ("completion",), ("model",))),
        (["a", "b"], Columns()),
    ],
)  # fmt: skip
def test_columns_are_guessed_by_their_names(names, guessed):
    assert guess_columns(names) == guessed


def test_columns_may_be_named_by_whoever_imports(send):
    columns = Columns("frage", ("eins", "zwei"), ("", "m"), "nr")
    report = send(b"nr;frage;eins;zwei;m\n7;Warum?;Darum.;Eben.;gpt\n", format="table", columns=columns)
    assert (report.created, report.items_made) == (1, 1)
    assert Prompt.objects.get().external_id == "7"
    assert set(Response.objects.values_list("model_name", flat=True)) == {"", "gpt"}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (Columns(), "Say which column holds the prompt"),
        (Columns("q"), "There is no column 'q'. The file has a, b"),
        (Columns("a", ("b", "a")), "two things at once"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns, why):
    with pytest.raises(BadContent, match=why):
        columns.check(["a", "b"])


def test_a_conversation_in_a_cell_stays_one_and_brackets_alone_do_not_make_one(send):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    cell = json.dumps(turns).replace('"', '""')
    send(f'prompt,response_a\n"{cell}",x\n"[{{not json",y\n[1] is a citation,z\n'.encode())
    prompts = list(Prompt.objects.order_by("pk"))
    assert prompts[0].messages == turns
    assert [prompt.last_user_text for prompt in prompts[1:]] == ["[{not json", "[1] is a citation"]


def test_an_empty_cell_is_no_answer(send):
    assert send(b"prompt,response_a,response_b\nWhy?,So.,\n").items_made == 0
    assert texts(Prompt.objects.get()) == ["So."]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"only one", "1 cells and the header 3"),
        (b"a,b,c,d", "4 cells and the header 3"),
        (b'"a" x,b,c', "The row is not CSV"),
        (b"caf\xe9,b,c", "Line 3 is not UTF-8 (byte 4). Save the table as CSV UTF-8."),
        (b"a\x00,b,c", "NUL"),
        (b",b,c", "The column 'prompt' is empty"),
        (b"a,same,same", "the same text"),
    ],
)
def test_a_row_of_a_table_that_cannot_be_taken_is_told_with_its_line(send, row, reason):
    report = send(b"prompt,response_a,response_b\nWhy?,So.,Hm.\n" + row + b"\nHow?,Thus.,Like this.\n")
    assert report.created == 2
    ((line, why),) = report.rejected
    assert line == 3
    assert reason in why


def test_a_quote_that_is_never_closed_costs_its_row_and_not_the_memory(settings):
    settings.IMPORT_MAX_LINE_BYTES = 10_000
    chunks = chain([b'prompt,answer\n"open,x\n'], (b"more, of it\n" * 1000 for _ in range(50)))
    first = next(csv_rows(chunks))
    assert first.number == 2
    assert "longer than 10,000 bytes. Is a quote left open" in first.reason
    assert len(first.text) < 20_000


def test_two_columns_of_one_name_are_refused_as_a_whole():
    with pytest.raises(BadContent, match="Two columns are called 'a'"):
        list(csv_rows([b"a,a\n1,2\n"]))


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r")), min_size=2, max_size=2
        ),
        max_size=5,
    ),
    st.integers(1, 50),
)
def test_any_table_that_csv_writes_is_read_however_it_is_cut(rows, size):
    import csv

    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([["prompt", "answer"], *rows])
    whole = out.getvalue().encode()
    found = [raw.value for raw in csv_rows(whole[i : i + size] for i in range(0, len(whole), size))]
    keys = ("prompt", "answer")
    assert found == [{k: v or None for k, v in zip(keys, row, strict=True)} for row in rows if any(row)]


# TRL preferences

USER = {"role": "user", "content": "Why?"}
SO, HM = ({"role": "assistant", "content": text} for text in ("So.", "Hm."))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "Hm."},
        {"prompt": [USER], "chosen": [SO], "rejected": [HM]},
        {"chosen": [USER, SO], "rejected": [USER, HM]},
        {"prompt": "Why?", "chosen": [USER, SO], "rejected": [USER, HM]},
        {"chosen": "\n\nHuman: Why?\n\nAssistant: So.", "rejected": "\n\nHuman: Why?\n\nAssistant: Hm."},
        {"chosen": "Why? So.", "rejected": "Why? Hm."},
    ],
)
def test_every_shape_of_a_trl_preference_is_the_same_pair(send, row):
    report = send(json.dumps(row).encode())
    assert (report.created, report.items_made, report.rejected) == (1, 1, [])
    prompt = Prompt.objects.get()
    assert prompt.messages == [USER]
    assert texts(prompt) == ["So.", "Hm."]
    assert Item.objects.get().open_slots == 1  # it waits for a judgement: that of the file is none of ours


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "a b", "rejected": "c d"}, 'There is no "prompt"'),
        ({"chosen": [SO], "rejected": [HM]}, 'There is no "prompt"'),
        ({"chosen": [USER, SO], "rejected": [USER, SO]}, "the same text"),
        ({"prompt": [USER], "chosen": "So.", "rejected": [HM]}, "both be text"),
        ({"prompt": [USER], "chosen": [SO, HM], "rejected": [HM]}, '"chosen" must end with one message'),
        ({"prompt": "Why?", "chosen": None, "rejected": "Hm."}, '"chosen" must be text or a list'),
        ({"prompt": "Why?", "chosen": "So."}, '"rejected" is missing'),
        ({"prompt": [], "chosen": [SO], "rejected": [HM]}, "is empty"),
    ],
)
def test_a_preference_that_cannot_be_taken_says_why(send, row, reason):
    report = send(json.dumps(row).encode(), format="preference")
    assert report.created == 0
    assert reason in report.rejected[0][1]


def test_scores_and_models_of_a_preference_are_kept(send):
    send(json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "Hm.", "chosen_model": "big", "score": 9}).encode())
    assert Prompt.objects.get().metadata == {"score": 9}
    assert Response.objects.get(text="So.").model_name == "big"


# Label Studio


def task(number: int, result: list[dict], **more) -> dict:
    data = {"prompt": f"Question {number}?", "text1": f"Yes {number}.", "text2": f"No {number}."}
    annotation = {
        "id": 1,
        "completed_by": 3,
        "result": result,
        "was_cancelled": False,
        "created_at": "2026-01-01T00:00Z",
    }
    return {"id": number, "data": data, "annotations": [annotation], "predictions": [], **more}


PAIRWISE = {"from_name": "pw", "to_name": ["a", "b"], "type": "pairwise", "value": {"selected": "left"}}


def test_a_label_studio_export_becomes_prompts_and_pairs(send):
    export = [task(1, [PAIRWISE]), task(2, [{"type": "choices", "value": {"choices": ["Tie"]}}]), task(3, [])]
    report = send(json.dumps(export, indent=2).encode())
    assert (report.created, report.items_made, report.rejected) == (3, 3, [])
    assert sorted(Prompt.objects.values_list("external_id", flat=True)) == ["1", "2", "3"]


def test_a_task_without_its_texts_is_told_by_its_place(send):
    report = send(json.dumps([task(1, []), task(2, [], data={"text1": "x", "text2": "y"})]).encode())
    assert report.created == 1
    assert report.rejected[0][0] == 2
    assert "The column 'prompt' is empty" in report.rejected[0][1]


def test_a_rating_is_kept_beside_the_prompt(send):
    send(json.dumps([task(1, [{"from_name": "r1", "type": "rating", "value": {"rating": 4}}])]).encode())
    assert Prompt.objects.get().metadata == {"label_studio": {"ratings": [{"of": "r1", "rating": 4}]}}


# A JSON array is read object by object


@given(
    # Twenty leaves a value: drawing a hundred takes hypothesis forty times as long as reading them takes us.
    st.lists(st.dictionaries(st.text(), st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=20))),
    st.integers(1, 30),
)
def test_any_array_is_read_however_it_is_cut_and_laid_out(objects, size):
    whole = json.dumps(objects, ensure_ascii=True, indent=2).encode()
    assert [raw.value for raw in json_array(whole[i : i + size] for i in range(0, len(whole), size))] == objects


def test_an_object_of_an_array_that_is_too_long_costs_itself_alone(settings):
    settings.IMPORT_MAX_LINE_BYTES = 1_000
    chunks = chain([b'[{"a": 1}, {"b": "'], (b"x" * 1_000_000 for _ in range(100)), [b'"}, {"c": 2}]'])
    found = list(json_array(chunks))
    assert [raw.value for raw in found] == [{"a": 1}, None, {"c": 2}]
    assert found[1].reason == "The object is longer than 1,000 bytes."
    assert len(found[1].text) <= 1_001


@pytest.mark.parametrize("rest", [b', {"b"', b", 5]", b',, {"b": NaN}]', b', {"b": "x'])
def test_a_broken_array_keeps_its_sound_objects_and_tells_of_the_rest(rest):
    found = list(json_array([b'[{"a": 1}' + rest]))
    assert found[0].value == {"a": 1}
    assert [raw.number for raw in found if raw.value is None] == [2]


# Parquet


def parquet(rows: list[dict], **options) -> bytes:
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out, **options)
    return out.getvalue()


def test_parquet_preferences_are_read(send_file):
    rows = [
        {"prompt": [USER], "chosen": [SO], "rejected": [{"role": "assistant", "content": f"Hm {n}"}]}
        for n in range(600)
    ]
    report = send_file(parquet(rows, row_group_size=100))
    assert (report.created, report.items_made, report.rejected) == (600, 600, [])


def test_parquet_tables_are_read_and_null_is_no_answer(send_file):
    rows = [{"prompt": "Why?", "response_a": "So.", "response_b": None, "n": 1}, {"prompt": None, "response_a": "x"}]
    report = send_file(parquet(rows))
    assert (report.created, report.items_made) == (1, 0)
    assert report.rejected == [(2, "The column 'prompt' is empty: it holds the prompt.")]
    assert Prompt.objects.get().metadata == {"n": 1}


def test_a_parquet_file_that_ends_early_is_refused_whole(send_file):
    with pytest.raises(BadContent, match="cannot be read"):
        send_file(parquet([{"prompt": "Why?", "response_a": "So."}])[:-20])
    assert not Prompt.objects.exists()


def test_a_parquet_file_made_to_explode_is_refused_before_it_does(send_file):
    rows = [{"prompt": "x" * 1_000_000, "response_a": str(n)} for n in range(3)]
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(rows)
    table = pyarrow.concat_tables([table] * 400)
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, use_dictionary=False, compression="zstd", row_group_size=2_000)
    assert len(out.getvalue()) < 2_000_000
    with pytest.raises(BadContent, match="Write the file with smaller row groups"):
        send_file(out.getvalue())


def test_no_web_process_ever_imports_arrow():
    """Everything that a web process has loaded after an import of Parquet and its preview."""
    program = """
import io, os, sys, pathlib, tempfile
import django; django.setup()
import config.wsgi, config.urls
from django.urls import get_resolver; get_resolver().url_patterns
from labeling.importing.formats import open_rows, sniff_file
from labeling.services import exports
path = pathlib.Path(sys.argv[1])
sniffed = sniff_file(path)
assert sniffed.container == "parquet", sniffed
assert [row.record.messages for row in open_rows(path, sniffed, sniffed.columns, lambda done: None)]
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"pyarrow", "pandas", "datasets", "torch", "numpy.random"}, loaded
"""
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        path = Path(file.name)
        path.write_bytes(parquet([{"prompt": "Why?", "response_a": "So.", "response_b": "Hm."}]))
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr


# Which format it is


@pytest.mark.parametrize(
    ("content", "name", "wanted"),
    [
        (b'{"prompt": "a"}', "", ("json lines", "records")),
        (b'\xef\xbb\xbf\n{"prompt": "a", "responses": []}', "", ("json lines", "records")),
        (b'[{"prompt": "a", "responses": []}]', "", ("json array", "records")),
        (b'{"chosen": "a", "rejected": "b"}', "x.csv.jsonl", ("json lines", "preference")),
        (b'{"prompt": "a", "response_a": "b"}', "", ("json lines", "table")),
        (b'{"id": 1, "data": {"prompt": "a"}, "annotations": []}', "", ("json lines", "label_studio")),
        (b"question;answer a;answer b\n", "", ("csv", "table")),
        (b"anything at all", "notes.tsv", ("csv", "table")),
        (b"anything at all", "", ("json lines", "records")),
        (b"", "", ("json lines", "records")),
    ],
)
def test_the_format_is_told_by_name_and_content(content, name, wanted):
    sniffed, _ = sniff_stream(iter([content]), name=name)
    assert (sniffed.container, sniffed.format) == wanted


def test_a_packed_file_is_unpacked(send_file):
    assert send_file(gzip.compress(b'{"prompt": "Why?"}\n{"prompt": "How?"}')).created == 2
    with pytest.raises(BrokenUpload, match="ends in the middle"):
        send_file(gzip.compress(b'{"prompt": "Why?"}' * 1000)[:40])


def test_what_is_no_text_is_refused_as_a_whole():
    with pytest.raises(BadContent, match="neither text nor Parquet"):
        sniff_stream(iter([b"\x7fELF\x02\x00\x00"]))
    with pytest.raises(BadContent, match="UTF-16"):
        sniff_stream(iter(["prompt".encode("utf-16")]))
    with pytest.raises(Invalid, match="There is no import format 'xlsx'"):
        sniff_stream(iter([b"{}"]), format="xlsx")
