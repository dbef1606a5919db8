"""What the reward model says on pages: the curve, the way to a model, contradictions and who is asked about them."""

import json
import uuid
from pathlib import Path

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from labeling.models import Comparison, Item
from labeling.services import lease_next, store_contradictions, submit_comparison
from models_registry.services import record_evaluation
from tests.browser.conftest import add_items
from tests.browser.test_pages import CHECKS, WAYS
from tests.models_registry.making import make_version
from training.models import TrainingRun

CURVE = [("random", 32, 0.6), ("random", 64, 0.64), ("active", 32, 0.64), ("active", 64, 0.7), ("active", 256, 0.74)]

GAINS = {
    "gained": [],
    "difference": {"labels": 64, "value": 0.06, "low": 0.02, "high": 0.1},
    "saving": {"labels": 64, "arm": "active", "needed": 32.0, "value": 2.0, "low": 1.3, "high": None},
}


@pytest.fixture
def measured(items, alice, bob, tmp_path):
    """Judged, refitted once, and contradicted."""
    add_items(items, alice, 5, start=10, first="A rather long answer. " * 30)
    while assignment := lease_next(project=items, by=bob):
        submit_comparison(assignment=assignment, by=bob, client_id=uuid.uuid4(), choice="a", strength=1)
    rows = [
        {"arm": arm, "labels": labels, "accuracy": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}
        for arm, labels, accuracy in CURVE
    ]
    TrainingRun.objects.create(
        organisation=items.organisation, project=items, recipe="reward_model", config={"method": "features"},
        status="succeeded", result={"learning_curve": rows, "label_gains": GAINS}, finished_at=now(),
        why="20 new judgements",
    )  # fmt: skip
    lines = [
        json.dumps({"judgement_id": said.pk, "item_id": said.item_id, "probability": 0.97 - number / 20})
        for number, said in enumerate(Comparison.objects.order_by("pk"))
    ]
    path: Path = tmp_path / "contradictions.jsonl"
    path.write_text("\n".join(lines))
    store_contradictions(project=items, path=path)
    return items


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_are_readable_in_both_themes_and_on_a_telephone(open_page, measured, alice, way):
    page = open_page(alice, f"/projects/{measured.pk}/", **WAYS[way])
    expect(page.get_by_role("heading", name="What the labels bought")).to_be_visible()
    expect(page.get_by_text("each was worth 2.0")).to_be_visible()
    expect(page.get_by_role("heading", name="From a judgement to a model")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(CHECKS) == []
    page.goto(f"/projects/{measured.pk}/contradictions/")
    page.locator("table details summary").first.click()
    assert page.evaluate(CHECKS) == []


def test_a_manager_asks_a_second_person_and_takes_it_back(open_page, measured, alice):
    page = open_page(alice, f"/projects/{measured.pk}/contradictions/")
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("97 %")
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Ask one person more for the chosen").click()
    expect(page.get_by_text("1 item will be judged by one person more.")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("asked")
    assert Item.objects.open().count() == 1
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 1 item as before.")).to_be_visible()
    assert not Item.objects.open().exists()


@pytest.mark.parametrize("way", WAYS)
def test_the_slices_of_a_version_are_readable_in_both_themes_and_on_a_telephone(open_page, items, alice, tmp_path, way):
    version = make_version(alice, items.pk, tmp_path, kind="reward_model", method="features", name="Scorer v{number}")
    values = {"calibration_error": 0.043, "brier": 0.212, "negative_log_likelihood": 0.613}
    record_evaluation(version=version, metric="reward_model_accuracy", value=0.66, low=0.6, high=0.7, n=400)
    for by, group in (("annotators", "qualified:medicine"), ("annotators", "people"), ("length", "very different")):
        for measure, value in values.items():
            record_evaluation(
                version=version, metric=f"{measure}_by_{by}_{group.replace(' ', '_')}", value=value, low=value - 0.02,
                high=value + 0.02, n=80, detail={"slice": by, "group": group},
            )  # fmt: skip
    page = open_page(alice, f"/versions/{version.pk}/", **WAYS[way])
    expect(page.get_by_role("row").filter(has_text="Annotators: qualified:medicine")).to_contain_text("4.3 points")
    assert page.evaluate(CHECKS) == []
