"""What a reward model makes of annotators, with names and for managers alone."""

import csv
import io

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from accounts.permissions import Role
from labeling.errors import BadRecipeFile
from labeling.models import AnnotatorWeight, Project
from labeling.services import import_records, store_annotator_weights, update_project
from labeling.services.pseudonyms import pseudonym
from tests.cast import make_member
from tests.labeling.conftest import Api, judge_next, pair_lines

pytestmark = pytest.mark.django_db


def said_of(project, member, weight: float, **more) -> dict:
    """A row of result.json."""
    name = ("simulated-" if member.user.is_simulated else "") + pseudonym(project.pk, member.user_id)
    row = {"annotator": name, "weight": weight, "competence": 0.9, "no_better_than_chance": 1 - weight, "votes": 40}
    return row | {"agreement": 0.52, "expected_agreement": 0.7} | more


@pytest.fixture
def judged(project, alice, bob) -> list:
    """Bob, Carol and a program have judged an item each, and Bob's weight is the least."""
    import_records(project=project, by=alice, lines=pair_lines(3))
    carol = make_member(alice.organisation, "carol@example.org", Role.ANNOTATOR)
    program = make_member(alice.organisation, "=program@example.org", Role.ANNOTATOR, simulated=True)
    for member in (bob, carol, program):
        judge_next(project, member)
    quiet = {"votes": 0, "agreement": None, "expected_agreement": None}
    return [said_of(project, carol, 1.0), said_of(project, bob, 0.3), said_of(project, program, 1.0, **quiet)]


def test_pseudonyms_become_people_again_and_a_stranger_is_passed_over(project, bob, judged):
    stranger = judged[0] | {"annotator": "0" * 12}
    assert store_annotator_weights(project=project, rows=[*judged, stranger], last_judgement_id=9) == 3
    first, *others = AnnotatorWeight.objects.order_by("-pk")
    assert (first.annotator, first.weight, first.agreement, first.votes) == (bob.user, 0.3, 0.52, 40)
    assert first.sentence.startswith("heard at 0.3: votes agree with nobody's better than chance")
    assert {row.sentence for row in others} == {
        "heard in full", "heard in full: no verdict of theirs could be held against the model yet",
    }  # fmt: skip


def test_a_newer_reward_model_replaces_them_and_an_older_one_does_not(project, judged):
    store_annotator_weights(project=project, rows=judged, last_judgement_id=9)
    louder = [row | {"weight": 1.0} for row in judged]
    assert store_annotator_weights(project=project, rows=louder, last_judgement_id=8) is None
    assert AnnotatorWeight.objects.filter(weight__lt=1).count() == 1
    assert store_annotator_weights(project=project, rows=louder, last_judgement_id=9) == 3
    assert not AnnotatorWeight.objects.filter(weight__lt=1).exists()
    assert store_annotator_weights(project=project, rows=[], last_judgement_id=10) == 0
    assert not AnnotatorWeight.objects.exists(), "nobody is weighed any more"


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 0}, {"weight": 1.5}, {"weight": float("nan")}, {"weight": "1"}, {"votes": -1}, {"votes": True},
        {"agreement": None}, {"agreement": 2}, {"votes": 0}, {"no_better_than_chance": None}, {"annotator": 7},
    ],
)  # fmt: skip
def test_a_row_that_is_not_as_agreed_changes_nothing(project, judged, wrong):
    store_annotator_weights(project=project, rows=judged, last_judgement_id=1)
    with pytest.raises(BadRecipeFile):
        store_annotator_weights(project=project, rows=[judged[0] | wrong], last_judgement_id=2)
    assert AnnotatorWeight.objects.count() == 3


@pytest.mark.parametrize(
    "wrong", [{"weight": 0.0}, {"weight": 1.1}, {"agreement": None}, {"votes": 0}, {"expected_agreement": 1.2}]
)
def test_the_database_itself_refuses_what_is_no_weight(project, bob, wrong):
    right = {
        "weight": 1.0, "no_better_than_chance": 0.1, "votes": 3, "agreement": 0.5, "expected_agreement": 0.7,
        "last_judgement_id": 1, "weighed_at": now(),
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        AnnotatorWeight.objects.create(project=project, annotator=bob.user, **right | wrong)
    AnnotatorWeight.objects.create(project=project, annotator=bob.user, **right)


def test_managers_read_it_by_name_least_heard_first(project, alice, judged, client):
    store_annotator_weights(project=project, rows=judged, last_judgement_id=9)
    client.force_login(alice.user)
    page = " ".join(client.get(f"/projects/{project.pk}/competence/").content.decode().split())
    assert "<strong>1</strong> of 3 annotators is heard less than in full" in page
    part = page[page.index("What each counts") :]
    assert part.index("Bob") < part.index("Carol")
    assert "Heard at 0.3: votes agree with nobody" in part
    assert '<td class="num">52 %</td><td class="num">70 %</td>' in part
    told = Api(alice).get(f"/projects/{project.pk}/competence/weights").json()
    assert [(row["name"], row["weight"]) for row in told["results"]][0] == ("Bob", 0.3)
    assert (len(told["results"]), told["next"]) == (3, None)


def test_where_too_few_people_judged_to_tell_the_page_says_so(project, alice, judged, client):
    rows = [said | {"weight": 1.0, "no_better_than_chance": 0.5} for said in judged]
    store_annotator_weights(project=project, rows=rows, last_judgement_id=9)
    client.force_login(alice.user)
    page = " ".join(client.get(f"/projects/{project.pk}/competence/").content.decode().split())
    assert "of 2 it cannot be told yet whether their votes are better than chance" in page
    assert "give no sign" not in page
    assert page.count("Heard in full: too few people or votes to tell") == 2
    store_annotator_weights(
        project=project, rows=[said | {"no_better_than_chance": 0.01} for said in rows], last_judgement_id=10
    )
    page = " ".join(client.get(f"/projects/{project.pk}/competence/").content.decode().split())
    assert "give no sign of people who do no better than chance" in page
    assert "too few people" not in page


def test_the_csv_has_who_is_weighed_though_nobody_shared_an_item(project, alice, judged, client):
    client.force_login(alice.user)
    address = f"/projects/{project.pk}/competence/export/"
    assert client.get(address).status_code == 404
    store_annotator_weights(project=project, rows=judged, last_judgement_id=9)
    rows = list(csv.DictReader(io.StringIO(b"".join(client.get(address).streaming_content).decode())))
    assert [(row["name"], row["weight"], row["knows"]) for row in rows][0] == ("Bob", "0.3", "")
    assert {row["name"][:2] for row in rows} == {"Bo", "Ca", "'="}


def test_without_weights_the_page_says_why(project, alice, client):
    client.force_login(alice.user)
    address = f"/projects/{project.pk}/competence/"
    assert "has weighed nobody yet" in client.get(address).content.decode()
    update_project(project=Project.objects.get(), by=alice, weigh_annotators=False)
    assert "does not weigh its annotators" in client.get(address).content.decode()


def test_who_judges_does_not_see_it_nor_does_another_organisation(project, bob, charlie, judged):
    store_annotator_weights(project=project, rows=judged, last_judgement_id=9)
    assert Api(bob).get(f"/projects/{project.pk}/competence/weights").status_code == 403
    assert Api(charlie).get(f"/projects/{project.pk}/competence/weights").status_code == 404
