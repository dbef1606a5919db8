"""What the labels bought: the curves of both arms, and a sentence that says no more than they do."""

import pytest

from training.charts import draw_curves
from training.models import TrainingRun
from training.services.arms import Point, arms_of, read_curve, say_what_labels_bought


def curve(*points: tuple[int, float, float]) -> list[Point]:
    """(labels, accuracy, half the band)."""
    return [Point(labels, accuracy, accuracy - half, accuracy + half) for labels, accuracy, half in points]


RANDOM = curve((32, 0.60, 0.02), (64, 0.64, 0.02))


def test_a_clear_gain_is_told_in_labels_saved():
    said = say_what_labels_bought(RANDOM, curve((16, 0.60, 0.02), (48, 0.68, 0.02), (400, 0.75, 0.02)))
    assert said.startswith("With 64 labels each, those chosen by the reward model brought it to 68 %")
    assert "those drawn at random to 64 %" in said
    assert said.endswith("32 chosen ones did what 64 random ones do: each was worth 2.0.")


def test_bands_that_overlap_are_called_so():
    said = say_what_labels_bought(RANDOM, curve((16, 0.60, 0.05), (64, 0.66, 0.05)))
    assert "The bands overlap: whether choosing helped cannot be told yet." in said
    assert "worth" not in said


def test_a_loss_is_not_hidden():
    said = say_what_labels_bought(RANDOM, curve((16, 0.50, 0.01), (64, 0.55, 0.01)))
    assert "Choosing cost accuracy here" in said


def test_arms_of_different_sizes_are_not_compared():
    assert "no number of labels in common" in say_what_labels_bought(RANDOM, curve((100, 0.6, 0.1), (200, 0.7, 0.1)))


def test_one_arm_alone_is_told_alone_and_a_point_is_no_curve():
    said = say_what_labels_bought(RANDOM, [])
    assert "From 32 to 64 labels the reward model went from 60 % to 64 % of held-out judgements (62 to 66 %)" in said
    assert "bands overlap" in say_what_labels_bought(curve((32, 0.6, 0.1), (64, 0.64, 0.1)), [])
    assert say_what_labels_bought(RANDOM[:1], []) == ""


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
        result={"learning_curve": rows}, finished_at=judged_project.created_at,
    )  # fmt: skip
    page = client.get(address).content.decode()
    assert "each was worth 2.0" in page
    assert "shaded: 95 % interval" in page
    assert f"/runs/{run.pk}/" in page
    assert arms_of(judged_project).missing == []


@pytest.mark.django_db
def test_an_outsider_sees_no_curve(client, judged_project, charlie):
    client.force_login(charlie.user)
    assert client.get(f"/projects/{judged_project.pk}/runs/arms").status_code == 404
