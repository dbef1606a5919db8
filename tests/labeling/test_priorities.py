"""What a refitted reward model does to the queue, and does not do to those who are judging."""

import json
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from accounts.permissions import Role
from labeling.errors import BadRecipeFile
from labeling.models import Assignment, Comparison, Item, Project, Prompt
from labeling.services import (
    Order,
    act_on_items,
    import_records,
    lease_next,
    make_items,
    write_open_items,
    write_priorities,
)
from tests.cast import make_member
from tests.labeling.conftest import judge, judge_next, pair_lines
from tests.labeling.test_races import check_slots, together


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "priorities.jsonl"


def write(file: Path, rows: list[dict]) -> None:
    whole = {"policy": "soft4", "propensity": 0.5, "score": 1.5}
    file.write_text("".join(json.dumps(whole | row) + "\n" for row in rows))


def train_items(project: Project) -> list[Item]:
    return list(Item.objects.filter(project=project, prompt__held_out=False).order_by("pk"))


def order_of(project: Project) -> list[int]:
    return list(Item.objects.filter(project=project).order_by("-priority", "pk").values_list("pk", flat=True))


@pytest.mark.django_db
def test_the_open_comparisons_are_written_as_the_recipe_reads_them(project, alice, bob, add_pairs, tmp_path):
    add_pairs(40)
    judged = judge_next(project, bob).item_id
    withdrawn = train_items(project)[-1]
    Item.objects.filter(pk=withdrawn.pk).update(open_slots=0, withdrawn_at=withdrawn.created_at)
    fed_back = next(item for item in train_items(project) if item.pk not in (judged, withdrawn.pk))
    Item.objects.filter(pk=fed_back.pk).update(policy="feedback")
    path = tmp_path / "open_items.jsonl"
    count = write_open_items(project=project, path=path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    wanted = [item.pk for item in train_items(project) if item.pk not in (judged, withdrawn.pk, fed_back.pk)]
    assert [row["item_id"] for row in rows] == wanted
    assert count == len(wanted)
    assert Prompt.objects.filter(project=project, held_out=True).exists()
    prompt = Item.objects.get(pk=wanted[0]).prompt
    number = prompt.external_id.removeprefix("p")
    assert rows[0] == {
        "item_id": wanted[0], "prompt_id": prompt.pk, "prompt": prompt.messages,
        "response_a": f"Yes, {number}.", "response_b": f"No, {number}.",
    }  # fmt: skip


@pytest.mark.django_db
def test_another_projects_items_are_neither_written_nor_moved(project, alice, charlie, add_pairs, file, tmp_path):
    other = Project.objects.create(organisation=charlie.organisation, name="Theirs", slug="theirs")
    import_records(project=other, by=charlie, lines=pair_lines(3))
    before = {item.pk: item.priority for item in Item.objects.filter(project=other)}
    assert write_open_items(project=project, path=tmp_path / "open_items.jsonl") == 0
    write(file, [{"item_id": pk, "priority": 5} for pk in before])
    told = write_priorities(project=project, path=file)
    assert (told.written, told.closed, told.left) == (0, 3, 0)
    assert {item.pk: item.priority for item in Item.objects.filter(project=other)} == before


@pytest.mark.django_db
def test_items_come_in_the_files_order_and_say_how_they_were_chosen(project, alice, bob, add_pairs, file):
    add_pairs(30)
    items = train_items(project)
    rows = [{"item_id": item.pk, "priority": (item.pk * 7919) % 101, "score": None} for item in items]
    rows[0] |= {"policy": "random", "propensity": 0.15, "priority": 1e9}
    write(file, rows)
    told = write_priorities(project=project, path=file)
    assert (told.written, told.closed, told.left) == (len(items), 0, 0)
    ids = {item.pk for item in items}
    wanted = [row["item_id"] for row in sorted(rows, key=lambda row: (-row["priority"], row["item_id"]))]
    assert [pk for pk in order_of(project) if pk in ids] == wanted
    first = Item.objects.get(pk=items[0].pk)
    assert (first.policy, first.propensity, first.score) == ("random", 0.15, None)
    assert Item.objects.get(pk=items[1].pk).policy == "soft4"
    # Between 0 and 1, as random places are: those of held-out prompts lie evenly among them.
    assert all(0 < priority < 1 for priority in Item.objects.values_list("priority", flat=True))


@pytest.mark.django_db
def test_who_has_passed_an_item_gets_it_when_it_comes_to_the_front(project, alice, bob, add_pairs, file):
    """A cursor stands behind what it has passed, until the queue starts again."""
    project.overlap = 2
    project.save()
    add_pairs(12)
    for _ in range(6):
        judge_next(project, bob)
    waiting = [item for item in train_items(project) if not Assignment.objects.filter(item=item).exists()]
    epoch = Project.objects.get().queue_epoch
    write(file, [{"item_id": item.pk, "priority": item.pk} for item in waiting])
    write_priorities(project=project, path=file)
    assert Project.objects.get().queue_epoch > epoch
    seen = set()
    while held := lease_next(project=project, by=bob):
        seen.add(held.item_id)
        judge(held, bob)
    assert {item.pk for item in waiting} <= seen
    assert Comparison.objects.count() == 12


@pytest.mark.django_db
def test_what_somebody_holds_or_has_judged_keeps_how_it_was_chosen(project, alice, bob, add_pairs, file):
    project.overlap = 3
    project.save()
    add_pairs(20)
    held = lease_next(project=project, by=bob)
    write(file, [{"item_id": held.item_id, "priority": 3.0}])
    told = write_priorities(project=project, path=file)
    assert told.written == 1
    item = Item.objects.get(pk=held.item_id)
    assert (item.policy, item.propensity, item.priority) == ("random", 1.0, 0.5)
    assert judge(held, bob).item_id == item.pk


@pytest.mark.django_db
def test_held_out_items_are_judged_in_a_random_order_whatever_made_them(project, alice, add_pairs, file):
    project.selection_policy = "in_order"
    project.save()
    add_pairs(60)
    held_out = Item.objects.filter(prompt__held_out=True)
    assert set(held_out.values_list("policy", "priority")) == {("in_order", 0.0)}
    write(file, [])
    write_priorities(project=project, path=file)
    assert set(held_out.values_list("policy", flat=True)) == {"random"}
    assert len(set(held_out.values_list("priority", flat=True))) == held_out.count() > 3


@pytest.mark.django_db
def test_held_out_items_are_judged_in_the_share_that_they_have_after_every_refit(project, bob, add_pairs, file):
    add_pairs(100)
    share = Item.objects.filter(prompt__held_out=True).count() / 100
    order: list[int] = []
    judged = []
    for refit in range(4):
        still = Item.objects.open()
        write(file, [{"item_id": pk, "priority": (pk * 7919 + refit) % 101} for pk in still.filter(
            prompt__held_out=False).values_list("pk", flat=True)])  # fmt: skip
        write_priorities(project=project, path=file)
        mine = list(still.filter(prompt__held_out=True).order_by("-priority").values_list("pk", flat=True))
        assert mine == [pk for pk in order if pk in mine] or not refit, "their own order stays as it was drawn"
        order = mine
        batch = [judge_next(project, bob).item_id for _ in range(20)]
        judged.append(Item.objects.filter(pk__in=batch, prompt__held_out=True).count())
    assert all(abs(count - 20 * share) < 2 for count in judged), (share, judged)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"item_id": "7"}, "item_id is no item's number"),
        ({"item_id": True}, "item_id"),
        ({"priority": None}, "priority is no number"),
        ({"priority": float("nan")}, "priority is no number"),
        ({"policy": "in_order"}, "policy is none of bald, d_optimal, random"),
        ({"propensity": 0}, "propensity"),
        ({"propensity": 1.5}, "propensity"),
        ({"score": "high"}, "score"),
    ],
)
def test_a_line_that_is_not_as_agreed_is_refused_and_nothing_is_changed(project, add_pairs, file, row, why):
    add_pairs(5)
    before = order_of(project)
    good = {"item_id": before[-1], "priority": 9.0}
    write(file, [good, good | {"item_id": before[0]} | row])
    with pytest.raises(BadRecipeFile, match=why):
        write_priorities(project=project, path=file)
    write(file, [good, good])
    with pytest.raises(BadRecipeFile, match="twice"):
        write_priorities(project=project, path=file)
    file.write_text("{ no json\n")
    with pytest.raises(BadRecipeFile, match="JSON lines"):
        write_priorities(project=project, path=file)
    file.unlink()
    with pytest.raises(BadRecipeFile, match="did not leave it"):
        write_priorities(project=project, path=file)
    assert order_of(project) == before


@pytest.mark.django_db(transaction=True)
def test_a_row_that_others_have_locked_is_taken_in_a_later_pass(project, add_pairs, file):
    add_pairs(12)
    items = train_items(project)
    locked, let_go = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Item.objects.select_for_update().get(pk=items[0].pk)
            locked.set()
            let_go.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(20)
    write(file, [{"item_id": item.pk, "priority": 1.0} for item in items])
    # The first pass is over when its batch is: only then is the row let go.
    told = write_priorities(project=project, path=file, between=let_go.set)
    holder.join()
    assert (told.written, told.left) == (len(items), 0)
    assert Item.objects.get(pk=items[0].pk).policy == "soft4"


@pytest.mark.django_db(transaction=True)
def test_a_queue_rewritten_again_and_again_under_annotators_loses_and_doubles_nothing(
    project, organisation, alice, file
):
    project.overlap = 2
    project.save()
    import_records(project=project, by=alice, lines=pair_lines(150))
    people = [make_member(organisation, f"a{number}@example.org", Role.ANNOTATOR) for number in range(8)]
    ids = [item.pk for item in train_items(project)]
    over = threading.Event()
    failures = []

    def refit():
        try:
            number = 0
            while not over.is_set():
                number += 1
                write(file, [{"item_id": pk, "priority": pk * number % 97} for pk in ids])
                write_priorities(project=project, path=file)
        except Exception as problem:  # noqa: BLE001 - the thread's end must not pass unseen
            failures.append(problem)
        finally:
            connection.close()

    refits = threading.Thread(target=refit)
    refits.start()

    def work(by):
        count = 0
        while held := lease_next(project=project, by=by):
            judge(held, by)
            count += 1
        return count

    try:
        counts = together(*[lambda by=by: work(by) for by in people])
    finally:
        over.set()
        refits.join()
    assert not failures
    assert sum(counts) == Comparison.objects.count() == 300
    check_slots()
    assert not Item.objects.open().exists()


@pytest.mark.django_db
def test_items_made_later_take_their_places_among_the_rewritten_ones(project, alice, add_pairs, file):
    add_pairs(20)
    write(file, [{"item_id": item.pk, "priority": 100 + item.pk} for item in train_items(project)])
    write_priorities(project=project, path=file)
    add_pairs(200, start=20)
    make_items(project=project, by=alice)
    old = {item.pk for item in train_items(project)[:10]}
    places = [place for place, pk in enumerate(order_of(project)) if pk in old]
    assert max(places) > 100, "they are not all in front of what came later"


@pytest.mark.django_db
def test_a_place_that_a_manager_gave_stays(project, alice, add_pairs, file, tmp_path):
    add_pairs(12)
    first, last, *others = train_items(project)
    act_on_items(project=project, by=alice, order=Order("priority", ids=[first.pk], priority=5.0))
    act_on_items(project=project, by=alice, order=Order("priority", ids=[last.pk], priority=-1.0))
    assert write_open_items(project=project, path=tmp_path / "open_items.jsonl") == len(others)
    write(file, [{"item_id": item.pk, "priority": 1.0} for item in (first, last, *others)])
    told = write_priorities(project=project, path=file)
    assert (told.written, told.closed, told.left) == (len(others), 2, 0)
    order = order_of(project)
    assert (order[0], order[-1]) == (first.pk, last.pk)
