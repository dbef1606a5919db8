"""Against the real engine and a real, tiny model."""

import pytest

from models_registry.engine import complete, endpoint_of, warm_up
from models_registry.errors import ArtifactDamaged, EngineUnavailable
from models_registry.services import artifact_path
from tests.engine_fixture import engine, engine_url, tiny_adapter, tiny_base, write_adapter  # noqa: F401
from tests.models_registry.making import make_version

ASK = [{"role": "user", "content": "What is tea?"}]


def greedy(version) -> str:
    return complete(endpoint_of(version), ASK, max_tokens=12, temperature=0)[0].text


@pytest.fixture
def base(alice, project, tmp_path, tiny_base):  # noqa: F811
    return make_version(alice, project.pk, tmp_path, kind="base", artifact_dir=tiny_base)


@pytest.fixture
def policy(alice, project, tmp_path, base, tiny_adapter):  # noqa: F811
    return make_version(alice, project.pk, tmp_path, base=base, artifact_dir=tiny_adapter)


def test_an_adapter_answers_differently_from_its_base_and_from_another_adapter(
    engine,  # noqa: F811
    alice,
    project,
    tmp_path,
    base,
    policy,  # noqa: F811
):
    other = make_version(alice, project.pk, tmp_path, base=base, artifact_dir=write_adapter(tmp_path / "other", seed=3))
    warm_up(policy)
    answers = [greedy(version) for version in (base, policy, other)]
    assert len(set(answers)) == 3
    assert [greedy(version) for version in (base, policy, other)] == answers


def test_the_engines_directory_costs_no_second_copy_of_the_base(policy, base, settings, engine):  # noqa: F811
    directory = endpoint_of(policy).model
    assert directory.startswith(str(settings.ENGINE_DIR))
    linked = (artifact_path(base) / "model.safetensors").stat()
    assert linked.st_nlink == 2
    assert endpoint_of(policy).model == directory


def test_a_damaged_base_is_told_before_the_engine_is_asked(policy, base):
    weights = artifact_path(base) / "model.safetensors"
    weights.chmod(0o644)
    with weights.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\xff\xff\xff\xff")
    with pytest.raises(ArtifactDamaged, match=r"model\.safetensors"):
        endpoint_of(policy)


def test_two_answers_of_a_version_differ(engine, policy):  # noqa: F811
    first, second = complete(endpoint_of(policy), ASK, n=2, max_tokens=20, temperature=1.0)
    assert first.text != second.text


def test_an_external_engine_that_does_not_know_a_version_is_told_so(policy, settings):
    settings.ENGINE_EMBEDDED = False
    with pytest.raises(EngineUnavailable, match="ENGINE_MODEL"):
        endpoint_of(policy)


def test_the_key_of_the_configured_engine_goes_to_no_other_host(alice, project, tmp_path, settings):
    settings.ENGINE_API_KEY = "secret"
    version = make_version(
        alice, project.pk, tmp_path, artifact_dir=None, engine_model="m", endpoint_url="https://example.org/v1"
    )
    assert endpoint_of(version).api_key == ""
