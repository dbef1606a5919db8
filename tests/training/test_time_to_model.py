"""How long judgements take to arrive, with what is still under way."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils.timezone import now

from labeling.models import Comparison, Snapshot
from models_registry.models import ModelVersion, Promotion
from tests.labeling.conftest import Api
from training.services.time_to_model import percentiles_of, time_to_model


def test_without_anything_under_way_they_are_the_plain_percentiles():
    seconds = np.arange(1.0, 101.0)
    assert percentiles_of(seconds, np.ones(100, bool)) == {50: 50.0, 90: 90.0, 99: 99.0}


def test_what_is_under_way_counts_as_having_waited_so_long():
    """Six patients' remission times, three of them censored: Kaplan and Meier by hand. S: 1 5/6; 3 5/8; 5 5/16."""
    seconds = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    arrived = np.array([True, False, True, False, True, False])
    assert percentiles_of(seconds, arrived) == {50: 5.0, 90: None, 99: None}


def test_somebody_who_has_just_judged_does_not_make_the_project_slow():
    seconds = np.array([60.0] * 97 + [1.0] * 3)
    arrived = np.array([True] * 97 + [False] * 3)
    assert percentiles_of(seconds, arrived) == {50: 60.0, 90: 60.0, 99: 60.0}


def test_nothing_arrived_is_nothing_known():
    assert percentiles_of(np.array([5.0, 7.0]), np.zeros(2, bool)) == {50: None, 90: None, 99: None}
    assert percentiles_of(np.zeros(0), np.zeros(0, bool)) == {50: None, 90: None, 99: None}


@pytest.fixture
def travelled(judged_project, base):
    """40 of 60 judgements in a snapshot after 100 s, a reward model after 150, a policy after 1000, served at 2000.

    All of them in a later snapshot after 300 s, and in a reward model after 320: the first 40 were there before.
    """
    start = now() - timedelta(hours=2)
    ids = list(Comparison.objects.order_by("pk").values_list("pk", flat=True))
    Comparison.objects.update(created_at=start)

    def at(seconds):
        return start + timedelta(seconds=seconds)

    def snapshot(count, seconds):
        made = Snapshot.objects.create(
            organisation=judged_project.organisation, project=judged_project, content_hash=f"{count}", manifest={},
            judgement_count=count, last_judgement_id=ids[count - 1],
        )  # fmt: skip
        Snapshot.objects.filter(pk=made.pk).update(created_at=at(seconds))
        return made

    def version(kind, number, of, seconds):
        made = ModelVersion.objects.create(
            organisation=judged_project.organisation, project_id=judged_project.pk, kind=kind, number=number, name="v",
            base=base, snapshot_id=of.pk,
        )  # fmt: skip
        ModelVersion.objects.filter(pk=made.pk).update(created_at=at(seconds))
        return made

    first, second = snapshot(40, 100), snapshot(60, 300)
    version("reward_model", 11, first, 150)
    version("reward_model", 12, second, 320)
    policy = version("policy", 13, first, 1000)
    Promotion.objects.create(version=policy, from_stage="candidate", to_stage="canary", reason="")
    Promotion.objects.update(created_at=at(2000))
    return judged_project


@pytest.mark.django_db
def test_each_stage_counts_from_the_judgement_to_its_first_arrival(travelled):
    times = time_to_model(travelled)
    assert times.judgements == 60
    told = {stage.stage: (stage.arrived, stage.waiting, stage.seconds) for stage in times.stages}
    assert told["snapshot"] == (60, 0, {50: 100.0, 90: 300.0, 99: 300.0})
    assert told["reward_model"] == (60, 0, {50: 150.0, 90: 320.0, 99: 320.0})
    assert told["policy"] == (40, 20, {50: 1000.0, 90: None, 99: None})
    assert told["serving"] == (40, 20, {50: 2000.0, 90: None, 99: None})


@pytest.mark.django_db
def test_the_page_and_the_api_tell_it_and_outsiders_learn_nothing(client, travelled, alice, bob, charlie):
    client.force_login(alice.user)
    page = client.get(f"/projects/{travelled.pk}/runs/time-to-model").content.decode()
    for words in ("Of 60 judgements", "2 min 30 s", "16 min 40 s", "not yet known", "In a trained policy"):
        assert words in page
    told = Api(alice).get(f"/projects/{travelled.pk}/time-to-model").json()
    assert told["judgements"] == 60
    assert told["stages"][1] == {
        "stage": "reward_model", "arrived": 60, "waiting": 0, "seconds": {"p50": 150.0, "p90": 320.0, "p99": 320.0},
    }  # fmt: skip
    assert told["stages"][2]["seconds"]["p99"] is None
    assert Api(charlie).get(f"/projects/{travelled.pk}/time-to-model").status_code == 404
    assert Api(bob).get(f"/projects/{travelled.pk}/time-to-model").status_code == 403


@pytest.mark.django_db
def test_a_project_without_judgements_says_so(client, project, alice):
    client.force_login(alice.user)
    assert "Nobody has judged anything yet" in client.get(f"/projects/{project.pk}/runs/time-to-model").content.decode()
    assert [stage.arrived for stage in time_to_model(project).stages] == [0, 0, 0, 0]
