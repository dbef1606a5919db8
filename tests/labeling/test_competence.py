"""What the labels say of each annotator: the figures, who works them out, and who may see them."""

import csv
import io
from datetime import timedelta

import numpy as np
import pytest
from django.utils.timezone import now

from accounts.errors import NotPermitted
from accounts.permissions import Role
from labeling import services
from labeling.agreement import measure_annotators
from labeling.agreement.competence import knowing
from labeling.models import AnnotatorCompetence, CompetenceReport
from labeling.tasks import sweep_competence_task
from tests.cast import make_member
from tests.labeling.conftest import Api, judge_next


def crowd(seed: int, items: int = 300, people: int = 20, each: int = 3, labels: int = 3):
    """Items, annotators and labels of people who know with a chance of their own, and that chance."""
    chance = np.random.default_rng(seed)
    truth_N, theta_A = chance.integers(labels, size=items), chance.beta(3, 1.5, people)
    items_V = np.repeat(np.arange(items), each)
    people_V = np.concatenate([chance.permutation(people)[:each] for _ in range(items)])
    knew_V = chance.random(len(items_V)) < theta_A[people_V]
    return items_V, people_V, np.where(knew_V, truth_N[items_V], chance.integers(labels, size=len(items_V))), theta_A


def test_nine_intervals_in_ten_hold_the_truth_or_more():
    held = []
    for seed in range(20):
        items_V, people_V, labels_V, theta_A = crowd(seed)
        found = knowing(items_V, people_V, labels_V, 3)
        assert ((found.low_A <= found.theta_A) & (found.theta_A <= found.high_A)).all()
        held.append(((found.low_A <= theta_A) & (theta_A <= found.high_A)).mean())
    assert 0.88 <= np.mean(held) <= 0.99


def test_more_labels_make_narrower_intervals_of_both_measures():
    widths = []
    for items in (60, 1200):
        found = measure_annotators(*crowd(1, items=items)[:3])
        assert found is not None
        widths.append(
            (np.mean(found.knows.high_A - found.knows.low_A), np.mean(found.right_high_A - found.right_low_A))
        )
    assert widths[1][0] < widths[0][0] / 2
    assert widths[1][1] < widths[0][1] / 2


def test_labels_of_items_that_nobody_else_labelled_do_not_count():
    items_V, people_V, labels_V, _ = crowd(2)
    alone = np.arange(1000, 1400)
    with_alone = (np.r_[items_V, alone], np.r_[people_V, np.full(400, 77)], np.r_[labels_V, np.zeros(400, np.int64)])
    found, without = measure_annotators(*with_alone), measure_annotators(items_V, people_V, labels_V)
    assert found is not None
    assert without is not None
    assert 77 not in found.annotators_A
    np.testing.assert_array_equal(found.right_A, without.right_A)
    assert measure_annotators(alone, alone, alone) is None


def test_a_crowd_of_one_verdict_is_measured_without_a_warning():
    items_V, people_V, labels_V, _ = crowd(3)
    found = measure_annotators(items_V, people_V, np.zeros_like(labels_V))
    assert found is not None
    assert np.isfinite(found.right_A).all()


@pytest.fixture
def crowded(project, alice, bob, add_pairs):
    """Bob and Carol agree on twelve items; Dave says the contrary of both."""
    services.update_project(project=project, by=alice, overlap=3)
    project.refresh_from_db()
    add_pairs(12)
    people = {"carol": make_member(alice.organisation, "carol@example.org", Role.ANNOTATOR)}
    people["dave"] = make_member(alice.organisation, "=dave@example.org", Role.ANNOTATOR)
    for by in (bob, *people.values()):
        for _ in range(12):
            held = services.lease_next(project=project, by=by)
            first = held.shown_order[0] == 0
            good = "a" if first == (held.item_id % 2 == 0) else "b"
            choice = good if by is not people["dave"] else "b" if good == "a" else "a"
            services.submit_comparison(assignment=held, by=by, client_id=_uuid(), choice=choice, strength=1)
    return project


def _uuid():
    from uuid import uuid4

    return uuid4()


def computed(project, by) -> CompetenceReport:
    report, _ = services.request_competence(project=project, by=by)
    services.compute_competence(report.pk)
    report.refresh_from_db()
    return report


pytestmark = pytest.mark.django_db


def test_whoever_contradicts_the_others_comes_first_and_lowest(crowded, alice):
    report = computed(crowded, alice)
    assert (report.state, report.labels, report.shared_items) == ("done", 36, 12)
    rows = list(report.annotators.order_by("-pk"))
    assert rows[0].annotator.email == "=dave@example.org"
    assert rows[0].knows_high < min(row.knows for row in rows[1:])
    assert rows[0].right < 0 < rows[1].right
    assert {row.labels for row in rows} == {12}


def _page(client, project) -> str:
    return " ".join(client.get(f"/projects/{project.pk}/competence/").content.decode().split())


def test_the_page_names_who_is_right_less_often_than_a_guess_and_calls_nobody_a_guesser_by_one_measure(
    crowded, alice, client
):
    report = computed(crowded, alice)
    low = {"knows_low": 0.1, "knows": 0.2, "knows_high": 0.4}
    report.annotators.update(**low, right_low=0.5, right=0.7, right_high=0.8)
    report.annotators.filter(annotator__email="=dave@example.org").update(
        right_low=-0.33, right=-0.25, right_high=-0.16
    )
    client.force_login(alice.user)
    page = _page(client, crowded)
    assert "<strong>=Dave</strong> is right less often than somebody who guesses" in page
    assert "guess more often than" not in page
    assert "Of 2 annotators the two measures disagree: by Known these mostly guess, by Right not." in page
    assert page.count("badge warn") == page.count('<span class="badge warn">below a guess</span>') == 1


def test_who_guesses_by_both_measures_is_said_to(crowded, alice, bob, client):
    report = computed(crowded, alice)
    report.annotators.update(knows_low=0.6, knows=0.8, knows_high=0.9, right_low=0.5, right=0.7, right_high=0.8)
    client.force_login(alice.user)
    assert "nobody can be told to guess more often than to know" in _page(client, crowded)
    guesses = {"knows_low": 0.1, "knows": 0.2, "knows_high": 0.4, "right_low": -0.1, "right": 0.1, "right_high": 0.3}
    report.annotators.filter(annotator=bob.user).update(**guesses)
    page = _page(client, crowded)
    assert "<strong>1</strong> of 3 annotators guesses more often than knowing: by both measures" in page
    assert "disagree" not in page
    assert page.count("badge warn") == 1


def test_asked_twice_it_is_worked_out_once_and_anew_only_when_it_has_ended(crowded, alice):
    report, begun = services.request_competence(project=crowded, by=alice)
    assert begun
    assert services.request_competence(project=crowded, by=alice) == (report, False)
    services.compute_competence(report.pk)
    services.compute_competence(report.pk)
    report.refresh_from_db()
    assert (report.fence, report.state) == (1, "done")
    assert services.request_competence(project=crowded, by=alice)[1]
    assert report.annotators.count() == 3, "the old figures stand while new ones are worked out"
    services.compute_competence(report.pk)
    assert AnnotatorCompetence.objects.count() == 3


def test_a_worker_that_was_thought_lost_writes_nothing(crowded, alice, monkeypatch):
    from labeling.services import competence

    report = computed(crowded, alice)
    AnnotatorCompetence.objects.all().delete()
    services.request_competence(project=crowded, by=alice)
    measure = competence._measure

    def taken_meanwhile(*given):
        found = measure(*given)
        CompetenceReport.objects.update(fence=99)
        return found

    monkeypatch.setattr(competence, "_measure", taken_meanwhile)
    services.compute_competence(report.pk)
    assert not AnnotatorCompetence.objects.exists()


def test_a_lost_worker_is_followed_by_another_and_the_third_is_the_last(
    crowded, alice, django_capture_on_commit_callbacks
):
    report, _ = services.request_competence(project=crowded, by=alice)
    assert services.sweep_competence() == [], "its message was sent just now"
    long_ago = now() - timedelta(minutes=9)
    CompetenceReport.objects.update(state="running", attempts=1, heartbeat_at=long_ago, requested_at=long_ago)
    with django_capture_on_commit_callbacks() as sent:
        sweep_competence_task()
    assert len(sent) == 1
    assert services.sweep_competence() == [], "nor twice in a row"
    CompetenceReport.objects.update(state="running", attempts=3, heartbeat_at=long_ago)
    assert services.sweep_competence() == []
    report.refresh_from_db()
    assert (report.state, report.error) == ("failed", "Its worker was lost 3 times in the middle of it.")
    assert services.request_competence(project=crowded, by=alice)[1]


def test_without_a_shared_item_it_is_done_and_says_nothing_of_anybody(project, alice, bob, add_pairs, client):
    add_pairs(2)
    judge_next(project, bob)
    report = computed(project, alice)
    assert (report.state, report.labels, report.annotators.count()) == ("done", 1, 0)
    client.force_login(alice.user)
    assert "No two people judged the same" in client.get(f"/projects/{project.pk}/competence/").content.decode()


def test_only_managers_see_it_and_nobody_of_another_organisation(crowded, bob, charlie, client, alice):
    with pytest.raises(NotPermitted):
        services.request_competence(project=crowded, by=bob)
    computed(crowded, alice)
    for path in ("", "export/"):
        for member, status in ((bob, 403), (charlie, 404), (alice, 200)):
            client.force_login(member.user)
            assert client.get(f"/projects/{crowded.pk}/competence/{path}").status_code == status
    client.force_login(bob.user)
    assert client.post(f"/projects/{crowded.pk}/competence/compute/").status_code == 403
    assert Api(bob).get(f"/projects/{crowded.pk}/competence").status_code == 403
    assert Api(charlie).get(f"/projects/{crowded.pk}/competence").status_code == 404


def test_the_api_asks_for_it_tells_of_it_and_pages(crowded, alice, monkeypatch, django_capture_on_commit_callbacks):
    from labeling.api import competence_views

    monkeypatch.setattr(competence_views, "SIZE", 2)
    api, path = Api(alice), f"/projects/{crowded.pk}/competence"
    assert api.get(path).json()["state"] == "never"
    with django_capture_on_commit_callbacks() as sent:
        asked = api.post(path)
    assert (asked.status_code, asked.json()["state"], len(sent)) == (202, "waiting", 1)
    services.compute_competence(CompetenceReport.objects.get().pk)
    first = api.get(path).json()
    assert (first["state"], first["labels"], first["new_judgements"], len(first["results"])) == ("done", 36, 0, 2)
    rest = api.get(path, before=first["next"]).json()
    assert len(rest["results"]) == 1
    assert rest["next"] is None
    row = first["results"][0]
    assert row["knows_low"] <= row["knows"] <= row["knows_high"] < 0.9


def test_the_csv_has_everybody_and_no_cell_that_a_spreadsheet_runs(crowded, alice, client):
    computed(crowded, alice)
    client.force_login(alice.user)
    sent = b"".join(client.get(f"/projects/{crowded.pk}/competence/export/").streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(sent)))
    assert len(rows) == 3
    assert {row["weight"] for row in rows} == {""}, "no reward model yet"
    assert rows[0]["name"].startswith("'=Dave")
    assert float(rows[0]["knows_low"]) <= float(rows[0]["knows"])
