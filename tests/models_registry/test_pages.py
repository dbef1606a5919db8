from html import unescape

import pytest
from django.test import Client

from models_registry.evidence import say_length
from models_registry.models import ModelVersion
from models_registry.services import judge_gate, promote_version, record_evaluation
from tests.models_registry.making import make_version, open_the_gate


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def family(alice, project, tmp_path):
    """Production, and a better child of it."""
    first = make_version(alice, project.pk, tmp_path, kind="base", name="Base")
    promote_version(version=first, by=alice, to_stage="production", reason="the first")
    child = make_version(alice, project.pk, tmp_path, parent=first, base=first, run_id=4, snapshot_id=9, recipe="grpo")
    return first, child


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def test_the_list_has_what_serves_on_top(browser, project, family):
    page = text_of(browser.get(f"/projects/{project.pk}/versions/"))
    assert "<strong>Base</strong> answers the requests" in page
    assert page.index("Base") < page.index("Answers v2")


def test_an_empty_list_says_what_it_is_for(browser, project):
    assert "Versions of the model appear here" in text_of(browser.get(f"/projects/{project.pk}/versions/"))


def test_the_page_tells_lineage_gate_and_why_a_step_is_not_possible(browser, family):
    _, child = family
    page = text_of(browser.get(f"/versions/{child.pk}/"))
    assert child.artifact_hash in page
    assert "Run 4" in page
    assert "Promote to production: not possible now" in page
    assert "Not measured: on how many held-out prompts" in page


def test_the_page_tells_evaluations_with_their_intervals_and_offers_the_steps(browser, family):
    _, child = family
    open_the_gate(child)
    page = text_of(browser.get(f"/versions/{child.pk}/"))
    assert "60 to 80 %" in page
    assert "70 % of held-out prompts (60 to 80 %, 100 cases): surely above 50 %." in page
    assert "not possible now" not in page


def test_a_canary_a_promotion_and_a_roll_back_through_the_page(browser, project, family):
    first, child = family
    open_the_gate(child)
    sent = {"to_stage": "canary", "reason": "try it", "canary_share": "25"}
    assert browser.post(f"/versions/{child.pk}/promote/", sent).status_code == 302
    assert ModelVersion.objects.get(pk=child.pk).canary_share == 0.25
    assert "25 %" in text_of(browser.get(f"/projects/{project.pk}/versions/summary"))
    sent = {"to_stage": "production", "reason": "it wins"}
    assert browser.post(f"/versions/{child.pk}/promote/", sent).status_code == 302
    page = text_of(browser.get(f"/versions/{child.pk}/"))
    assert "Roll back to Base" in page
    assert browser.post(f"/versions/{child.pk}/rollback/", {"reason": "complaints"}).status_code == 302
    assert ModelVersion.objects.get(stage="production") == first
    assert "Rolled back: complaints" in text_of(browser.get(f"/versions/{child.pk}/"))


@pytest.mark.parametrize(
    ("path", "sent", "why"),
    [
        ("promote", {"to_stage": "production", "reason": ""}, "required"),
        ("promote", {"to_stage": "production", "reason": "hope"}, "The gate is closed"),
        ("promote", {"to_stage": "canary", "reason": "x", "canary_share": "100"}, "less than or equal to 99"),
        ("promote", {"to_stage": "nowhere", "reason": "x"}, "nowhere"),
        ("rollback", {"reason": "x"}, "nothing to take back"),
    ],
)
def test_a_refused_step_is_shown_on_the_page_and_changes_nothing(browser, family, path, sent, why):
    first, child = family
    answer = browser.post(f"/versions/{child.pk}/{path}/", sent)
    assert answer.status_code == 422
    assert why in text_of(answer)
    assert ModelVersion.objects.get(pk=child.pk).stage == "candidate"
    assert ModelVersion.objects.get(pk=first.pk).stage == "production"


def test_looking_at_a_page_stores_no_verdict(browser, project, family):
    _, child = family
    browser.get(f"/versions/{child.pk}/")
    browser.get(f"/projects/{project.pk}/versions/")
    assert not child.gate_verdicts.exists()


def test_a_viewer_sees_the_page_without_its_forms(family, organisation):
    from tests.cast import make_member

    viewer = signed_in(make_member(organisation, "vera@example.org", "viewer"))
    _, child = family
    page = text_of(viewer.get(f"/versions/{child.pk}/"))
    assert "What to do with it" not in page
    assert viewer.post(f"/versions/{child.pk}/promote/", {"to_stage": "retired", "reason": "x"}).status_code == 403


def test_another_organisations_versions_are_a_404_and_their_lists_empty(charlie, project, family):
    outsider = signed_in(charlie)
    _, child = family
    for path in ("", "promote/", "rollback/"):
        method = outsider.get if not path else outsider.post
        assert method(f"/versions/{child.pk}/{path}", {"to_stage": "retired", "reason": "x"}).status_code == 404
    for address in (f"/projects/{project.pk}/versions/", f"/projects/{project.pk}/versions/summary",
                    "/versions/of-snapshot/9"):  # fmt: skip
        page = text_of(outsider.get(address))
        assert "Answers v2" not in page
        assert "Base" not in page
        assert project.name not in page


def test_a_snapshots_versions_are_listed(browser, family):
    assert "Answers v2" in text_of(browser.get("/versions/of-snapshot/9"))
    assert "No version" in text_of(browser.get("/versions/of-snapshot/10"))


def test_a_list_of_many_versions_costs_as_many_queries_as_one_of_few(
    browser, project, family, alice, tmp_path, django_assert_max_num_queries
):
    for _ in range(12):
        open_the_gate(make_version(alice, project.pk, tmp_path, parent=family[0]))
    with django_assert_max_num_queries(14):
        browser.get(f"/projects/{project.pk}/versions/")


class TestApi:
    @pytest.fixture
    def api(self, alice):
        from accounts.tokens import create_token

        return Client(headers={"Authorization": f"Bearer {create_token(by=alice, name='ci')[1]}"})

    def test_versions_are_listed_filtered_and_shown(self, api, project, family):
        first, child = family
        listed = api.get("/api/v1/versions", {"project": project.pk}).json()
        assert [row["id"] for row in listed["results"]] == [child.pk, first.pk]
        assert api.get("/api/v1/versions", {"kind": "base"}).json()["results"][0]["id"] == first.pk
        assert api.get("/api/v1/versions", {"project": "x"}).json()["results"] == []
        shown = api.get(f"/api/v1/versions/{child.pk}").json()
        assert shown["gate"]["is_open"] is False
        assert shown["parent"] == first.pk

    def test_promote_and_roll_back(self, api, family):
        first, child = family
        send = {"to_stage": "production", "reason": "it wins"}
        address = f"/api/v1/versions/{child.pk}"
        refused = api.post(f"{address}/promote", send, content_type="application/json")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "gate_closed")
        open_the_gate(child)
        judge_gate(version=child)
        done = api.post(f"{address}/promote", send, content_type="application/json")
        assert (done.status_code, done.json()["to_stage"], done.json()["by"]) == (201, "production", "Alice")
        back = api.post(f"{address}/rollback", {"reason": "bad"}, content_type="application/json")
        assert (back.status_code, back.json()["version"]) == (201, first.pk)
        strange = api.post(f"{address}/rollback", {"reason": "bad", "x": 1}, content_type="application/json")
        assert (strange.status_code, strange.json()["error"]["fields"]["x"][:7]) == (422, "Unknown")

    def test_another_organisations_versions_are_not_found(self, charlie, project, family):
        from accounts.tokens import create_token

        api = Client(headers={"Authorization": f"Bearer {create_token(by=charlie, name='ci')[1]}"})
        assert api.get("/api/v1/versions").json()["results"] == []
        assert api.get("/api/v1/versions", {"project": project.pk}).json()["results"] == []
        assert api.get(f"/api/v1/versions/{family[1].pk}").status_code == 404
        for path in ("promote", "rollback"):
            answer = api.post(
                f"/api/v1/versions/{family[1].pk}/{path}", {"to_stage": "retired", "reason": "x"},
                content_type="application/json",
            )  # fmt: skip
            assert answer.status_code == 404


def test_the_first_version_is_told_why_it_needs_no_gate_and_what_it_replaces(browser, alice, project, tmp_path):
    first = make_version(alice, project.pk, tmp_path, kind="base", name="Base")
    page = text_of(browser.get(f"/versions/{first.pk}/"))
    assert "Not asked" in page
    assert "project's first version needs no gate" in unescape(page)
    assert "Nothing is in production yet: it is the first to answer." in page
    for contradiction in ("Closed", "Run an evaluation", "is retired"):
        assert contradiction not in page
    promote_version(version=first, by=alice, to_stage="production", reason="the first")
    for address in (f"/versions/{first.pk}/", f"/projects/{project.pk}/versions/"):
        page = text_of(browser.get(address))
        assert "Not asked" in page
        assert "Closed" not in page
    assert "without the gate: nothing was there that it could have been worse than" in text_of(
        browser.get(f"/versions/{first.pk}/")
    )
    child = make_version(alice, project.pk, tmp_path, parent=first, base=first)
    open_the_gate(child)
    assert "Base, which is in production now, is retired" in text_of(browser.get(f"/versions/{child.pk}/"))
    promote_version(version=child, by=alice, to_stage="production", reason="it wins")
    page = text_of(browser.get(f"/versions/{child.pk}/"))
    assert '<span class="badge good">Open</span>' in page
    assert "Not asked" not in page


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"judge_kind": "independent_head", "held_out_judgements": 45}, "on the 45 held-out judgements of"),
        ({"judge_kind": "reward_model"}, "for lack of held-out judgements"),
        ({"judge_kind": "endpoint", "judge": "wise-9"}, "wise-9"),
        ({"judge": "as it was called before"}, "as it was called before"),
    ],
)
def test_the_page_names_who_prefers_and_warns_of_length(browser, family, detail, words):
    _, child = family
    named = {"reward_model": {"id": child.pk, "name": "Rewards v3", "snapshot": {"id": 5, "hash": "cafe" * 16}}}
    sample = {
        "prompt": "Rice?",
        "policy": "Boil it.",
        "parent": "<b>Steam</b>",
        "verdict": "policy",
        "probability": 0.8,
    }
    record_evaluation(
        version=child, metric="win_rate", value=0.7, low=0.6, high=0.8, n=9,
        detail=detail | named | {"snapshot": {"id": 6, "hash": "beef" * 16}, "samples": [sample]},
    )  # fmt: skip
    lengths = {"of_medians": 0.21, "median_characters": {"policy": 40.0, "parent": 190.0}}
    record_evaluation(version=child, metric="length_ratio", value=0.3, low=0.2, high=0.4, n=9, detail=lengths)
    record_evaluation(version=child, metric="accuracy_over_length", value=0.056, low=-0.01, high=0.1, n=80)
    page = text_of(browser.get(f"/versions/{child.pk}/"))
    assert words in page
    assert "A judge that a policy was trained against flatters it" in page
    assert "Its answers are a fifth as long as its parent's." in unescape(page)
    assert "5.6 points" in page
    assert "it may know no more than length" in page
    assert "Boil it." in page
    assert "<b>Steam" not in page
    if detail.get("judge_kind") in ("independent_head", "reward_model"):
        assert "Rewards v3" in page
        assert "cafecafecafe" in page


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(1.0, ""), (0.5, ""), (2.0, ""), (0.34, "a third as long"), (0.02, "less than a tenth as long"),
     (3.21, "3.2 times as long")],
)  # fmt: skip
def test_a_difference_of_length_is_told_when_it_is_large(ratio, said):
    assert said in say_length(ratio)
    assert bool(say_length(ratio)) == bool(said)
