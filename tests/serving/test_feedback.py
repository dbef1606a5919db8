import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.utils.timezone import now
from kombu import Connection, pools

from accounts.errors import Conflict, Invalid, NotPermitted
from labeling.models import Item
from models_registry.errors import EngineUnavailable
from serving.chat_request import ChatRequest
from serving.models import Feedback, ServedResponse
from serving.services import (
    answer_now,
    open_answer,
    record_feedback,
    settle_feedback,
    sweep_feedback,
    sweep_unfinished,
)
from serving.tasks import settle_feedback_task

ASK = [{"role": "user", "content": "What is tea?"}]


@pytest.fixture
def served(alice, project, fault_engine, faulty):  # noqa: F811
    """Answered by the fault engine behaving well: it always says "fine"."""
    faulty(fault_engine, "good")
    return answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))


def settle(feedback: Feedback) -> Feedback:
    """As the worker does, now."""
    Feedback.objects.filter(pk=feedback.pk).update(attempted_at=None)
    settle_feedback_task(feedback.pk)
    return Feedback.objects.get(pk=feedback.pk)


def test_an_edit_becomes_a_blind_comparison_of_a_persons_text_and_the_original(alice, project, served):
    feedback, _ = record_feedback(served=served, by=alice, signal="edit", edited_text="Tea is leaves in hot water.")
    item = settle(feedback).item
    responses = {response.origin: response for response in item.responses.all()}
    assert responses["version"].text == "fine"
    assert responses["version"].version_id == served.version_id
    assert (responses["person"].text, responses["person"].author) == ("Tea is leaves in hot water.", alice.user)
    assert (item.policy, item.source_key, item.project) == ("feedback", f"feedback:{feedback.pk}", project)
    assert item.priority > 1
    assert (item.prompt.messages, item.prompt.source) == (ASK, "feedback")


def test_a_thumb_down_becomes_a_comparison_with_a_second_answer(alice, project, engine, production):  # noqa: F811
    served = answer_now(
        project=project, by=alice, chat=ChatRequest(messages=ASK, sampling={"max_tokens": 12, "temperature": 0.9})
    )
    feedback, _ = record_feedback(served=served, by=alice, signal="thumb_down")
    item = settle(feedback).item
    texts = {response.text for response in item.responses.all()}
    assert len(texts) == 2
    assert served.text in texts
    assert {response.version_id for response in item.responses.all()} == {production.pk}
    settle_feedback(Feedback.objects.get(pk=feedback.pk))
    assert Item.objects.count() == 1


def test_a_thumb_up_is_stored_and_makes_no_item(alice, served):
    feedback, _ = record_feedback(served=served, by=alice, signal="thumb_up", comment="nice")
    assert feedback.settled_at
    settle_feedback(feedback)
    assert not Item.objects.exists()


def test_feedback_sent_twice_is_stored_once(alice, served):
    one = uuid.uuid4()
    first, created = record_feedback(served=served, by=alice, signal="thumb_down", client_id=one)
    again, repeated = record_feedback(served=served, by=alice, signal="thumb_down", client_id=one)
    assert (first, created, repeated) == (again, True, False)
    with pytest.raises(Conflict, match="client_id"):
        record_feedback(served=served, by=alice, signal="thumb_up", client_id=one)


def test_an_engine_that_says_the_same_thing_or_is_away_is_tried_again_and_given_up_in_the_end(alice, served):
    feedback, _ = record_feedback(served=served, by=alice, signal="thumb_down")
    found = settle(feedback)
    assert (found.item, found.settled_at, found.attempts) == (None, None, 1)
    assert "same thing" in found.note
    Feedback.objects.update(attempts=9)
    found = settle(feedback)
    assert "Given up after 10 attempts" in found.note
    assert found.settled_at
    assert not Item.objects.exists()


@pytest.mark.parametrize("text", ["fine", " fine\n"])
def test_an_edit_that_changes_nothing_is_refused_with_what_to_do(alice, served, text):
    with pytest.raises(Invalid, match="Change it before you send it") as refused:
        record_feedback(served=served, by=alice, signal="edit", edited_text=text)
    assert "edited_text" in refused.value.fields
    assert not Feedback.objects.exists()


def test_a_thumb_takes_the_place_of_the_one_before_and_makes_no_item_of_it(alice, served):
    down, _ = record_feedback(served=served, by=alice, signal="thumb_down")
    up, _ = record_feedback(served=served, by=alice, signal="thumb_up")
    record_feedback(served=served, by=alice, signal="edit", edited_text="Better.")
    settle(down)
    down.refresh_from_db()
    assert down.replaced_at
    assert down.item_id is None
    assert list(Feedback.objects.filter(replaced_at=None).values_list("signal", flat=True)) == ["edit", "thumb_up"]
    # Said again in the same words, without a client_id: the row that was taken back counts again.
    again, created = record_feedback(served=served, by=alice, signal="thumb_down")
    assert (again.pk, created, again.replaced_at, again.settled_at) == (down.pk, False, None, None)
    up.refresh_from_db()
    assert up.replaced_at


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"signal": "stars"}, Invalid),
        ({"signal": "edit"}, Invalid),
        ({"signal": "edit", "edited_text": "  "}, Invalid),
        ({"signal": "thumb_up", "edited_text": "x"}, Invalid),
        ({"signal": "thumb_up", "comment": "x" * 4001}, Invalid),
    ],
)
def test_feedback_that_cannot_be_is_refused(alice, served, given, error):
    with pytest.raises(error):
        record_feedback(served=served, by=alice, **given)
    assert not Feedback.objects.exists()


def test_who_may_not_use_the_endpoint_gives_no_feedback(bob, served):
    with pytest.raises(NotPermitted):
        record_feedback(served=served, by=bob, signal="thumb_up")


def test_an_answer_that_is_not_there_yet_or_failed_takes_no_feedback(alice, project, fault_engine, faulty):  # noqa: F811
    faulty(fault_engine, "error-500")
    served = open_answer(project=project, by=alice, chat=ChatRequest(messages=ASK))
    with pytest.raises(Conflict, match="still being written"):
        record_feedback(served=served, by=alice, signal="thumb_up")
    with pytest.raises(EngineUnavailable):
        answer_now(project=project, by=alice, chat=ChatRequest(messages=ASK))
    failed = ServedResponse.objects.get(status="failed")
    with pytest.raises(Conflict, match="failed"):
        record_feedback(served=failed, by=alice, signal="thumb_down")


def test_a_broken_off_answer_is_not_compared(alice, served):
    ServedResponse.objects.filter(pk=served.pk).update(status="interrupted")
    feedback, _ = record_feedback(served=served, by=alice, signal="thumb_down")
    assert "unfair" in settle(feedback).note
    assert not Item.objects.exists()


def test_the_sweeper_finds_what_was_never_attempted_and_what_has_rested(alice, served):
    feedback, _ = record_feedback(served=served, by=alice, signal="thumb_down")
    rows = Feedback.objects.filter(pk=feedback.pk)
    assert sweep_feedback() == 0
    rows.update(created_at=now() - timedelta(seconds=11))
    assert sweep_feedback() == 1
    for attempts, rest in [(1, 60), (2, 120), (3, 300), (4, 900), (5, 3600), (8, 3600)]:
        rows.update(attempts=attempts, attempted_at=now() - timedelta(seconds=rest - 5))
        assert sweep_feedback() == 0
        rows.update(attempted_at=now() - timedelta(seconds=rest + 1))
        assert sweep_feedback() == 1
    rows.update(settled_at=now())
    assert sweep_feedback() == 0


def test_an_answer_that_nobody_closed_is_closed_as_interrupted(served):
    rows = ServedResponse.objects.filter(pk=served.pk)
    rows.update(status="started")
    assert sweep_unfinished() == 0
    rows.update(created_at=now() - timedelta(hours=2))
    assert sweep_unfinished() == 1
    assert rows.get().status == "interrupted"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_make_one_item(alice, served):
    feedback, _ = record_feedback(served=served, by=alice, signal="edit", edited_text="Better.")

    def work(_: int) -> None:
        try:
            # The sweeper may enqueue what a slow worker still holds: here each takes it up anew.
            Feedback.objects.filter(pk=feedback.pk).update(attempted_at=None)
            settle_feedback_task(feedback.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert Item.objects.count() == 1
    assert Feedback.objects.get().item == Item.objects.get()


@pytest.mark.django_db(transaction=True)
def test_feedback_is_recorded_while_the_broker_is_down(alice, served, caplog):
    live = current_app.amqp.producer_pool
    with Connection("redis://127.0.0.1:1/0") as dead:
        current_app.amqp._producer_pool = pools.producers[dead]
        try:
            record_feedback(served=served, by=alice, signal="thumb_down")
        finally:
            current_app.amqp._producer_pool = live
    assert "Error calling" in caplog.text
    assert Feedback.objects.get().settled_at is None
