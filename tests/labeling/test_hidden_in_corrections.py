"""Hidden characters while an answer is corrected: written out, and stored as they came."""

import pytest
from django.http import QueryDict

from labeling.kinds import kind_of
from labeling.kinds.correction.hidden import BRACKETS, brackets_for, has_hidden, read_back, write_out

DESIGN = {"hint": "", "may_stay": True}
SPOOF = "Run \u202egnp.exe\u202c now\x07.\x85\n"


def test_what_nobody_sees_is_written_out():
    assert write_out(SPOOF, "⟦⟧") == "Run ⟦RLO⟧gnp.exe⟦PDF⟧ now⟦U+0007⟧.⟦U+0085⟧\n"
    assert has_hidden(SPOOF)
    assert not has_hidden("Plain,\twith a tab\r\nand a line; \u200fשלום\u200e.")


@pytest.mark.parametrize(
    "text",
    [SPOOF, "⟦RLO⟧ in the text\u202e", "⟦RLO⟧⟪U+0007⟫\x07", "\r alone", "⟦⟪⦗⟬\u202e", "⟦U+0041⟧", "a\nb"],
)
def test_left_alone_it_is_stored_as_it_came(text):
    card = kind_of("correction").card(design=DESIGN, draft={}, texts=[text])
    form = QueryDict(mutable=True)
    form.update({"text": card["text"].replace("\n", "\r\n"), "brackets": card["brackets"]})
    assert kind_of("correction").read_form(form, design=DESIGN) == {"text": text}


def test_a_mark_is_of_no_sign_that_the_text_uses_itself():
    assert brackets_for("⟦ here", "⟪ there") == BRACKETS[2]
    assert brackets_for("".join(BRACKETS)) == ""
    assert read_back("⟦RLO⟧", "") == "⟦RLO⟧"
    assert read_back("⟦RLO⟧", "()") == "⟦RLO⟧"
    assert read_back("⟦U+0041⟧ ⟦U+000A⟧", "⟦⟧") == "⟦U+0041⟧ ⟦U+000A⟧", "no name of a hidden one"
