"""A refresh: when it starts, when it is refused, and what it hands from run to run."""

import pytest

from labeling.models import Snapshot
from models_registry.models import Stage, VersionKind
from models_registry.services import register_version
from training import services
from training.errors import BadRunConfig, NotReady
from training.models import RunStatus, TrainingRun
from training.services.resolve_inputs import resolve_inputs
from training.triggers import refresh_is_due, start_due_retraining

pytestmark = pytest.mark.django_db


def _register(project, tiny_model, kind, **more):
    return register_version(
        organisation=project.organisation, project_id=project.pk, kind=kind, name=f"{kind} v{{number}}",
        artifact_dir=tiny_model, **more,
    )  # fmt: skip


def test_a_refresh_freezes_a_snapshot_and_queues_the_chain(judged_project, alice, base):
    runs = services.start_refresh(project=judged_project, by=alice, why="a test", config={"grpo": {"steps": 2}})
    assert [run.recipe for run in runs] == ["reward_model", "grpo", "evaluate"]
    assert [run.after for run in runs] == [None, runs[0], runs[1]]
    snapshot = Snapshot.objects.get()
    assert {run.snapshot for run in runs} == {snapshot}
    assert len({run.chain_id for run in runs}) == 1
    assert [run.config for run in runs] == [{}, {"steps": 2}, {}]


def test_a_project_without_a_base_model_prepares_one_first(judged_project, alice):
    runs = services.start_refresh(project=judged_project, by=alice, why="a test")
    assert [run.recipe for run in runs] == ["prepare_base", "reward_model", "grpo", "evaluate"]
    assert services.claim_run(run_id=runs[1].pk) is None


def test_too_few_judgements_and_a_second_refresh_are_refused(judged_project, alice, project, base):
    services.start_refresh(project=judged_project, by=alice, why="a test")
    with pytest.raises(NotReady, match="under way"):
        services.start_refresh(project=judged_project, by=alice, why="again")


def test_a_project_that_nobody_has_judged_is_told_how_many_are_needed(project, alice):
    with pytest.raises(NotReady, match="needs 20 judgements.*there are 0. Judge 20 more"):
        services.start_refresh(project=project, by=alice, why="early")
    assert not Snapshot.objects.exists()


def test_settings_for_what_is_no_recipe_of_it_are_refused_and_nothing_is_queued(judged_project, alice, base):
    with pytest.raises(BadRunConfig, match="steps is no recipe"):
        services.start_refresh(project=judged_project, by=alice, why="", config={"steps": {}})
    with pytest.raises(BadRunConfig, match="filled in by Accord"):
        services.start_refresh(project=judged_project, by=alice, why="", config={"grpo": {"base_dir": "/"}})
    assert not TrainingRun.objects.exists()


def test_it_starts_by_itself_once_when_enough_is_new(judged_project, base):
    assert not refresh_is_due(judged_project)
    judged_project.retrain_after = 50
    judged_project.save()
    assert refresh_is_due(judged_project)
    runs = start_due_retraining()
    assert [run.why for run in runs] == ["60 new judgements"] * 3
    assert runs[0].created_by is None
    assert start_due_retraining() == []
    TrainingRun.objects.update(status=RunStatus.FAILED, finished_at=runs[0].created_at)
    assert start_due_retraining() == [], "nothing is new since the snapshot"


def test_a_paused_project_does_not_start_by_itself(judged_project, base, alice):
    judged_project.retrain_after = 50
    judged_project.paused_at = judged_project.created_at
    judged_project.save()
    assert start_due_retraining() == []


def test_each_run_stands_on_what_its_chain_made_and_on_production(judged_project, alice, base, tiny_model):
    parent = _register(judged_project, tiny_model, VersionKind.POLICY, base=base)
    newer = _register(judged_project, tiny_model, VersionKind.POLICY, base=base, parent=parent)
    type(parent).objects.filter(pk=parent.pk).update(stage=Stage.PRODUCTION)
    reward, policy, evaluation = services.start_refresh(project=judged_project, by=alice, why="a test")
    assert resolve_inputs(reward) == {"base": base.pk}
    with pytest.raises(NotReady, match="no reward model"):
        resolve_inputs(policy)
    scorer = _register(judged_project, tiny_model, VersionKind.REWARD_MODEL, base=base, run_id=reward.pk)
    assert resolve_inputs(policy) == {"base": base.pk, "parent": parent.pk, "reward_model": scorer.pk}
    made = _register(judged_project, tiny_model, VersionKind.POLICY, base=base, parent=parent, run_id=policy.pk)
    stands_on = {"version": made.pk, "base": base.pk, "parent": parent.pk, "reward_model": scorer.pk}
    assert resolve_inputs(evaluation) == stands_on
    # Resumed after somebody promoted another version: it stands on the same.
    policy.inputs = {"base": base.pk, "parent": newer.pk, "reward_model": scorer.pk}
    assert resolve_inputs(policy)["parent"] == newer.pk
