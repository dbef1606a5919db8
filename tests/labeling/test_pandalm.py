"""A published study through the product: three annotators judge its pairs by the API, and its coefficients come out."""

import gzip
import json
from uuid import uuid4

import pytest

from accounts.permissions import Role
from labeling.agreement import cohen_kappa, count_labels, krippendorff_alpha
from labeling.models import Comparison
from tests.cast import make_member
from tests.labeling.conftest import Api

# Real commits, as in production: in one transaction thousands of savepoints would lock the project's row in ever
# longer lists.
pytestmark = pytest.mark.django_db(transaction=True)

ANNOTATORS = ("annotator1", "annotator2", "annotator3")


def read_rows(folder, count):
    with gzip.open(folder / "pandalm_test.jsonl.gz") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def as_line(row):
    # The study's 999 items repeat pairs (two models gave the same text): a system turn with the item's name keeps them
    # apart, as they are in the published figures. A few texts are the JSON value true.
    question = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
    prompt = [{"role": "system", "content": row["item_id"]}, {"role": "user", "content": question}]
    responses = [{"text": str(row[f"response_{side}"]), "model": row[f"model_{side}"]} for side in "ab"]
    return json.dumps({"external_id": row["item_id"], "prompt": prompt, "responses": responses}).encode()


def judge_all(organisation, project, rows):
    """Each annotator leases and submits until there is nothing left; what is said follows the study's labels."""
    by_item = {row["item_id"]: row for row in rows}
    for name in ANNOTATORS:
        api = Api(make_member(organisation, f"{name}@example.org", Role.ANNOTATOR))
        shown = api.post(f"/projects/{project}/next").json()
        while shown:
            row = by_item[shown["prompt"][0]["content"]]
            label = row["labels"][name]
            if label != "tie":
                texts = [response["text"] for response in shown["responses"]]
                label = "ab"[texts.index(str(row[f"response_{label}"]))]
            body = {"client_id": str(uuid4()), "choice": label, "strength": None if label == "tie" else 2}
            shown = api.post(f"/assignments/{shown['id']}/judgement?next=1", body).json()["next"]


def run_study(api, organisation, rows):
    project = api.post("/projects", {"name": "PandaLM", "overlap": 3}).json()["id"]
    report = api.send(f"/projects/{project}/import", b"\n".join(map(as_line, rows))).json()
    assert (report["created"], report["items_made"], report["rejected"]) == (len(rows), len(rows), [])
    judge_all(organisation, project, rows)
    return api.get(f"/projects/{project}/agreement").json()


def kappas_of(figures):
    pairs = sorted(figures["pairs"], key=lambda pair: pair["annotators"])
    return [pair["cohen_kappa"]["value"] for pair in pairs]


def test_a_part_of_the_study_gives_what_its_labels_give(alice, organisation, reference_data):
    import numpy as np

    rows = read_rows(reference_data, 60)
    figures = run_study(Api(alice), organisation, rows)
    labels = np.array([["ab".find(row["labels"][name]) % 3 for name in ANNOTATORS] for row in rows])
    for value, (i, j) in zip(kappas_of(figures), ((0, 1), (0, 2), (1, 2)), strict=True):
        table = np.zeros((3, 3), int)
        np.add.at(table, (labels[:, i], labels[:, j]), 1)
        assert value == pytest.approx(cohen_kappa(table).value)
    counts = count_labels(np.repeat(np.arange(60), 3), labels.ravel(), 3)
    assert figures["alpha_nominal"]["value"] == pytest.approx(krippendorff_alpha(counts).value)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_whole_study_gives_the_published_coefficients(alice, organisation, reference_data):
    figures = run_study(Api(alice), organisation, read_rows(reference_data, 999))
    assert Comparison.objects.counted().count() == figures["judgements"] == 2997
    assert kappas_of(figures) == pytest.approx([0.852, 0.8789, 0.8617], abs=5e-5)
    assert figures["alpha_nominal"]["value"] == pytest.approx(0.8642, abs=5e-5)
    assert figures["fleiss_kappa"]["value"] == pytest.approx(0.8642, abs=5e-5)
    assert figures["alpha_nominal"]["low"] < 0.8642 < figures["alpha_nominal"]["high"]
