"""Every kind of judgement: what it takes, what it refuses, what the database itself refuses, what training reads."""

import json
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import Invalid
from labeling.errors import BadJudgement, TooLate
from labeling.kinds import all_kinds
from labeling.kinds.correction.edits import edit_share
from labeling.kinds.design import check_design
from labeling.models import Correction, Item, Judgement, Project, Ranking, Rating, Response
from labeling.services import (
    freeze_snapshot,
    import_records,
    iter_export,
    lease_next,
    make_item,
    make_items,
    submit_judgement,
    undo_last,
    update_project,
)
from tests.labeling.conftest import judge_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(project, alice, add_texts):
    """`ask("rating", axes=[...])`: the project asks so, and has one item of the kind."""

    def make(kind: str, **design) -> Project:
        common = {name: design.pop(name) for name in ("reason", "flags") if name in design}
        update_project(project=project, by=alice, design={"kind": kind, kind: design} | common)
        project.refresh_from_db()
        add_texts(project, alice)
        assert make_items(project=project, by=alice, kind=kind) == 1
        return project

    return make


def say(project, by, **said):
    held = lease_next(project=project, by=by)
    common = {name: said.pop(name) for name in ("reason", "flags") if name in said}
    return submit_judgement(assignment=held, by=by, client_id=uuid4(), said=said, **common)


def refused(project, by, **said) -> dict[str, str]:
    with pytest.raises(BadJudgement) as refusal:
        say(project, by, **said)
    assert not Judgement.objects.exists()
    return refusal.value.fields


def test_ids_are_of_one_sequence_for_all_kinds(ask, bob, alice, project):
    ask("rating")
    make_items(project=project, by=alice, kind="comparison")
    make_items(project=project, by=alice, kind="ranking")
    made = []
    for _ in range(3):
        held = lease_next(project=project, by=bob)
        said = {
            "rating": {"scores": {"quality": 4}},
            "comparison": {"choice": "tie"},
            "ranking": {"ranks": {"a": 1, "b": 1, "c": 2, "d": 3}},
        }[held.item.kind]
        made.append(submit_judgement(assignment=held, by=bob, client_id=uuid4(), said=said).pk)
    assert made == sorted(set(made))
    assert list(Judgement.objects.order_by("pk").values_list("pk", flat=True)) == made


def test_a_ranking_is_stored_with_the_answers_as_they_were_shown(ask, bob):
    stored = say(ask("ranking"), bob, ranks={"a": 2, "b": 1, "c": 2, "d": 3})
    shown = dict(zip("abcd", stored.response_ids, strict=True))
    order = stored.assignment.shown_order
    by_position = list(stored.item.item_responses.order_by("position").values_list("response_id", flat=True))
    assert list(shown.values()) == [by_position[position] for position in order]
    assert stored.ranks == [2, 1, 2, 3]


@pytest.mark.parametrize(
    ("ranks", "field"),
    [
        ({"a": 1, "b": 2, "c": 3}, "ranks.d"),
        ({"a": 1, "b": 2, "c": 3, "d": 5}, "ranks"),
        ({"a": 2, "b": 2, "c": 2, "d": 2}, "ranks"),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, "ranks"),
        ({}, "ranks.a"),
    ],
)
def test_a_ranking_without_a_place_for_each_is_refused(ask, bob, ranks, field):
    assert field in refused(ask("ranking"), bob, ranks=ranks)


def test_equals_are_refused_where_the_project_wants_none(ask, bob):
    assert "equals" in refused(ask("ranking", ties=False), bob, ranks={"a": 1, "b": 1, "c": 2, "d": 3})["ranks"]


def test_a_ranking_is_read_as_pairs(ask, bob, project, settings):
    stored = say(ask("ranking"), bob, ranks={"a": 2, "b": 1, "c": 2, "d": 3})
    snapshot = freeze_snapshot(project=project, by=None)
    assert snapshot.judgement_count == 1
    rows = read_rows(snapshot)
    assert len(rows) == 6
    best = {stored.response_ids[i]: stored.ranks[i] for i in range(4)}
    text_of = dict(Response.objects.values_list("text", "pk"))
    for row in rows:
        a, b = best[text_of[row["response_a"]]], best[text_of[row["response_b"]]]
        assert row["choice"] == ("a" if a < b else "b" if a > b else "tie")
        assert row["judgement_ids"] == [stored.pk]


def read_rows(snapshot):
    parts = [(snapshot.directory / name).read_text().splitlines() for name in ("train.jsonl", "held_out.jsonl")]
    return [json.loads(line) for part in parts for line in part]


AXES = [
    {"name": "quality", "word": "Quality", "labels": ["bad", "", "good"], "high": 3},
    {"name": "safe", "word": "Safe?", "type": "yes_no", "may_not_apply": True},
    {"name": "facts", "word": "Wrong facts", "type": "number", "low": 0, "high": 10},
]


def test_a_rating_is_stored_axis_by_axis(ask, bob):
    stored = say(ask("rating", axes=AXES), bob, scores={"quality": 3.0, "safe": None, "facts": 2.5})
    assert stored.scores == {"quality": 3, "safe": None, "facts": 2.5}


@pytest.mark.parametrize(
    ("scores", "field"),
    [
        ({"quality": 3, "facts": 1}, "scores.safe"),
        ({"quality": None, "safe": 1, "facts": 1}, "scores.quality"),
        ({"quality": 4, "safe": 1, "facts": 1}, "scores.quality"),
        ({"quality": 1.5, "safe": 1, "facts": 1}, "scores.quality"),
        ({"quality": True, "safe": 1, "facts": 1}, "scores.quality"),
        ({"quality": 1, "safe": 1, "facts": float("nan")}, "scores.facts"),
        ({"quality": 1, "safe": 1, "facts": 11}, "scores.facts"),
        ({"quality": 1, "safe": 1, "facts": 1, "wit": 2}, "scores"),
    ],
)
def test_a_score_off_its_scale_is_refused(ask, bob, scores, field):
    assert field in refused(ask("rating", axes=AXES), bob, scores=scores)


def test_a_project_without_axes_of_its_own_rates_quality(ask, bob):
    assert say(ask("rating"), bob, scores={"quality": 5}).scores == {"quality": 5}


def test_a_correction_becomes_a_response_of_the_annotators_own(ask, bob, project):
    held = lease_next(project=ask("correction"), by=bob)
    original = held.item.responses.get()
    stored = submit_judgement(assignment=held, by=bob, client_id=uuid4(), said={"text": original.text + " Salt it."})
    assert stored.response == original
    assert (stored.corrected.text, stored.corrected.author) == (original.text + " Salt it.", bob.user)
    assert 0 < stored.edit_share < 1
    (row,) = read_rows(freeze_snapshot(project=project, by=None))
    better = row["response_a"] if row["choice"] == "a" else row["response_b"]
    assert better == original.text + " Salt it."


def test_an_answer_that_needs_no_change_is_a_judgement_and_no_pair(ask, bob, project):
    held = lease_next(project=ask("correction"), by=bob)
    stored = submit_judgement(
        assignment=held, by=bob, client_id=uuid4(), said={"text": held.item.responses.get().text.replace("\n", "\r\n")}
    )
    assert (stored.corrected, stored.edit_share) == (None, 0)
    assert list(iter_export(project=project, format="preference")) in ([], [b""])


@pytest.mark.parametrize("text", ["", "  \n", "x" * 400_001, "a\x00b", "\ud800", None])
def test_a_correction_that_is_none_is_refused_and_leaves_no_response(ask, bob, text):
    before = Response.objects.count()
    assert "text" in refused(ask("correction"), bob, text=text)
    assert Response.objects.count() <= before + 4


def test_a_correction_taken_back_is_shown_in_no_new_item(ask, bob, alice, project):
    stored = say(ask("correction"), bob, text="Quite another answer.")
    again = undo_last(project=project, by=bob)
    assert again.draft["text"] == "Quite another answer."
    stored.corrected.refresh_from_db()
    assert stored.corrected.withdrawn_at
    make_items(project=project, by=alice, kind="comparison", items_per_prompt=50)
    assert not Item.objects.filter(kind="comparison", responses=stored.corrected).exists()
    submit_judgement(assignment=again, by=bob, client_id=uuid4(), said={"text": "Quite another answer."})
    stored.corrected.refresh_from_db()
    assert stored.corrected.withdrawn_at is None


def test_nobody_judges_an_item_with_their_own_correction(ask, bob, alice, project):
    say(ask("correction"), bob, text="Quite another answer.")
    own = Response.objects.get(author=bob.user)
    item, _ = make_item(
        project=project, prompt=own.prompt, responses=[own, own.prompt.responses.first()], policy="in_order"
    )
    assert lease_next(project=project, by=bob) is None
    assert lease_next(project=project, by=alice).item.pk in {item.pk, Item.objects.get(kind="correction").pk}


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ("one two three", "one two three", 0.0),
        ("a b", "c d", 4 / 6),  # the space between stays
        ("", "new", 1.0),
        ("word", "", 1.0),
        ("one two three", "one 2 three", 2 / 10),
    ],
)
def test_edit_share_counts_words_in_and_out(before, after, share):
    assert edit_share(before, after) == pytest.approx(share)


def test_edit_share_of_long_texts_is_bounded():
    long = " ".join(str(number) for number in range(50_000))
    assert edit_share("start " + long, long[::-1]) <= 1


@pytest.mark.parametrize(
    ("design", "said", "fields"),
    [
        ({"strengths": 1}, {"choice": "a", "strength": 1}, {"strength"}),
        ({"strengths": 2}, {"choice": "a", "strength": 3}, {"strength"}),
        ({"tie": False}, {"choice": "tie"}, {"choice"}),
        ({}, {"choice": "both_good"}, {"choice"}),
        ({"both_bad": False}, {"choice": "both_bad"}, {"choice"}),
        ({"axes": [{"name": "h", "word": "Helpful"}]}, {"choice": "tie"}, {"axes.h"}),
        ({"axes": [{"name": "h", "word": "Helpful"}]}, {"choice": "tie", "axes": {"h": "a"}}, {"axes.h"}),
        (
            {"axes": [{"name": "h", "word": "Helpful"}]},
            {"choice": "tie", "axes": {"h": {"choice": "a", "strength": 1}, "z": {"choice": "a"}}},
            {"axes"},
        ),
        ({}, {"choice": "a", "strength": 1, "axes": {"h": {"choice": "a"}}}, {"axes"}),
        ({}, {"choice": "a", "strength": True}, {"strength"}),
    ],
)
def test_a_comparison_off_the_projects_scale_is_refused(ask, bob, design, said, fields):
    assert set(refused(ask("comparison", **design), bob, **said)) == fields


def test_a_comparison_on_axes_keeps_each_verdict(ask, bob):
    project = ask(
        "comparison",
        strengths=2,
        both_good=True,
        axes=[{"name": "h", "word": "Helpful"}, {"name": "o", "word": "Honest"}],
    )
    axes = {"h": {"choice": "b", "strength": 2}, "o": {"choice": "tie", "strength": None}}
    stored = say(project, bob, choice="both_good", axes=axes)
    assert stored.axes == {"h": {"choice": "b", "strength": 2}, "o": {"choice": "tie"}}
    assert undo_last(project=project, by=bob).draft["axes"] == stored.axes


def test_a_binary_verdict_has_no_strength(ask, bob):
    assert say(ask("comparison", strengths=1), bob, choice="b").strength is None


def test_a_reason_that_is_asked_for_must_be_given(ask, bob):
    project = ask("comparison", reason="required")
    assert "reason" in refused(project, bob, choice="tie", reason="  ")
    assert say(project, bob, choice="tie", reason="Both are short.").reason == "Both are short."


def test_flags_name_an_answer_and_a_span_of_it(ask, bob, project):
    ask("comparison", flags=[{"name": "salty", "word": "Too salty"}])
    flags = ["unsafe", {"name": "salty", "answer": "b", "start": 0, "end": 4}, "unsafe"]
    stored = say(project, bob, choice="tie", flags=flags)
    assert stored.flags == [
        {"name": "unsafe"},
        {"name": "salty", "response_id": stored.response_b_id, "start": 0, "end": 4},
    ]
    assert undo_last(project=project, by=bob).draft["flags"] == [
        {"name": "unsafe"},
        {"name": "salty", "answer": "b", "start": 0, "end": 4},
    ]


@pytest.mark.parametrize(
    "flag",
    [
        "silly",
        {"name": "unsafe", "answer": "c"},
        {"name": "unsafe", "answer": "ab"},
        {"name": "unsafe", "start": 0, "end": 1},
        {"name": "unsafe", "answer": "a", "start": 3, "end": 3},
        {"name": "unsafe", "answer": "a", "start": 0, "end": 10_000},
        {"name": "unsafe", "answer": "a", "start": True, "end": 2},
        {"name": "unsafe", "extra": 1},
        7,
    ],
)
def test_a_flag_that_names_nothing_is_refused(ask, bob, flag):
    assert "flags" in refused(ask("comparison"), bob, choice="tie", flags=[flag])


def test_undo_goes_back_step_by_step_for_as_long_as_the_project_allows(project, bob, alice, add_pairs):
    add_pairs(3)
    made = [judge_next(project, bob).assignment_id for _ in range(3)]
    assert [undo_last(project=project, by=bob).pk for _ in range(3)] == made[::-1]
    assert undo_last(project=project, by=bob) is None
    judge_next(project, bob)
    update_project(project=project, by=alice, undo_minutes=0)
    project.refresh_from_db()
    with pytest.raises(TooLate, match="it stands"):
        undo_last(project=project, by=bob)


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Ranking, {"ranks": [1, 2]}),
        (Ranking, {"ranks": [2, 2, 3, 3]}),
        (Ranking, {"response_ids": [1, 2], "ranks": [1, 2]}),
        (Rating, {"scores": {}}),
        (Correction, {"corrected": None, "edit_share": 0.5}),
        (Correction, {"edit_share": 1.5}),
    ],
)
def test_the_database_itself_refuses(ask, bob, model, change):
    said = {
        Ranking: {"ranks": {"a": 1, "b": 2, "c": 3, "d": 4}},
        Rating: {"scores": {"quality": 1}},
        Correction: {"text": "Another text."},
    }[model]
    stored = say(ask(model.__name__.lower()), bob, **said)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=stored.pk).update(**change)


@pytest.mark.parametrize(
    ("design", "field"),
    [
        ({"kind": "poem"}, "kind"),
        ({"comparison": {"strengths": 4}}, "comparison.strengths"),
        ({"comparison": {"axes": [{"name": "a", "word": "A"}] * 2}}, "comparison.axes"),
        ({"comparison": {"axes": [{"name": "overall", "word": "A"}]}}, "comparison.axes"),
        ({"rating": {"axes": [{"name": "overall", "word": "A"}]}}, "rating.axes"),
        ({"rating": {"axes": [{"name": "A b", "word": "A"}]}}, "rating.axes"),
        ({"rating": {"axes": [{"name": "a", "word": "A", "high": 40}]}}, "rating.axes"),
        ({"rating": {"axes": [{"name": "a", "word": "A", "labels": ["x"]}]}}, "rating.axes"),
        ({"essay": {}}, "essay"),
        ("comparison", "design"),
    ],
)
def test_a_design_that_cannot_be_asked_is_refused_by_field(design, field):
    with pytest.raises(Invalid) as refusal:
        check_design(design)
    assert field in refusal.value.fields


def test_every_kind_has_templates_a_table_and_a_place_in_the_judgements_view(project):
    from django.template.loader import get_template

    for name, kind in all_kinds().items():
        get_template(kind.answers_template)
        get_template(kind.bar_template)
        assert kind.name == name
        assert kind.table == f"labeling_{name}"
    assert not Judgement.objects.filter(kind__in=all_kinds()).exists()


@pytest.mark.parametrize(("kind", "made"), [("rating", 4), ("correction", 4), ("ranking", 1), ("comparison", 1)])
def test_an_import_makes_items_of_the_projects_kind(project, alice, kind, made):
    update_project(project=project, by=alice, design={"kind": kind})
    project.refresh_from_db()
    line = json.dumps({"prompt": "Q?", "responses": [{"text": str(n)} for n in range(4)]}).encode()
    assert import_records(project=project, by=alice, lines=[line]).items_made == made
    assert import_records(project=project, by=alice, lines=[line]).items_made == 0
    assert set(Item.objects.values_list("kind", flat=True)) == {kind}


def test_a_reason_of_a_megabyte_is_refused_and_control_characters_are_kept_as_they_are(ask, bob):
    project = ask("comparison")
    assert "20,000" in refused(project, bob, choice="tie", reason="x" * 1_000_000)["reason"]
    odd = "\u202eright\u2066\u0007\ttab"
    assert say(project, bob, choice="tie", reason=odd).reason == odd
