from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.errors import Invalid
from accounts.models import AuditEvent
from models_registry.errors import ArtifactRefused
from models_registry.models import Evaluation, GateVerdict, ModelVersion, Promotion
from models_registry.services import artifact_path, record_evaluation, register_version
from tests.models_registry.making import make_version, open_the_gate, write_artifact


def test_a_run_registers_its_version_once(alice, project, tmp_path):
    first = make_version(alice, project.pk, tmp_path, run_id=7)
    again = make_version(alice, project.pk, tmp_path, run_id=7)
    other_kind = make_version(alice, project.pk, tmp_path, run_id=7, kind="reward_model")
    assert first == again
    assert other_kind != first
    assert AuditEvent.objects.filter(verb="version registered").count() == 2


def test_numbers_count_up_a_project_and_stand_in_the_name(alice, project, tmp_path):
    names = [make_version(alice, project.pk, tmp_path).name for _ in range(3)]
    assert names == ["Answers v1", "Answers v2", "Answers v3"]
    assert make_version(alice, project.pk + 1, tmp_path).number == 1


def test_the_artifact_is_there_after_its_source_is_gone(alice, project, tmp_path):
    source = write_artifact(tmp_path / "out")
    version = make_version(alice, project.pk, tmp_path, artifact_dir=source)
    (source / "model.safetensors").unlink()
    assert (artifact_path(version) / "model.safetensors").stat().st_size > 0
    assert version.artifact_bytes > 0


def test_a_refused_artifact_makes_no_version(alice, project, tmp_path):
    source = write_artifact(tmp_path / "out")
    (source / "weights.bin").write_bytes(b"x")
    with pytest.raises(ArtifactRefused, match="weights.bin"):
        make_version(alice, project.pk, tmp_path, artifact_dir=source)
    assert not ModelVersion.objects.exists()


def test_lineage_of_another_organisation_is_refused(alice, charlie, project, tmp_path):
    theirs = make_version(charlie, 99, tmp_path)
    with pytest.raises(Invalid, match="own organisation"):
        make_version(alice, project.pk, tmp_path, parent=theirs)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"artifact_dir": None}, "artifact directory"),
        ({"kind": "strange"}, "no kind"),
        ({"name": " "}, "needs a name"),
    ],
)
def test_what_cannot_be_a_version_is_refused(alice, project, tmp_path, given, why):
    with pytest.raises(Invalid, match=why):
        make_version(alice, project.pk, tmp_path, **given)


def test_a_version_at_an_external_engine_needs_no_artifact(alice, project, tmp_path):
    version = make_version(alice, project.pk, tmp_path, artifact_dir=None, engine_model="gpt-x")
    assert version.artifact_hash == ""


@pytest.mark.django_db(transaction=True)
def test_eight_runs_that_end_at_once_get_eight_numbers(alice, project, tmp_path):
    def register(run_id: int) -> int:
        try:
            return make_version(
                alice, project.pk, tmp_path, run_id=run_id, artifact_dir=write_artifact(tmp_path / str(run_id))
            ).number
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(register, range(1, 9))) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_a_run_delivered_eight_times_at_once_registers_one_version(alice, project, tmp_path):
    source = write_artifact(tmp_path / "out")

    def register(_: int) -> int:
        try:
            return register_version(
                organisation=alice.organisation, project_id=project.pk, kind="policy", name="v", artifact_dir=source,
                run_id=5,
            ).pk  # fmt: skip
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(register, range(8)))) == 1


def test_an_evaluation_is_recorded_once_a_run_and_its_win_rate_is_against_the_parent(alice, project, tmp_path):
    parent = make_version(alice, project.pk, tmp_path)
    version = make_version(alice, project.pk, tmp_path, parent=parent)
    figures = {"metric": "win_rate", "value": 0.6, "low": 0.5, "high": 0.7, "n": 10, "run_id": 3}
    first = record_evaluation(version=version, **figures)
    assert record_evaluation(version=version, **figures) == first
    assert first.against == parent


@pytest.mark.parametrize(
    "figures",
    [
        {"value": 0.9, "low": 0.1, "high": 0.5, "n": 3},
        {"value": float("nan"), "low": 0.1, "high": 0.5, "n": 3},
        {"value": 0.3, "low": 0.1, "high": 0.5, "n": 0},
    ],
)
def test_an_evaluation_that_cannot_be_is_refused(alice, project, tmp_path, figures):
    version = make_version(alice, project.pk, tmp_path)
    with pytest.raises(Invalid, match="win_rate"):
        record_evaluation(version=version, metric="win_rate", **figures)


def test_another_organisations_versions_and_what_hangs_on_them_are_not_returned(alice, charlie, tmp_path):
    from models_registry.services import judge_gate, promote_version

    theirs = make_version(charlie, 99, tmp_path)
    open_the_gate(theirs)
    judge_gate(version=theirs)
    promote_version(version=theirs, by=charlie, to_stage="production", reason="first")
    for model in (ModelVersion, Evaluation, GateVerdict, Promotion):
        assert model.objects.for_member(charlie).exists()
        assert not model.objects.for_member(alice).exists()
