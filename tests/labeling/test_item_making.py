"""Making items in parts: begun by a request, ended by a worker, watched, stopped, and never made twice."""

from contextlib import closing

import pytest
from django.db import connection

from accounts.errors import Conflict, Invalid, NotPermitted
from accounts.models import AuditEvent
from labeling.models import Item, ItemMaking, ItemResponse, Response
from labeling.services import (
    begin_making,
    cancel_making,
    carry_on_making,
    carry_on_makings,
    import_records,
    item_candidates,
    item_making,
    lease_next,
)
from labeling.services.item_rules import response_key
from tests.labeling.conftest import Api, pair_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(project, alice):
    import_records(project=project, by=alice, lines=pair_lines(120), make_items=False)
    return project


@pytest.fixture
def left_to_a_worker(monkeypatch):
    """The request has no time, and a batch is fifty prompts."""
    monkeypatch.setattr(item_making, "REQUEST_SECONDS", 0)
    monkeypatch.setattr(item_candidates, "_BATCH_ITEMS", 50)


def test_a_few_are_made_by_the_request(filled, alice, bob):
    making = begin_making(project=filled, by=alice)
    assert (making.state, making.made, making.prompts, making.prompts_done) == ("done", 120, 120, 120)
    assert Item.objects.count() == 120
    for item in Item.objects.all()[:20]:
        shown = list(item.responses.values_list("prompt_id", flat=True))
        assert shown == [item.prompt_id] * 2
        assert item.response_key == response_key(item.responses.values_list("pk", flat=True))
        assert 0 < item.priority < 1
    assert sorted(ItemResponse.objects.values_list("position", flat=True)) == [0] * 120 + [1] * 120
    assert lease_next(project=filled, by=bob) is not None
    assert begin_making(project=filled, by=alice).made == 0
    event = AuditEvent.objects.filter(verb="items made").first()
    assert event.actor == alice.user


def test_many_are_made_by_a_worker_and_given_out_meanwhile(filled, alice, bob, left_to_a_worker):
    making = begin_making(project=filled, by=alice)
    assert (making.state, making.made) == ("working", 0)
    assert not item_making._batch(0)
    assert item_making._batch(making.pk)
    making.refresh_from_db()
    assert (making.prompts_done, making.made, making.state) == (50, 50, "working")
    assert lease_next(project=filled, by=bob) is not None
    # What comes while it goes on is not meant, and in nobody's way.
    import_records(project=filled, by=alice, lines=pair_lines(5, start=500), make_items=False)
    carry_on_makings()
    making.refresh_from_db()
    assert (making.state, making.made, making.prompts_done) == ("done", 120, 120)
    assert making.finished_at
    assert carry_on_making(making.pk, seconds=1)
    assert Item.objects.count() == 120


def test_it_can_be_stopped_and_gone_on_with(filled, alice, bob, left_to_a_worker):
    making = begin_making(project=filled, by=alice)
    item_making._batch(making.pk)
    with pytest.raises(Conflict, match="already"):
        begin_making(project=filled, by=alice)
    with pytest.raises(NotPermitted):
        cancel_making(making=making, by=bob)
    assert cancel_making(making=making, by=alice).made == 50
    assert carry_on_making(making.pk, seconds=5)
    assert Item.objects.count() == 50
    with pytest.raises(Conflict):
        cancel_making(making=making, by=alice)
    again = begin_making(project=filled, by=alice)
    carry_on_making(again.pk, seconds=30)
    again.refresh_from_db()
    assert (again.state, again.made, Item.objects.count()) == ("done", 70, 120)


@pytest.mark.django_db(transaction=True)
def test_while_an_import_runs_it_waits_without_holding_anybody_up(filled, alice, left_to_a_worker):
    making = begin_making(project=filled, by=alice)
    with closing(connection.copy()) as importing:
        with importing.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(7301, %s)", [filled.pk])
        assert not carry_on_making(making.pk, seconds=0.1)
        assert not Item.objects.exists()
    assert carry_on_making(making.pk, seconds=60)
    assert Item.objects.count() == 120


def test_what_the_database_refuses_ends_it_with_a_reason(filled, alice, left_to_a_worker, monkeypatch):
    making = begin_making(project=filled, by=alice)
    item_making._batch(making.pk)
    monkeypatch.setattr("labeling.services.item_filling.response_key", lambda ids: "the same for all")
    assert carry_on_making(making.pk, seconds=30)
    making.refresh_from_db()
    assert (making.state, making.made) == ("failed", 50)
    assert "item_once_a_set_of_responses" in making.error
    assert Item.objects.count() == 50


def test_rules_are_checked_before_anything_is_kept(filled, alice, bob):
    with pytest.raises(Invalid):
        begin_making(project=filled, by=alice, policy="clever")
    with pytest.raises(NotPermitted):
        begin_making(project=filled, by=bob)
    assert not ItemMaking.objects.exists()


def test_tags_with_any_signs_are_required_as_they_are_written(project, alice):
    odd = 'c"\\ {,}\t'
    lines = [b'{"prompt": "Why?", "responses": [{"text": "So."}, {"text": "Hm."}]}']
    import_records(project=project, by=alice, lines=lines, make_items=False)
    project.prompts.update(metadata={"skills": [odd], "language": "DE"})
    assert begin_making(project=project, by=alice, require_from_metadata=True).made == 1
    assert Item.objects.get().requires == ["language:de", f"skill:{odd}"]


def test_the_api_tells_how_far_it_is_and_stops_it(filled, alice, bob, charlie, left_to_a_worker):
    begun = Api(alice).post(f"/projects/{filled.pk}/items", {})
    assert (begun.status_code, begun.json()["state"]) == (202, "working")
    address = f"/item-makings/{begun.json()['id']}"
    item_making._batch(begun.json()["id"])
    told = Api(alice).get(address).json()
    assert (told["prompts"], told["prompts_done"], told["made"], told["rules"]["policy"]) == (120, 50, 50, "random")
    assert (Api(bob).get(address).status_code, Api(charlie).get(address).status_code) == (403, 404)
    assert Api(charlie).post(f"{address}/cancel").status_code == 404
    assert Api(alice).post(f"{address}/cancel").json()["state"] == "cancelled"
    assert Api(alice).post(f"{address}/cancel").status_code == 409
    assert Api(alice).post(f"/projects/{filled.pk}/items", {}).status_code == 202


def test_the_page_shows_how_far_it_is_and_stops_it(client, filled, alice, bob, charlie, left_to_a_worker):
    client.force_login(alice.user)
    begun = client.post(f"/projects/{filled.pk}/items/make/", {
        "make": "1", "kind": "comparison", "policy": "random", "items_per_prompt": "1", "responses_per_item": "4",
    })  # fmt: skip
    making = ItemMaking.objects.get()
    assert begun.url == f"/projects/{filled.pk}/items/make/{making.pk}/"
    item_making._batch(making.pk)
    page = client.get(begun.url).content.decode()
    assert "50 of 120 prompts, 50 items made" in page
    assert "every 2s" in page
    assert "Items are being made" in client.get(f"/projects/{filled.pk}/items/make/").content.decode()
    stopped = client.post(f"{begun.url}cancel/", follow=True).content.decode()
    assert "Stopped after 50 of 120 prompts." in stopped
    assert "every 2s" not in stopped
    client.force_login(charlie.user)
    assert client.get(begun.url).status_code == 404
    client.force_login(bob.user)
    assert client.get(begun.url).status_code == 403


def test_withdrawn_responses_and_other_models_are_left_out(filled, alice):
    Response.objects.filter(text__startswith="Yes, 1").update(model_name="three")
    Response.objects.filter(text__startswith="No, 2").update(withdrawn_at="2026-01-01T00:00Z")
    making = begin_making(project=filled, by=alice, models=["one", "two"])
    thirty_one_with_a_one = 1 + 10 + 20  # 1, 10 to 19, 100 to 119
    eleven_with_a_two = 1 + 10
    assert making.made == 120 - thirty_one_with_a_one - eleven_with_a_two
