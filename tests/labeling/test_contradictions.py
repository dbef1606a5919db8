"""Judgements that the reward model did not expect: listed for managers, and given to somebody else, blind."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.permissions import Role
from labeling.api import contradiction_views
from labeling.errors import BadRecipeFile
from labeling.models import ACTIVE_POLICIES, BulkAction, Comparison, Contradiction, Item, Project
from labeling.services import (
    ask_second_opinion,
    freeze_snapshot,
    import_records,
    lease_next,
    measure_agreement,
    store_contradictions,
    undo_action,
)
from labeling.services.contradictions import MAX_KEPT, contradictions_of
from labeling.views import contradictions as pages
from tests.cast import make_member
from tests.labeling.conftest import Api, judge, judge_next, pair_lines
from tests.labeling.test_kinds import read_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(project, bob, add_pairs) -> list[Comparison]:
    add_pairs(6)
    return [said for _ in range(6) if (said := judge_next(project, bob))]


@pytest.fixture
def store(project, tmp_path):
    def write(*rows: tuple[Comparison, float]) -> int:
        path = tmp_path / "contradictions.jsonl"
        lines = [
            json.dumps({"judgement_id": said.pk, "item_id": said.item_id, "probability": probability})
            for said, probability in rows
        ]
        path.write_text("\n".join(lines))
        return store_contradictions(project=project, path=path)

    return write


def listed(project) -> list[int]:
    return [each.judgement_id for each in contradictions_of(project)]


def test_the_surest_come_first_and_a_new_file_replaces_the_old_one(project, judged, store):
    assert store((judged[0], 0.7), (judged[1], 0.95), (judged[2], 0.5), (judged[3], 0.2)) == 2
    assert listed(project) == [judged[1].pk, judged[0].pk]
    assert store((judged[4], 0.9)) == 1
    assert listed(project) == [judged[4].pk]


def test_what_was_taken_back_or_is_no_preference_or_another_projects_is_passed_over(
    project, charlie, judged, store, organisation
):
    Comparison.objects.filter(pk=judged[0].pk).update(retracted_at=now())
    Comparison.objects.filter(pk=judged[1].pk).update(choice="tie", strength=None)
    theirs = Project.objects.create(organisation=charlie.organisation, name="Theirs", slug="theirs")
    import_records(project=theirs, by=charlie, lines=pair_lines(1))
    other = judge_next(theirs, charlie)
    assert store(*[(said, 0.9) for said in (*judged[:3], other)]) == 1
    assert listed(project) == [judged[2].pk]
    assert not Contradiction.objects.for_member(charlie).exists()


def test_only_so_many_are_kept(project, judged, store, monkeypatch):
    monkeypatch.setattr("labeling.services.contradictions.MAX_KEPT", 2)
    assert MAX_KEPT > 100
    assert store(*[(said, 0.6 + number / 100) for number, said in enumerate(judged)]) == 2
    assert listed(project) == [judged[5].pk, judged[4].pk]


@pytest.mark.parametrize(
    "row", [{"judgement_id": None}, {"item_id": 1.5}, {"probability": 1.2}, {"probability": "much"}]
)
def test_a_line_that_is_not_as_agreed_is_refused(project, judged, store, tmp_path, row):
    store((judged[0], 0.9))
    path = tmp_path / "contradictions.jsonl"
    path.write_text(json.dumps({"judgement_id": 1, "item_id": 1, "probability": 0.9} | row))
    with pytest.raises(BadRecipeFile, match="Line 1"):
        store_contradictions(project=project, path=path)
    assert listed(project) == [judged[0].pk]


def test_somebody_else_gets_the_item_and_nothing_of_why(project, alice, bob, organisation, judged, store):
    store((judged[0], 0.95))
    (action,) = ask_second_opinion(project=project, by=alice, item_ids=[judged[0].item_id])
    assert (action.act, action.changed) == ("overlap", 1)
    assert lease_next(project=project, by=bob) is None, "not to the same person again"
    dora = make_member(organisation, "dora@example.org", Role.ANNOTATOR)
    client = Client()
    client.force_login(dora.user)
    desk = client.get(f"/projects/{project.pk}/desk/").content.decode()
    assert "contradict" not in desk.lower()
    assert "0.95" not in desk
    held = lease_next(project=project, by=dora)
    assert held.item_id == judged[0].item_id
    judge(held, dora)
    assert Comparison.objects.counted().filter(item=held.item).count() == 2
    assert measure_agreement(project).items_with_two == 0, "it was not drawn at random"


def test_it_is_undone_and_not_asked_twice(project, alice, judged, store):
    items = [judged[0].item_id, judged[1].item_id]
    Item.objects.filter(pk=items[1]).update(overlap=2, open_slots=0)
    actions = ask_second_opinion(project=project, by=alice, item_ids=items)
    assert sorted(Item.objects.filter(pk__in=items).values_list("overlap", "open_slots")) == [(2, 1), (3, 1)]
    assert ask_second_opinion(project=project, by=alice, item_ids=items) == []
    for action in actions:
        undo_action(action=action, by=alice)
    assert sorted(Item.objects.filter(pk__in=items).values_list("overlap", "open_slots")) == [(1, 0), (2, 0)]


def test_the_page_is_for_managers_and_acts(client, project, alice, bob, organisation, judged, store):
    store((judged[0], 0.934), (judged[1], 0.8))
    address = f"/projects/{project.pk}/contradictions/"
    for member in (bob, make_member(organisation, "rita@example.org", Role.REVIEWER)):
        client.force_login(member.user)
        assert client.get(address).status_code == 403
    client.force_login(alice.user)
    page = client.get(address).content.decode()
    assert page.index("93 %") < page.index("80 %")
    assert "one person alone" in page
    assert client.post(f"{address}ask/", {"item": [judged[0].item_id]}).status_code == 302
    page = client.get(address).content.decode()
    assert "1 item will be judged by one person more" in page
    assert ">asked<" in page
    assert "Undo" in page
    assert "somebody is asked" in client.post(f"{address}ask/", {"item": [judged[0].item_id]}, follow=True).text
    assert "choose at least one judgement" in client.post(f"{address}ask/", {}, follow=True).text
    assert BulkAction.objects.count() == 1
    BulkAction.objects.update(undo_until=now() - timedelta(minutes=1))


def test_an_act_leads_back_to_the_page_it_was_done_on(client, project, alice, judged, store, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    store(*[(said, 0.9 - number / 100) for number, said in enumerate(judged)])
    client.force_login(alice.user)
    address = f"/projects/{project.pk}/contradictions/"
    assert f'action="{address}ask/?page=2"' in client.get(f"{address}?page=2").text
    for chosen in ({}, {"item": [judged[2].item_id]}):
        assert client.post(f"{address}ask/?page=2", chosen).url == f"{address}?page=2"
    assert client.post(f"{address}ask/?page=//x", {}).url == address


def test_the_api_lists_them_by_pages_and_asks(project, alice, bob, organisation, judged, store, monkeypatch):
    monkeypatch.setattr(contradiction_views, "SIZE", 2)
    store((judged[0], 0.7), (judged[1], 0.934), (judged[2], 0.8))
    path = f"/projects/{project.pk}/contradictions"
    first = Api(alice).get(path).json()
    assert [row["judgement"] for row in first["results"]] == [judged[1].pk, judged[2].pk]
    chosen = judged[1]
    sides = (chosen.response_a_id, chosen.response_b_id)
    preferred, other = sides if chosen.choice == "a" else sides[::-1]
    row = first["results"][0]
    assert row["annotator"]["id"] == bob.user_id
    assert {name: row[name] for name in ("item", "prompt", "probability", "preferred", "other", "asked")} == {
        "item": chosen.item_id, "prompt": chosen.item.prompt_id, "probability": pytest.approx(0.934),
        "preferred": preferred, "other": other, "asked": False,
    }  # fmt: skip
    last = Api(alice).get(f"{path}?page={first['next']}").json()
    assert ([row["judgement"] for row in last["results"]], last["next"]) == ([judged[0].pk], None)
    asked = Api(alice).post(f"{path}/ask", {"items": [chosen.item_id]}).json()
    assert (asked["changed"], len(asked["actions"])) == (1, 1)
    assert Api(alice).get(path).json()["results"][0]["asked"]
    assert Api(alice).post(f"{path}/ask", {"items": [chosen.item_id]}).json() == {"changed": 0, "actions": []}
    assert Api(alice).post(f"{path}/ask", {"items": []}).status_code == 422
    assert Api(alice).post(f"{path}/ask", {"items": [10**9]}).status_code == 422
    for member in (bob, make_member(organisation, "rita@example.org", Role.REVIEWER)):
        assert Api(member).get(path).status_code == 403
        assert Api(member).post(f"{path}/ask", {"items": [chosen.item_id]}).status_code == 403


def test_an_outsider_finds_nothing(client, project, charlie, judged):
    client.force_login(charlie.user)
    assert client.get(f"/projects/{project.pk}/contradictions/").status_code == 404
    assert client.post(f"/projects/{project.pk}/contradictions/ask/", {"item": [1]}).status_code == 404
    assert Api(charlie).get(f"/projects/{project.pk}/contradictions").status_code == 404
    assert Api(charlie).post(f"/projects/{project.pk}/contradictions/ask", {"items": [1]}).status_code == 404


def test_agreement_is_not_measured_on_items_that_a_reward_model_chose(project, alice, bob, add_pairs):
    project.overlap = 2
    project.save()
    add_pairs(4)
    for member in (alice, bob):
        while judge_next(project, member):
            pass
    assert measure_agreement(project).items_with_two == 4
    items = list(Item.objects.order_by("pk"))
    for policy in ACTIVE_POLICIES:
        Item.objects.filter(pk=items[0].pk).update(policy=policy)
        assert measure_agreement(project).items_with_two == 3, policy


def test_a_snapshot_tells_a_second_opinion_from_the_verdict_that_it_is_asked_about(project, judged, store, alice, bob):
    store((judged[0], 0.99))
    ask_second_opinion(project=project, by=alice, item_ids=[judged[0].item_id])
    again = judge_next(project, alice)
    assert again.item_id == judged[0].item_id
    chosen = {row["judgement_ids"][0]: row["chosen_by"] for row in read_rows(freeze_snapshot(project=project, by=None))}
    assert chosen == {said.pk: "chance" for said in judged} | {again.pk: "contradiction"}
