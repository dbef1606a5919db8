"""The short way of reading a line against the long one: it takes nothing else and nothing otherwise."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labeling.errors import BadContent
from labeling.importing import parse_record
from labeling.importing.usual_lines import read_usual_line

_TEXTS = st.text(max_size=8) | st.sampled_from(["", " ", "\x00", "\ud800", "\udc00", "😀", '\n\\"/', "x" * 201])
_NUMBERS = st.sampled_from([1, -0.0, 1.5, 10**30, 1e308]) | st.integers()
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=4,
)
_TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "user", "assistant", "system", "bot"]), "content": _TEXTS}
)
_RESPONSES = st.fixed_dictionaries({"text": _TEXTS}, optional={"model": _TEXTS | st.none()})
_LINES = st.fixed_dictionaries(
    {"prompt": _TEXTS | st.lists(_TURNS, max_size=3)},
    optional={
        "responses": st.lists(_RESPONSES, max_size=3) | st.none(),
        "external_id": _TEXTS | st.none(),
        "metadata": st.dictionaries(_TEXTS, _VALUES, max_size=2) | st.none(),
        "more": _VALUES,
    },
)
_PIECES = st.sampled_from(
    [b'"', b"\\", b"\\u0000", b"\\ud800", b"\\ude00", b"\x00", b"\x1f", b"\x7f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
     b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t", b"\x0b", b"1e999", b"NaN", b"null", b"true", b"-0",
     b"\xef\xbb\xbf", b'"prompt": "z", ', b'"text": "q", ', b'"metadata": {"k": 1e999}, ', b'"metadata": [NaN], ', b"/"]
)  # fmt: skip


def taken(line):
    try:
        return parse_record(line)
    except BadContent:
        return None


@examples(deadline=None)
@given(_LINES, st.booleans(), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4), _PIECES), max_size=3))
def test_what_the_short_way_takes_the_long_one_takes_alike(value, escaped, damage):
    line = json.dumps(value, ensure_ascii=escaped).encode(errors="surrogatepass")
    for at, dropped, piece in damage:
        line = line[:at] + piece + line[at + dropped :]
    found = read_usual_line(line.strip())
    assert found is None or repr(found) == repr(taken(line.strip()))


@pytest.mark.parametrize(
    "line",
    [
        b'{"prompt": "Why?", "responses": [{"text": "So."}, {"text": "Hm.", "model": "m"}]}',
        b'{"prompt": "Why?", "responses": [{"model": null, "text": ""}], "external_id": "7", "metadata": {"k": [1e3]}}',
        b'{"prompt": "Why?", "prompt": "How?", "responses": null, "external_id": null, "metadata": null}',
        '{"prompt": [{"role": "system", "content": "ü"}, {"content": "日本\\ud83d\\ude00", "role": "user"}]}'.encode(),
    ],
)
def test_the_usual_shapes_go_the_short_way(line):
    assert read_usual_line(line) == parse_record(line)


def test_a_hundred_answers_are_usual_and_one_more_takes_a_closer_look():
    for count, usual in ((100, True), (101, False)):
        line = {"prompt": "Why?", "responses": [{"text": str(number)} for number in range(count)]}
        assert bool(read_usual_line(json.dumps(line).encode())) is usual
