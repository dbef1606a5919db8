import pytest

from accounts.tokens import create_token
from models_registry.services import promote_version
from tests.engine_fixture import engine, engine_url, tiny_adapter, tiny_base  # noqa: F401
from tests.fault_engine import fault_engine  # noqa: F401
from tests.gateway_fixture import gateway, gateway_files, gateway_url  # noqa: F401
from tests.models_registry.making import make_version, open_the_gate


@pytest.fixture
def token(alice) -> str:
    return create_token(by=alice, name="app")[1]


@pytest.fixture
def production(alice, project, tmp_path, tiny_base):  # noqa: F811
    """The tiny base, in production."""
    version = make_version(alice, project.pk, tmp_path, kind="base", name="Base", artifact_dir=tiny_base)
    promote_version(version=version, by=alice, to_stage="production", reason="the first")
    return version


@pytest.fixture
def make_canary(alice, project, tmp_path):
    """A canary beside it with a share; `given` as register_version's."""

    def make(production, share: float, **given):
        version = make_version(alice, project.pk, tmp_path, parent=production, base=production, **given)
        open_the_gate(version)
        promote_version(version=version, by=alice, to_stage="canary", reason="try", canary_share=share)
        return version

    return make


@pytest.fixture
def faulty(alice, project, tmp_path):
    """A first production version at an engine that misbehaves in the way its model is named."""

    def make(server, model: str):
        version = make_version(
            alice, project.pk, tmp_path, artifact_dir=None, engine_model=model, endpoint_url=server.url
        )
        promote_version(version=version, by=alice, to_stage="production", reason="the first")
        return version

    return make
