from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection

from accounts.errors import AccordError, Invalid, NotPermitted
from accounts.models import AuditEvent
from models_registry.errors import GateClosed, IllegalPromotion, PromotionLost
from models_registry.models import GateVerdict, ModelVersion, Promotion, Stage
from models_registry.services import (
    can_promote,
    canary_version,
    production_version,
    promote_version,
    roll_back,
    withdraw_canary,
)
from models_registry.stages import STEPS
from tests.models_registry.making import make_version, open_the_gate


@pytest.fixture
def first(alice, project, tmp_path):
    """In production."""
    version = make_version(alice, project.pk, tmp_path)
    promote_version(version=version, by=alice, to_stage="production", reason="the first")
    return version


@pytest.fixture
def better(alice, project, tmp_path, first):
    """A candidate that passes the gate."""
    version = make_version(alice, project.pk, tmp_path, parent=first)
    open_the_gate(version)
    return version


def stage_of(version: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=version.pk).stage


def test_the_first_production_version_needs_no_gate_and_the_next_does(alice, project, tmp_path, first):
    assert production_version(project.pk) == first
    second = make_version(alice, project.pk, tmp_path, parent=first)
    with pytest.raises(GateClosed, match="Not measured"):
        promote_version(version=second, by=alice, to_stage="production", reason="hope")
    assert stage_of(second) == "candidate"
    assert GateVerdict.objects.get(version=second).is_open is False


def test_promotion_to_production_retires_the_one_that_is_there(alice, project, first, better):
    promotion = promote_version(version=better, by=alice, to_stage="production", reason="it wins")
    assert production_version(project.pk) == better
    assert stage_of(first) == "retired"
    assert promotion.verdict.is_open
    assert AuditEvent.objects.filter(verb="version promoted").count() == 3


def test_a_canary_has_a_share_and_can_change_it_go_on_or_be_withdrawn(alice, project, first, better):
    for share in (None, 0, 1, -0.1, 1.5):
        with pytest.raises(Invalid, match="share"):
            promote_version(version=better, by=alice, to_stage="canary", reason="try", canary_share=share)
    promote_version(version=better, by=alice, to_stage="canary", reason="try", canary_share=0.1)
    promote_version(version=better, by=alice, to_stage="canary", reason="more", canary_share=0.5)
    assert canary_version(project.pk).canary_share == 0.5
    assert production_version(project.pk) == first
    withdraw_canary(project_id=project.pk, by=alice, reason="slow")
    assert canary_version(project.pk) is None
    assert stage_of(better) == "candidate"
    better.refresh_from_db()
    promote_version(version=better, by=alice, to_stage="canary", reason="again", canary_share=0.1)
    promote_version(version=better, by=alice, to_stage="production", reason="good")
    assert production_version(project.pk) == better
    assert production_version(project.pk).canary_share is None


def test_one_canary_at_a_time(alice, project, tmp_path, first, better):
    promote_version(version=better, by=alice, to_stage="canary", reason="try", canary_share=0.1)
    other = make_version(alice, project.pk, tmp_path, parent=first)
    open_the_gate(other)
    with pytest.raises(PromotionLost, match="is the canary already"):
        promote_version(version=other, by=alice, to_stage="canary", reason="me too", canary_share=0.1)


@pytest.mark.parametrize("kind", ["base", "policy"])
def test_the_database_itself_refuses_a_second_version_in_production(alice, project, tmp_path, first, kind):
    second = make_version(alice, project.pk, tmp_path, kind=kind)
    with pytest.raises(IntegrityError, match="one_version_a_serving_stage"):
        ModelVersion.objects.filter(pk=second.pk).update(stage="production")


def test_a_canary_needs_a_version_in_production(alice, project, tmp_path):
    version = make_version(alice, project.pk, tmp_path)
    with pytest.raises(IllegalPromotion, match="beside a version in production"):
        promote_version(version=version, by=alice, to_stage="canary", reason="try", canary_share=0.1)


def test_a_reward_model_answers_nobody(alice, project, tmp_path):
    version = make_version(alice, project.pk, tmp_path, kind="reward_model")
    with pytest.raises(IllegalPromotion, match="answers nobody"):
        promote_version(version=version, by=alice, to_stage="production", reason="?")


def test_a_reason_is_required(alice, first, better):
    with pytest.raises(Invalid, match="why"):
        promote_version(version=better, by=alice, to_stage="production", reason="  ")
    with pytest.raises(Invalid, match="why"):
        roll_back(project_id=first.project_id, by=alice, reason="")


def test_who_may_not_promote_is_refused(bob, better):
    with pytest.raises(NotPermitted):
        promote_version(version=better, by=bob, to_stage="production", reason="mine")
    assert not can_promote(version=better, by=bob, to_stage="production")
    with pytest.raises(NotPermitted):
        roll_back(project_id=better.project_id, by=bob, reason="mine")


@pytest.mark.parametrize("start", Stage.values)
@pytest.mark.parametrize("to", [*Stage.values, "nowhere"])
def test_only_the_steps_of_the_table_exist(alice, project, tmp_path, first, start, to):
    version = make_version(alice, project.pk, tmp_path, parent=first)
    open_the_gate(version)
    if start == "production":
        version = first
    else:
        share = 0.2 if start == "canary" else None
        ModelVersion.objects.filter(pk=version.pk).update(stage=start, canary_share=share)
        version.refresh_from_db()
    direct = to in STEPS[start] and (start, to) not in {("production", "retired"), ("retired", "production")}
    if direct:
        promote_version(version=version, by=alice, to_stage=to, reason="because", canary_share=0.3)
        assert stage_of(version) == to
    else:
        with pytest.raises(IllegalPromotion, match="cannot go to"):
            promote_version(version=version, by=alice, to_stage=to, reason="because", canary_share=0.3)


def test_a_stale_copy_moves_nothing(alice, first, better):
    stale = ModelVersion.objects.get(pk=better.pk)
    promote_version(version=better, by=alice, to_stage="canary", reason="try", canary_share=0.1)
    with pytest.raises(PromotionLost, match="no longer in stage candidate"):
        promote_version(version=stale, by=alice, to_stage="production", reason="now")


def test_a_roll_back_brings_back_what_was_there_and_a_second_one_goes_further_back(
    alice, project, tmp_path, first, better
):
    promote_version(version=better, by=alice, to_stage="production", reason="it wins")
    third = make_version(alice, project.pk, tmp_path, parent=better)
    open_the_gate(third)
    promote_version(version=third, by=alice, to_stage="production", reason="it wins more")
    roll_back(project_id=project.pk, by=alice, reason="complaints")
    assert (production_version(project.pk), stage_of(third)) == (better, "retired")
    roll_back(project_id=project.pk, by=alice, reason="still complaints")
    assert (production_version(project.pk), stage_of(better)) == (first, "retired")
    with pytest.raises(IllegalPromotion, match="no earlier"):
        roll_back(project_id=project.pk, by=alice, reason="more")
    assert production_version(project.pk) == first


def test_a_roll_back_of_another_organisations_project_is_refused(alice, charlie, first, better):
    promote_version(version=better, by=alice, to_stage="production", reason="it wins")
    with pytest.raises(IllegalPromotion, match="no earlier"):
        roll_back(project_id=first.project_id, by=charlie, reason="mischief")


def _race(*works) -> list[str]:
    def run(work) -> str:
        try:
            work()
            return "done"
        except AccordError as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))


@pytest.mark.django_db(transaction=True)
def test_of_six_promotions_of_one_version_at_once_exactly_one_happens(alice, project, first, better):
    copies = [ModelVersion.objects.get(pk=better.pk) for _ in range(6)]
    said = _race(
        *[lambda c=copy: promote_version(version=c, by=alice, to_stage="production", reason="me") for copy in copies]
    )
    assert said.count("done") == 1
    assert Promotion.objects.filter(version=better).count() == 1
    assert ModelVersion.objects.filter(project_id=project.pk, stage="production").get() == better


@pytest.mark.django_db(transaction=True)
def test_two_first_versions_promoted_at_once_leave_one_in_production(alice, project, tmp_path):
    versions = [make_version(alice, project.pk, tmp_path) for _ in range(2)]
    for _ in range(5):
        ModelVersion.objects.update(stage="candidate")
        for version in versions:
            version.refresh_from_db()
        _race(*[lambda v=v: promote_version(version=v, by=alice, to_stage="production", reason="me") for v in versions])
        assert ModelVersion.objects.filter(stage="production").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_roll_back_pressed_twice_at_once_goes_back_once(alice, project, first, better):
    promote_version(version=better, by=alice, to_stage="production", reason="it wins")
    said = _race(*[lambda: roll_back(project_id=project.pk, by=alice, reason="bad")] * 2)
    assert said == ["done", "illegal_promotion"]
    assert production_version(project.pk) == first
