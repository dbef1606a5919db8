"""Setting up a webhook."""

from collections.abc import Iterable

from django.db import transaction

from accounts.audit import record_event
from accounts.errors import Conflict
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from webhooks.models import Webhook
from webhooks.services.check_webhook import check_events, check_name, check_project, check_url
from webhooks.services.wanted import lock_webhooks, note_wanted
from webhooks.signing import make_secret

MAX_WEBHOOKS = 20


def create_webhook(
    *, by: Membership, name: str, url: str, events: Iterable[str], project_id: int | None = None
) -> tuple[Webhook, str]:
    """Tell the address of such events from now on; the second value is the secret, which is shown this once.

    Raises:
        NotPermitted: the member may not set up webhooks.
        AddressRefused: the URL does not lead to the outside.
        Invalid: a name, an event or a project that cannot be.
        Conflict: the organisation has as many as it can.
    """
    check_can(by, Permission.MANAGE_WEBHOOKS)
    # Before the transaction: looking up a name may take seconds.
    checked = {"name": check_name(name), "url": check_url(url), "events": check_events(events)}
    project_id = check_project(project_id)
    with transaction.atomic():
        lock_webhooks(by.organisation_id)
        if Webhook.objects.for_member(by).count() >= MAX_WEBHOOKS:
            raise Conflict(f"An organisation has at most {MAX_WEBHOOKS} webhooks. Delete one that is not needed.")
        secret = make_secret()
        webhook: Webhook = Webhook.objects.create(
            organisation=by.organisation, secret=secret, project_id=project_id, created_by=by.user, **checked
        )
        note_wanted(by.organisation)
        record_event(
            "webhook created", by=by, subject=webhook, name=webhook.name, url=webhook.url, events=webhook.events
        )
    return webhook, secret
