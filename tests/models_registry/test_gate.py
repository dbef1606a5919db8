import pytest

from models_registry.models import GateVerdict
from models_registry.services import judge_gate, record_evaluation, standing_verdict
from tests.models_registry.making import make_version, open_the_gate


@pytest.fixture
def parent(alice, project, tmp_path):
    return make_version(alice, project.pk, tmp_path)


@pytest.fixture
def version(alice, project, tmp_path, parent):
    return make_version(alice, project.pk, tmp_path, parent=parent)


def test_a_gate_with_nothing_measured_is_closed_and_says_what_is_missing(version):
    verdict = judge_gate(version=version)
    assert not verdict.is_open
    assert [term["holds"] for term in verdict.terms] == [False, False]
    assert all("Not measured" in term["sentence"] for term in verdict.terms)


@pytest.mark.parametrize("missing", ["win_rate", "reward_model_accuracy"])
def test_a_gate_with_one_evaluation_missing_is_closed(version, missing):
    present = ({"win_rate", "reward_model_accuracy"} - {missing}).pop()
    record_evaluation(version=version, metric=present, value=0.9, low=0.8, high=0.95, n=500)
    verdict = judge_gate(version=version)
    assert not verdict.is_open
    assert {term["metric"]: term["holds"] for term in verdict.terms} == {present: True, missing: False}


def test_the_gate_opens_when_every_interval_clears_its_bound(version):
    open_the_gate(version)
    verdict = judge_gate(version=version)
    assert verdict.is_open
    assert all(term["evaluation_id"] and ": surely above 50 %." in term["sentence"] for term in verdict.terms)


@pytest.mark.parametrize("low", [0.5, 0.49])
def test_a_win_rate_whose_interval_reaches_one_half_does_not_open_it(version, low):
    open_the_gate(version)
    record_evaluation(version=version, metric="win_rate", value=0.7, low=low, high=0.8, n=20)
    verdict = judge_gate(version=version)
    assert not verdict.is_open
    assert "not surely above 50 %" in verdict.terms[0]["sentence"]


def test_a_win_rate_against_somebody_else_does_not_count(alice, project, tmp_path, version):
    open_the_gate(version)
    other = make_version(alice, project.pk, tmp_path)
    record_evaluation(version=version, metric="win_rate", value=0.9, low=0.8, high=1.0, n=50, against=other)
    verdict = judge_gate(version=version)
    assert not verdict.is_open
    assert "not against" in verdict.terms[0]["sentence"]


def test_a_standing_verdict_is_kept_until_the_evidence_changes(version):
    open_the_gate(version)
    first = standing_verdict(version)
    assert standing_verdict(version) == first
    record_evaluation(version=version, metric="win_rate", value=0.4, low=0.3, high=0.5, n=50)
    assert not standing_verdict(version).is_open
    assert GateVerdict.objects.count() == 2
