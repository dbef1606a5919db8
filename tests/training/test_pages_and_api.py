"""What people and programs see of runs: their own organisation's, with sentences, quickly."""

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now

from accounts.tokens import create_token
from models_registry.services import promote_version
from tests.cast import make_member
from tests.models_registry.making import make_version, open_the_gate
from training import services
from training.charts import draw_curves
from training.metrics import POINTS, read_curves, read_progress
from training.models import RunStatus, SamplingJob, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(alice, project) -> TrainingRun:
    return services.create_run(project=project, by=alice, recipe="prepare_base", config={"revision": "main"})


@pytest.fixture
def job(alice, project, run) -> SamplingJob:
    from labeling.services import create_prompt

    create_prompt(project=project, messages="Question?")
    return services.start_sampling(project=project, by=alice, after=run)


def _sign_in(client, member):
    client.force_login(member.user)
    return client


def _token(member) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(by=member, name='test')[1]}"}


def test_pages_of_a_queued_a_running_and_a_failed_run(client, alice, run):
    _sign_in(client, alice)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "every 2s" in page
    assert "Cancel run" in page
    TrainingRun.objects.filter(pk=run.pk).update(status="running", step=3, total=5, stage="weights", heartbeat_at=now())
    page = client.get(f"/runs/{run.pk}/live", headers={"HX-Request": "true"}).content.decode()
    assert "3 of 5" in page
    assert "<html" not in page
    TrainingRun.objects.filter(pk=run.pk).update(
        status="failed",
        finished_at=now(),
        error="The butter is missing.",
        log_tail="step 1\nerror: The butter is missing.",
    )
    answer = client.get(f"/runs/{run.pk}/live", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "every 2s" not in page
    for words in ("The butter is missing.", "Kept:", "What to do:", "Retry this run"):
        assert words in page


def test_the_list_by_organisation_and_by_project(client, alice, run, project):
    _sign_in(client, alice)
    assert f"/runs/{run.pk}/" in client.get("/runs/").content.decode()
    assert f"/runs/{run.pk}/" in client.get(f"/projects/{project.pk}/runs/").content.decode()


def test_buttons_cancel_and_retry(client, alice, run):
    _sign_in(client, alice)
    assert client.post(f"/runs/{run.pk}/cancel").status_code == 302
    assert "Cancelled" in client.get(f"/runs/{run.pk}/").content.decode()
    assert client.post(f"/runs/{run.pk}/retry").status_code == 302
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
    assert client.get(f"/runs/{run.pk}/cancel").status_code == 405


def test_the_summary_says_when_training_is_due_and_why_it_cannot_start(client, alice, project):
    _sign_in(client, alice)
    project.retrain_after = 100
    project.save()
    page = client.get(f"/projects/{project.pk}/runs/summary").content.decode()
    assert "0 of 100" in page
    assert "needs 20 judgements" in page
    assert client.post(f"/projects/{project.pk}/runs/start").status_code == 409


def test_start_training_queues_the_chain_and_shows_it(client, alice, judged_project):
    _sign_in(client, alice)
    assert "Start training" in client.get(f"/projects/{judged_project.pk}/runs/summary").content.decode()
    answer = client.post(f"/projects/{judged_project.pk}/runs/start")
    assert answer.url == f"/runs/{TrainingRun.objects.earliest('pk').pk}/"
    page = client.get(f"/projects/{judged_project.pk}/runs/summary").content.decode()
    for words in ("Reward model", "Policy (GRPO)", "Evaluation", "every 2s"):
        assert words in page


def test_an_annotator_sees_the_bar_of_sampling_and_nothing_behind_it(client, bob, alice, job, project):
    SamplingJob.objects.update(error="The engine at http://secret is down.", status="running", done=3, total=9)
    page = _sign_in(client, bob).get(f"/projects/{project.pk}/sampling/progress").content.decode()
    assert "3 of 9" in page
    assert "secret" not in page
    assert "Stop writing" not in page
    page = _sign_in(client, alice).get(f"/projects/{project.pk}/sampling/progress").content.decode()
    assert "secret" in page
    assert "Stop writing" in page
    page = _sign_in(client, alice).get(f"/projects/{project.pk}/sampling/progress?at=desk").content.decode()
    assert "3 of 9" in page
    assert "secret" not in page
    assert 'progress?at=desk"' in page, "the next poll is of the desk too"


def test_a_form_for_answers_says_what_is_out_of_range(client, alice, project, base):
    _sign_in(client, alice)
    form = {"version": base.pk, "responses_per_prompt": 2, "temperature": "0", "max_tokens": 80}
    answer = client.post(f"/projects/{project.pk}/sampling/start", form)
    assert answer.status_code == 422
    assert "greater than or equal to 0.1" in answer.content.decode()


def test_the_form_of_a_project_without_a_model_starts_with_preparing_one(client, alice, project):
    from labeling.services import create_prompt

    create_prompt(project=project, messages="Question?")
    _sign_in(client, alice)
    assert "a base model is prepared first" in client.get(f"/projects/{project.pk}/sampling/progress").content.decode()
    form = {"responses_per_prompt": 2, "temperature": "0.9", "max_tokens": 80}
    assert client.post(f"/projects/{project.pk}/sampling/start", form).status_code == 302
    assert SamplingJob.objects.get().after.recipe == "prepare_base"
    assert (
        "as soon as the first model is ready"
        in client.get(f"/projects/{project.pk}/sampling/progress").content.decode()
    )


def test_another_organisations_runs_and_jobs_are_not_there(client, charlie, alice, run, job, project):
    _sign_in(client, charlie)
    gets = [f"/runs/{run.pk}/", f"/runs/{run.pk}/live", f"/projects/{project.pk}/runs/"]
    gets += [f"/projects/{project.pk}/runs/summary", f"/projects/{project.pk}/sampling/progress"]
    posts = [f"/runs/{run.pk}/cancel", f"/runs/{run.pk}/retry", f"/sampling/{job.pk}/cancel"]
    posts += [f"/projects/{project.pk}/runs/start", f"/projects/{project.pk}/sampling/start"]
    assert {client.get(path).status_code for path in gets} == {404}
    assert {client.post(path).status_code for path in posts} == {404}
    assert f"/runs/{run.pk}/" not in client.get("/runs/").content.decode()
    headers = _token(charlie)
    for path in (f"runs/{run.pk}", f"projects/{project.pk}/sample"):
        assert client.get(f"/api/v1/{path}", headers=headers).status_code == 404
    for path in (f"runs/{run.pk}/cancel", f"runs/{run.pk}/retry", f"projects/{project.pk}/sample"):
        assert client.post(f"/api/v1/{path}", {}, "application/json", headers=headers).status_code == 404
    new = {"project": project.pk, "recipe": "prepare_base"}
    assert client.post("/api/v1/runs", new, "application/json", headers=headers).status_code == 404
    assert client.get("/api/v1/runs", headers=headers).json()["results"] == []


def test_the_role_that_looks_may_not_start_or_cancel(client, bob, run, project):
    _sign_in(client, bob)
    assert client.get(f"/runs/{run.pk}/").status_code == 403
    assert client.post(f"/runs/{run.pk}/cancel").status_code == 403
    headers = _token(bob)
    assert client.get("/api/v1/runs", headers=headers).status_code == 403


def test_the_api_starts_reads_cancels_and_retries(client, alice, project):
    headers = _token(alice)
    body = {"project": project.pk, "recipe": "prepare_base", "config": {"source": "package"}}
    answer = client.post("/api/v1/runs", body, "application/json", headers=headers)
    assert answer.status_code == 201
    run = answer.json()["results"][0]
    assert (run["status"], run["recipe"], run["config"]) == ("queued", "prepare_base", {"source": "package"})
    assert client.get(f"/api/v1/runs/{run['id']}", headers=headers).json()["id"] == run["id"]
    assert client.get(f"/api/v1/runs?project={project.pk}", headers=headers).json()["results"][0]["id"] == run["id"]
    assert client.get("/api/v1/runs?project=999999", headers=headers).json()["results"] == []
    assert client.post(f"/api/v1/runs/{run['id']}/cancel", headers=headers).json()["status"] == "cancelled"
    assert client.post(f"/api/v1/runs/{run['id']}/cancel", headers=headers).status_code == 409
    assert client.post(f"/api/v1/runs/{run['id']}/retry", headers=headers).json()["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"recipe": "prepare_base", "colour": 1}, "colour"),
        ({"recipe": "brew"}, "recipe"),
        ({"recipe": "sft"}, "demonstrations"),
        ({"recipe": "prepare_base", "config": {"base_dir": "/etc"}}, "base_dir"),
        ({"recipe": "prepare_base", "config": {"source": "/etc"}}, "ACCORD_BASE_MODEL"),
        ({"recipe": "sft", "demonstrations": [{"prompt": 3, "response": "x"}]}, "Demonstration 1"),
        ({"config": "fast"}, "config"),
    ],
)
def test_the_api_refuses_what_it_does_not_know_with_a_sentence(client, alice, project, body, says):
    answer = client.post("/api/v1/runs", {"project": project.pk} | body, "application/json", headers=_token(alice))
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]
    assert not TrainingRun.objects.exists()


def test_the_api_refuses_a_refresh_of_too_few_judgements(client, alice, project):
    answer = client.post("/api/v1/runs", {"project": project.pk}, "application/json", headers=_token(alice))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")


def test_the_api_asks_for_answers(client, alice, project, base):
    from labeling.services import create_prompt

    create_prompt(project=project, messages="Question?")
    path, headers = f"/api/v1/projects/{project.pk}/sample", _token(alice)
    assert client.post(path, {"temprature": 1}, "application/json", headers=headers).status_code == 422
    answer = client.post(path, {"max_tokens": 20}, "application/json", headers=headers)
    assert (answer.status_code, answer.json()["version"], answer.json()["max_tokens"]) == (202, base.pk, 20)
    assert client.get(path, headers=headers).json()["results"][0]["id"] == answer.json()["id"]


def test_a_hundred_thousand_steps_are_read_at_a_few_hundred_places(tmp_path, monkeypatch):
    with (tmp_path / "metrics.jsonl").open("w") as file:
        for step in range(1, 100_001):
            line = {"step": step, "total": 200_000, "seconds": step / 10, "figures": {"loss": 1 / step, "reward": step}}
            file.write(json.dumps(line) + "\n")
        file.write('{"step": 100001, "tot')  # being written
    parsed = []
    monkeypatch.setattr(
        "training.metrics.json.loads", lambda text: parsed.append(text) or json.JSONDecoder().decode(text.decode())
    )
    curves = read_curves(tmp_path)
    assert len(parsed) <= POINTS + 50, "it read the whole file"
    assert set(curves) == {"loss", "reward"}
    assert POINTS / 2 < len(curves["loss"]) <= POINTS + 50
    assert curves["loss"][0] == (1, 1.0)
    assert curves["reward"][-1][0] > 99_900
    assert curves["reward"] == sorted(curves["reward"])
    progress = read_progress(tmp_path)
    assert (progress.step, progress.seconds_left) == (100_000, pytest.approx(10_000))


def test_progress_of_a_run_that_has_written_nothing_or_rubbish_is_nothing(tmp_path):
    assert read_progress(tmp_path).step == 0
    (tmp_path / "metrics.jsonl").write_bytes(b'\xff\x00\n[1, 2]\n{"step": 1}\n')
    assert read_progress(tmp_path).total == 0
    assert read_curves(tmp_path) == {}


def test_the_chain_beside_a_run_that_ended_is_asked_for_until_all_have_ended(client, alice, project, run):
    chain = uuid.uuid4()
    TrainingRun.objects.filter(pk=run.pk).update(status="succeeded", finished_at=now(), chain_id=chain)
    other = services.create_run(project=project, by=alice, recipe="prepare_base", after=run, chain_id=chain)
    _sign_in(client, alice)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert f'hx-get="/runs/{run.pk}/chain"' in page
    part = client.get(f"/runs/{run.pk}/chain", headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" in part
    assert "<html" not in part
    TrainingRun.objects.filter(pk=other.pk).update(status="succeeded", finished_at=now())
    assert "every 2s" not in client.get(f"/runs/{run.pk}/").content.decode()


def test_a_run_tells_every_setting_and_which_ones_were_changed(client, alice, run):
    _sign_in(client, alice)
    assert "they are listed when it has started" in client.get(f"/runs/{run.pk}/").content.decode()
    settings = {
        "revision": {"value": "main", "default": None}, "steps": {"value": 10, "default": 10},
        "base_dir": {"value": "/somewhere"},
    }  # fmt: skip
    (run.directory / "settings.json").write_text(json.dumps(settings))
    TrainingRun.objects.filter(pk=run.pk).update(started_at=now())
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert page.count(">changed<") == 1
    assert page.index(">revision<") < page.index(">steps<")
    assert "/somewhere" not in page


def test_figures_are_told_by_their_names_and_the_inner_ones_apart(client, alice, run):
    figures = {"train_votes": 240, "prior_precision_text": 55108.987, "loss": 1.23456}
    TrainingRun.objects.filter(pk=run.pk).update(status="succeeded", finished_at=now(), result={"figures": figures})
    _sign_in(client, alice)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "Comparisons learnt from" in page
    assert "1.23 nats a token" in page
    assert page.index("55,109") > page.index("All figures")


def test_a_reward_models_curve_is_its_accuracy_with_its_interval_beside_length_alone(run):
    lines = [
        {
            "step": votes, "total": 40, "seconds": 1.0, "stage": "learning curve",
            "figures": {"accuracy": 0.6, "accuracy_low": 0.5, "accuracy_high": 0.7, "length_baseline": 0.55},
        }
        for votes in (10, 20, 40)
    ]  # fmt: skip
    (run.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    [chart] = draw_curves(read_curves(run.directory))
    assert chart.series[0]["points"][0] == (10, 0.6, 0.5, 0.7)
    assert chart.series[1]["points"][-1] == (40, 0.55)
    assert chart.x_label == "judgements learnt from"


def test_after_a_promotion_the_overview_offers_answers_of_the_new_version(client, alice, project, tmp_path, job):
    old = make_version(alice, project.pk, tmp_path)
    new = make_version(alice, project.pk, tmp_path, parent=old)
    promote_version(version=old, by=alice, to_stage="production", reason="first")
    finished = {"status": "succeeded", "finished_at": now(), "total": 1, "done": 1}
    SamplingJob.objects.filter(pk=job.pk).update(version=old, **finished)
    _sign_in(client, alice)
    address = f"/projects/{project.pk}/sampling/progress"
    assert "is in production now" not in client.get(address).content.decode()
    open_the_gate(new)
    promote_version(version=new, by=alice, to_stage="production", reason="better")
    assert f"Write answers with {new.name}" in client.get(address).content.decode()
    assert f"Write answers with {new.name}" not in client.get(f"{address}?at=desk").content.decode()
    sent = {"version": new.pk, "responses_per_prompt": 2, "temperature": 0.9, "max_tokens": 96}
    assert client.post(f"/projects/{project.pk}/sampling/start", sent).status_code == 302
    assert SamplingJob.objects.latest("pk").version == new


def _upload(client, project, content: bytes):
    file = SimpleUploadedFile("demonstrations.ndjson", content)
    return client.post(f"/projects/{project.pk}/runs/fine-tune", {"demonstrations": file})


def test_fine_tuning_from_the_page_prepares_a_base_model_first_where_there_is_none(client, alice, project):
    _sign_in(client, alice)
    assert "Fine-tune on demonstrations" in client.get(f"/projects/{project.pk}/runs/").content.decode()
    messages = [{"role": "user", "content": "Tea?"}]
    rows = [{"prompt": "Eggs?", "response": "Boil them."}, {"prompt": messages, "response": "é"}]
    answer = _upload(client, project, "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
    base, tuned = TrainingRun.objects.order_by("pk")
    assert answer.url == f"/runs/{tuned.pk}/"
    assert (base.recipe, tuned.recipe, tuned.after, tuned.chain_id) == ("prepare_base", "sft", base, base.chain_id)
    assert len((tuned.directory / "demonstrations.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\n", "holds no line"), (b'{"prompt": "a", "response": "b"}\nnot json', "Line 2 is not a JSON object"),
        (b'{"prompt": "a"}', "Row 1 has no prompt"), (b"\xff", "Line 1"), (b"", "empty"),
    ],
)  # fmt: skip
def test_demonstrations_that_cannot_be_used_are_refused_beside_their_field(client, alice, project, content, why):
    _sign_in(client, alice)
    answer = _upload(client, project, content)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_who_may_not_start_runs_is_offered_no_fine_tuning(client, organisation, project):
    _sign_in(client, make_member(organisation, "vera@example.org", "viewer"))
    assert "Fine-tune" not in client.get(f"/projects/{project.pk}/runs/").content.decode()
    assert _upload(client, project, b"{}").status_code == 403


def test_training_again_on_nothing_new_is_offered_and_said(client, alice, judged_project, base):
    run = services.create_run(project=judged_project, by=alice, recipe="prepare_base")
    TrainingRun.objects.filter(pk=run.pk).update(status="succeeded", finished_at=now())
    _sign_in(client, alice)
    address = f"/projects/{judged_project.pk}/runs/summary"
    assert "No judgement has come" not in client.get(address).content.decode()
    services.start_refresh(project=judged_project, by=alice, why="")
    TrainingRun.objects.filter(chain_id__isnull=False).update(status="succeeded", finished_at=now())
    page = client.get(address).content.decode()
    assert "No judgement has come since the last training" in page
    assert "disabled" not in page
