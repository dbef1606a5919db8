"""The demo's seed: once, again, and after something was lost."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.models import Membership, User
from accounts.permissions import Permission, can
from accounts.tokens import find_member
from labeling.models import Project, Prompt
from models_registry.models import ModelVersion
from training.models import SamplingJob, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings) -> Path:
    call_command("seed_demo", verbosity=0)
    return Path(settings.DATA_DIR) / "demo.json"


def test_the_demo_has_people_who_can_sign_in_a_project_and_queued_runs(demo):
    content = json.loads(demo.read_text())
    assert demo.stat().st_mode & 0o777 == 0o600
    for person in content["users"]:
        assert User.objects.get(email=person["email"]).check_password(content["password"])
    assert {person["role"] for person in content["users"]} == {
        "administrator",
        "manager",
        "engineer",
        "annotator",
        "reviewer",
    }
    project = Project.objects.get(pk=content["project_id"])
    assert (project.name, project.retrain_after, project.prompts.count()) == ("Kitchen helper", 100, 120)
    assert [run.recipe for run in TrainingRun.objects.order_by("pk")] == ["prepare_base", "sft"]
    job = SamplingJob.objects.get()
    assert (job.after.recipe, job.max_tokens) == ("sft", 80)
    member = find_member(content["gateway_token"])
    assert can(member, Permission.USE_ENDPOINT)
    assert not can(member, Permission.PROMOTE)


def test_seeding_again_changes_nothing_and_asks_little(demo, django_assert_max_num_queries):
    before = demo.read_bytes(), demo.stat().st_mtime_ns
    with django_assert_max_num_queries(30):
        call_command("seed_demo", verbosity=0)
    assert (demo.read_bytes(), demo.stat().st_mtime_ns) == before
    assert (Project.objects.count(), TrainingRun.objects.count(), SamplingJob.objects.count()) == (1, 2, 1)


def test_a_renamed_project_stays_the_demos_project(demo):
    Project.objects.update(name="Cooking")
    call_command("seed_demo", verbosity=0)
    assert Project.objects.count() == 1


def test_when_the_file_is_lost_the_people_get_a_new_password(demo):
    old = json.loads(demo.read_text())
    demo.unlink()
    call_command("seed_demo", verbosity=0)
    new = json.loads(demo.read_text())
    assert new["password"] != old["password"]
    assert User.objects.get(email="manager@demo.accord").check_password(new["password"])
    assert Membership.objects.count() == 5
    assert Prompt.objects.count() == 120


def test_with_an_external_engine_nothing_is_trained(settings):
    settings.ENGINE_EMBEDDED, settings.ENGINE_MODEL, settings.ENGINE_URL = False, "llama", "http://127.0.0.1:9/v1"
    call_command("seed_demo", verbosity=0)
    assert not TrainingRun.objects.exists()
    version = ModelVersion.objects.get()
    assert (version.stage, version.engine_model, SamplingJob.objects.get().version) == ("production", "llama", version)
