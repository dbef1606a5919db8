"""What a snapshot keeps of each kind of judgement beside its pairs."""

import json

import pytest

from accounts.permissions import Role
from labeling.models import Item, Response
from labeling.services import freeze_snapshot, new_judgements_since_snapshot, set_tags
from tests.cast import make_member
from tests.labeling.test_kinds import AXES, ask, read_rows, say

__all__ = ["ask"]  # a fixture
pytestmark = pytest.mark.django_db


def test_a_ranking_is_frozen_as_it_was_said_too(ask, bob, project):
    stored = say(ask("ranking"), bob, ranks={"a": 2, "b": 1, "c": 2, "d": 3}, flags=["off_topic"])
    snapshot = freeze_snapshot(project=project, by=None)
    (row,) = own_rows(snapshot, "rankings")
    text_of = dict(Response.objects.values_list("pk", "text"))
    assert row["responses"] == [text_of[pk] for pk in stored.response_ids]
    assert row["ranks"] == [2, 1, 2, 3]
    assert (row["judgement_ids"], row["flags"], row["kind"]) == ([stored.pk], ["off_topic"], "ranking")
    assert row["annotator"] == read_rows(snapshot)[0]["annotator"]
    # Whoever reads the rankings leaves these pairs out.
    assert {pair["kind"] for pair in read_rows(snapshot)} == {"ranking"}


def test_a_rating_is_frozen_with_its_places_on_the_scales(ask, bob, project):
    stored = say(ask("rating", axes=AXES), bob, scores={"quality": 3, "safe": None, "facts": 2.5})
    snapshot = freeze_snapshot(project=project, by=None)
    (row,) = own_rows(snapshot, "ratings")
    assert row["responses"] == [stored.response.text]
    assert row["scores"] == {"quality": 3, "safe": None, "facts": 2.5}
    assert row["levels"] == {"quality": 1.0, "facts": 0.25}
    assert (snapshot.judgement_count, read_rows(snapshot)) == (1, [])
    counts = snapshot.manifest["counts"]
    assert (counts["judgements"], counts["ratings_train"] + counts["ratings_held_out"]) == (1, 1)
    assert freeze_snapshot(project=project, by=None) == snapshot
    assert new_judgements_since_snapshot(project) == 0


def test_an_axis_that_the_project_has_no_more_has_no_place(ask, bob, project):
    say(ask("rating", axes=AXES), bob, scores={"quality": 3, "safe": 1, "facts": 2.5})
    project.design = {"kind": "rating", "rating": {"axes": AXES[:1]}}
    project.save()
    (row,) = own_rows(freeze_snapshot(project=project, by=None), "ratings")
    assert row["levels"] == {"quality": 1.0}


def test_what_was_said_of_single_axes_is_frozen_with_its_strength(ask, bob, project):
    axes = [{"name": "true", "word": "Truer"}, {"name": "kind", "word": "Kinder"}]
    said = {"true": {"choice": "b", "strength": 2}, "kind": {"choice": "tie"}}
    say(ask("comparison", axes=axes), bob, choice="a", strength=3, axes=said)
    (row,) = read_rows(freeze_snapshot(project=project, by=None))
    assert (row["choice"], row["strength"], row["axes"]) == ("a", 3, said)
    assert (row["policy"], row["propensity"]) == (Item.objects.get().policy, Item.objects.get().propensity)


def test_a_row_has_the_groups_of_whoever_judged_but_none_of_which_there_is_one_alone(ask, alice, bob, project):
    dora = make_member(project.organisation, "dora@example.org", Role.ANNOTATOR)
    set_tags(member=bob, by=alice, tags=["language:de", "skill:python", "qualified:medicine"])
    set_tags(member=dora, by=alice, tags=["language:de"])
    # She has judged nothing here.
    set_tags(member=alice, by=alice, tags=["skill:python"])
    project.overlap = 2
    project.save()
    ask("rating", axes=AXES)
    for member in (bob, dora):
        say(project, member, scores={"quality": 3, "safe": 1, "facts": 2.5})
    before = freeze_snapshot(project=project, by=None)
    rows = own_rows(before, "ratings")
    assert [row["annotator_groups"] for row in rows] == [["language:de"], ["language:de"]]
    assert len({row["annotator"] for row in rows}) == 2
    set_tags(member=dora, by=alice, tags=[])
    after = freeze_snapshot(project=project, by=None)
    assert after.content_hash != before.content_hash
    assert [row["annotator_groups"] for row in own_rows(after, "ratings")] == [[], []]
    assert [row["annotator_groups"] for row in own_rows(before, "ratings")] == [["language:de"], ["language:de"]]


def own_rows(snapshot, kind):
    parts = [snapshot.directory / f"{kind}_{part}.jsonl" for part in ("train", "held_out")]
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]
