"""Simulated annotators are called simulated wherever they appear."""

import json

import pytest

from accounts.permissions import Role
from labeling import services
from tests.cast import make_member
from tests.labeling.conftest import judge

pytestmark = pytest.mark.django_db


def test_a_simulated_annotator_is_called_so_in_figures_exports_and_snapshots(project, alice, bob, add_pairs):
    robot = make_member(alice.organisation, "robot@example.org", Role.ANNOTATOR, simulated=True)
    add_pairs(4)
    for member in (bob, robot):
        judge(services.lease_next(project=project, by=member), member)
    figures = services.project_figures(project)
    assert (figures.annotators, figures.simulated_annotators) == (2, 1)
    rows = [json.loads(line) for line in b"".join(services.iter_export(project=project, format="jsonl")).splitlines()]
    assert sorted(row["annotator"].startswith("simulated-") for row in rows) == [False, True]
    snapshot = services.freeze_snapshot(project=project, by=alice)
    lines = [
        json.loads(line)["annotator"]
        for part in ("train", "held_out")
        for line in (snapshot.directory / f"{part}.jsonl").read_text().splitlines()
    ]
    assert sorted(name.startswith("simulated-") for name in lines) == [False, True]
    assert robot.user.display_name.endswith("(simulated)")
