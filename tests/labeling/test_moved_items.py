"""An item that a manager moved is no longer one that was drawn at random."""

import pytest

from labeling.models import Item
from labeling.services import Order, act_on_items, import_records, lease_next, measure_agreement, undo_action
from tests.labeling.conftest import judge, pair_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def items(project, alice):
    import_records(project=project, by=alice, lines=pair_lines(6))
    return list(Item.objects.order_by("-priority"))


def move(project, alice, *items, to):
    order = Order(act="priority", ids=[item.pk for item in items], priority=to)
    return act_on_items(project=project, by=alice, order=order)


def chosen(item):
    item.refresh_from_db()
    return item.policy, item.propensity


def test_it_says_that_a_manager_placed_it_and_undo_makes_it_what_it_was(project, alice, items):
    Item.objects.filter(pk=items[0].pk).update(policy="soft4", propensity=0.25)
    first = move(project, alice, items[0], items[1], to=5)
    assert [chosen(item) for item in items[:3]] == [("manager", 1), ("manager", 1), ("random", 1)]
    second = move(project, alice, items[1], to=6)
    assert undo_action(action=second, by=alice).not_restored == 0
    assert chosen(items[1]) == ("manager", 1)
    assert undo_action(action=first, by=alice).not_restored == 0
    assert [chosen(item) for item in items[:2]] == [("soft4", 0.25), ("random", 1)]


def test_undo_does_not_make_drawn_what_was_given_out_in_the_managers_place(project, alice, bob, items):
    action = move(project, alice, items[-1], items[-2], to=5)
    taken = lease_next(project=project, by=bob).item
    assert taken in (items[-1], items[-2])
    assert undo_action(action=action, by=alice).not_restored == 1
    assert chosen(taken) == ("manager", 1)
    assert taken.priority < 1
    (other,) = {items[-1], items[-2]} - {taken}
    assert chosen(other) == ("random", 1)


def test_what_is_judged_by_as_many_as_asked_stays_what_it_was(project, alice, bob, items):
    done = lease_next(project=project, by=bob)
    judge(done, bob)
    move(project, alice, *items, to=2)
    assert chosen(done.item) == ("random", 1)
    assert {chosen(item) for item in items if item.pk != done.item_id} == {("manager", 1)}


def test_what_came_from_feedback_stays_that(project, alice, items):
    Item.objects.filter(pk=items[0].pk).update(policy="feedback")
    move(project, alice, items[0], to=2)
    assert chosen(items[0]) == ("feedback", 1)


def test_agreement_does_not_count_it(project, alice, bob, items):
    Item.objects.update(overlap=2, open_slots=2)
    move(project, alice, items[3], to=9)
    for person in (alice, bob):
        while assignment := lease_next(project=project, by=person):
            judge(assignment, person)
    assert measure_agreement(project).items_with_two == 5
