"""What a manager does to items, one or many: what it leaves alone, how it is undone, and people judging meanwhile."""

from datetime import timedelta

import pytest
from celery import current_app
from celery.app.amqp import AMQP
from django.utils.timezone import now

from accounts.errors import Conflict, Invalid, NotPermitted
from accounts.models import AuditEvent
from accounts.permissions import Role
from labeling.errors import LeaseLost
from labeling.models import Assignment, BulkAction, BulkChange, Comparison, Item
from labeling.services import (
    Order,
    act_on_items,
    bulk_actions,
    carry_on_unfinished,
    change_overlap,
    lease_next,
    pause_annotator,
    renew_lease,
    set_tags,
    skip_assignment,
    undo_action,
    update_project,
)
from labeling.services.queue_filter import QueueFilter, count_queue, queue_items
from tests.cast import make_member
from tests.labeling.conftest import judge, judge_next
from tests.labeling.test_races import check_slots, together

pytestmark = pytest.mark.django_db
ALL = QueueFilter()


@pytest.fixture
def dora(organisation):
    return make_member(organisation, "dora@example.org", Role.ANNOTATOR)


@pytest.fixture
def act(project, alice):
    def do(act, *, items=None, wanted=ALL, by=alice, **more):
        scope = {"ids": [item.pk for item in items]} if items is not None else {"filter": wanted}
        return act_on_items(project=project, by=by, order=Order(act, **scope, **more))

    return do


def test_each_state_of_the_queue_holds_its_items_and_no_others(project, alice, bob, dora, act, add_pairs):
    add_pairs(6)
    judged = judge_next(project, bob).item_id
    held = lease_next(project=project, by=bob).item_id
    skipped = lease_next(project=project, by=dora)
    skip_assignment(assignment=skipped, by=dora)
    rest = Item.objects.exclude(pk__in=[judged, held, skipped.item_id]).order_by("pk")
    act("withdraw", items=[rest[0]])
    act("reserve", items=[rest[1]], person=dora.user_id)
    found = {
        state: set(queue_items(project, QueueFilter(state)).values_list("pk", flat=True))
        for state in ("judged", "leased", "skipped", "withdrawn", "reserved", "expired", "reported", "done")
    }
    assert found == {
        "judged": {judged}, "leased": {held}, "skipped": {skipped.item_id}, "withdrawn": {rest[0].pk},
        "reserved": {rest[1].pk}, "expired": set(), "reported": set(), "done": {judged, held},
    }  # fmt: skip
    of_dora = QueueFilter(person=dora.user_id)
    assert set(queue_items(project, of_dora).values_list("pk", flat=True)) == {skipped.item_id}
    for_dora = QueueFilter("reserved", person=dora.user_id)
    assert set(queue_items(project, for_dora).values_list("pk", flat=True)) == {rest[1].pk}
    assert not queue_items(project, QueueFilter("reserved", person=bob.user_id)).exists()
    assert count_queue(project, QueueFilter(kind="rating")) == 0


@pytest.mark.parametrize("given", [{"state": "x"}, {"kind": "x"}, {"person": "x"}, {"z": "1"}])
def test_a_filter_that_is_none_is_refused(given):
    with pytest.raises(Invalid) as refusal:
        QueueFilter.read(given)
    assert set(refusal.value.fields) == set(given)


def test_a_lease_that_was_ended_goes_to_others_and_a_verdict_on_it_is_kept(project, bob, dora, act, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    action = act("release", wanted=QueueFilter("leased"))
    assert (action.state, action.changed, action.left_out) == ("done", 1, 0)
    taken = lease_next(project=project, by=dora)
    assert taken.item_id == held.item_id
    assert not judge(taken, dora).is_surplus
    assert judge(held, bob).is_surplus
    check_slots()


def test_an_ended_lease_is_given_back_by_undo_if_its_place_is_free(project, bob, dora, act, add_pairs):
    add_pairs(2)
    first, second = lease_next(project=project, by=bob), lease_next(project=project, by=dora)
    action = act("release")
    third = lease_next(project=project, by=dora)
    undone = undo_action(action=action, by=make_manager(project))
    assert (undone.state, undone.restored, undone.not_restored) == ("undone", 1, 1)
    first.refresh_from_db()
    second.refresh_from_db()
    states = {first.pk: first.state, second.pk: second.state}
    assert sorted(states.values()) == ["expired", "leased"] or third.pk in states
    check_slots()


def make_manager(project):
    return make_member(project.organisation, "mia@example.org", Role.MANAGER)


def test_only_one_persons_leases_are_ended_when_the_queue_is_filtered_by_them(
    project, alice, bob, dora, act, add_pairs
):
    add_pairs(1)
    change_overlap(project=project, by=alice, overlap=2)
    mine, theirs = lease_next(project=project, by=bob), lease_next(project=project, by=dora)
    act("release", wanted=QueueFilter("leased", person=bob.user_id))
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.state, theirs.state) == ("expired", "leased")


def test_withdrawn_items_are_given_to_nobody_and_come_back_with_the_places_they_had(project, bob, dora, act, add_pairs):
    add_pairs(3)
    judged, held = judge_next(project, bob), lease_next(project=project, by=bob)
    action = act("withdraw")
    assert (action.changed, lease_next(project=project, by=dora)) == (3, None)
    assert not judge(held, bob).is_surplus, "what was in hand is taken"
    again = act("withdraw")
    assert (again.changed, again.left_out) == (0, 3)
    with pytest.raises(Conflict):
        undo_action(action=again, by=make_manager(project))
    back = act("put_back")
    assert back.changed == 3
    open_now = dict(Item.objects.values_list("pk", "open_slots"))
    assert sum(open_now.values()) == 1
    assert open_now[judged.item_id] == open_now[held.item_id] == 0
    assert lease_next(project=project, by=dora)
    check_slots()


def test_undo_of_withdrawing_leaves_alone_what_was_put_back_and_withdrawn_again(project, alice, act, add_pairs):
    add_pairs(3)
    action = act("withdraw")
    one = Item.objects.first()
    act("put_back", items=[one])
    act("withdraw", items=[one])
    undone = undo_action(action=action, by=alice)
    assert (undone.restored, undone.not_restored) == (2, 1)
    assert list(Item.objects.exclude(withdrawn_at=None)) == [one]


def test_putting_back_can_be_undone_too(project, alice, act, add_pairs):
    add_pairs(2)
    act("withdraw")
    before = set(Item.objects.values_list("withdrawn_at", flat=True))
    undo_action(action=act("put_back"), by=alice)
    assert set(Item.objects.values_list("withdrawn_at", flat=True)) == before


def test_people_per_item_never_falls_below_who_has_it_and_undo_says_what_it_could_not(
    project, alice, bob, dora, act, add_pairs
):
    add_pairs(3)
    raised = act("overlap", overlap=2)
    first = judge_next(project, bob).item_id
    while judge_next(project, dora).item_id != first:
        pass
    undone = undo_action(action=raised, by=alice)
    assert undone.restored == 2
    assert dict(Item.objects.values_list("overlap", "open_slots")).keys() == {1, 2}
    check_slots()
    lowered = act("overlap", overlap=1)
    assert (lowered.changed, lowered.left_out) == (0, 3), "two have judged it: it stays at two"


def test_priority_decides_what_comes_next_also_behind_where_people_are(project, bob, act, add_pairs):
    add_pairs(3)
    judge_next(project, bob)
    last = Item.objects.open().order_by("priority").first()
    act("priority", items=[last], priority=50)
    assert lease_next(project=project, by=bob).item_id == last.pk


def test_a_reserved_item_is_for_one_person_and_leaves_out_who_has_had_it(project, bob, dora, act, add_pairs):
    add_pairs(3)
    judged = judge_next(project, dora).item_id
    action = act("reserve", person=dora.user_id)
    assert (action.changed, action.left_out) == (2, 1)
    assert not Item.objects.filter(pk=judged, reserved_for=dora.user).exists()
    assert lease_next(project=project, by=bob) is None
    assert lease_next(project=project, by=dora)
    act("reserve", person=None)
    assert lease_next(project=project, by=bob)


def test_what_somebody_holds_is_given_to_somebody_else(project, alice, bob, dora, act, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    action = act("reassign", wanted=QueueFilter("leased"), person=dora.user_id)
    held.refresh_from_db()
    assert (action.changed, held.state) == (1, "expired")
    with pytest.raises(LeaseLost):
        renew_lease(assignment=held, by=bob)
    assert lease_next(project=project, by=bob) is None
    undo_action(action=action, by=alice)
    held.refresh_from_db()
    assert held.state == "leased"
    assert Item.objects.get().reserved_for is None
    act("reassign", wanted=QueueFilter("leased"), person=dora.user_id)
    assert lease_next(project=project, by=dora).item_id == held.item_id
    check_slots()


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"act": "burn", "filter": ALL}, "act"),
        ({"act": "withdraw"}, "ids"),
        ({"act": "withdraw", "ids": [1], "filter": ALL}, "ids"),
        ({"act": "withdraw", "ids": list(range(1, 1003))}, "ids"),
        ({"act": "withdraw", "ids": [10**9]}, "ids"),
        ({"act": "overlap", "filter": ALL}, "overlap"),
        ({"act": "overlap", "filter": ALL, "overlap": 21}, "overlap"),
        ({"act": "priority", "filter": ALL, "priority": float("inf")}, "priority"),
        ({"act": "reassign", "filter": ALL}, "person"),
        ({"act": "reserve", "filter": ALL, "person": 10**9}, "person"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(project, alice, order, field):
    with pytest.raises(Invalid) as refusal:
        act_on_items(project=project, by=alice, order=Order(**order))
    assert field in refusal.value.fields
    assert not BulkAction.objects.exists()


def test_items_are_reserved_for_nobody_who_may_not_judge_or_is_a_stranger(project, alice, charlie, act, add_pairs):
    add_pairs(1)
    viewer = make_member(project.organisation, "vera@example.org", Role.VIEWER)
    for member in (viewer, charlie):
        with pytest.raises(Invalid, match="may judge"):
            act("reserve", person=member.user_id)


def test_nothing_is_reserved_for_who_could_never_have_it(project, alice, bob, act, add_pairs):
    add_pairs(2)
    pause_annotator(member=bob, by=alice)
    with pytest.raises(Invalid, match="Bob is paused"):
        act("reserve", person=bob.user_id)
    pause_annotator(member=bob, by=alice, paused=False)
    german = Item.objects.first()
    Item.objects.filter(pk=german.pk).update(requires=["language:de"])
    assert (act("reserve", person=bob.user_id).left_out, act("reserve", person=None).changed) == (1, 1)
    set_tags(member=bob, by=alice, tags=["language:de"])
    assert act("reserve", person=bob.user_id).left_out == 0
    update_project(project=project, by=alice, requires=["skill:cooking"])
    project.refresh_from_db()
    with pytest.raises(Invalid, match="lacks skill:cooking"):
        act("reserve", person=bob.user_id)


@pytest.mark.parametrize("role", [Role.ANNOTATOR, Role.REVIEWER, Role.VIEWER])
def test_who_does_not_manage_changes_no_items_and_undoes_nothing(project, alice, act, add_pairs, role):
    add_pairs(1)
    by = make_member(project.organisation, "x@example.org", role)
    with pytest.raises(NotPermitted):
        act("withdraw", by=by)
    with pytest.raises(NotPermitted):
        undo_action(action=act("withdraw"), by=by)


def test_it_is_undone_once_and_only_for_ten_minutes(project, alice, act, add_pairs):
    add_pairs(1)
    action = act("withdraw")
    undo_action(action=action, by=alice)
    with pytest.raises(Conflict, match="10 minutes"):
        undo_action(action=action, by=alice)
    late = act("withdraw")
    BulkAction.objects.filter(pk=late.pk).update(undo_until=now() - timedelta(hours=2))
    with pytest.raises(Conflict):
        undo_action(action=late, by=alice)
    act("put_back")
    assert not BulkChange.objects.filter(action=late).exists(), "what nobody can undo any more is forgotten"
    assert BulkAction.objects.filter(pk=late.pk).exists()


def test_every_act_and_every_undo_is_in_the_trail(project, alice, act, add_pairs):
    add_pairs(1)
    undo_action(action=act("overlap", overlap=4), by=alice)
    told = list(AuditEvent.objects.filter(verb__startswith="items:").order_by("pk").values_list("verb", flat=True))
    assert told == ["items: change people per item", "items: undone"]


def test_items_of_another_project_are_out_of_reach(project, alice, act, charlie, add_pairs):
    from labeling.models import Project

    other = Project.objects.create(organisation=charlie.organisation, name="B", slug="b", created_by=charlie.user)
    add_pairs(1)
    with pytest.raises(Invalid, match="not in this project"):
        act_on_items(project=other, by=charlie, order=Order("withdraw", ids=[Item.objects.get().pk]))
    assert act_on_items(project=other, by=charlie, order=Order("withdraw", filter=ALL)).changed == 0
    assert Item.objects.standing().count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_large_one_is_taken_while_the_broker_is_away_and_the_sweep_does_it(act, add_pairs, monkeypatch):
    add_pairs(3)
    monkeypatch.setattr(bulk_actions, "REQUEST_SECONDS", 0.0)
    current_app.conf.broker_url, known = "redis://127.0.0.1:1/0", current_app.conf.broker_url
    amqp, current_app.amqp = current_app.amqp, AMQP(current_app)
    pool, current_app._pool = current_app._pool, None
    try:
        action = act("withdraw")
    finally:
        current_app.conf.broker_url, current_app.amqp, current_app._pool = known, amqp, pool
    assert action.state == "working"
    assert carry_on_unfinished() == 1
    assert not Item.objects.standing().exists()


@pytest.mark.django_db(transaction=True)
def test_a_large_one_goes_on_in_batches_where_it_stopped(project, alice, act, add_pairs, monkeypatch):
    add_pairs(25)
    monkeypatch.setattr(bulk_actions, "BATCH", 10)
    monkeypatch.setattr(bulk_actions, "REQUEST_SECONDS", 0.0)
    action = act("withdraw")
    assert (action.state, action.changed) == ("working", 0)
    assert not action.may_be_undone
    add_pairs(3, start=100)
    assert carry_on_unfinished() == 1
    action.refresh_from_db()
    assert (action.state, action.changed) == ("done", 25), "items made since are not meant"
    undo_action(action=action, by=alice)
    carry_on_unfinished()
    assert Item.objects.standing().count() == 28


@pytest.mark.django_db(transaction=True)
def test_while_people_judge_a_manager_withdraws_releases_and_puts_back_and_nothing_is_lost(
    project, alice, organisation, act, add_pairs
):
    project.overlap = 2
    project.save()
    add_pairs(60)
    people = [make_member(organisation, f"a{number}@example.org", Role.ANNOTATOR) for number in range(8)]
    stored = []

    def work(by):
        idle = 0
        while idle < 40:
            held = lease_next(project=project, by=by)
            if held is None:
                idle += 1
                continue
            stored.append(judge(held, by).pk)

    def manage():
        for _ in range(4):
            action = act("withdraw", wanted=QueueFilter("open"))
            if action.changed:
                undo_action(action=action, by=alice)
            act("release", wanted=QueueFilter("leased"))
            act("overlap", overlap=3)
            act("withdraw")
            act("put_back")
            act("overlap", overlap=2)

    refused = [result for result in together(*[lambda by=by: work(by) for by in people], manage) if result]
    assert refused == []
    for by in people:
        while judge_next(project, by):
            pass
    check_slots()
    assert set(Comparison.objects.values_list("pk", flat=True)) >= set(stored)
    assert not Item.objects.open().exists()
    counted = Comparison.objects.counted()
    assert counted.count() == sum(Item.objects.values_list("overlap", flat=True))
    assert Assignment.objects.filter(state="judged").count() == Comparison.objects.count()
