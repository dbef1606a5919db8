"""Agreement on axes, orders and scores: published figures, identities, and what the dashboard says of them."""

from uuid import uuid4

import numpy as np
import pytest

from labeling import services
from labeling.agreement import interval_alpha, krippendorff_alpha, percent_agreement
from tests.labeling.conftest import Api
from tests.labeling.test_agreement import KRIPPENDORFF_C, counts_of

pytestmark = pytest.mark.django_db

SAFETY = {
    "kind": "rating",
    "rating": {
        "axes": [
            {"name": "safe", "word": "How safe is it?"},
            {"name": "right", "word": "Is it right?", "type": "yes_no", "may_not_apply": True},
            {"name": "minutes", "word": "Minutes", "type": "number", "low": 0, "high": 600},
        ]
    },
}


def rate(project, by, **scores):
    assignment = services.lease_next(project=project, by=by)
    return services.submit_judgement(assignment=assignment, by=by, client_id=uuid4(), said={"scores": scores})


def test_interval_alpha_is_the_published_one():
    """Krippendorff (2011), the data "C": .849 for interval labels."""
    votes = [(u, value) for u, row in enumerate(KRIPPENDORFF_C) for value in row if value is not None]
    items, values = (np.array(column) for column in zip(*votes, strict=True))
    figure = interval_alpha(items, values.astype(float))
    assert figure.value == pytest.approx(0.849, abs=5e-4)
    assert figure.n == 11
    assert figure.low < figure.value
    # A scale has no zero and no unit of its own.
    assert interval_alpha(items, values * 1e6 + 1e9).value == pytest.approx(figure.value, abs=1e-6)


def test_numbers_that_do_not_vary_have_no_alpha():
    assert interval_alpha(np.array([1, 1, 2, 2]), np.array([7.0, 7.0, 7.0, 7.0])) is None
    assert interval_alpha(np.array([1, 2]), np.array([7.0, 8.0])) is None


def test_parts_of_an_item_are_resampled_with_it():
    """Copies of one row within an item add nothing to what is known: value and interval stay."""
    counts = counts_of(KRIPPENDORFF_C)
    alone = krippendorff_alpha(counts, "ordinal")
    items = np.repeat(np.arange(len(counts)), 10)
    tenfold = krippendorff_alpha(np.repeat(counts, 10, axis=0), "ordinal", items)
    assert tenfold.n == alone.n == 11
    assert tenfold.value == pytest.approx(alone.value, abs=0.02)  # n - 1 becomes 10 n - 1
    assert tenfold.high - tenfold.low > 0.8 * (alone.high - alone.low)
    assert percent_agreement(np.repeat(counts, 10, axis=0), items).value == percent_agreement(counts).value


def test_many_items_are_resampled_in_blocks_and_counted_one_by_one():
    draw = np.random.default_rng(5)
    truth = draw.normal(size=20_000)
    items = np.repeat(np.arange(20_000), 2)
    figure = interval_alpha(items, np.repeat(truth, 2) + draw.normal(size=40_000))
    assert figure.n == 20_000
    assert figure.low < 0.5 < figure.high  # variance 1 of truth, 1 of noise
    assert figure.high - figure.low < 0.05


def test_each_axis_of_a_rating_has_its_agreement(project, alice, bob, add_texts):
    services.update_project(project=project, by=alice, overlap=2, design=SAFETY)
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice, items_per_prompt=4)
    for safe, right, minutes in ((1, 0, 10), (5, 1, 300), (3, None, 200), (2, 1, 0.5)):
        rate(project, bob, safe=safe, right=right, minutes=minutes)
        rate(project, alice, safe=min(safe + 1, 5), right=right, minutes=minutes)
    found = {each["name"]: each for each in Api(alice).get(f"/projects/{project.pk}/agreement").json()["questions"]}
    assert [found[name]["level"] for name in ("safe", "right", "minutes")] == ["ordinal", "nominal", "interval"]
    assert found["safe"]["items_with_two"] == 4
    assert 0 < found["safe"]["alpha"]["value"] < 1
    assert found["safe"]["percent_agreement"]["value"] == 0.25
    # What does not apply is no vote.
    assert found["right"]["items_with_two"] == 3
    assert found["right"]["alpha"]["value"] == 1
    assert found["minutes"]["alpha"]["value"] == 1
    assert found["minutes"]["percent_agreement"] is None


def test_a_ranking_is_compared_answer_by_answer(project, alice, bob, add_texts):
    services.update_project(project=project, by=alice, overlap=2, design={"kind": "ranking"})
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice)
    for who, last in ((bob, 4), (alice, 3)):
        assignment = services.lease_next(project=project, by=who)
        shown = services.load_assignment(assignment.pk, by=who).shown_order
        # The same order of the item's answers, however they are shown; Alice calls the last two equal.
        ranks = {"abcd"[place]: min(position + 1, last) for place, position in enumerate(shown)}
        services.submit_judgement(assignment=assignment, by=who, client_id=uuid4(), said={"ranks": ranks})
    (found,) = services.measure_agreement(project).questions
    assert (found.kind, found.name, found.items_with_two) == ("ranking", "order", 1)
    assert found.percent_agreement.value == pytest.approx(5 / 6)


def test_axes_of_comparisons_are_told_beside_the_verdict(project, alice, bob, add_pairs):
    axes = [{"name": "kind", "word": "Kind"}]
    design = {"comparison": {"strengths": 1, "axes": axes}}
    services.update_project(project=project, by=alice, overlap=2, design=design)
    project.refresh_from_db()
    add_pairs(3)
    for who in (bob, alice):
        while assignment := services.lease_next(project=project, by=who):
            first = "a" if services.load_assignment(assignment.pk, by=who).shown_order[0] == 0 else "b"
            said = {"choice": first, "axes": {"kind": {"choice": "tie" if who == alice else first}}}
            services.submit_judgement(assignment=assignment, by=who, client_id=uuid4(), said=said)
    figures = services.measure_agreement(project)
    assert figures.percent_agreement.value == 1
    (kind,) = figures.questions
    assert (kind.items_with_two, kind.percent_agreement.value) == (3, 0)
    assert kind.alpha.value < 0


def test_the_dashboard_says_how_far_raters_agree(client, project, alice, bob, add_texts):
    services.update_project(project=project, by=alice, overlap=2, design=SAFETY)
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice, items_per_prompt=2)
    for safe in (1, 4):
        for who in (bob, alice):
            rate(project, who, safe=safe, right=1, minutes=safe)
    client.force_login(alice.user)
    page = client.get(f"/projects/{project.pk}/agreement/").content.decode()
    assert "On “How safe is it?” annotators agree <strong>very well</strong>" in page
    assert "None has two judgements yet" not in page
    assert "steps count by their order" in page


def test_corrections_are_not_said_to_wait_for_a_second_judgement(client, project, alice, bob, add_texts):
    services.update_project(project=project, by=alice, overlap=2, design={"kind": "correction"})
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice)
    assignment = services.lease_next(project=project, by=bob)
    services.submit_judgement(assignment=assignment, by=bob, client_id=uuid4(), said={"text": "Ten minutes."})
    client.force_login(alice.user)
    page = client.get(f"/projects/{project.pk}/agreement/").content.decode()
    assert "Corrections have no agreement: each is a text of its own." in page


def test_another_projects_scores_are_not_counted(project, alice, bob, add_texts):
    other = services.create_project(by=alice, name="Other", overlap=2, design=SAFETY)
    add_texts(other, alice)
    services.make_items(project=other, by=alice)
    rate(other, bob, safe=1, right=1, minutes=1)
    services.update_project(project=project, by=alice, design=SAFETY)
    assert services.measure_agreement(project).questions == []
    assert len(services.measure_agreement(other).questions) == 3
