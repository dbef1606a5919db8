"""What happens when people act at the same moment: threads, each with its own connection."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.permissions import Role
from labeling.errors import AlreadyJudged, LabelingError
from labeling.models import Assignment, Comparison, Item, Prompt
from labeling.services import expire_leases, fold_reopened, import_records, lease_next, skip_assignment, undo_last
from tests.cast import make_member
from tests.labeling.conftest import judge, judge_next, pair_lines

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts):
    """Run all at once, each in its thread; return what each returned or refused with."""
    barrier = threading.Barrier(len(acts))

    def run(act):
        try:
            barrier.wait()
            return act()
        except LabelingError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture
def annotators(organisation):
    return [make_member(organisation, f"a{number}@example.org", Role.ANNOTATOR) for number in range(40)]


def check_slots():
    """Every item's count of open slots is what its assignments say."""
    for item in Item.objects.prefetch_related("assignments"):
        slots = [a.slot for a in item.assignments.all() if a.slot is not None]
        assert item.open_slots == item.overlap - len(slots)
        assert len(set(slots)) == len(slots)


def test_forty_annotators_of_whom_some_die_judge_every_item_three_times(project, alice, annotators):
    project.overlap = 3
    project.save()
    import_records(project=project, by=alice, lines=pair_lines(300))
    submitted = []
    died = threading.Event()

    def work(number):
        by = annotators[number]
        draw = random.Random(number)
        idle = 0
        while idle < 60:
            held = lease_next(project=project, by=by)
            if held is None:
                # Somebody may have died with an item in hand: wait for it to come back.
                idle += 1
                died.wait(0.02)
                continue
            idle = 0
            if number % 10 == 0 and draw.random() < 0.2:
                Assignment.objects.filter(pk=held.pk).update(expires_at=now() - timedelta(seconds=1))
                return
            if draw.random() < 0.05:
                skip_assignment(assignment=held, by=by)
                continue
            submitted.append(judge(held, by, choice=draw.choice("ab")).pk)
            if draw.random() < 0.05:
                undo_last(project=project, by=by)

    over = threading.Event()

    def sweep():
        while not over.wait(0.05):
            expire_leases()
            fold_reopened()
        connection.close()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        together(*[lambda n=number: work(n) for number in range(len(annotators))])
    finally:
        over.set()
        sweeper.join()

    counted = Counter(Comparison.objects.counted().values_list("item_id", flat=True))
    assert set(counted.values()) == {3}
    assert len(counted) == 300
    people = Comparison.objects.counted().values_list("item_id", "annotator_id")
    assert len(set(people)) == 900
    assert set(submitted) == set(Comparison.objects.values_list("pk", flat=True))
    assert set(Item.objects.values_list("open_slots", flat=True)) == {0}
    check_slots()


def test_the_last_item_is_not_hidden_by_somebody_who_is_just_taking_a_slot_of_it(project, alice, annotators):
    project.overlap = 10
    project.save()
    for start in range(5):
        import_records(project=project, by=alice, lines=pair_lines(1, start=start))
        leased = together(*[lambda by=by: lease_next(project=project, by=by) for by in annotators[:10]])
        assert all(leased)
        for held, by in zip(leased, annotators, strict=False):
            judge(held, by)
    check_slots()


def test_two_tabs_that_ask_at_once_get_the_same_item(project, annotators, add_pairs):
    add_pairs(60)
    for by in annotators[:5]:
        # From the second time on there is a cursor: making it would already let one tab wait for the other.
        for _ in range(6):
            first, second = together(*[lambda by=by: lease_next(project=project, by=by)] * 2)
            assert first == second
            judge(first, by)


def test_a_double_click_is_stored_once(project, bob, add_pairs):
    add_pairs(5)
    for _ in range(5):
        held, client_id = lease_next(project=project, by=bob), uuid4()
        said = together(*[lambda held=held, c=client_id: judge(held, bob, client_id=c)] * 4)
        assert len({comparison.pk for comparison in said}) == 1
    assert Comparison.objects.count() == 5


def test_of_two_tabs_that_judge_differently_one_is_told(project, bob, add_pairs):
    add_pairs(5)
    for _ in range(5):
        held = lease_next(project=project, by=bob)
        said = together(lambda h=held: judge(h, bob, choice="a"), lambda h=held: judge(h, bob, choice="b"))
        assert sorted(isinstance(answer, AlreadyJudged) for answer in said) == [False, True]
    assert Comparison.objects.count() == 5


def test_expiry_against_a_submission_loses_nothing(project, annotators, add_pairs):
    add_pairs(10)
    for by in annotators[:10]:
        held = lease_next(project=project, by=by)
        Assignment.objects.filter(pk=held.pk).update(expires_at=now() - timedelta(seconds=1))
        together(lambda h=held, by=by: judge(h, by), expire_leases)
    assert Comparison.objects.counted().count() == 10
    check_slots()


def test_two_who_judge_late_share_one_slot_rightly(project, annotators, add_pairs):
    add_pairs(4)
    one, two = annotators[:2]
    for _ in range(4):
        first = lease_next(project=project, by=one)
        Assignment.objects.filter(pk=first.pk).update(expires_at=now() - timedelta(seconds=1))
        expire_leases()
        second = lease_next(project=project, by=two)
        Assignment.objects.filter(pk=second.pk).update(expires_at=now() - timedelta(seconds=1))
        expire_leases()
        late = [first] if second.item_id != first.item_id else [first, second]
        said = together(*[lambda a=a, by=by: judge(a, by) for a, by in zip(late, (one, two), strict=False)])
        assert sum(not comparison.is_surplus for comparison in said) == 1
        if second not in late:
            judge(second, two)
    check_slots()


def test_undo_in_two_tabs_takes_back_one_judgement(project, bob, add_pairs):
    add_pairs(4)
    judge_next(project, bob)
    judge_next(project, bob)
    together(*[lambda: undo_last(project=project, by=bob)] * 2)
    assert 0 <= Comparison.objects.standing().count() <= 1
    check_slots()


def test_undo_against_a_judgement_of_the_next_item_keeps_the_counts(project, bob, add_pairs):
    add_pairs(12)
    for _ in range(5):
        judge_next(project, bob)
        held = lease_next(project=project, by=bob)
        together(lambda: undo_last(project=project, by=bob), lambda h=held: judge(h, bob))
        check_slots()


def test_two_imports_of_one_file_store_it_once(project, alice):
    reports = together(*[lambda: import_records(project=project, by=alice, lines=pair_lines(500))] * 3)
    assert sorted(report.created for report in reports) == [0, 0, 500]
    assert Prompt.objects.count() == Item.objects.count() == 500
