"""Runs and the evidence of a version as a person meets them, and what a page says when the server is away."""

import json
import os
import uuid

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from accounts.tokens import create_token
from models_registry.services import promote_version, record_evaluation
from tests.browser.test_pages import CHECKS, WAYS
from tests.models_registry.making import make_version
from training import services
from training.models import SamplingJob, TrainingRun

# A directory to take pictures into, for whoever wants to look.
SHOTS = os.environ.get("ACCORD_SHOTS")


@pytest.fixture
def chain(alice, project):
    """A refresh whose reward model is done, whose policy runs and whose evaluation waits."""
    chain_id, runs, before = uuid.uuid4(), [], None
    for recipe in ("reward_model", "grpo", "evaluate"):
        config = {"steps": 20} if recipe == "grpo" else {}
        before = services.create_run(
            project=project,
            by=alice,
            recipe=recipe,
            config=config,
            after=before,
            chain_id=chain_id,
            why="12 judgements",
        )
        runs.append(before)
    reward, policy, _ = runs
    curve = [
        {
            "step": votes, "total": 240, "seconds": 9.0, "stage": "learning curve",
            "figures": {"accuracy": share, "accuracy_low": share - 0.09, "accuracy_high": share + 0.08,
                        "length_baseline": 0.61},
        }
        for votes, share in ((30, 0.58), (60, 0.63), (120, 0.66), (240, 0.71))
    ]  # fmt: skip
    (reward.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve))
    figures = {"seconds": 32.1, "train_votes": 240, "held_out_votes": 61, "prior_precision_text": 55108.987}
    TrainingRun.objects.filter(pk=reward.pk).update(
        status="succeeded", started_at=now(), finished_at=now(), seconds=32.1, step=1, total=1,
        result={"figures": figures},
    )  # fmt: skip
    steps = [
        {
            "step": step,
            "total": 20,
            "seconds": step * 9.0,
            "figures": {"reward": -0.2 + step / 25, "kl_nats": step**2 / 9e4},
        }
        for step in range(1, 8)
    ]
    (policy.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps))
    settings = {
        "steps": {"value": 20, "default": 10}, "learning_rate": {"value": 0.0004, "default": 0.0004},
        "kl_weight": {"value": 0.04, "default": 0.04}, "base_dir": {"value": "/somewhere"},
    }  # fmt: skip
    (policy.directory / "settings.json").write_text(json.dumps(settings))
    TrainingRun.objects.filter(pk=policy.pk).update(
        status="running", started_at=now(), heartbeat_at=now(), step=7, total=20, seconds=63
    )
    return runs


@pytest.fixture
def evaluated(alice, project, tmp_path):
    """A policy with all that an evaluation leaves, beside the base in production."""
    base = make_version(alice, project.pk, tmp_path, kind="base", name="Answers base v1")
    promote_version(version=base, by=alice, to_stage="production", reason="The first.")
    version = make_version(alice, project.pk, tmp_path, parent=base, base=base, run_id=3, recipe="grpo")
    samples = [
        {"prompt": f"My rice is mushy ({n}). What now?", "policy": "Less water.", "parent": "Take less water. " * 12,
         "verdict": "policy" if n % 3 else "parent", "probability": 0.62 if n % 3 else 0.4}
        for n in range(12)
    ]  # fmt: skip
    judge = {"id": base.pk, "name": "Answers reward model v3", "snapshot": {"id": 1, "hash": "cafe" * 16}}
    detail = {
        "judge_kind": "independent_head", "held_out_judgements": 61, "reward_model": judge,
        "snapshot": {"id": 2, "hash": "beef" * 16}, "samples": samples,
    }  # fmt: skip
    lengths = {"of_medians": 0.21, "median_characters": {"policy": 11, "parent": 204}}
    for metric, value, low, high, more in (
        ("win_rate", 0.66, 0.55, 0.77, detail), ("length_ratio", 0.24, 0.2, 0.3, lengths),
        ("policy_length", 48.2, 40, 60, {}), ("reward_model_accuracy", 0.71, 0.62, 0.8, {}),
        ("accuracy_over_length", 0.056, -0.01, 0.12, {}),
    ):  # fmt: skip
        record_evaluation(version=version, metric=metric, value=value, low=low, high=high, n=24, detail=more, run_id=9)
    return version


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_of_training_and_evidence_are_named_ordered_readable_and_narrow_enough(
    open_page, alice, project, chain, evaluated, way
):
    create_token(by=alice, name="nightly import")
    base = evaluated.base
    finished = {"status": "succeeded", "finished_at": now(), "total": 1, "done": 1}
    SamplingJob.objects.create(project=project, version=base, **finished)
    page = open_page(alice, "/runs/", **WAYS[way])
    versions = f"/projects/{project.pk}/versions/"
    for path in (
        "/runs/", f"/projects/{project.pk}/runs/", *(f"/runs/{run.pk}/" for run in chain),
        f"/versions/{evaluated.pk}/", f"/versions/{base.pk}/", versions, "/audit/", "/account/",
    ):  # fmt: skip
        page.goto(path)
        for summary in page.locator("main summary").all():
            summary.click()
        assert page.evaluate(CHECKS) == [], path
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{way[:4]}{path.replace('/', '-')}.png", full_page=True)


def test_the_chain_beside_a_run_stays_fresh_after_the_run_has_ended(open_page, alice, chain):
    page = open_page(alice, f"/runs/{chain[0].pk}/")
    steps = page.locator("#chain li")
    expect(steps.nth(1)).to_contain_text("Running")
    TrainingRun.objects.filter(pk=chain[1].pk).update(status="succeeded", finished_at=now())
    expect(steps.nth(1)).to_contain_text("Succeeded")


def test_a_page_says_while_the_server_cannot_be_reached(open_page, alice, chain):
    page = open_page(alice, f"/runs/{chain[1].pk}/")
    page.context.set_offline(True)
    expect(page.locator("#messages")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
    expect(page.locator("#messages")).not_to_contain_text("cannot be reached")
