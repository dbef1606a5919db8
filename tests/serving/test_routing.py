import math

import pytest

from models_registry.models import ModelVersion
from models_registry.services import promote_version, withdraw_canary
from serving.errors import NotServed
from serving.models import Feedback, ServedResponse
from serving.services import choose_route
from serving.services.routing import draw
from tests.models_registry.making import make_version


@pytest.fixture
def served_project(alice, project, tmp_path):
    version = make_version(alice, project.pk, tmp_path)
    promote_version(version=version, by=alice, to_stage="production", reason="the first")
    project.production = version
    return project


def test_the_draw_is_uniform_over_keys():
    draws = sorted(draw(1, 2, f"user {number}") for number in range(20_000))
    # Kolmogorov-Smirnov at 0.1 %: 1.95 / sqrt(n).
    gap = max(abs(value - rank / 20_000) for rank, value in enumerate(draws))
    assert gap < 1.95 / math.sqrt(20_000)


def test_without_a_canary_production_answers_with_certainty(served_project):
    route = choose_route(project=served_project, sticky_key="x")
    assert (route.version, route.stage, route.propensity) == (served_project.production, "production", 1.0)


def test_a_project_without_production_is_not_served(project):
    with pytest.raises(NotServed):
        choose_route(project=project, sticky_key="x")


def test_the_canary_gets_its_share_and_a_key_stays_where_it_is(served_project, make_canary):
    canary = make_canary(served_project.production, 0.2)
    keys = [f"user {number}" for number in range(400)]
    first = {key: choose_route(project=served_project, sticky_key=key) for key in keys}
    assert all(choose_route(project=served_project, sticky_key=key) == first[key] for key in keys)
    on_canary = [route for route in first.values() if route.version == canary]
    # Four standard deviations of a binomial.
    assert abs(len(on_canary) - 80) < 4 * math.sqrt(400 * 0.2 * 0.8)
    assert {route.propensity for route in on_canary} == {0.2}
    assert {route.propensity for route in first.values() if route.stage == "production"} == {0.8}


def test_a_share_that_grows_takes_nobody_off_the_canary_and_a_new_canary_draws_anew(alice, served_project, make_canary):
    canary = make_canary(served_project.production, 0.2)
    keys = [f"user {number}" for number in range(200)]

    def on_it() -> set[str]:
        return {key for key in keys if choose_route(project=served_project, sticky_key=key).stage == "canary"}

    before = on_it()
    promote_version(version=canary, by=alice, to_stage="canary", reason="more", canary_share=0.5)
    more = on_it()
    assert before < more
    withdraw_canary(project_id=served_project.pk, by=alice, reason="again")
    canary = ModelVersion.objects.get(pk=canary.pk)
    promote_version(version=canary, by=alice, to_stage="canary", reason="again", canary_share=0.5)
    assert on_it() != more


def test_a_route_is_found_in_one_query(served_project, make_canary, django_assert_num_queries):
    make_canary(served_project.production, 0.2)
    with django_assert_num_queries(1):
        choose_route(project=served_project, sticky_key="x")


def test_another_organisations_answers_and_feedback_are_not_returned(alice, charlie, served_project):
    served = ServedResponse.objects.create(
        organisation=alice.organisation, project=served_project, version=served_project.production,
        stage="production", propensity=1, messages=[],
    )  # fmt: skip
    Feedback.objects.create(served_response=served, signal="thumb_up", client_id=served.pk)
    for model in (ServedResponse, Feedback):
        assert model.objects.for_member(alice).exists()
        assert not model.objects.for_member(charlie).exists()
