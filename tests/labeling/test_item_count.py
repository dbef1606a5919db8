"""What is counted before items are made is what is made then, whatever the rules."""

import json
import random

import pytest
from django.utils.timezone import now

from accounts.errors import Invalid, NotPermitted
from labeling import near_duplicates
from labeling.models import Item, Response
from labeling.services import count_items, create_project, import_records, make_items
from labeling.setups import SETUPS

pytestmark = pytest.mark.django_db
TEXTS = ["Boil it for ten minutes.", "boil it for ten minutes!", "Ask a cook.", "It depends.", "Never.", "Cold water."]


@pytest.fixture
def filled(project, alice):
    draw = random.Random(7)
    lines = [
        {
            "prompt": f"Q{n}?",
            "responses": [
                {"text": text, "model": draw.choice("xyz")} for text in draw.sample(TEXTS, draw.randint(0, 6))
            ],
        }
        for n in range(60)
    ]
    import_records(project=project, by=alice, lines=[json.dumps(line).encode() for line in lines], make_items=False)
    return project


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"items_per_prompt": 4},
        {"items_per_prompt": 50, "models": ["x", "y"]},
        {"kind": "ranking", "responses_per_item": 3, "items_per_prompt": 9},
        {"kind": "ranking", "responses_per_item": 4, "items_per_prompt": 9},
        {"kind": "ranking", "responses_per_item": 9},
        {"kind": "rating", "items_per_prompt": 3, "models": ["z"]},
        {"items_per_prompt": 20, "skip_near_duplicates": True},
    ],
)
def test_what_is_counted_is_what_is_made(filled, alice, rules):
    for again in ({}, {}, {"items_per_prompt": 30}):
        counted = count_items(project=filled, by=alice, **rules | again)
        before = Item.objects.count()
        assert make_items(project=filled, by=alice, **rules | again) == counted == Item.objects.count() - before
        withdrawn = Response.objects.order_by("pk")[::7]
        Response.objects.filter(pk__in=[each.pk for each in withdrawn]).update(withdrawn_at=now())
    assert count_items(project=filled, by=alice, **rules | {"items_per_prompt": 30}) == 0


def test_who_may_not_make_items_counts_none_and_rules_are_checked_first(filled, alice, bob):
    with pytest.raises(NotPermitted):
        count_items(project=filled, by=bob)
    with pytest.raises(Invalid):
        count_items(project=filled, by=alice, policy="best")


def test_rankings_have_as_many_answers_as_their_prompt_has(alice):
    """The setup for summaries asks for three or more: three make an item by themselves."""
    setup = SETUPS["summaries"]
    project = create_project(by=alice, name="Summaries", design=setup.design, overlap=setup.overlap)
    lines = [
        json.dumps({"prompt": f"Sum {n} up.", "responses": [{"text": text} for text in TEXTS[:n]]}).encode()
        for n in (2, 3, 4, 6)
    ]
    report = import_records(project=project, by=alice, lines=lines)
    assert report.items_made == 3
    shown = {item.prompt.responses.count(): item.item_responses.count() for item in Item.objects.all()}
    assert shown == {3: 3, 4: 4, 6: 4}


def test_an_answer_is_taken_apart_once_however_many_sets_it_is_in(project, alice, monkeypatch):
    """Nine of twelve are 220 sets: long answers taken apart for each would keep a worker busy for minutes."""
    answers = [{"text": f"{n} minutes in boiling water, number {n}"} for n in range(12)]
    line = json.dumps({"prompt": "How long?", "responses": answers}).encode()
    import_records(project=project, by=alice, lines=[line], make_items=False)
    taken = []
    of = near_duplicates._shingles
    monkeypatch.setattr(near_duplicates, "_shingles", lambda text: taken.append(text) or of(text))
    rules = {"kind": "ranking", "responses_per_item": 9, "items_per_prompt": 50, "skip_near_duplicates": True}
    assert make_items(project=project, by=alice, **rules) == 50
    assert len(taken) == 12
