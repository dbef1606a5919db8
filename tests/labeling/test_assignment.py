"""Who is given what: reserves, eligibility, caps, stealing, overlap on the fly, and the order of a queue."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils.timezone import now

from accounts.errors import Invalid, NotPermitted
from accounts.permissions import Role
from labeling.errors import CapReached, NotEligible
from labeling.models import Assignment, Comparison, Item, Prompt
from labeling.near_duplicates import near_duplicates
from labeling.selection import Candidate, policies
from labeling.services import (
    change_overlap,
    import_records,
    lease_next,
    make_items,
    offer_next,
    pause_annotator,
    release,
    set_tags,
    submit_comparison,
    update_project,
)
from tests.cast import make_member
from tests.labeling.conftest import judge, judge_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora(organisation):
    return make_member(organisation, "dora@example.org", Role.ANNOTATOR)


def test_one_in_reserve_is_another_item_and_the_same_one_when_asked_again(project, bob, add_pairs):
    add_pairs(3)
    first = lease_next(project=project, by=bob)
    second = lease_next(project=project, by=bob, beside=[first.pk], in_reserve=True)
    assert second not in (first, None)
    assert lease_next(project=project, by=bob, beside=[first.pk], in_reserve=True) == second
    assert (first.shown_at is None, second.shown_at is None) == (False, True)
    assert lease_next(project=project, by=bob) == first, "a reload shows what was on the screen"
    judge(first, bob)
    assert lease_next(project=project, by=bob) == second
    second.refresh_from_db()
    assert second.shown_at is not None


def test_the_last_item_has_nothing_in_reserve(project, bob, add_pairs):
    add_pairs(1)
    first = lease_next(project=project, by=bob)
    assert lease_next(project=project, by=bob, beside=[first.pk], in_reserve=True) is None


def untouched(assignment, seconds):
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=F("expires_at") - timedelta(seconds=seconds))


def test_at_the_end_a_lease_that_lies_untouched_goes_to_who_is_there(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    assert lease_next(project=project, by=dora) is None
    untouched(held, 200)
    taken = lease_next(project=project, by=dora)
    assert taken.item_id == held.item_id
    held.refresh_from_db()
    assert held.state == "expired"
    assert not judge(taken, dora).is_surplus
    assert judge(held, bob).is_surplus, "what was judged all the same is kept"


def test_what_is_in_reserve_is_taken_sooner_and_what_is_shown_is_not(project, bob, dora, add_pairs):
    add_pairs(2)
    shown = lease_next(project=project, by=bob)
    reserve = lease_next(project=project, by=bob, beside=[shown.pk], in_reserve=True)
    for each in (shown, reserve):
        untouched(each, 90)
    assert lease_next(project=project, by=dora).item_id == reserve.item_id
    assert Assignment.objects.get(pk=shown.pk).state == "leased"


def test_what_was_in_reserve_and_is_on_the_screen_now_is_not_taken_sooner(project, bob, dora, add_pairs):
    add_pairs(2)
    first = lease_next(project=project, by=bob)
    second = lease_next(project=project, by=bob, beside=[first.pk], in_reserve=True)
    assert lease_next(project=project, by=bob, beside=[first.pk], showing=second.pk, in_reserve=True) is None
    for each in (first, second):
        untouched(each, 90)
    assert lease_next(project=project, by=dora) is None
    second.refresh_from_db()
    assert second.state == "leased"
    assert second.shown_at is not None


def test_nobody_marks_as_shown_what_another_person_has_in_reserve(project, bob, dora, add_pairs):
    add_pairs(3)
    shown = lease_next(project=project, by=bob)
    reserve = lease_next(project=project, by=bob, beside=[shown.pk], in_reserve=True)
    lease_next(project=project, by=dora, showing=reserve.pk)
    reserve.refresh_from_db()
    assert reserve.shown_at is None


def test_nobody_steals_for_a_reserve(project, bob, dora, add_pairs):
    add_pairs(1)
    untouched(lease_next(project=project, by=bob), 500)
    assert lease_next(project=project, by=dora, in_reserve=True) is None


def test_an_item_goes_only_to_who_has_what_it_needs(project, alice, bob, dora, add_pairs):
    add_pairs(2)
    german = Item.objects.order_by("pk")[0]
    Item.objects.filter(pk=german.pk).update(requires=["language:de"], priority=9)
    assert judge_next(project, bob).item_id != german.pk
    assert lease_next(project=project, by=bob) is None
    set_tags(member=bob, by=alice, tags=[" Language:DE ", "skill:c++"])
    assert lease_next(project=project, by=bob).item_id == german.pk, "it lay behind the cursor"
    assert lease_next(project=project, by=dora) is None


def test_a_project_may_need_something_of_everybody(project, alice, bob):
    update_project(project=project, by=alice, requires=["qualified:medicine"])
    project.refresh_from_db()
    with pytest.raises(NotEligible, match="qualified medicine"):
        lease_next(project=project, by=bob)
    assert "qualified medicine" in offer_next(project=project, by=bob).why


@pytest.mark.parametrize("tag", ["german", "language:", "language:d e", "role:admin", "skill:" + "x" * 60])
def test_a_tag_that_is_none_is_refused(alice, bob, tag):
    with pytest.raises(Invalid, match="language:de"):
        set_tags(member=bob, by=alice, tags=[tag])


def test_an_annotator_gives_nobody_tags(bob, dora):
    with pytest.raises(NotPermitted):
        set_tags(member=dora, by=bob, tags=["skill:x"])


def test_a_paused_person_gets_nothing_and_may_still_judge_what_is_in_hand(project, alice, bob, add_pairs):
    add_pairs(2)
    held = lease_next(project=project, by=bob)
    pause_annotator(member=bob, by=alice)
    with pytest.raises(NotEligible, match="paused your work"):
        lease_next(project=project, by=bob)
    assert not judge(held, bob).is_surplus
    pause_annotator(member=bob, by=alice, paused=False)
    assert lease_next(project=project, by=bob)


@pytest.mark.parametrize("cap", ["cap_per_day", "cap_per_person"])
def test_a_cap_ends_a_persons_items_and_counts_those_in_hand(project, alice, bob, dora, add_pairs, cap):
    add_pairs(4)
    update_project(project=project, by=alice, **{cap: 2})
    project.refresh_from_db()
    judge_next(project, bob)
    held = lease_next(project=project, by=bob)
    assert offer_next(project=project, by=bob, beside=[held.pk], in_reserve=True).assignment is None
    judge(held, bob)
    with pytest.raises(CapReached, match="2 items here"):
        lease_next(project=project, by=bob)
    assert lease_next(project=project, by=dora)


def test_yesterdays_judgements_are_not_of_today(project, alice, bob, add_pairs):
    add_pairs(2)
    update_project(project=project, by=alice, cap_per_day=1)
    project.refresh_from_db()
    judge_next(project, bob)
    Assignment.objects.update(closed_at=now() - timedelta(days=1))
    assert lease_next(project=project, by=bob)


def test_a_reserved_item_is_for_one_person(project, alice, bob, dora, add_pairs):
    add_pairs(1)
    Item.objects.update(reserved_for=dora.user)
    assert lease_next(project=project, by=bob) is None
    assert lease_next(project=project, by=dora)


def test_a_withdrawn_item_is_given_to_nobody_also_when_a_lease_of_it_ends(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    Item.objects.update(withdrawn_at=now(), open_slots=0)
    release(assignment=held, by=bob)
    assert Item.objects.get().open_slots == 0
    assert lease_next(project=project, by=dora) is None


def test_so_many_of_a_hundred_items_get_one_judgement_more(project, alice, add_pairs):
    update_project(project=project, by=alice, extra_overlap_percent=30)
    project.refresh_from_db()
    add_pairs(300)
    make_items(project=project, by=alice)
    twice = Item.objects.filter(overlap=2).count()
    assert Item.objects.filter(overlap=1).count() + twice == 300
    assert 55 <= twice <= 130  # 90 expected, sd 8: five of them either way


def test_overlap_changes_on_the_fly_and_never_below_what_is_judged_or_held(project, alice, bob, dora, add_pairs):
    add_pairs(3)
    change_overlap(project=project, by=alice, overlap=3)
    assert list(Item.objects.values_list("overlap", "open_slots")) == [(3, 3)] * 3
    first = judge_next(project, bob).item_id
    second = lease_next(project=project, by=bob).item_id
    while (held := lease_next(project=project, by=dora)).item_id != first:
        judge(held, dora)
    judge(held, dora)
    change_overlap(project=project, by=alice, overlap=1)
    project.refresh_from_db()
    assert project.overlap == 1
    found = {item.pk: (item.overlap, item.open_slots) for item in Item.objects.all()}
    assert found[first] == (2, 0), "two have judged it"
    assert found[second][1] == 0
    change_overlap(project=project, by=alice, overlap=3, item_ids=[first])
    assert Item.objects.get(pk=first).open_slots == 1
    with pytest.raises(Invalid, match="1 to 20"):
        change_overlap(project=project, by=alice, overlap=21)


def test_fewest_judgements_first_goes_round_before_it_comes_back(project, alice, bob, dora, add_pairs):
    add_pairs(4)
    update_project(project=project, by=alice, overlap=2)
    project.refresh_from_db()
    change_overlap(project=project, by=alice, overlap=2)
    Item.objects.update(policy="fewest_judgements", priority=0.0)
    seen = []
    for turn in range(4):
        seen.append(judge_next(project, (bob, dora)[turn % 2]).item_id)
    assert len(set(seen)) == 4, "every item has its first judgement"
    while judge_next(project, bob) or judge_next(project, dora):
        pass
    assert Comparison.objects.count() == 8


def candidates(*lengths):
    return [Candidate((index, index + 100), pair) for index, pair in enumerate(lengths)]


class Chance:
    """Draws what it is told to."""

    def random(self):
        return 0.5

    def sample(self, rows, count):
        return list(rows)[-count:]


def test_policies_say_with_what_probability_they_chose():
    given = candidates((10, 10), (10, 50), (10, 11), (1, 900))
    chosen = {name: policy.choose(given, 2, Chance()) for name, policy in policies().items()}
    assert [place.candidate for place in chosen["in_order"]] == given[:2]
    assert [place.propensity for place in chosen["random"]] == [0.5, 0.5]
    assert [place.candidate for place in chosen["length_balanced"]] == [given[0], given[2]]
    assert chosen["length_balanced"][0].priority > chosen["length_balanced"][1].priority
    for places in chosen.values():
        assert all(0 < place.propensity <= 1 for place in places)
    assert [len(policy.choose(given, 9, Chance())) for policy in policies().values()] == [4] * len(policies())


def test_length_balanced_items_come_out_closest_lengths_first(project, alice, bob):
    lines = [
        json.dumps({"prompt": f"Q{n}?", "responses": [{"text": "a" * 50}, {"text": "b" * (50 + 20 * n)}]}).encode()
        for n in (3, 0, 5, 1)
    ]
    import_records(project=project, by=alice, lines=lines, make_items=False)
    assert make_items(project=project, by=alice, policy="length_balanced") == 4
    order = [str(judge_next(project, bob).item.prompt) for _ in range(4)]
    assert order == ["Q0?", "Q1?", "Q3?", "Q5?"]


def test_near_duplicates_are_left_out_by_the_rule(project, alice):
    same = "Put the eggs into cold water and bring it slowly to the boil, then wait for ten minutes and cool them"
    line = {"prompt": "Q?", "responses": [{"text": same + "."}, {"text": same + "!"}, {"text": "Ask a cook."}]}
    import_records(project=project, by=alice, lines=[json.dumps(line).encode()], make_items=False)
    assert make_items(project=project, by=alice, items_per_prompt=10, skip_near_duplicates=True) == 2
    assert near_duplicates([same, same.upper()]) == {(0, 1)}
    assert near_duplicates(["yes", "no"]) == set()
    assert near_duplicates(["", "no", "!"]) == {(0, 2)}


def test_items_of_some_models_alone(project, alice, add_pairs):
    line = {"prompt": "Q?", "responses": [{"text": str(n), "model": f"m{n % 3}"} for n in range(6)]}
    import_records(project=project, by=alice, lines=[json.dumps(line).encode()], make_items=False)
    assert make_items(project=project, by=alice, items_per_prompt=50, models=["m0", "m1"]) == 6


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"policy": "best"}, "policy"),
        ({"kind": "poem"}, "kind"),
        ({"items_per_prompt": 0}, "items_per_prompt"),
        ({"kind": "ranking", "responses_per_item": 2}, "responses_per_item"),
    ],
)
def test_rules_that_make_no_sense_are_refused(project, alice, rules, field):
    with pytest.raises(Invalid) as refusal:
        make_items(project=project, by=alice, **rules)
    assert field in refusal.value.fields


def test_what_an_item_needs_may_come_from_the_prompts_metadata(project, alice, bob):
    line = {"prompt": "Wie?", "responses": [{"text": "So."}, {"text": "Nicht."}], "metadata": {"language": "DE"}}
    import_records(project=project, by=alice, lines=[json.dumps(line).encode()], make_items=False)
    make_items(project=project, by=alice, require_from_metadata=True)
    assert Item.objects.get().requires == ["language:de"]
    assert lease_next(project=project, by=bob) is None
    assert Prompt.objects.count() == 1


def test_a_judgement_is_stored_though_the_next_item_is_refused(project, alice, bob, add_pairs):
    add_pairs(2)
    update_project(project=project, by=alice, cap_per_person=1)
    project.refresh_from_db()
    held = lease_next(project=project, by=bob)
    submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="tie")
    offer = offer_next(project=project, by=bob)
    assert offer.assignment is None
    assert "1 items here" in offer.why
