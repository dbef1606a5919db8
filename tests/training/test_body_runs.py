"""The reward model's trained body: when it is trained by itself, what it must beat, and which version stands then."""

import json
import shutil

import pytest

from accounts.tokens import create_token
from labeling.models import Project, Snapshot
from labeling.services import create_project, pause_project
from models_registry.models import ModelVersion, VersionKind
from models_registry.services import register_version
from tests.training.test_refit import judge_more
from training import services
from training.errors import NotReady
from training.models import RunStatus, TrainingRun
from training.services.body_trials import last_trial
from training.services.prune_snapshots import is_needed
from training.services.resolve_inputs import resolve_inputs
from training.services.start_refresh import new_judgements_since_refresh
from training.services.which_version import reward_model_of
from training.triggers import start_due_body_runs, start_due_refits, start_due_retraining
from training.views.body import say_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(judged_project, base) -> Project:
    """Judged 60 times, with a base model; its body is trained every 50 judgements."""
    judged_project.train_body_after = 50
    judged_project.save(update_fields=["train_body_after"])
    return judged_project


def trial(run: TrainingRun, tiny_model, *, gain: float, half: float = 0.01) -> ModelVersion:
    """The run ends as the recipe ends one, its body that much better than the fast path."""
    won = gain - half > 0
    entry = {
        "metric": "trained_body_over_fast_path", "value": gain, "low": gain - half, "high": gain + half, "n": 200,
        "detail": {"trained_body": 0.69 + gain, "fast_path": 0.69},
    }  # fmt: skip
    return ended(run, tiny_model, method="lora" if won else "features", evaluations=[entry])


def ended(run: TrainingRun, tiny_model, **result) -> ModelVersion:
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    claimed.inputs = resolve_inputs(claimed)
    shutil.copytree(tiny_model, run.directory / "model", dirs_exist_ok=True)
    (run.directory / "result.json").write_text(
        json.dumps({"artifacts": {"model": "model"}, "figures": {}, "evaluations": []} | result)
    )
    services.finish_run(run=claimed, exit_code=0)
    return ModelVersion.objects.get(run_id=run.pk)


def test_it_starts_by_itself_once_on_the_trainers_queue(due):
    (run,) = start_due_body_runs()
    assert (run.recipe, run.config, run.chain_id, run.created_by) == ("reward_model", {"method": "lora"}, None, None)
    assert (run.why, run.name) == ("60 new judgements", "Reward model, trained body")
    assert not run.is_refit, "a refit's queue is for seconds"
    assert run.snapshot == Snapshot.objects.get()
    assert start_due_body_runs() == [], "one is under way"


def test_a_project_that_says_nothing_waits_for_a_thousand_and_one_with_0_for_ever(judged_project, base):
    assert judged_project.train_body_after == 1000
    assert start_due_body_runs() == []
    Project.objects.update(train_body_after=60)
    assert len(start_due_body_runs()) == 1
    TrainingRun.objects.all().delete()
    Project.objects.update(train_body_after=0)
    assert start_due_body_runs() == []


def test_projects_that_only_collect_labels_cost_a_look_at_all_of_them_together(
    judged_project, alice, django_assert_num_queries
):
    for number in range(5):
        create_project(by=alice, name=f"Labels {number}")
    for start in (start_due_refits, start_due_body_runs):
        with django_assert_num_queries(1):
            assert start() == []


def test_one_that_failed_is_not_tried_again_before_so_many_are_new(due, alice, bob):
    (run,) = start_due_body_runs()
    services.finish_run(run=services.claim_run(run_id=run.pk), exit_code=1)
    judge_more(due, alice, bob, 49)
    assert start_due_body_runs() == []
    judge_more(due, alice, bob, 1)
    assert [run.why for run in start_due_body_runs()] == ["50 new judgements"]


def test_after_much_was_learnt_a_tenth_of_it_must_be_new(due, alice, bob, tiny_model):
    trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=0.018)
    Project.objects.update(train_body_after=2)
    due.refresh_from_db()
    assert Snapshot.objects.get().judgement_count == 60
    judge_more(due, alice, bob, 5)
    assert start_due_body_runs() == []
    assert say_schedule(due, "") == (
        "5 of 6 new judgements; at 6, a tenth of what the last one learnt from, it is trained by itself."
    )
    judge_more(due, alice, bob, 1)
    assert say_schedule(due, "") == "6 of 6 new judgements: it is due, and starts by itself."
    assert [run.why for run in start_due_body_runs()] == ["6 new judgements"]


def test_body_refit_and_refresh_do_not_postpone_one_another(due):
    Project.objects.update(refit_after=60, retrain_after=60)
    assert len(start_due_body_runs()) == len(start_due_refits()) == 1
    due.refresh_from_db()
    assert new_judgements_since_refresh(due) == 60
    assert len(start_due_retraining()) == 3
    TrainingRun.objects.body_runs().delete()
    assert len(start_due_body_runs()) == 1, "neither a refit nor a refresh counts as one"


def test_paused_and_archived_projects_train_no_body(due, alice):
    pause_project(project=due, by=alice)
    assert start_due_body_runs() == []
    Project.objects.update(paused_at=None, archived_at=due.created_at)
    assert start_due_body_runs() == []
    with pytest.raises(NotReady, match="archived"):
        services.start_body_run(project=Project.objects.get(pk=due.pk), by=alice, why="")


def test_without_a_base_model_or_side_by_side_it_is_refused_with_the_reason(judged_project, alice, tiny_model):
    with pytest.raises(NotReady, match="no base model.*no body to train"):
        services.start_body_run(project=judged_project, by=alice, why="")
    register_version(
        organisation=judged_project.organisation, project_id=judged_project.pk, kind=VersionKind.BASE,
        name="Base v{number}", artifact_dir=tiny_model,
    )  # fmt: skip
    services.start_body_run(project=judged_project, by=alice, why="")
    with pytest.raises(NotReady, match="being trained already"):
        services.start_body_run(project=judged_project, by=alice, why="")


def test_a_body_that_won_stays_until_the_next_trial_decides_anew(due, alice, base, tiny_model):
    fast = ended(services.start_refit(project=due, by=alice, why=""), tiny_model, method="features")
    assert reward_model_of(due.pk) == fast
    body = trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=0.018)
    newer = ended(services.start_refit(project=due, by=alice, why=""), tiny_model, method="features")
    assert newer.pk > body.pk
    assert reward_model_of(due.pk) == body, "nobody held the refit against it"
    policy = services.create_run(project=due, by=alice, recipe="grpo", snapshot=Snapshot.objects.first())
    assert resolve_inputs(policy)["reward_model"] == body.pk
    loser = trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=0.004)
    assert (loser.method, reward_model_of(due.pk)) == ("features", loser)
    newest = ended(services.start_refit(project=due, by=alice, why=""), tiny_model, method="features")
    assert reward_model_of(due.pk) == newest


def test_a_body_over_another_base_is_not_taken_for_this_one(due, alice, base, tiny_model):
    body = trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=0.018)
    assert reward_model_of(due.pk, base_id=base.pk) == body
    assert reward_model_of(due.pk, base_id=base.pk + 1) is None


def test_a_refresh_trains_the_kind_that_won_last_and_is_the_next_trial(due, alice, base, tiny_model):
    def method_of_refresh() -> dict:
        first, *others = services.start_refresh(project=due, by=alice, why="")
        services.cancel_run(run=first, by=alice)
        return first.config

    assert method_of_refresh() == {}
    trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=0.018)
    assert method_of_refresh() == {"method": "lora"}
    runs = services.start_refresh(project=due, by=alice, why="", config={"reward_model": {"epochs": 2}})
    assert runs[0].config == {"method": "lora", "epochs": 2}
    assert trial(runs[0], tiny_model, gain=-0.02).method == "features"
    services.cancel_run(run=TrainingRun.objects.get(pk=runs[1].pk), by=alice)
    assert method_of_refresh() == {}


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (
            0.018,
            "The trained body agreed with 71 % of 200 held-out votes, the fast path with 69 %; "
            "+1.8 points (0.8 to 2.8): it took its place.",
        ),
        (
            -0.004,
            "The trained body agreed with 69 % of 200 held-out votes, the fast path with 69 %; "
            "−0.4 points (−1.4 to 0.6): it is not shown to be better, and the fast path stays.",
        ),
    ],
)
def test_what_came_of_it_is_said_with_its_interval(due, alice, tiny_model, gain, said):
    assert last_trial(due) is None
    trial(services.start_body_run(project=due, by=alice, why=""), tiny_model, gain=gain)
    found = last_trial(due)
    assert found is not None
    assert found.sentence == said


def test_the_snapshot_of_a_trial_is_kept_until_a_later_trial(due, alice, bob, tiny_model):
    first = services.start_body_run(project=due, by=alice, why="")
    trial(first, tiny_model, gain=-0.01)
    judge_more(due, alice, bob, 3)
    ended(services.start_refit(project=due, by=alice, why=""), tiny_model, method="features")
    assert is_needed(first.snapshot)
    second = services.start_body_run(project=due, by=alice, why="")
    assert is_needed(first.snapshot), "the later one has not ended"
    trial(second, tiny_model, gain=-0.01)
    assert not is_needed(first.snapshot)


def test_the_training_page_says_when_it_is_trained_next_and_why_not_now(due, alice, bob, client, tiny_model):
    def page() -> str:
        return " ".join(client.get(f"/projects/{due.pk}/runs/").content.decode().split())

    client.force_login(alice.user)
    assert "60 of 50 new judgements: it is due, and starts by itself." in page()
    assert "has not been trained yet" in page()
    answer = client.post(f"/projects/{due.pk}/runs/train-body")
    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    assert "<button disabled" in page()
    assert f"being trained already (run {run.pk}, queued)" in page()
    trial(run, tiny_model, gain=0.018)
    judge_more(due, alice, bob, 2)
    assert "2 of 50 new judgements; at 50 it is trained by itself." in page()
    assert "+1.8 points (0.8 to 2.8): it took its place." in page()
    version = ModelVersion.objects.get(run_id=run.pk)
    assert f'<a href="/versions/{version.pk}/">{version.name}</a>, with a trained body' in page()
    Project.objects.update(train_body_after=0)
    assert "by the button alone" in page()


def test_who_may_not_start_runs_is_refused_and_another_organisation_finds_nothing(due, bob, charlie, client):
    client.force_login(bob.user)
    assert client.post(f"/projects/{due.pk}/runs/train-body").status_code == 403
    client.force_login(charlie.user)
    assert client.post(f"/projects/{due.pk}/runs/train-body").status_code == 404
    assert not TrainingRun.objects.exists()


def test_the_api_names_the_reward_model_and_trains_its_body(due, alice, client, tiny_model):
    headers = {"Authorization": f"Bearer {create_token(by=alice, name='test')[1]}"}
    address = f"/api/v1/projects/{due.pk}"
    assert client.get(f"{address}/reward-model", headers=headers).json() == {
        "version": None, "train_body_after": 50, "new_judgements_needed": 50, "new_judgements": 60, "why_not_now": "",
        "last_trial": None,
    }  # fmt: skip
    answer = client.post(f"{address}/train-body", headers=headers)
    assert (answer.status_code, answer.json()["config"]) == (201, {"method": "lora"})
    refused = client.post(f"{address}/train-body", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_ready")
    version = trial(TrainingRun.objects.get(), tiny_model, gain=0.018)
    told = client.get(f"{address}/reward-model", headers=headers).json()
    assert (told["version"]["id"], told["version"]["method"], told["new_judgements"]) == (version.pk, "lora", 0)
    assert (told["last_trial"]["won"], told["last_trial"]["gain"]) == (True, 0.018)
    changed = client.patch(address, {"train_body_after": -1}, "application/json", headers=headers)
    assert (changed.status_code, list(changed.json()["error"]["fields"])) == (422, ["train_body_after"])
    Snapshot.objects.update(judgement_count=100_000)
    assert client.get(f"{address}/reward-model", headers=headers).json()["new_judgements_needed"] == 10_000
    assert client.patch(address, {"train_body_after": 0}, "application/json", headers=headers).status_code == 200
    assert client.get(f"{address}/reward-model", headers=headers).json()["new_judgements_needed"] is None
    assert start_due_body_runs() == []


def test_a_run_that_was_asked_for_over_the_api_with_lora_is_a_trial_too(due, alice, tiny_model):
    (run,) = services.start_runs(project=due, by=alice, recipe="reward_model", config={"method": "lora"})
    assert new_judgements_since_refresh(due) == 60
    body = trial(run, tiny_model, gain=0.05)
    assert (reward_model_of(due.pk), TrainingRun.objects.get(pk=run.pk).status) == (body, RunStatus.SUCCEEDED)
