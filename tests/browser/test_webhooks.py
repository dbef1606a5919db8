"""Webhooks as an administrator meets them."""

import threading

import pytest
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import expect

from tests.browser.test_pages import CHECKS, WAYS
from tests.receiver import receiver  # noqa: F401
from tests.webhooks.conftest import webhook  # noqa: F401
from tests.webhooks.making import tell
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import create_webhook, deliver_due
from webhooks.services.settle_delivery import switch_off


def deliver() -> None:
    """In a thread of its own: Playwright's event loop runs in this one."""

    def send() -> None:
        deliver_due()
        connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()


@pytest.mark.parametrize("way", WAYS)
def test_every_page_of_webhooks_is_named_ordered_readable_and_narrow_enough(
    open_page,
    alice,
    project,
    receiver,  # noqa: F811
    webhook,  # noqa: F811
    way,
):
    tell(alice, judgement=1)
    deliver()
    tell(alice, judgement=2)
    WebhookDelivery.objects.pending().update(dead_at=now(), last_status=500, last_error="It answered 500.")
    receiver.usual = 500
    tell(alice, judgement=3)
    deliver()
    gone, _ = create_webhook(by=alice, name="Gone", url=receiver.url, events=["run.finished"], project_id=project.pk)
    switch_off(gone, "It answered 410 Gone: it wants no more events.")
    page = open_page(alice, "/webhooks/", **WAYS[way])
    base = f"/webhooks/{webhook.pk}/"
    for path in ("/webhooks/", "/webhooks/new/", base, f"{base}?state=dead", f"/webhooks/{gone.pk}/", "/projects/"):
        page.goto(path)
        expect(page.get_by_text("A webhook is switched off,")).to_be_visible()
        assert page.evaluate(CHECKS) == [], path
    page.goto(base)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate(CHECKS) == []


def test_a_webhook_is_set_up_tried_out_and_deleted(open_page, alice, project, receiver):  # noqa: F811
    page = open_page(alice, "/webhooks/")
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("What it is for").fill("Warehouse")
    page.get_by_label("URL").fill("http://169.254.169.254/latest")
    page.get_by_label("A run ended").check()
    page.get_by_label("Of which project").select_option(label=project.name)
    page.get_by_role("button", name="Set up the webhook").click()
    expect(page.get_by_text("which is not a public address").first).to_be_visible()
    expect(page.get_by_label("Of which project")).to_have_value(str(project.pk))
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_role("button", name="Set up the webhook").click()
    secret = Webhook.objects.get().secret
    expect(page.locator("#secret-text")).to_have_text(secret)
    page.get_by_role("button", name="Send a test event").click()
    expect(page.locator("#secret-text")).to_have_count(0)
    expect(page.get_by_text("On the way", exact=True).last).to_be_visible()
    deliver()
    expect(page.locator("td", has_text="Delivered")).to_be_visible()
    expect(page.locator("#deliveries[hx-get]")).to_have_count(0)
    page.locator("summary", has_text="Delete this webhook").click()
    page.get_by_label("Its name").fill("Warehouse")
    page.get_by_role("button", name="Delete Warehouse").click()
    expect(page.get_by_role("heading", name="Nobody is told yet")).to_be_visible()
