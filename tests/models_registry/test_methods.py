"""Which of the two a reward model is: a head on the frozen base, or a trained body."""

import re

import pytest

from accounts.errors import Invalid
from models_registry.services import record_evaluation
from tests.labeling.conftest import Api
from tests.models_registry.making import make_version
from tests.models_registry.test_pages import browser, text_of  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(alice, project, tmp_path):
    kinds = {"kind": "reward_model", "name": "Scorer v{number}"}
    return [
        make_version(alice, project.pk, tmp_path, method=method, **kinds)
        for method in ("features", "lora", "features", "features")
    ]


def test_the_page_and_the_api_say_which(browser, alice, models):  # noqa: F811
    fast, trained = (
        text_of(browser.get(f"/versions/{models[0].pk}/")),
        text_of(browser.get(f"/versions/{models[1].pk}/")),
    )
    assert "Fast path: a head on the frozen base model" in fast
    assert "Trained body: adapters" in trained
    assert "body was trained with it" in trained
    api = Api(alice)
    assert api.get(f"/versions/{models[1].pk}").json()["method"] == "lora"
    assert [row["method"] for row in api.get("/versions").json()["results"]] == [
        "features", "features", "lora", "features",
    ]  # fmt: skip


def test_a_kind_without_methods_and_an_unknown_method_are_refused(alice, project, tmp_path):
    with pytest.raises(Invalid, match="no way to learn"):
        make_version(alice, project.pk, tmp_path, method="lora")
    with pytest.raises(Invalid, match="Use features, lora, full"):
        make_version(alice, project.pk, tmp_path, kind="reward_model", method="magic")
    assert make_version(alice, project.pk, tmp_path).method == ""


def test_the_list_leaves_out_refits_that_a_newer_one_replaced_until_asked(browser, project, models):  # noqa: F811
    page = text_of(browser.get(f"/projects/{project.pk}/versions/"))
    assert [f"Scorer v{number}" in page for number in (1, 2, 3, 4)] == [False, True, False, True]
    assert "2 earlier refits of the reward model are not listed" in page
    everything = text_of(browser.get(f"/projects/{project.pk}/versions/?all=1"))
    assert all(f"Scorer v{number}" in everything for number in (1, 2, 3, 4))
    assert "not listed" not in everything


def test_what_a_reward_model_is_measured_by_has_names_and_units(browser, models):  # noqa: F811
    metrics = {
        "reward_model_brier": 0.21, "length_matched_accuracy": 0.61, "calibration_error_by_length_much_longer": 0.043,
        "score_explained_by_length": 0.37, "trained_body_over_fast_path": -0.01,
    }  # fmt: skip
    for metric, value in metrics.items():
        record_evaluation(version=models[0], metric=metric, value=value, low=value - 0.1, high=value + 0.1, n=80)
    page = text_of(browser.get(f"/versions/{models[0].pk}/"))
    for words in (
        "Brier score", "a coin has 0.25", "0.210", "Accuracy at equal length", "61 %",
        "Calibration error, length much longer", "4.3 points", "Explained by length", "37 %",
        "Trained body over fast path", "−1.0 points",
    ):  # fmt: skip
        assert words in page, words


def test_the_page_has_a_row_a_slice_with_all_three_figures(browser, alice, models):  # noqa: F811
    figures = {"calibration_error": 0.043, "brier": 0.212, "negative_log_likelihood": 0.613}
    for measure, value in figures.items():
        record_evaluation(
            version=models[0], metric=f"{measure}_by_annotators_language_de", value=value, low=value - 0.02,
            high=value + 0.02, n=80, detail={"slice": "annotators", "group": "language:de"},
        )  # fmt: skip
    record_evaluation(
        version=models[0], metric="calibration_error_by_axis_true", value=0.1, low=0.05, high=0.2, n=30,
        detail={"slice": "axis", "group": "true"},
    )  # fmt: skip
    record_evaluation(version=models[0], metric="reward_model_brier", value=0.21, low=0.2, high=0.22, n=90)
    page = text_of(browser.get(f"/versions/{models[0].pk}/"))
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Annotators: language:de 80 4.3 points 2.3 to 6.3 points 0.212 0.192 to 0.232 0.613 0.593 to 0.633" in words
    assert "Axis: true 30 10.0 points 5.0 to 20.0 points – –" in words
    assert "Calibration error, annotators" not in words, "it stands in one table alone"
    assert len(Api(alice).get(f"/versions/{models[0].pk}").json()["evaluations"]) == 5
