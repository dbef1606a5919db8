"""The reward model from judgements to a new order of the queue, and its trained body: for real, on a tiny model."""

import re
from collections import Counter

import pytest

from labeling.models import AnnotatorWeight, Contradiction, Item
from labeling.services import import_records
from labeling.services.contradictions import contradictions_of
from models_registry.models import ModelVersion
from serving.models import ServedResponse
from tests.labeling.conftest import pair_lines
from training import services
from training.models import RunStatus, TrainingRun
from training.services.arms import arms_of
from training.services.body_trials import last_trial
from training.services.which_version import reward_model_of
from training.triggers import start_due_body_runs, start_due_refits

pytestmark = pytest.mark.django_db(transaction=True)


def refit() -> TrainingRun:
    return carry_out(*start_due_refits())


def carry_out(run: TrainingRun) -> TrainingRun:
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    services.execute_run(run=claimed)
    return TrainingRun.objects.get(pk=run.pk)


def test_what_was_judged_puts_in_order_what_is_open(judged_project, base, alice):
    judged_project.selection_policy = "soft4"
    judged_project.save(update_fields=["selection_policy"])
    import_records(project=judged_project, by=alice, lines=pair_lines(60, start=5000))
    run = refit()
    assert run.status == RunStatus.SUCCEEDED, run.error
    version = ModelVersion.objects.get(run_id=run.pk)
    assert (version.kind, version.method) == ("reward_model", "features")
    open_items = Item.objects.filter(project=judged_project, open_slots__gt=0, prompt__held_out=False)
    told = run.result["priorities_written"]
    assert told["written"] == run.result["figures"]["items_in_order"] == open_items.count() > 20
    policies = Counter(open_items.values_list("policy", flat=True))
    assert policies["soft4"] > policies["random"] > 0
    assert len(set(open_items.values_list("priority", flat=True))) == open_items.count()
    assert open_items.filter(score__isnull=False).exists()
    assert not (run.directory / "open_items.jsonl").exists()
    assert run.result["contradictions_kept"] >= 0
    heard = AnnotatorWeight.objects.get()
    (told,) = run.result["annotators"]
    assert heard.annotator.email == "bob@example.org"
    assert (heard.weight, heard.votes, heard.agreement) == (told["weight"], told["votes"], told["agreement"])


def test_a_project_without_a_base_gets_one_and_then_its_order(judged_project, alice, tiny_model, settings):
    settings.BASE_MODEL = str(tiny_model)
    judged_project.selection_policy = "v_optimal"
    judged_project.save(update_fields=["selection_policy"])
    import_records(project=judged_project, by=alice, lines=pair_lines(60, start=5000))
    (run,) = start_due_refits()
    prepared = carry_out(run.after)
    assert prepared.status == RunStatus.SUCCEEDED, prepared.error
    ServedResponse.objects.bulk_create(
        ServedResponse(
            organisation=judged_project.organisation, project=judged_project, stage="production", propensity=1,
            version=ModelVersion.objects.get(run_id=prepared.pk), messages=[{"role": "user", "content": "Tea?"}],
            text="Tea, " * (number + 1), status="complete",
        )
        for number in range(40)
    )  # fmt: skip
    run = carry_out(run)
    assert run.status == RunStatus.SUCCEEDED, run.error
    assert run.result["figures"]["served_answers"] == 40
    assert not (run.directory / "served_answers.jsonl").exists()
    version = ModelVersion.objects.get(run_id=run.pk)
    assert (version.kind, version.base.run_id) == ("reward_model", prepared.pk)
    assert Item.objects.filter(project=judged_project, open_slots__gt=0, policy="v_optimal").exists()
    assert start_due_refits() == [], "nothing is new"


def test_a_project_in_random_order_is_told_what_its_labels_bought_and_what_contradicts(
    judged_project, base, alice, bob, client
):
    judged_project.selection_policy, judged_project.refit_after = "random", 20
    judged_project.save(update_fields=["selection_policy", "refit_after"])
    turned = judged_project.comparisons.filter(item__prompt__held_out=False).earliest("pk")
    turned.choice = "b" if turned.choice == "a" else "a"
    turned.save(update_fields=["choice"])
    run = refit()
    assert run.status == RunStatus.SUCCEEDED, run.error
    arms = arms_of(judged_project)
    assert (arms.run, arms.active, arms.missing) == (run, [], [])
    labels = [point.labels for point in arms.random]
    assert labels[0] == 16
    assert labels[-1] == judged_project.comparisons.filter(item__prompt__held_out=False).count()
    client.force_login(alice.user)
    page = client.get(f"/projects/{judged_project.pk}/runs/arms").content.decode()
    assert f"From 16 to {labels[-1]} labels the reward model went from" in page
    assert re.search(r"\d points (more|less) \(−?[\d.]+ to", page)
    assert "Nothing was chosen by the reward model" in page
    assert "shaded: 95 % interval" in page
    assert run.result["contradictions_kept"] == Contradiction.objects.count() > 0
    assert turned.pk in contradictions_of(judged_project).values_list("judgement_id", flat=True)
    page = client.get(f"/projects/{judged_project.pk}/contradictions/").content.decode()
    assert f"/items/{turned.item_id}/" in page


def test_a_body_is_trained_and_held_against_the_fast_path(judged_project, base):
    judged_project.train_body_after = 60
    judged_project.save(update_fields=["train_body_after"])
    run = carry_out(*start_due_body_runs())
    assert run.status == RunStatus.SUCCEEDED, run.error
    found = last_trial(judged_project)
    assert found is not None
    assert found.body is not None
    assert found.fast is not None
    assert found.gain == pytest.approx(found.body - found.fast)
    version = ModelVersion.objects.get(run_id=run.pk)
    assert version.method == ("lora" if found.won else "features")
    assert reward_model_of(judged_project.pk) == version


def test_both_arms_of_a_project_are_compared_on_the_same_held_out_judgements(judged_project, base):
    judged_project.selection_policy = "v_optimal"
    judged_project.save(update_fields=["selection_policy"])
    learnt = Item.objects.filter(project=judged_project, prompt__held_out=False).order_by("pk")
    ids = list(learnt.values_list("pk", flat=True))
    Item.objects.filter(pk__in=ids[::2]).update(policy="v_optimal")
    # A manager's and users' choice is in neither arm.
    Item.objects.filter(pk__in=[ids[1], ids[3]]).update(policy="manager")
    run = refit()
    assert run.status == RunStatus.SUCCEEDED, run.error
    arms = arms_of(judged_project)
    ends = arms.random[-1].labels, arms.active[-1].labels
    assert ends == (len(ids) // 2 - 2, len(ids) - len(ids) // 2)
    assert arms.sentence.startswith(f"With {ends[0]} labels each, those chosen by the reward model brought it to")
    assert re.search(r"\d points (more|less) \(−?[\d.]+ to", arms.sentence)
