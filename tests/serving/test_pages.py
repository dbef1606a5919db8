import json
import re
import uuid

import pytest
from django.test import Client

from serving.chat_request import ChatRequest
from serving.models import Feedback, ServedResponse
from serving.paging import page_of_served
from serving.services import answer_in_pieces, answer_now, record_feedback
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
    first = text_of(browser.post(address, {"message": "What is tea?"}, follow=True))
    assert "fine" in first
    assert "Answers v1" in first
    after = re.search(r'name="after" value="([^"]+)"', first)[1]
    sent = browser.post(address, {"message": "And coffee?", "after": after})
    last = ServedResponse.objects.first()
    assert [turn["content"] for turn in last.messages] == ["What is tea?", "fine", "And coffee?"]
    assert (last.status, last.stage, last.propensity, last.caller) == ("complete", "production", 1.0, alice.user)
    # Its address holds the conversation: a reload shows both turns, with what was said of them.
    assert sent.url == f"/projects/{project.pk}/playground/?at={last.pk}"
    record_feedback(served=ServedResponse.objects.last(), by=alice, signal="thumb_up")
    page = text_of(browser.get(sent.url))
    assert page.index("What is tea?") < page.index("Your thumb up is stored") < page.index("And coffee?")


def test_the_playground_of_a_real_engine(browser, project, production, engine):  # noqa: F811
    said = text_of(browser.post(f"/projects/{project.pk}/playground/send/", {"message": "What is tea?"}, follow=True))
    served = ServedResponse.objects.get()
    assert served.text.split()[0] in said or "message assistant" in said
    assert served.completion_tokens > 0


def test_an_answer_is_shown_as_text_and_never_as_markup(browser, project, good):
    sent = {"message": "<script>alert(1)</script><img src=x onerror=alert(1)>"}
    page = browser.post(f"/projects/{project.pk}/playground/send/", sent, follow=True).content.decode()
    assert "alert(1)" in page
    assert "<script>alert" not in page
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


def streamed(browser, project, **sent) -> list[dict[str, str]]:
    answer = browser.post(f"/projects/{project.pk}/playground/send/", sent, headers={"X-Accord-Stream": "1"})
    assert answer["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_the_script_gets_the_words_as_they_are_written_and_then_the_turn(browser, project, production, engine):  # noqa: F811
    *words, last = streamed(browser, project, message="What is tea?")
    served = ServedResponse.objects.get()
    assert len(words) > 1
    assert "".join(word["text"] for word in words) == served.text
    assert (last["after"], served.status) == (str(served.pk), "complete")
    assert "Write it better" in last["html"]
    assert last["address"].endswith(f"?at={served.pk}")


def test_an_engine_that_breaks_off_in_the_middle_is_told_in_the_stream(browser, project, fault_engine, faulty):  # noqa: F811
    faulty(fault_engine, "breaks-off")
    *words, last = streamed(browser, project, message="Hello")
    assert words
    assert 'role="alert"' in last["refused"]
    assert ServedResponse.objects.get().status == "failed"


def test_who_leaves_in_the_middle_ends_the_answer(alice, project, production, engine):  # noqa: F811
    pieces = answer_in_pieces(project=project, by=alice, chat=ChatRequest(messages=ASK))
    first = next(pieces)
    pieces.close()
    served = ServedResponse.objects.get()
    assert (served.status, served.text) == ("interrupted", first)


def test_who_may_not_see_runs_is_not_told_which_version_answered(project, good, organisation, monkeypatch):
    from accounts.permissions import GRANTS, Permission

    monkeypatch.setitem(GRANTS, "annotator", frozenset({Permission.JUDGE, Permission.USE_ENDPOINT}))
    user = signed_in(make_member(organisation, "una@example.org", "annotator"))
    said = text_of(user.post(f"/projects/{project.pk}/playground/send/", {"message": "Hello"}, follow=True))
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
    unchanged = browser.post(address, {"client_id": str(uuid.uuid4()), "signal": "edit", "edited_text": "fine "})
    assert unchanged.status_code == 422
    assert "Change it before you send it" in text_of(unchanged)
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


def test_another_organisations_playground_answers_and_conversations_are_404(
    browser, alice, charlie, project, good, organisation
):
    bob_the_engineer = make_member(organisation, "emil@example.org", "engineer")
    served = answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    outsider = signed_in(charlie)
    base = f"/projects/{project.pk}"
    assert outsider.get(f"{base}/playground/").status_code == 404
    assert outsider.get(f"{base}/served/").status_code == 404
    assert outsider.post(f"{base}/playground/send/", {"message": "x"}).status_code == 404
    assert signed_in(bob_the_engineer).get(f"{base}/playground/?at={served.pk}").status_code == 404
    assert browser.get(f"{base}/playground/?at=nonsense").status_code == 404
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
