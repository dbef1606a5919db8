"""Events are rows of the transaction that they tell of."""

import json
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Organisation
from labeling.services import freeze_snapshot, import_records, lease_next, submit_comparison, undo_last
from models_registry.services import promote_version, roll_back
from tests.models_registry.making import make_version, open_the_gate
from tests.webhooks.making import tell
from training.models import TrainingRun
from training.services import claim_run
from training.services.finish_run import fail_run
from webhooks.models import WebhookDelivery
from webhooks.services import change_webhook, create_webhook, delete_webhook, emit_event, is_wanted

pytestmark = pytest.mark.django_db


def test_an_event_that_nobody_wants_costs_one_statement_and_is_known_to_be_unwanted_without_any(
    alice, django_assert_num_queries
):
    with django_assert_num_queries(1):
        assert emit_event(organisation_id=alice.organisation_id, kind="judgement.created", payload={}) == 0
    with django_assert_num_queries(0):
        assert not is_wanted(alice.organisation, "judgement.created")


def test_an_event_for_many_webhooks_is_written_by_one_statement(alice, webhook, receiver, django_assert_num_queries):
    for number in range(5):
        create_webhook(by=alice, name=f"W{number}", url=receiver.url, events=["judgement.created"])
    with django_assert_num_queries(1):
        assert emit_event(organisation_id=alice.organisation_id, kind="judgement.created", payload={}) == 6
    assert WebhookDelivery.objects.values("event").distinct().count() == 1


def test_the_change_that_is_rolled_back_tells_nobody(alice, webhook):
    with transaction.atomic():
        assert tell(alice) == 1
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_of_a_transaction_is_refused(alice, webhook):
    with pytest.raises(RuntimeError, match="in the transaction"):
        emit_event(organisation_id=alice.organisation_id, kind="snapshot.frozen", payload={})


def test_only_the_own_organisations_webhooks_are_told(alice, charlie, webhook):
    assert tell(charlie) == 0
    assert tell(alice) == 1


def test_a_webhook_of_one_project_hears_of_no_other(alice, receiver):
    create_webhook(by=alice, name="one", url=receiver.url, events=["judgement.created"], project_id=7)
    assert [tell(alice, project_id=project) for project in (7, 8, None)] == [1, 0, 0]


def test_a_webhook_hears_of_what_it_asked_for_alone(alice, receiver):
    create_webhook(by=alice, name="one", url=receiver.url, events=["snapshot.frozen"])
    assert tell(alice) == 0
    assert tell(alice, kind="snapshot.frozen") == 1


def test_what_is_wanted_follows_every_change(alice, receiver):
    def wanted() -> list[str]:
        return Organisation.objects.get(pk=alice.organisation_id).webhook_events

    one, _ = create_webhook(by=alice, name="one", url=receiver.url, events=["judgement.created"])
    two, _ = create_webhook(by=alice, name="two", url=receiver.url, events=["run.finished", "judgement.created"])
    assert wanted() == ["judgement.created", "run.finished"]
    assert is_wanted(alice.organisation, "run.finished")
    two = change_webhook(webhook=two, by=alice, is_active=False)
    assert wanted() == ["judgement.created"]
    change_webhook(webhook=two, by=alice, events=["version.promoted"], is_active=True)
    assert wanted() == ["judgement.created", "version.promoted"]
    delete_webhook(webhook=one, by=alice, name="one")
    assert wanted() == ["version.promoted"]
    assert tell(alice) == 0


def test_a_promotion_and_a_roll_back_are_told_once_each(alice, project, webhook, tmp_path):
    first = make_version(alice, project.pk, tmp_path, kind="base", name="Base")
    promote_version(version=first, by=alice, to_stage="production", reason="the first")
    child = make_version(alice, project.pk, tmp_path, parent=first, base=first)
    open_the_gate(child)
    promote_version(version=child, by=alice, to_stage="production", reason="better")
    roll_back(project_id=project.pk, by=alice, reason="complaints")
    told = [row.payload for row in WebhookDelivery.objects.order_by("pk")]
    assert [row["kind"] for row in told] == ["version.promoted", "version.promoted", "version.rolled_back"]
    assert [row["data"]["version"] for row in told] == [first.pk, child.pk, first.pk]
    assert [row["data"]["to_stage"] for row in told] == ["production"] * 3
    assert {row["project"] for row in told} == {project.pk}


def test_the_end_of_a_run_is_told_with_how_it_ended_and_a_beginning_is_not(alice, project, webhook):
    run = TrainingRun.objects.create(organisation=alice.organisation, project=project, recipe="evaluate")
    follower = TrainingRun.objects.create(
        organisation=alice.organisation, project=project, recipe="evaluate", after=run, chain_id=uuid4()
    )
    run = claim_run(run_id=run.pk)
    assert not WebhookDelivery.objects.exists()
    fail_run(run=run, error="The disk is full.")
    told = [row.payload for row in WebhookDelivery.objects.order_by("pk")]
    assert [(row["kind"], row["data"]["run"], row["data"]["status"]) for row in told] == [
        ("run.finished", run.pk, "failed"),
        ("run.finished", follower.pk, "cancelled"),
    ]
    assert told[0]["data"]["error"] == "The disk is full."


def test_a_frozen_snapshot_is_told_with_its_counts_and_the_same_one_again_is_not(alice, project, webhook):
    line = {"prompt": "How long?", "responses": [{"text": "Three minutes."}, {"text": "Ask."}]}
    import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    assignment = lease_next(project=project, by=alice)
    submit_comparison(assignment=assignment, by=alice, client_id=uuid4(), choice="a", strength=1)
    told = WebhookDelivery.objects.filter(kind="snapshot.frozen")
    snapshot = freeze_snapshot(project=project, by=alice)
    freeze_snapshot(project=project, by=alice)
    (row,) = told
    assert row.payload["data"]["snapshot"] == snapshot.pk
    assert row.payload["data"]["judgements"] == row.payload["data"]["annotators"] == 1


def test_a_judgement_and_its_retraction_are_told_once_and_cost_nothing_where_nobody_wants_them(
    alice, project, receiver
):
    lines = [{"prompt": f"How long, {n}?", "responses": [{"text": "Three."}, {"text": "Ask."}]} for n in range(2)]
    import_records(project=project, by=alice, lines=[json.dumps(line).encode() for line in lines])

    def submit() -> None:
        held = lease_next(project=project, by=alice)
        assert held
        with CaptureQueriesContext(connection) as queries:
            for _ in range(2):
                submit_comparison(assignment=held, by=alice, client_id=client_id, choice="a", strength=1)
        statements.append([query["sql"] for query in queries if "webhooks" in query["sql"]])

    statements: list[list[str]] = []
    client_id = uuid4()
    submit()
    create_webhook(by=alice, name="judged", url=receiver.url, events=["judgement.created", "judgement.retracted"])
    client_id = uuid4()
    submit()
    assert [len(each) for each in statements] == [0, 1]
    undo_last(project=project, by=alice)
    told = [row.payload for row in WebhookDelivery.objects.order_by("pk")]
    assert [row["kind"] for row in told] == ["judgement.created", "judgement.retracted"]
    assert told[0]["data"] == told[1]["data"]
    assert told[0]["data"]["kind"] == "comparison"
