"""The OpenAPI schema says what the API does."""

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from accounts.tokens import create_token
from labeling.services import create_prompt
from webhooks.services import create_webhook


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def resolve(schema, part):
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def lists_of(schema):
    """Address → what the schema declares as its answer, of every GET whose answer is a list."""
    for path, methods in schema["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        declared = resolve(schema, content.get("application/json", {}).get("schema", {}))
        if declared.get("type") == "array" or "results" in declared.get("properties", {}):
            yield path, declared


def test_the_schema_is_generated_without_a_warning(tmp_path):
    GENERATOR_STATS.reset()
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_every_list_answers_in_the_shape_that_the_schema_declares(schema, alice, project, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    create_prompt(project=project, messages="Question?")
    create_webhook(by=alice, name="Chat", url="http://127.0.0.1:9/hook", events=["run.finished"])
    headers = {"Authorization": f"Bearer {create_token(by=alice, name='test')[1]}"}
    webhook = Client().get("/api/v1/webhooks", headers=headers).json()["results"][0]["id"]
    seen = set()
    for path, declared in lists_of(schema):
        address = path.replace("{project_id}", str(project.pk)).replace("{webhook_id}", str(webhook))
        answer = Client().get(address, headers=headers)
        assert answer.status_code == 200, path
        if declared["type"] == "array":
            assert isinstance(answer.json(), list), path
        else:
            assert answer.json().keys() == declared["properties"].keys(), path
            assert isinstance(answer.json()["results"], list), path
        seen.add(path)
    assert {f"/api/v1/{name}" for name in ("projects", "snapshots", "runs", "versions", "webhooks", "tokens")} <= seen


@pytest.mark.parametrize("path", ["nothing", "projects/", "projects/abc", "runs/1/", "projects/999999999999999999999"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_that_the_api_does_not_have_is_answered_in_json(db, path, method):
    answer = getattr(Client(enforce_csrf_checks=True), method)(f"/api/v1/{path}")
    assert answer["Content-Type"] == "application/json"
    assert answer.status_code in (401, 404)
    assert answer.json()["error"]["message"]
