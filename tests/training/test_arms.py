"""What the labels bought: the curves of both arms, and a sentence that says no more than they do."""

import pytest

from labeling.models import Item
from training.charts import draw_curves
from training.models import TrainingRun
from training.services.arms import Point, arms_of, read_curve, say_what_labels_bought


def curve(*points: tuple[int, float, float]) -> list[Point]:
    """(labels, accuracy, half the band)."""
    return [Point(labels, accuracy, accuracy - half, accuracy + half) for labels, accuracy, half in points]


RANDOM, ACTIVE = curve((32, 0.60, 0.02), (64, 0.64, 0.02)), curve((32, 0.64, 0.02), (64, 0.68, 0.02), (400, 0.75, 0.02))


def gains(value: float, half: float, **saving) -> dict:
    """The recipe's, with a difference at 64 labels and half the width of its interval."""
    difference = {"labels": 64, "value": value, "low": value - half, "high": value + half}
    ratio = {"labels": 64, "arm": "active", "needed": 32.0, "value": 2.0} | saving
    return {"gained": [], "difference": difference, "saving": ratio if saving else None}


def test_a_clear_gain_is_told_in_labels_saved():
    said = say_what_labels_bought(RANDOM, ACTIVE, gains(0.04, 0.028, low=1.3, high=3.1))
    assert said.startswith("With 64 labels each, those chosen by the reward model brought it to 68 %")
    assert "those drawn at random to 64 %: 4.0 points more (1.2 to 6.8)." in said
    assert said.endswith("32 chosen ones did what 64 random ones do: each was worth 2.0 (1.3 to 3.1).")


def test_a_bound_that_no_curve_reaches_is_left_open():
    assert say_what_labels_bought(RANDOM, ACTIVE, gains(0.04, 0.01, low=1.3, high=None)).endswith("2.0 (1.3 at least).")
    assert say_what_labels_bought(RANDOM, ACTIVE, gains(0.04, 0.01, low=None, high=3.0)).endswith("2.0 (3.0 at most).")
    assert say_what_labels_bought(RANDOM, ACTIVE, gains(0.04, 0.01)).endswith("4.0 points more (3.0 to 5.0).")


def test_a_difference_that_may_be_chance_is_called_so_whatever_the_bands_do():
    said = say_what_labels_bought(RANDOM, ACTIVE, gains(0.04, 0.05, low=0.9, high=3.0))
    assert said.endswith("4.0 points more (−1.0 to 9.0). Whether choosing helped cannot be told yet.")
    wide = curve((32, 0.64, 0.3), (64, 0.68, 0.3))
    assert "each was worth 2.0" in say_what_labels_bought(RANDOM, wide, gains(0.04, 0.01, low=1.3, high=3.1))


def test_a_loss_is_not_hidden():
    said = say_what_labels_bought(RANDOM, curve((16, 0.50, 0.01), (64, 0.55, 0.01)), gains(-0.09, 0.02))
    assert "9.0 points less (7.0 to 11.0). Choosing cost accuracy here" in said


def test_a_run_from_before_differences_were_told_claims_nothing():
    assert "the next refit tells" in say_what_labels_bought(RANDOM, ACTIVE, {})


def test_arms_of_different_sizes_are_not_compared():
    said = say_what_labels_bought(RANDOM, curve((100, 0.6, 0.1), (200, 0.7, 0.1)), {})
    assert "no number of labels in common" in said


def test_one_arm_alone_is_told_alone_and_a_point_is_no_curve():
    said = "From 32 to 64 labels the reward model went from 60 % to 64 % of held-out judgements (62 to 66 %)"
    assert say_what_labels_bought(RANDOM, [], {}) == f"{said}."
    gained = {"arm": "random", "from": 32, "to": 64, "value": 0.04, "low": 0.01, "high": 0.07}
    assert say_what_labels_bought(RANDOM, [], {"gained": [gained]}) == f"{said}: 4.0 points more (1.0 to 7.0)."
    unsure = say_what_labels_bought(RANDOM, [], {"gained": [gained | {"low": -0.01}]})
    assert unsure.endswith("(−1.0 to 7.0), so that may be chance.")
    assert say_what_labels_bought(RANDOM[:1], [], {}) == ""


def test_points_come_by_arm_in_order_and_what_is_none_is_left_out():
    good = {"arm": "active", "labels": 64, "accuracy": 0.7, "low": 0.6, "high": 0.8}
    rows = [good, good | {"labels": 32}, good | {"arm": "random"}, good | {"accuracy": None}, {}, 7]
    assert [point.labels for point in read_curve(rows, "active")] == [32, 64]
    assert len(read_curve([good | {"arm": 1}], "active")) == 1
    assert read_curve(None, "active") == []


def test_a_runs_page_draws_both_arms():
    lines = [(0, 32, 0.6), (1, 32, 0.65), (0, 64, 0.66), (1, 64, 0.7)]
    named = [("arm", 0), ("labels", 1), ("accuracy", 2), ("accuracy_low", 2), ("accuracy_high", 2)]
    curves = {f"learning curve: {name}": [(line[1], float(line[place])) for line in lines] for name, place in named}
    (chart,) = draw_curves(curves)
    assert [series["name"] for series in chart.series] == ["Chosen by the reward model", "Drawn at random"]
    baseline = {"learning curve: length_baseline": [(32, 0.58), (64, 0.58)]}
    (chart,) = draw_curves(curves | baseline)
    assert chart.series[2] == {"name": "Length alone", "points": [(32.0, 0.58), (64.0, 0.58)]}
    assert chart.series[1]["points"] == [(32.0, 0.6, 0.6, 0.6), (64.0, 0.66, 0.66, 0.66)]


@pytest.mark.django_db
def test_the_project_says_how_much_is_missing_and_then_shows_the_curve(client, judged_project, alice, base):
    address = f"/projects/{judged_project.pk}/runs/arms"
    client.force_login(alice.user)
    judged_project.selection_policy = "soft4"
    judged_project.save()
    page = client.get(address).content.decode()
    assert "0 of 17 judgements chosen by the reward model" in page
    assert "drawn at random" not in page, "of those there are enough"
    rows = [
        {"arm": arm, "labels": labels, "accuracy": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}
        for arm, labels, accuracy in [
            ("random", 32, 0.6),
            ("random", 64, 0.64),
            ("active", 32, 0.64),
            ("active", 64, 0.7),
        ]
    ]
    run = TrainingRun.objects.create(
        organisation=judged_project.organisation, project=judged_project, recipe="reward_model", status="succeeded",
        result={"learning_curve": rows, "label_gains": gains(0.06, 0.02, low=1.4, high=2.8)},
        finished_at=judged_project.created_at,
    )  # fmt: skip
    page = client.get(address).content.decode()
    assert "each was worth 2.0" in page
    assert "shaded: 95 % interval" in page
    assert f"/runs/{run.pk}/" in page
    assert arms_of(judged_project).missing == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("policy", "random", "active"),
    [
        ("in_order", None, 0),
        ("manager", 0, 0),
        ("feedback", 0, 0),
        ("v_optimal", 0, None),
        ("its_file_is_gone", 0, None),
    ],
)  # fmt: skip
def test_what_a_person_chose_counts_for_neither_arm(client, judged_project, alice, policy, random, active):
    judged_project.selection_policy = "v_optimal"
    judged_project.save()
    Item.objects.filter(project=judged_project).update(policy=policy)
    client.force_login(alice.user)
    page = client.get(f"/projects/{judged_project.pk}/runs/arms").content.decode()
    for word, count in (("drawn at random", random), ("chosen by the reward model", active)):
        assert (f"{count} of 17 judgements {word}" in page) == (count is not None), word


@pytest.mark.django_db
def test_an_outsider_sees_no_curve(client, judged_project, charlie):
    client.force_login(charlie.user)
    assert client.get(f"/projects/{judged_project.pk}/runs/arms").status_code == 404
