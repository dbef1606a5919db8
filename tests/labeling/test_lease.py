from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from accounts.errors import NotPermitted
from accounts.permissions import Role
from labeling.errors import AlreadyJudged, BadJudgement, LabelingError, LeaseLost, NotAssigned, ProjectClosed
from labeling.models import Assignment, Comparison, Item, Project, QueueCursor, Response
from labeling.services import (
    Order,
    act_on_items,
    create_prompt,
    expire_leases,
    fold_reopened,
    import_records,
    lease_next,
    make_item,
    pause_project,
    release,
    renew_lease,
    resume_project,
    save_draft,
    skip_assignment,
    store_response,
    submit_comparison,
    undo_last,
)
from tests.cast import make_member
from tests.labeling.conftest import judge, judge_next, pair_lines


def run_out(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=now() - timedelta(seconds=1))
    assert expire_leases() == 1


@pytest.fixture
def dora(organisation):
    return make_member(organisation, "dora@example.org", Role.ANNOTATOR)


@pytest.fixture
def in_order(project, add_pairs):
    Project.objects.filter(pk=project.pk).update(selection_policy="in_order")
    project.refresh_from_db()
    add_pairs(3)
    return list(Item.objects.order_by("pk"))


def test_a_reload_gives_the_same_item(project, bob, add_pairs):
    add_pairs(3)
    first = lease_next(project=project, by=bob)
    assert lease_next(project=project, by=bob) == first
    assert Assignment.objects.count() == 1


def test_items_come_best_first_and_end_with_none(project, bob, in_order):
    Item.objects.filter(pk=in_order[1].pk).update(priority=5)
    seen = [judge_next(project, bob).item_id for _ in range(3)]
    assert seen == [in_order[1].pk, in_order[0].pk, in_order[2].pk]
    assert lease_next(project=project, by=bob) is None
    assert set(Item.objects.values_list("open_slots", flat=True)) == {0}


def test_with_overlap_each_person_judges_an_item_once(project, bob, dora, alice):
    project.overlap = 2
    project.save()
    import_records(project=project, by=alice, lines=pair_lines(4))
    for member in (bob, dora, alice):
        while judge_next(project, member):
            pass
    assert [item.comparisons.count() for item in Item.objects.all()] == [2] * 4
    assert [sorted(item.assignments.values_list("slot", flat=True)) for item in Item.objects.all()] == [[0, 1]] * 4
    assert not Comparison.objects.filter(annotator=alice.user).exists()


def test_items_added_later_are_found_wherever_they_fall(project, bob, add_pairs, alice):
    add_pairs(20)
    for _ in range(20):
        judge_next(project, bob)
    assert lease_next(project=project, by=bob) is None
    add_pairs(20, start=20)
    prompt, _ = create_prompt(project=project, messages="One more?")
    responses = [store_response(prompt=prompt, text=text, origin="import")[0] for text in "ab"]
    make_item(project=project, prompt=prompt, responses=responses, policy="random")
    assert sum(judge_next(project, bob) is not None for _ in range(30)) == 21


def test_the_cursor_passes_what_this_person_has_had(project, bob, in_order):
    project.refresh_from_db()
    for item in in_order:
        judge_next(project, bob)
        cursor = QueueCursor.objects.get(annotator=bob.user)
        assert (cursor.item_id, cursor.priority, cursor.epoch) == (item.pk, 0.0, project.queue_epoch)


def test_a_lease_that_runs_out_goes_to_others(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    assert lease_next(project=project, by=dora) is None
    run_out(held)
    assert lease_next(project=project, by=dora).item_id == held.item_id
    held.refresh_from_db()
    assert (held.state, held.slot) == ("expired", None)


def test_ones_own_expired_item_comes_back_last_and_with_its_draft(project, bob, in_order):
    held = lease_next(project=project, by=bob)
    save_draft(assignment=held, by=bob, draft={"reason": "half a thou"})
    run_out(held)
    assert [judge_next(project, bob).item_id for _ in range(2)] == [in_order[1].pk, in_order[2].pk]
    again = lease_next(project=project, by=bob)
    assert again == held
    assert again.draft == {"reason": "half a thou"}
    assert again.shown_order == held.shown_order
    assert Item.objects.get(pk=held.item_id).open_slots == 0


def test_an_expired_lease_that_nobody_swept_is_simply_renewed(project, bob, add_pairs):
    add_pairs(2)
    held = lease_next(project=project, by=bob)
    Assignment.objects.update(expires_at=now() - timedelta(hours=1))
    assert lease_next(project=project, by=bob) == held
    assert expire_leases() == 0


def test_a_skipped_item_goes_to_others_and_never_comes_back(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    skip_assignment(assignment=held, by=bob, reason="not my language")
    skip_assignment(assignment=held, by=bob)
    assert Item.objects.get().open_slots == 1
    assert lease_next(project=project, by=bob) is None
    assert lease_next(project=project, by=dora).item_id == held.item_id
    assert Assignment.objects.get(pk=held.pk).skip_reason == "not my language"


def test_an_item_that_others_gave_back_is_found_behind_the_cursor(project, bob, dora, in_order):
    hers = lease_next(project=project, by=dora)
    assert [judge_next(project, bob).item_id for _ in range(2)] == [in_order[1].pk, in_order[2].pk]
    skip_assignment(assignment=hers, by=dora)
    assert lease_next(project=project, by=bob).item_id == in_order[0].pk


def test_many_reopened_items_are_folded_back_and_still_found(project, bob, dora, add_pairs, monkeypatch):
    monkeypatch.setattr("labeling.services.queue.MAX_REOPENED", 5)
    add_pairs(10)
    while held := lease_next(project=project, by=bob):
        skip_assignment(assignment=held, by=bob)
    assert Item.objects.filter(reopened=True).count() == 10
    assert fold_reopened() == 1
    assert not Item.objects.filter(reopened=True).exists()
    assert fold_reopened() == 0
    assert lease_next(project=project, by=bob) is None
    assert sum(judge_next(project, dora) is not None for _ in range(11)) == 10


def test_nobody_judges_an_answer_of_their_own(project, bob, dora):
    prompt, _ = create_prompt(project=project, messages="Why?")
    mine, _ = store_response(prompt=prompt, text="So.", origin="person", author=bob.user)
    other, _ = store_response(prompt=prompt, text="Hm.", origin="import")
    make_item(project=project, prompt=prompt, responses=[mine, other], policy="feedback")
    assert lease_next(project=project, by=bob) is None
    assert lease_next(project=project, by=dora)


def test_another_projects_items_are_not_leased(project, bob, add_pairs, alice):
    other = Project.objects.create(organisation=alice.organisation, name="Two", slug="two")
    add_pairs(1, into=other)
    assert lease_next(project=project, by=bob) is None


def test_a_paused_or_archived_project_gives_nothing_and_says_why(project, bob, alice, add_pairs):
    add_pairs(2)
    held = lease_next(project=project, by=bob)
    pause_project(project=project, by=alice)
    with pytest.raises(ProjectClosed, match="paused"):
        lease_next(project=project, by=bob)
    assert judge(held, bob)
    resume_project(project=project, by=alice)
    assert lease_next(project=project, by=bob)
    Project.objects.update(archived_at=now())
    with pytest.raises(ProjectClosed, match="archived"):
        lease_next(project=project, by=bob)


def test_a_viewer_may_not_judge(project, organisation, add_pairs):
    add_pairs(1)
    with pytest.raises(NotPermitted):
        lease_next(project=project, by=make_member(organisation, "v@example.org", Role.VIEWER))


@pytest.mark.parametrize(
    "act",
    [
        judge,
        lambda held, by: skip_assignment(assignment=held, by=by),
        lambda held, by: renew_lease(assignment=held, by=by),
        lambda held, by: save_draft(assignment=held, by=by, draft={}),
        lambda held, by: release(assignment=held, by=by),
    ],
)
def test_what_one_person_holds_nobody_else_touches(project, bob, dora, add_pairs, act):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    with pytest.raises(NotAssigned):
        act(held, dora)


def test_a_judgement_names_the_responses_as_they_were_shown(project, bob, add_pairs):
    add_pairs(30)
    orders = set()
    for _ in range(30):
        held = lease_next(project=project, by=bob)
        places = list(held.item.item_responses.values_list("response_id", flat=True))
        said = judge(held, bob)
        assert [said.response_a_id, said.response_b_id] == [places[i] for i in held.shown_order]
        orders.add(tuple(held.shown_order))
    assert orders == {(0, 1), (1, 0)}


def test_sent_twice_it_is_stored_once(project, bob, add_pairs):
    add_pairs(2)
    held = lease_next(project=project, by=bob)
    client_id = uuid4()
    first = judge(held, bob, client_id=client_id)
    assert judge(held, bob, client_id=client_id, choice="b") == first
    assert Comparison.objects.get().choice == "a"
    with pytest.raises(AlreadyJudged):
        judge(held, bob)
    other = lease_next(project=project, by=bob)
    with pytest.raises(BadJudgement, match="client_id"):
        judge(other, bob, client_id=client_id)
    other.refresh_from_db()
    assert other.state == "leased"


def test_a_late_judgement_takes_the_slot_if_it_is_free(project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    run_out(held)
    assert not judge(held, bob).is_surplus
    held.refresh_from_db()
    assert (held.state, held.slot) == ("judged", 0)
    assert Item.objects.get().open_slots == 0


def test_a_late_judgement_is_surplus_when_the_slot_was_filled(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    run_out(held)
    judge_next(project, dora)
    assert judge(held, bob).is_surplus
    assert Comparison.objects.counted().get().annotator == dora.user
    assert Item.objects.get().open_slots == 0


def test_a_skipped_item_is_not_judged_from_another_tab(project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    skip_assignment(assignment=held, by=bob)
    with pytest.raises(LeaseLost, match="skipped"):
        judge(held, bob)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"choice": "c"}, "choice"),
        ({"choice": "a", "strength": None}, "strength"),
        ({"choice": "b", "strength": 4}, "strength"),
        ({"choice": "tie", "strength": 1}, "strength"),
        ({"flags": ["x" * 41]}, "flags"),
        ({"flags": ["x"] * 21}, "flags"),
        ({"reason": "x" * 20_001}, "reason"),
        ({"active_ms": -1}, "active_ms"),
    ],
)
def test_a_judgement_whose_parts_do_not_go_together_is_refused(project, bob, add_pairs, said, field):
    add_pairs(1)
    with pytest.raises(BadJudgement) as refused:
        judge(lease_next(project=project, by=bob), bob, **said)
    assert set(refused.value.fields) == {field}


def test_nobody_has_worked_on_an_item_for_longer_than_they_had_it(project, bob, in_order):
    """A clock that was wrong, or a person who says so."""
    held = lease_next(project=project, by=bob)
    Assignment.objects.update(first_leased_at=held.leased_at - timedelta(seconds=5))
    assert 5_000 <= judge(held, bob, active_ms=3 * 24 * 3600 * 1000).active_ms < 60_000
    again = undo_last(project=project, by=bob)
    assert 5_000 <= judge(again, bob, active_ms=2**31 - 1).active_ms < 60_000
    assert judge(lease_next(project=project, by=bob), bob, active_ms=None).active_ms is None


def test_undo_gives_the_item_back_with_its_sides_and_what_was_said(project, bob, in_order):
    first = lease_next(project=project, by=bob)
    judge(first, bob, choice="b", strength=3, reason="why not")
    second = lease_next(project=project, by=bob)
    again = undo_last(project=project, by=bob)
    assert again == first
    assert (again.shown_order, again.slot) == (first.shown_order, 0)
    assert again.draft == {"choice": "b", "strength": 3, "reason": "why not", "flags": [], "active_ms": None}
    assert not Comparison.objects.standing().exists()
    assert lease_next(project=project, by=bob) == first
    judge(again, bob)
    assert lease_next(project=project, by=bob) == second
    assert Comparison.objects.counted().count() == 1
    assert Item.objects.get(pk=first.item_id).open_slots == 0


def test_undo_without_a_judgement_does_nothing(project, bob):
    assert undo_last(project=project, by=bob) is None


def test_undo_of_a_surplus_judgement_takes_it_back_and_asks_nothing(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    run_out(held)
    judge_next(project, dora)
    judge(held, bob)
    assert undo_last(project=project, by=bob) is None
    assert Comparison.objects.standing().get().annotator == dora.user


def test_the_heartbeat_holds_the_item_and_takes_it_again_after_a_pause(project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    Assignment.objects.update(expires_at=now() + timedelta(seconds=5))
    assert renew_lease(assignment=held, by=bob).expires_at > now() + timedelta(minutes=14)
    run_out(held)
    assert renew_lease(assignment=held, by=bob).state == "leased"
    assert Item.objects.get().open_slots == 0


def test_the_heartbeat_says_when_the_item_is_gone(project, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    run_out(held)
    judge_next(project, dora)
    with pytest.raises(LeaseLost):
        renew_lease(assignment=held, by=bob)
    judge(held, bob)
    with pytest.raises(AlreadyJudged):
        renew_lease(assignment=held, by=bob)


def test_a_lease_that_a_manager_ended_is_not_taken_back_by_a_page_left_open(project, alice, bob, dora, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    act_on_items(project=project, by=alice, order=Order("release", ids=[held.item_id]))
    with pytest.raises(LeaseLost, match="not held for you any more"):
        renew_lease(assignment=held, by=bob)
    assert Item.objects.get().open_slots == 1
    assert lease_next(project=project, by=dora).item_id == held.item_id
    # What Bob says all the same is kept.
    assert judge(held, bob).is_surplus


def test_a_released_item_may_come_back(project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    release(assignment=held, by=bob)
    assert Item.objects.get().open_slots == 1
    assert lease_next(project=project, by=bob) == held


@pytest.mark.parametrize("draft", [{"reason": "x" * 50_001}, {"reason": "\x00"}])
def test_a_draft_that_cannot_be_kept_is_refused_with_the_reason(project, bob, add_pairs, draft):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    with pytest.raises(LabelingError, match="NUL|50,000"):
        save_draft(assignment=held, by=bob, draft=draft)


def test_the_model_behind_an_answer_survives_a_second_model_with_the_same_text(project):
    prompt, _ = create_prompt(project=project, messages="Why?")
    first, made = store_response(prompt=prompt, text="So.", origin="version", version_id=1)
    same, made_again = store_response(prompt=prompt, text="So.", origin="import", model_name="x")
    assert (made, made_again, same) == (True, False, first)
    assert Response.objects.get().version_id == 1


def test_submit_comparison_by_its_own_name(project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    said = submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="both_bad", flags=["unsafe", "unsafe"])
    assert (said.flags, said.strength, said.retracted_at) == ([{"name": "unsafe"}], None, None)
