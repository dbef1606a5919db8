"""The reward model's settings of a project, on its page and in the API."""

import json

import pytest

from labeling.models import Project
from labeling.services import update_project
from tests.labeling.conftest import Api

pytestmark = pytest.mark.django_db
AXES = {
    "comparison": {"axes": [{"name": "true", "word": "Which is true?"}, {"name": "kind", "word": "Which is kind?"}]}
}


@pytest.fixture
def on_axes(project, alice) -> Project:
    return update_project(project=project, by=alice, design=AXES)


def posted(client, project, **typed):
    return client.post(f"/projects/{project.pk}/edit/reward/", {"strength": "scaled"} | typed)


def test_the_page_shows_the_projects_axes_and_stores_their_weights(on_axes, alice, client):
    client.force_login(alice.user)
    page = client.get(f"/projects/{on_axes.pk}/edit/reward/").content.decode()
    assert all(word in page for word in ("The verdict as a whole", "Which is true?", "Which is kind?"))
    assert "takes effect at the next refit" in page
    weights = {"weight_overall": "1", "weight_true": "0.5", "weight_kind": ""}
    answer = posted(client, on_axes, **weights, strength="margin", remove_length="on")
    assert answer.status_code == 302
    on_axes.refresh_from_db()
    stored = (on_axes.axis_weights, on_axes.strength, on_axes.weigh_annotators, on_axes.remove_length)
    assert stored == ({"overall": 1.0, "true": 0.5}, "margin", False, True)
    assert posted(client, on_axes, weight_overall="1", weigh_annotators="on").status_code == 302
    on_axes.refresh_from_db()
    assert (on_axes.axis_weights, on_axes.weigh_annotators) == ({}, True)


def test_a_project_without_axes_has_no_weights_to_set(project, alice, client):
    client.force_login(alice.user)
    page = client.get(f"/projects/{project.pk}/edit/reward/").content.decode()
    assert "weight_" not in page
    assert "quality" not in page, "an axis of ratings that nobody is asked for"
    assert posted(client, project, remove_length="on").status_code == 302
    assert Project.objects.get().axis_weights == {}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"weight_overall": "0", "weight_true": "0"}, "At least one axis must count"),
        ({"weight_overall": "-1", "weight_true": "1"}, "Use 0 or more: below 0 the worse answers would be rewarded"),
        ({"weight_overall": "nan"}, "from −100 to 100"),
        ({"weight_overall": "1e9"}, "from −100 to 100"),
        ({"weight_overall": "one"}, "from −100 to 100"),
        ({"strength": "loud"}, "Select a valid choice"),
    ],
)
def test_the_page_refuses_with_a_sentence_and_changes_nothing(on_axes, alice, client, typed, why):
    client.force_login(alice.user)
    answer = posted(client, on_axes, remove_length="on", **typed)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not Project.objects.get().remove_length


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ({"funny": 1}, "no axis 'funny'. It has overall, true, kind"),
        ({"quality": 1}, "no axis 'quality'"),
        ({"overall": 0, "true": 0.0}, "At least one axis must count"),
        ({"overall": -1.0, "true": 1}, "cannot count less than 0"),
        ({"true": 1e300}, "from −100 to 100"),
        ({"true": 1e-9}, "0.001 or more in size"),
        ({"true": "much"}, "valid number"),
        ([1], "dictionary"),
    ],
)
def test_the_api_refuses_weights_that_mean_nothing(on_axes, alice, weights, why):
    answer = Api(alice).patch(f"/projects/{on_axes.pk}", {"axis_weights": weights, "strength": "margin"})
    assert answer.status_code == 422
    assert why in json.dumps(answer.json()["error"]["fields"], ensure_ascii=False)
    assert (Project.objects.get().axis_weights, Project.objects.get().strength) == ({}, "scaled")


def test_the_api_takes_and_tells_them(on_axes, alice):
    given = {
        "axis_weights": {"true": 1.0, "kind": -0.25}, "strength": "margin", "weigh_annotators": False,
        "remove_length": True,
    }  # fmt: skip
    told = Api(alice).patch(f"/projects/{on_axes.pk}", given).json()
    assert {name: told[name] for name in given} == given


def test_an_axis_that_counts_is_not_taken_away(on_axes, alice, client):
    update_project(project=on_axes, by=alice, axis_weights={"true": 1, "kind": 0})
    answer = Api(alice).patch(f"/projects/{on_axes.pk}", {"design": {}})
    assert "An axis that is taken away must lose its weight first" in answer.json()["error"]["message"]
    without_kind = {"comparison": {"axes": AXES["comparison"]["axes"][:1]}}
    assert Api(alice).patch(f"/projects/{on_axes.pk}", {"design": without_kind}).status_code == 200
