"""Sampling through a real HTTP server that plays the engine, well and badly."""

import sys
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.errors import Invalid
from labeling.models import Item, Response
from labeling.services import create_prompt
from models_registry.models import VersionKind
from models_registry.services import register_version
from tests.training.conftest import wait_for
from training import services
from training.errors import NotReady
from training.models import RunStatus, SamplingJob, TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(project):
    return register_version(
        organisation=project.organisation,
        project_id=project.pk,
        kind=VersionKind.POLICY,
        name="Tiny v{number}",
        artifact_dir=None,
        engine_model="tiny",
    )


@pytest.fixture
def prompts(project):
    return [create_prompt(project=project, messages=f"Question {n}?")[0] for n in range(12)]


@pytest.fixture
def job(alice, project, prompts, version, engine) -> SamplingJob:
    return services.start_sampling(project=project, by=alice, version=version)


def _run(job: SamplingJob) -> SamplingJob:
    claimed = services.claim_sampling(job_id=job.pk)
    if claimed:
        services.run_sampling(job=claimed)
    return SamplingJob.objects.get(pk=job.pk)


def test_every_prompt_gets_two_answers_and_an_item(job, project, version, engine):
    job = _run(job)
    assert (job.status, job.done, job.failed, job.total) == (RunStatus.SUCCEEDED, 12, 0, 12)
    assert Response.objects.filter(version_id=version.pk).count() == 24
    assert Item.objects.filter(project=project).count() == 12
    assert Response.objects.first().sampling["temperature"] == 0.9


def test_a_second_job_of_the_same_version_asks_for_nothing_again(job, alice, project, version, engine):
    _run(job)
    asked = len(engine.asked)
    again = _run(services.start_sampling(project=project, by=alice, version=version))
    assert (again.status, again.done, len(engine.asked)) == (RunStatus.SUCCEEDED, 12, asked)


def test_the_first_items_are_there_before_the_last_prompt_is_asked(job, project, engine):
    seen = []
    engine.answer = lambda body: (
        "Answer " + str(len(engine.asked)) if len(engine.asked) <= 6 or engine.released.is_set() else None
    )
    thread = threading.Thread(target=lambda: (_run(job), connection.close()))
    thread.start()
    seen = wait_for(lambda: Item.objects.filter(project=project).count(), "the first items")
    assert seen < 12
    engine.released.set()
    thread.join(30)


def test_empty_and_repeated_answers_are_dropped_and_asked_again_at_most_twice(job, project, engine):
    engine.answer = lambda body: "" if len(engine.asked) % 2 else "Always the same"
    job = _run(job)
    assert (job.status, job.done, job.failed) == (RunStatus.SUCCEEDED, 0, 12)
    assert "12 prompts got fewer than two different answers" in job.error
    # One request for two answers and as many as it takes to make them two, then two rounds for the missing one.
    assert len(engine.asked) <= 12 * 6
    assert not Response.objects.filter(text="").exists()


def test_a_text_that_another_version_gave_before_still_makes_a_pair(job, project, prompts, engine):
    from labeling.services import store_response

    for prompt in prompts:
        store_response(prompt=prompt, text="Old", origin="import", model_name="other")
    first = lambda body: sum(each["messages"] == body["messages"] for each in engine.asked) == 1  # noqa: E731
    engine.answer = lambda body: "Old" if first(body) else f"New {len(engine.asked)}"
    assert _run(job).done == 12
    assert Item.objects.filter(project=project).count() == 12


def test_an_engine_that_is_down_leaves_a_sentence_and_the_job_goes_on_later(job, engine, settings):
    settings.ENGINE_URL = "http://127.0.0.1:1/v1"
    waiting = _run(job)
    assert waiting.status == RunStatus.QUEUED
    assert "cannot be reached" in waiting.error
    assert waiting.next_attempt_at > now()
    assert services.claim_sampling(job_id=job.pk) is None, "before its time"
    settings.ENGINE_URL = engine.url
    SamplingJob.objects.update(next_attempt_at=now())
    assert _run(job).status == RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("answer", "says"),
    [(b"<html>hello</html>", "not JSON"), (500, ""), (b'{"choices": "none"}', "")],
    ids=["html", "500", "not OpenAI's shape"],
)
def test_an_engine_that_talks_nonsense_leaves_a_sentence_and_nothing_else(job, engine, answer, says):
    engine.answer = lambda body: answer
    waiting = _run(job)
    assert waiting.status == RunStatus.QUEUED
    assert says in waiting.error
    assert len(waiting.error) > 30
    assert not Response.objects.exists()
    assert len(engine.asked) <= 30, "it went on asking"


def test_an_engine_that_hangs_times_out_with_a_sentence(job, engine, settings):
    settings.ENGINE_TIMEOUT_SECONDS = 1
    engine.answer = lambda body: None
    assert "did not answer within 1 second" in _run(job).error


def test_one_prompt_that_the_engine_cannot_answer_does_not_keep_the_others(job, engine):
    engine.answer = lambda body: 400 if "Question 5?" in str(body) else f"Answer {len(engine.asked)}"
    first = _run(job)
    assert (first.status, first.done) == (RunStatus.QUEUED, 11)
    for _ in range(10):
        SamplingJob.objects.update(next_attempt_at=now())
        job = _run(job)
    assert (job.status, job.done) == (RunStatus.FAILED, 11)
    assert "what was written is kept" in job.error


def test_a_job_whose_worker_was_killed_goes_on_where_it_was(job, engine):
    claimed = services.claim_sampling(job_id=job.pk)
    assert services.claim_sampling(job_id=job.pk) is None
    SamplingJob.objects.update(heartbeat_at=now() - timedelta(hours=1))
    services.sweep_sampling()
    assert _run(job).status == RunStatus.SUCCEEDED
    asked = len(engine.asked)
    services.run_sampling(job=claimed)  # the killed one was only asleep: it finds that the job is no longer its own
    assert (SamplingJob.objects.get().status, len(engine.asked)) == (RunStatus.SUCCEEDED, asked)


def test_a_long_job_makes_room_for_others_and_goes_on(job, engine, monkeypatch):
    monkeypatch.setattr(sys.modules["training.services.run_sampling"], "SLICE_SECONDS", 0)
    job = _run(job)
    assert job.status == RunStatus.QUEUED
    assert 0 < job.done < 12
    for _ in range(12):
        job = _run(job)
    assert (job.status, job.done, len(engine.asked)) == (RunStatus.SUCCEEDED, 12, 24), "something was asked twice"


def test_a_slice_without_a_pair_ends_the_job_instead_of_asking_for_ever(job, engine, monkeypatch):
    monkeypatch.setattr(sys.modules["training.services.run_sampling"], "SLICE_SECONDS", 0)
    engine.answer = lambda body: "Always the same"
    job = _run(job)
    assert (job.status, job.done, job.failed) == (RunStatus.SUCCEEDED, 0, 12)


def test_a_cancel_stops_it_and_keeps_what_is_there(job, alice, engine, project):
    engine.answer = lambda body: "Answer " + str(len(engine.asked)) if len(engine.asked) <= 6 else None
    thread = threading.Thread(target=lambda: (_run(job), connection.close()))
    thread.start()
    wait_for(lambda: Item.objects.filter(project=project).exists(), "the first item")
    services.cancel_sampling(job=job, by=alice)
    thread.join(10)
    job.refresh_from_db()
    assert job.status == RunStatus.CANCELLED
    assert 0 < Item.objects.filter(project=project).count() < 12


def test_it_waits_for_its_run_and_takes_that_runs_version(alice, project, prompts, engine):
    run = services.create_run(project=project, by=alice, recipe="prepare_base")
    job = services.start_sampling(project=project, by=alice, after=run)
    services.sweep_sampling()
    assert services.claim_sampling(job_id=job.pk) is None
    made = register_version(
        organisation=project.organisation, project_id=project.pk, kind="policy", name="Made", artifact_dir=None,
        engine_model="made", run_id=run.pk,
    )  # fmt: skip
    job = _run(job)
    assert (job.version_id, job.status, engine.asked[0]["model"]) == (made.pk, RunStatus.SUCCEEDED, "made")


def test_settings_out_of_range_and_a_second_job_are_refused(job, alice, project, version):
    with pytest.raises(Invalid, match="0.1 to 2"):
        services.start_sampling(project=project, by=alice, version=version, temperature=0)
    with pytest.raises(NotReady, match="being written already"):
        services.start_sampling(project=project, by=alice, version=version)


def test_without_prompts_it_is_refused(alice, project, engine):
    with pytest.raises(NotReady, match="no prompts yet"):
        services.start_sampling(project=project, by=alice)
    assert not TrainingRun.objects.exists()


def test_a_project_without_a_model_prepares_one_first(alice, project, prompts, settings):
    job = services.start_sampling(project=project, by=alice)
    assert (job.version, job.after.recipe) == (None, "prepare_base")
    base = register_version(
        organisation=project.organisation, project_id=project.pk, kind="base", name="Base", artifact_dir=None,
        engine_model="base", run_id=job.after_id,
    )  # fmt: skip
    assert services.claim_sampling(job_id=job.pk).version == base


def test_a_project_without_a_model_takes_the_external_engines(alice, project, prompts, engine):
    job = _run(services.start_sampling(project=project, by=alice))
    assert (job.status, job.version.engine_model, job.done) == (RunStatus.SUCCEEDED, "tiny", 12)
