"""Sending: signed, tried again, given up, and never twice at the same time."""

import hashlib
import hmac
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import AuditEvent
from tests.webhooks.making import let_time_pass, tell
from webhooks import sending
from webhooks.models import Webhook, WebhookDelivery
from webhooks.outcome import Outcome
from webhooks.services import (
    change_webhook,
    claim_deliveries,
    create_webhook,
    deliver_due,
    forget_delivered,
    rotate_secret,
    send_again,
    send_all_again,
    send_test,
    settle_delivery,
)
from webhooks.services.settle_delivery import GIVE_UP_AFTER, GIVE_UP_FAILURES, MAX_ATTEMPTS, pause_seconds

pytestmark = pytest.mark.django_db(transaction=True)


def signatures(call) -> tuple[int, list[str]]:
    parts = [part.split("=", 1) for part in call.headers["Accord-Signature"].split(",")]
    return int(parts[0][1]), [value for name, value in parts if name == "v1"]


def sign(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_an_event_arrives_signed_with_its_id_and_to_the_host_that_was_named(alice, webhook, receiver):
    tell(alice, project_id=3, judgement=17, note="naïve ✓")
    assert deliver_due() == 1
    (call,) = receiver.calls
    delivery = WebhookDelivery.objects.get()
    assert call.path == "/hook?x=1"
    assert call.headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    assert call.headers["Accord-Event"] == call.json["id"] == str(delivery.event)
    assert call.headers["Accord-Kind"] == call.json["kind"] == "judgement.created"
    assert (call.json["project"], call.json["data"]) == (3, {"judgement": 17, "note": "naïve ✓"})
    at, marks = signatures(call)
    assert abs(time.time() - at) < 60
    assert marks == [sign(webhook.secret, at, call.body)]
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 200, 1)
    assert deliver_due() == 0


def test_during_a_rotation_both_secrets_sign_and_a_day_later_the_new_one_alone(alice, webhook, receiver):
    old = webhook.secret
    _, new = rotate_secret(webhook=webhook, by=alice)
    tell(alice)
    deliver_due()
    at, marks = signatures(receiver.calls[0])
    assert marks == [sign(new, at, receiver.calls[0].body), sign(old, at, receiver.calls[0].body)]
    Webhook.objects.update(previous_secret_until=now() - timedelta(seconds=1))
    tell(alice)
    deliver_due()
    at, marks = signatures(receiver.calls[1])
    assert marks == [sign(new, at, receiver.calls[1].body)]


def test_several_events_come_in_their_order_over_one_connection(alice, webhook, receiver):
    for number in range(5):
        tell(alice, number=number)
    assert deliver_due() == 5
    assert [call.json["data"]["number"] for call in receiver.calls] == list(range(5))
    assert len({call.client_port for call in receiver.calls}) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "It answered 500."),
        (404, "It answered 404."),
        (302, "It answered 302. Redirects are not followed"),
        ("hang up", "The connection failed"),
    ],
)
def test_what_fails_is_tried_again_with_the_same_id_and_body(alice, webhook, receiver, answer, why):
    receiver.answers = [answer]
    tell(alice)
    deliver_due()
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == "pending"
    assert delivery.last_error.startswith(why)
    assert delivery.next_attempt_at > now() + timedelta(seconds=5)
    assert deliver_due() == 0
    let_time_pass()
    assert deliver_due() == 1
    first, second = receiver.calls
    assert first.body == second.body
    assert first.path == second.path != "/elsewhere"
    webhook.refresh_from_db()
    assert (webhook.failure_streak, webhook.failing_since, webhook.resume_at) == (0, None, None)


def test_a_receiver_that_drips_its_answer_is_left_when_the_time_is_up(alice, webhook, receiver, monkeypatch):
    monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.5)
    receiver.answers = ["drip"]
    tell(alice)
    began = time.monotonic()
    deliver_due()
    assert time.monotonic() - began < 4
    assert "did not answer within" in WebhookDelivery.objects.get().last_error


def test_nobody_listens(alice, webhook, receiver):
    Webhook.objects.update(url="http://127.0.0.1:9/")
    tell(alice)
    deliver_due()
    assert WebhookDelivery.objects.get().last_error.startswith("The connection failed")


def test_after_a_failure_the_rest_waits_and_one_event_alone_tries_whether_it_is_back(alice, webhook, receiver):
    receiver.usual = 503
    for number in range(6):
        tell(alice, number=number)
    assert deliver_due() == 1
    assert sorted(WebhookDelivery.objects.values_list("attempts", flat=True)) == [0, 0, 0, 0, 0, 1]
    let_time_pass()
    assert deliver_due() == 1
    receiver.usual = 200
    let_time_pass()
    assert deliver_due() == 6
    assert not WebhookDelivery.objects.pending().exists()


def test_a_failing_address_does_not_keep_others_waiting(alice, webhook, receiver):
    good, _ = create_webhook(by=alice, name="good", url=f"{receiver.url}/good", events=["judgement.created"])
    Webhook.objects.filter(pk=webhook.pk).update(url="http://127.0.0.1:9/")
    for _ in range(3):
        tell(alice)
    deliver_due()
    assert WebhookDelivery.objects.delivered().filter(webhook=good).count() == 3


def test_after_the_last_attempt_it_is_a_dead_letter_and_can_be_sent_again(alice, webhook, receiver):
    receiver.usual = 500
    tell(alice)
    for _ in range(MAX_ATTEMPTS):
        deliver_due()
        let_time_pass()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, len(receiver.calls)) == ("dead", MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert deliver_due() == 0
    receiver.usual = 200
    send_again(delivery=delivery, by=alice)
    assert deliver_due() == 1
    assert WebhookDelivery.objects.get().state == "delivered"
    assert len({call.headers["Accord-Event"] for call in receiver.calls}) == 1
    assert send_all_again(webhook=webhook, by=alice) == 0


def test_a_sender_that_dies_between_claim_and_send_loses_nothing(alice, webhook, receiver):
    tell(alice)
    (lost,) = claim_deliveries()
    assert claim_deliveries() == []
    assert deliver_due() == 0
    let_time_pass()
    assert deliver_due() == 1
    assert len(receiver.calls) == 1
    # The dead sender wakes up: what it has to say is about a claim that is over.
    settle_delivery(Outcome(lost, 500, "It answered 500."))
    assert WebhookDelivery.objects.get().state == "delivered"
    assert Webhook.objects.get().failure_streak == 0


def test_many_senders_send_each_event_once(alice, webhook, receiver):
    for number in range(40):
        tell(alice, number=number)
    claimed: list[int] = []

    def claim() -> None:
        claimed.extend(delivery.pk for delivery in claim_deliveries())
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40


def test_one_sender_works_at_a_time(alice, webhook, receiver):
    tell(alice)
    made: list[int] = []

    def try_it() -> None:
        made.append(deliver_due())
        connection.close()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('webhook sender', 0))")
        another = threading.Thread(target=try_it)
        another.start()
        another.join()
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended('webhook sender', 0))")
    assert made == [0]
    assert deliver_due() == 1


def test_an_address_that_keeps_failing_for_a_day_is_switched_off_and_says_so(alice, webhook, receiver):
    receiver.usual = 500
    tell(alice)
    tell(alice)
    for _ in range(GIVE_UP_FAILURES - 1):
        deliver_due()
        let_time_pass()
    assert Webhook.objects.get().is_active
    Webhook.objects.update(failing_since=now() - GIVE_UP_AFTER)
    deliver_due()
    off = Webhook.objects.select_related("organisation").get()
    assert not off.is_active
    assert "It answered 500." in off.switched_off_why
    assert off.organisation.webhook_events == []
    event = AuditEvent.objects.get(verb="webhook switched off")
    assert (event.actor, event.organisation_id) == (None, alice.organisation_id)
    assert tell(alice) == 0
    let_time_pass()
    assert deliver_due() == 0
    # Somebody repaired it: what had waited is sent.
    receiver.usual = 200
    change_webhook(webhook=off, by=alice, is_active=True)
    assert deliver_due() == 2
    assert not WebhookDelivery.objects.pending().exists()
    assert Webhook.objects.switched_off().count() == 0


def test_an_address_that_answers_gone_is_switched_off_at_once(alice, webhook, receiver):
    receiver.usual = 410
    tell(alice)
    deliver_due()
    assert not Webhook.objects.get().is_active
    assert WebhookDelivery.objects.get().state == "dead"


def test_a_test_event_goes_to_one_webhook_whatever_it_asked_for(alice, receiver):
    one, _ = create_webhook(by=alice, name="one", url=receiver.url, events=["run.finished"])
    create_webhook(by=alice, name="two", url=receiver.url, events=["run.finished"])
    send_test(webhook=one, by=alice)
    assert deliver_due() == 1
    assert receiver.calls[0].json["kind"] == "test"


def test_pauses_grow_to_a_limit_and_are_not_the_same_for_all():
    assert 8 <= pause_seconds(1, 3600) <= 12
    assert 72 <= pause_seconds(3, 3600) <= 108
    assert pause_seconds(100_000, 3600) <= 3600 * 1.2
    assert len({pause_seconds(3, 3600) for _ in range(20)}) > 1


def test_what_was_delivered_long_ago_and_what_belonged_to_a_deleted_webhook_is_forgotten(alice, webhook, receiver):
    from webhooks.services import delete_webhook

    tell(alice)
    deliver_due()
    tell(alice)
    assert forget_delivered() == 0
    WebhookDelivery.objects.delivered().update(delivered_at=now() - timedelta(days=31))
    assert forget_delivered() == 1
    delete_webhook(webhook=webhook, by=alice, name=webhook.name)
    let_time_pass()
    assert deliver_due() == 0
    assert forget_delivered() == 0
    Webhook.objects.update(deleted_at=now() - timedelta(hours=2))
    assert forget_delivered() == 1
    assert not Webhook.objects.exists()


def test_the_hint_reaches_the_broker_once_a_second_and_a_broker_that_is_away_changes_nothing(
    alice, webhook, settings, monkeypatch, caplog
):
    from webhooks import enqueue
    from webhooks.tasks import deliver_webhooks_task

    sent: list[object] = []
    monkeypatch.setattr(deliver_webhooks_task, "apply_async", lambda **given: sent.append(given))
    for _ in range(5):
        tell(alice)
    assert len(sent) == 1

    def refuse(**given: object) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(deliver_webhooks_task, "apply_async", refuse)
    monkeypatch.setattr(enqueue, "_last_hint", float("-inf"))
    tell(alice)
    assert "the broker is away" in caplog.text
    assert WebhookDelivery.objects.pending().count() == 6
