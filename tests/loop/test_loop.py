"""The whole loop on a tiny model: by program, in a browser, and to its end."""

import json

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import browser  # noqa: F401
from tests.loop.conftest import api, travel, wait_for

pytestmark = [pytest.mark.loop, pytest.mark.timeout(900)]
STAGES = ["base and SFT", "sample and judge", "train", "evaluate and gate", "promote", "serve", "feed back"]


def test_one_judgement_travels_all_the_way(application):
    rows = travel(application, "first.json")
    assert list(rows)[:7] == STAGES
    judged = rows["sample and judge"]
    assert judged["judgements"] >= 60
    win = rows["evaluate and gate"]["win_rate"]
    # The policy learned what the simulated annotators like, whatever its judge made of it.
    assert rows["evaluate and gate"]["true_win_rate"] > 0.5
    assert win["low"] <= win["value"] <= win["high"]
    assert rows["feed back"]["thumbs_down"] == 4
    assert rows["feed back"]["judgements"] >= 4
    versions = api(application, "versions")["results"]
    assert {version["kind"] for version in versions} == {"base", "policy", "reward_model"}
    policy = next(version for version in versions if version["recipe"] == "grpo")
    assert policy["snapshot_hash"]
    assert policy["parent"]
    assert policy["code_version"]


def test_the_reward_model_refits_by_itself_and_scores(application):
    """On the queue `fast`, by its worker, while the trainer is there for other things."""
    demo = json.loads((application.data_dir / "demo.json").read_text())
    project = f"projects/{demo['project_id']}"
    api(application, project, "PATCH", refit_after=5)

    def refit() -> dict[str, object] | None:
        runs = api(application, "runs")["results"]
        found = [run for run in runs if run["config"].get("method") == "features" and run["chain_id"] is None]
        assert not any(run["status"] == "failed" for run in found), found
        return next((run for run in found if run["status"] == "succeeded"), None)

    wait_for(refit, 120, application.output)
    api(application, project, "PATCH", refit_after=None)
    run = refit()
    assert run is not None
    version = next(each for each in api(application, "versions")["results"] if each["run"] == run["id"])
    assert (version["kind"], version["method"]) == ("reward_model", "features")
    pair = {"prompt": "How long for soup?", "response_a": "Ten minutes.", "response_b": "It depends on the soup."}
    scores = api(application, f"versions/{version['id']}/score", "POST", pairs=[pair])
    assert scores["status"] == "succeeded"
    assert 0 < scores["pairs"][0]["probability_a"] < 1
    times = api(application, f"{project}/time-to-model")
    assert times["stages"][1]["arrived"] >= 60


@pytest.mark.browser
def test_the_same_journey_in_the_browser(application, browser):  # noqa: F811
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    demo = json.loads((application.data_dir / "demo.json").read_text())
    page.goto(f"{application.web}/sign-in/")
    page.get_by_label("E-mail").fill("engineer@demo.accord")
    page.get_by_label("Password").fill(demo["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    project = f"{application.web}/projects/{demo['project_id']}"
    page.goto(f"{project}/playground/")
    page.get_by_label("Your message").fill("How long for soup, then?")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("button", name="Bad answer").click(timeout=60_000)
    expect(page.get_by_text("annotators will compare the two")).to_be_visible()
    page.goto(f"{application.web}/runs/")
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    page.goto(f"{project}/versions/")
    expect(page.get_by_text("Production").first).to_be_visible()

    def something_to_judge() -> bool:
        page.goto(f"{project}/desk/")
        return page.locator("#card[data-item]").count() > 0

    wait_for(something_to_judge, 60, page.content)
    before = api(application, f"projects/{demo['project_id']}")["figures"]["judgements"]
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    wait_for(
        lambda: api(application, f"projects/{demo['project_id']}")["figures"]["judgements"] == before + 1,
        20,
        page.content,
    )


def test_sigterm_leaves_no_process_behind(application):
    family = psutil.Process(application.process.pid).children(recursive=True)
    assert family
    application.stop()
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
