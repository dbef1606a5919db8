import pytest
from django.test import Client

from accounts.errors import Conflict, Invalid, NotPermitted
from accounts.models import AuditEvent
from accounts.tokens import create_token
from tests.cast import make_member
from tests.webhooks.making import tell
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import create_webhook, send_test
from webhooks.services.create_webhook import MAX_WEBHOOKS

pytestmark = pytest.mark.django_db


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def browser(alice) -> Client:
    return signed_in(alice)


@pytest.fixture
def api(alice) -> Client:
    return Client(headers={"Authorization": f"Bearer {create_token(by=alice, name='ci')[1]}"})


def kill(webhook: Webhook, alice) -> WebhookDelivery:
    """One dead letter."""
    from django.utils.timezone import now

    tell(alice)
    WebhookDelivery.objects.update(dead_at=now(), attempts=10, last_status=500, last_error="It answered 500.")
    return WebhookDelivery.objects.get()


def test_an_empty_list_says_what_webhooks_are_for(browser):
    assert "Nobody is told yet" in text_of(browser.get("/webhooks/"))


def test_a_webhook_is_set_up_and_its_secret_shown_once(browser, receiver, project):
    sent = {"name": "Warehouse", "url": receiver.url, "events": ["run.finished"], "project_id": project.pk}
    page = text_of(browser.post("/webhooks/new/", sent))
    webhook = Webhook.objects.get()
    assert webhook.secret in page
    assert webhook.secret not in text_of(browser.get(f"/webhooks/{webhook.pk}/"))
    assert (webhook.events, webhook.project_id) == (["run.finished"], project.pk)
    listed = text_of(browser.get("/webhooks/"))
    assert "Warehouse" in listed
    assert project.name in listed
    assert AuditEvent.objects.filter(verb="webhook created").exists()
    assert webhook.secret not in str(AuditEvent.objects.values_list("detail", flat=True))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "http://169.254.169.254/"}, "not a public address"),
        ({"url": "gopher://x"}, "begins with https"),
        ({"events": ["nothing.known"]}, "nothing.known"),
        ({"events": []}, "required"),
        ({"name": ""}, "required"),
        ({"project_id": "x"}, "whole number"),
    ],
)
def test_what_is_refused_is_said_beside_its_field_and_the_rest_is_kept(browser, receiver, change, why):
    sent = {"name": "Warehouse", "url": receiver.url, "events": ["run.finished"]} | change
    answer = browser.post("/webhooks/new/", sent)
    assert answer.status_code == 422
    assert why in text_of(answer)
    assert not Webhook.objects.exists()


def test_settings_switch_secret_test_and_deletion_through_the_page(browser, webhook):
    base = f"/webhooks/{webhook.pk}"
    sent = {"name": "Lake", "url": webhook.url, "events": ["snapshot.frozen"]}
    assert browser.post(f"{base}/change/", sent).status_code == 302
    assert browser.post(f"{base}/test/").status_code == 302
    page = text_of(browser.get(f"{base}/"))
    assert "<h1>Lake" in page
    assert "On the way" in page
    assert 'hx-trigger="every 3s"' in page
    assert browser.post(f"{base}/switch/", {"to": "off"}).status_code == 302
    assert "Waits until the webhook is on" in text_of(browser.get(f"{base}/deliveries"))
    assert browser.post(f"{base}/test/").status_code == 409
    assert browser.post(f"{base}/switch/", {"to": "on"}).status_code == 302
    rotated = text_of(browser.post(f"{base}/rotate/"))
    stored = Webhook.objects.get()
    assert stored.secret in rotated
    assert stored.secret != webhook.secret == stored.previous_secret
    assert browser.post(f"{base}/delete/", {"delete-name": "Warehouse"}).status_code == 422
    assert browser.post(f"{base}/delete/", {"delete-name": "Lake"}).status_code == 302
    assert browser.get(f"{base}/").status_code == 404
    assert "Lake" not in text_of(browser.get("/webhooks/")).replace("Lake is deleted", "")


def test_dead_letters_are_shown_and_sent_again(browser, webhook, alice):
    dead = kill(webhook, alice)
    page = text_of(browser.get(f"/webhooks/{webhook.pk}/?state=dead"))
    assert "It answered 500." in page
    assert "Dead letters (1)" in page
    assert browser.post(f"/webhooks/{webhook.pk}/deliveries/{dead.pk}/send-again/").status_code == 302
    assert WebhookDelivery.objects.get().state == "pending"
    assert browser.post(f"/webhooks/{webhook.pk}/deliveries/{dead.pk}/send-again/").status_code == 409
    assert "Nothing was given up" in text_of(browser.get(f"/webhooks/{webhook.pk}/?state=dead"))


def test_deliveries_are_paged(browser, webhook, alice):
    for number in range(30):
        tell(alice, number=number)
    first = text_of(browser.get(f"/webhooks/{webhook.pk}/"))
    assert first.count("judgement.created</summary>") == 25
    oldest_shown = WebhookDelivery.objects.order_by("-pk")[24].pk
    older = text_of(browser.get(f"/webhooks/{webhook.pk}/?before={oldest_shown}"))
    assert older.count("judgement.created</summary>") == 5


def test_one_that_was_switched_off_is_a_notice_on_every_page_of_an_administrator(browser, bob, webhook, organisation):
    from webhooks.services.settle_delivery import switch_off

    switch_off(webhook, "Nothing reached it for 1 day.")
    assert "switched off,</strong> because nothing could be delivered" in text_of(browser.get("/projects/"))
    assert "switched off,</strong>" not in text_of(signed_in(bob).get("/projects/"))
    assert "Nothing reached it for 1 day." in text_of(browser.get(f"/webhooks/{webhook.pk}/"))


@pytest.mark.parametrize("role", ["manager", "engineer", "annotator", "reviewer", "viewer"])
def test_webhooks_are_the_administrators_alone(organisation, webhook, role):
    member = make_member(organisation, "other@example.org", role)
    client = signed_in(member)
    assert client.get("/webhooks/").status_code == 403
    assert client.post(f"/webhooks/{webhook.pk}/rotate/").status_code == 403
    assert client.get("/api/v1/webhooks").status_code == 403
    with pytest.raises(NotPermitted, match="set up or change webhooks"):
        send_test(webhook=webhook, by=member)


def test_another_organisations_webhooks_are_not_found(charlie, webhook, alice):
    dead = kill(webhook, alice)
    outsider = signed_in(charlie)
    base, addresses = f"/webhooks/{webhook.pk}", ("change/", "switch/", "rotate/", "delete/", "test/", "send-again/")
    assert outsider.get(f"{base}/").status_code == 404
    assert outsider.get(f"{base}/deliveries").status_code == 404
    for address in (*addresses, f"deliveries/{dead.pk}/send-again/"):
        assert outsider.post(f"{base}/{address}", {"name": webhook.name}).status_code == 404, address
    assert "Warehouse" not in text_of(outsider.get("/webhooks/"))
    api = Client(headers={"Authorization": f"Bearer {create_token(by=charlie, name='ci')[1]}"})
    assert api.get("/api/v1/webhooks").json()["results"] == []
    for path in ("", "/deliveries"):
        assert api.get(f"/api/v1/webhooks/{webhook.pk}{path}").status_code == 404
    for path in ("/rotate", "/test", f"/deliveries/{dead.pk}/send-again"):
        assert api.post(f"/api/v1/webhooks/{webhook.pk}{path}").status_code == 404
    assert not WebhookDelivery.objects.for_member(charlie).exists()


def test_a_delivery_is_reached_through_its_own_webhook_alone(api, browser, alice, webhook, receiver):
    dead = kill(webhook, alice)
    other, _ = create_webhook(by=alice, name="other", url=receiver.url, events=["run.finished"])
    assert browser.post(f"/webhooks/{other.pk}/deliveries/{dead.pk}/send-again/").status_code == 404
    assert api.post(f"/api/v1/webhooks/{other.pk}/deliveries/{dead.pk}/send-again").status_code == 404


def test_an_organisation_has_so_many_and_no_more(alice, receiver):
    for number in range(MAX_WEBHOOKS):
        create_webhook(by=alice, name=f"W{number}", url=receiver.url, events=["run.finished"])
    with pytest.raises(Conflict, match="at most 20"):
        create_webhook(by=alice, name="more", url=receiver.url, events=["run.finished"])


@pytest.mark.parametrize("given", [{"name": " "}, {"events": []}, {"events": ["x"]}, {"project_id": 0}])
def test_what_a_webhook_cannot_be(alice, receiver, given):
    asked = {"name": "W", "url": receiver.url, "events": ["run.finished"]} | given
    with pytest.raises(Invalid):
        create_webhook(by=alice, **asked)


class TestApi:
    def test_the_life_of_a_webhook(self, api, receiver):
        sent = {"name": "CI", "url": receiver.url, "events": ["run.finished", "judgement.created"]}
        made = api.post("/api/v1/webhooks", sent, content_type="application/json")
        assert (made.status_code, made.json()["events"]) == (201, ["judgement.created", "run.finished"])
        assert made.json()["secret"].startswith("whsec_")
        address = f"/api/v1/webhooks/{made.json()['id']}"
        assert "secret" not in api.get(address).json()
        assert "secret" not in api.get("/api/v1/webhooks").json()["results"][0]
        changed = api.patch(address, {"is_active": False, "project": 5}, content_type="application/json").json()
        assert (changed["is_active"], changed["project"]) == (False, 5)
        refused = api.post(f"{address}/test")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "webhook_is_off")
        api.patch(address, {"is_active": True}, content_type="application/json")
        assert api.post(f"{address}/test").json()["state"] == "pending"
        assert len(api.get(f"{address}/deliveries?state=pending").json()["results"]) == 1
        assert api.get(f"{address}/deliveries?state=dead").json()["results"] == []
        assert api.get(f"{address}/deliveries?state=odd").json()["results"] == []
        assert api.post(f"{address}/rotate").json()["secret"] != made.json()["secret"]
        assert api.delete(address, {"name": "no"}, content_type="application/json").status_code == 422
        assert api.delete(address, {"name": "CI"}, content_type="application/json").status_code == 204
        assert api.get(address).status_code == 404

    def test_unknown_keys_and_inside_addresses_are_refused_with_their_field(self, api, receiver):
        sent = {"name": "CI", "url": "http://[fe80::1]/", "events": ["run.finished"]}
        refused = api.post("/api/v1/webhooks", sent, content_type="application/json").json()["error"]
        assert refused["code"] == "address_refused"
        assert "url" in refused["fields"]
        strange = api.post("/api/v1/webhooks", sent | {"secret": "mine"}, content_type="application/json")
        assert (strange.status_code, strange.json()["error"]["fields"]["secret"][:7]) == (422, "Unknown")

    def test_a_token_without_the_scope_is_refused(self, alice, webhook):
        _, text = create_token(by=alice, name="narrow", scopes=["export"])
        narrow = Client(headers={"Authorization": f"Bearer {text}"})
        assert narrow.get("/api/v1/webhooks").status_code == 403
