"""What of the served answers is told to whoever chooses items for users."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from labeling.services import create_project
from serving.models import ServedResponse
from serving.services import sample, sample_answers
from tests.models_registry.making import make_version

pytestmark = pytest.mark.django_db

ASK = [{"role": "user", "content": "What is tea?"}]


@pytest.fixture
def serve(alice, project, tmp_path):
    version = make_version(alice, project.pk, tmp_path, kind="base", name="Base")

    def serve(*texts: str, hours_ago: int = 0, **given) -> None:
        ServedResponse.objects.bulk_create(
            ServedResponse(
                **{"project": project, "status": "complete"} | given, organisation=alice.organisation, version=version,
                stage="production", propensity=1, messages=ASK, text=text,
            )
            for text in texts
        )  # fmt: skip
        ServedResponse.objects.filter(text__in=texts).update(created_at=now() - timedelta(hours=hours_ago))

    return serve


def texts(project, most: int) -> list[str]:
    return [text for _, text in sample_answers(project.pk, most)]


def test_a_sample_is_of_whole_answers_of_this_project(alice, project, serve):
    serve("one", "two", "")
    serve("half", status="interrupted")
    serve("elsewhere", project=create_project(by=alice, name="Other"))
    assert sorted(sample_answers(project.pk, 10)) == [(ASK, "one"), (ASK, "two")]


def test_a_sample_stays_itself_when_it_is_drawn_again_and_grows_out_of_itself(project, serve):
    serve(*map(str, range(40)))
    drawn = texts(project, 10)
    assert len(drawn) == 10
    assert texts(project, 10) == drawn
    assert texts(project, 20)[:10] == drawn
    serve("one more")
    assert len(set(drawn) - set(texts(project, 10))) <= 1


def test_what_users_asked_long_ago_gives_way_to_what_they_ask_now(project, serve, monkeypatch):
    monkeypatch.setattr(sample, "NEWEST", 3)
    serve("old", "older", hours_ago=5)
    serve("a", "b", "c")
    assert sorted(texts(project, 10)) == ["a", "b", "c"]


def test_a_project_that_serves_nobody_has_none(project):
    assert texts(project, 10) == []
