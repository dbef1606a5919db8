import re
import uuid

import pytest
from django.test import Client

from serving.chat_request import ChatRequest
from serving.models import Feedback, ServedResponse
from serving.paging import page_of_served
from serving.services import answer_now, record_feedback
from tests.cast import make_member

ASK = [{"role": "user", "content": "What is tea?"}]


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def browser(alice) -> Client:
    return signed_in(alice)


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def good(fault_engine, faulty):  # noqa: F811
    """Production, at an engine that always says "fine"."""
    return faulty(fault_engine, "good")


def test_a_playground_without_a_version_says_what_to_do(browser, project):
    assert "No version is in production yet" in text_of(browser.get(f"/projects/{project.pk}/playground/"))


def test_a_conversation_goes_on_and_is_stored_as_the_gateway_stores_it(browser, alice, project, good):
    page = browser.get(f"/projects/{project.pk}/playground/")
    assert "The model is writing" in text_of(page)
    address = f"/projects/{project.pk}/playground/send/"
    first = text_of(browser.post(address, {"message": "What is tea?"}))
    assert "fine" in first
    assert "Answers v1" in first
    after = re.search(r'name="after" value="([^"]+)"', first)[1]
    browser.post(address, {"message": "And coffee?", "after": after})
    last = ServedResponse.objects.first()
    assert [turn["content"] for turn in last.messages] == ["What is tea?", "fine", "And coffee?"]
    assert (last.status, last.stage, last.propensity, last.caller) == ("complete", "production", 1.0, alice.user)


def test_the_playground_of_a_real_engine(browser, project, production, engine):  # noqa: F811
    said = text_of(browser.post(f"/projects/{project.pk}/playground/send/", {"message": "What is tea?"}))
    served = ServedResponse.objects.get()
    assert served.text.split()[0] in said or "message assistant" in said
    assert served.completion_tokens > 0


def test_an_answer_is_shown_as_text_and_never_as_markup(browser, project, good):
    sent = {"message": "<script>alert(1)</script><img src=x onerror=alert(1)>"}
    page = browser.post(f"/projects/{project.pk}/playground/send/", sent).content.decode()
    assert "<script>" not in page
    assert "<img" not in page


@pytest.mark.parametrize(("sent", "why"), [({"message": " "}, "required"), ({"message": "a\x00b"}, "Null")])
def test_an_empty_or_broken_message_is_refused_beside_the_form(browser, project, good, sent, why):
    answer = browser.post(f"/projects/{project.pk}/playground/send/", sent)
    assert answer.status_code == 422
    assert why in text_of(answer)


def test_an_engine_that_fails_is_told_in_the_conversation(browser, project, fault_engine, faulty):  # noqa: F811
    faulty(fault_engine, "error-500")
    answer = browser.post(f"/projects/{project.pk}/playground/send/", {"message": "Hello"})
    assert answer.status_code == 422
    assert "The engine answered 500" in text_of(answer)
    assert ServedResponse.objects.get().status == "failed"


def test_who_may_not_see_runs_is_not_told_which_version_answered(project, good, organisation, monkeypatch):
    from accounts.permissions import GRANTS, Permission

    monkeypatch.setitem(GRANTS, "annotator", frozenset({Permission.JUDGE, Permission.USE_ENDPOINT}))
    user = signed_in(make_member(organisation, "una@example.org", "annotator"))
    said = text_of(user.post(f"/projects/{project.pk}/playground/send/", {"message": "Hello"}))
    assert "fine" in said
    assert "Answers v1" not in said
    assert "production" not in said


def test_a_thumb_and_an_edit_from_the_playground(browser, alice, project, good):
    served = answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    address = f"/projects/{project.pk}/playground/{served.pk}/feedback/"
    sent = {"client_id": str(uuid.uuid4()), "signal": "thumb_down"}
    assert "annotators will compare" in text_of(browser.post(address, sent))
    assert "annotators will compare" in text_of(browser.post(address, sent))
    sent = {"client_id": str(uuid.uuid4()), "signal": "edit", "edited_text": "Leaves.\r\nHot water."}
    assert "Annotators will compare your text" in text_of(browser.post(address, sent))
    assert [f.edited_text for f in Feedback.objects.order_by("pk")] == ["", "Leaves.\nHot water."]
    refused = browser.post(address, {"client_id": str(uuid.uuid4()), "signal": "edit", "edited_text": ""})
    assert refused.status_code == 422
    assert "Write the answer as it should be" in text_of(refused)


def test_served_answers_are_listed_with_their_feedback(browser, alice, project, good):
    answer_now(project=project, by=alice, chat=ChatRequest(messages=[{"role": "user", "content": "Quiet one"}]))
    served = answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    record_feedback(served=served, by=alice, signal="thumb_down", comment="too short")
    page = text_of(browser.get(f"/projects/{project.pk}/served/"))
    assert "users got <strong>2</strong> answers" in page
    assert "Thumb down: too short" in page
    assert "will become an item" in page
    filtered = text_of(browser.get(f"/projects/{project.pk}/served/?feedback=1"))
    assert "What is tea?" in filtered
    assert "Quiet one" not in filtered


def test_another_organisations_playground_answers_and_conversations_are_404(browser, alice, charlie, project, good):
    served = answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    outsider = signed_in(charlie)
    base = f"/projects/{project.pk}"
    assert outsider.get(f"{base}/playground/").status_code == 404
    assert outsider.get(f"{base}/served/").status_code == 404
    assert outsider.post(f"{base}/playground/send/", {"message": "x"}).status_code == 404
    sent = {"client_id": str(uuid.uuid4()), "signal": "thumb_up"}
    assert outsider.post(f"{base}/playground/{served.pk}/feedback/", sent).status_code == 404
    assert not Feedback.objects.exists()


def test_somebody_elses_conversation_cannot_be_continued(project, good, alice, organisation):
    served = answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    other = signed_in(make_member(organisation, "emil@example.org", "engineer"))
    sent = {"message": "go on", "after": str(served.pk)}
    assert other.post(f"/projects/{project.pk}/playground/send/", sent).status_code == 404


def test_an_annotator_may_neither_play_nor_look(bob, project, good):
    annotator = signed_in(bob)
    assert annotator.get(f"/projects/{project.pk}/playground/").status_code == 403
    assert annotator.get(f"/projects/{project.pk}/served/").status_code == 403


def test_pages_hold_every_answer_once_also_those_of_one_instant(alice, project, good):
    for _ in range(3):
        answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    first = ServedResponse.objects.first()
    ServedResponse.objects.bulk_create(
        ServedResponse(
            organisation=alice.organisation, project=project, version=good, stage="production", propensity=1,
            messages=ASK,
        )
        for _ in range(8)
    )  # fmt: skip
    ServedResponse.objects.exclude(status="complete").update(created_at=first.created_at)
    seen, before = [], None
    while True:
        page = page_of_served(ServedResponse.objects.all(), before=before, size=2)
        seen += [row.pk for row in page.rows]
        if page.older is None:
            break
        before = page.older
    assert len(seen) == len(set(seen)) == 11
    assert page_of_served(ServedResponse.objects.all(), before="nonsense").is_first
