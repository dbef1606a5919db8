"""A refit in a project without a base model: one is prepared for it, once, and nothing else takes it for its own."""

import pytest

from labeling.models import Project, Snapshot
from labeling.services import create_project, undo_last
from tests.training.test_refit import judge_more
from training import services
from training.errors import NotReady
from training.models import RunStatus, TrainingRun
from training.services.first_version import prepare_first_version
from training.services.start_refresh import can_refresh, new_judgements_since_refresh
from training.triggers import start_due_body_runs, start_due_refits

pytestmark = pytest.mark.django_db


@pytest.fixture
def bare(judged_project) -> Project:
    """Judged 60 times, its items in the order of the reward model, and nothing to make one with."""
    judged_project.selection_policy = "v_optimal"
    judged_project.save(update_fields=["selection_policy"])
    return judged_project


def both_runs() -> list[TrainingRun]:
    runs: list[TrainingRun] = list(TrainingRun.objects.order_by("pk"))
    return runs


def test_a_due_refit_waits_for_a_base_that_is_prepared_first_and_once(bare):
    (refit,) = start_due_refits()
    base, found = both_runs()
    assert found == refit
    assert (base.recipe, base.why, base.created_by, base.snapshot) == (
        "prepare_base", "for the first refit of the reward model", None, None,
    )  # fmt: skip
    assert (refit.after, refit.is_refit, refit.snapshot) == (base, True, Snapshot.objects.get())
    assert services.claim_run(run_id=refit.pk) is None
    assert start_due_refits() == []
    assert both_runs() == [base, refit]


def test_it_is_no_refresh_and_holds_none_up(bare, alice, client):
    start_due_refits()
    assert new_judgements_since_refresh(bare) == 60
    assert can_refresh(bare) == (True, "")
    assert not TrainingRun.objects.refreshes().exists()
    client.force_login(alice.user)
    page = client.get(f"/projects/{bare.pk}/runs/summary").content.decode()
    assert "<table>" not in page, "a base for a refit is no training of its own"
    assert "Start training</button>" in page


def test_a_base_that_cannot_be_prepared_is_tried_again_when_so_much_is_new_as_after_a_failed_refit(bare, alice, bob):
    start_due_refits()
    base, refit = both_runs()
    services.finish_run(run=services.claim_run(run_id=base.pk), exit_code=1)
    refit.refresh_from_db()
    assert refit.status == RunStatus.CANCELLED
    assert refit.error.startswith(f"Not started: run {base.pk}")
    judge_more(bare, alice, bob, 19)
    assert start_due_refits() == []
    judge_more(bare, alice, bob, 1)
    (again,) = start_due_refits()
    assert (again.why, again.after.recipe, again.after.status) == ("20 new judgements", "prepare_base", "queued")
    assert TrainingRun.objects.count() == 4


def test_what_was_cancelled_with_the_base_comes_back_when_the_base_is_retried(bare, alice):
    start_due_refits()
    base, refit = both_runs()
    services.finish_run(run=services.claim_run(run_id=base.pk), exit_code=1)
    services.retry_run(run=base, by=alice)
    refit.refresh_from_db()
    assert refit.status == RunStatus.QUEUED
    assert start_due_refits() == []


def test_refit_first_answers_and_refresh_wait_for_one_base_whoever_comes_first(bare, alice):
    _, base = prepare_first_version(project=bare, by=alice)
    (refit,) = start_due_refits()
    runs = services.start_refresh(project=bare, by=alice, why="")
    assert [refit.after, runs[0].after] == [base, base]
    assert [run.recipe for run in runs] == ["reward_model", "grpo", "evaluate"]
    assert set(TrainingRun.objects.refreshes()) == set(runs)
    services.finish_run(run=services.claim_run(run_id=base.pk), exit_code=1)
    assert set(TrainingRun.objects.filter(after__isnull=False).values_list("status", flat=True)) == {"cancelled"}


def test_a_refit_waits_for_the_base_of_a_refresh_which_stays_part_of_it(bare, alice):
    runs = services.start_refresh(project=bare, by=alice, why="")
    (refit,) = start_due_refits()
    assert refit.after == runs[0]
    assert set(TrainingRun.objects.refreshes()) == set(runs)


def test_a_refresh_that_is_given_settings_for_its_base_prepares_its_own(bare, alice):
    start_due_refits()
    runs = services.start_refresh(project=bare, by=alice, why="", config={"prepare_base": {"revision": "main"}})
    assert runs[0].recipe == "prepare_base"
    assert runs[1].after == runs[0]


def test_a_base_that_is_being_cancelled_is_not_waited_for(bare, alice):
    _, first = prepare_first_version(project=bare, by=alice)
    services.claim_run(run_id=first.pk)
    services.cancel_run(run=first, by=alice)
    (refit,) = start_due_refits()
    assert refit.after.pk > first.pk


def test_projects_with_too_little_to_learn_from_cost_one_look_together(alice, bob, django_assert_num_queries):
    for number in range(3):
        project = create_project(by=alice, name=f"Labels {number}")
        assert project.selection_policy == "v_optimal"
        judge_more(project, alice, bob, 19)
    with django_assert_num_queries(1):
        assert start_due_refits() == []
    judge_more(project, alice, bob, 1)
    undo_last(project=project, by=bob)
    with django_assert_num_queries(1):
        assert start_due_refits() == [], "what was taken back does not count"


def test_the_body_is_told_who_prepares_its_base(bare, alice):
    def refused() -> str:
        with pytest.raises(NotReady) as refusal:
            services.start_body_run(project=bare, by=alice, why="")
        return refusal.value.message

    assert refused().endswith("no body to train. The first refit prepares one, and so does the whole training.")
    (refit,) = start_due_refits()
    assert refused().endswith(f"no body to train. Wait until run {refit.after_id} (queued) has prepared one.")
    services.cancel_run(run=refit.after, by=alice)
    Project.objects.update(selection_policy="random")
    bare.refresh_from_db()
    assert refused().endswith("no body to train. Start the whole training once: it prepares one.")
    assert start_due_body_runs() == []
