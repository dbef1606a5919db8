"""Scores of a reward model over the API: asked, waited for, refused."""

import sys
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.permissions import Role
from models_registry.models import ModelVersion
from models_registry.services import artifact_path
from tests.cast import make_member
from tests.labeling.conftest import Api
from tests.models_registry.making import make_version
from tests.training.workers import scoring_worker
from training import services
from training.models import RunStatus, ScoringJob

limits = sys.modules["training.services.start_scoring"]  # the package has a function of the name

PAIR = {"prompt": "How long for an egg?", "response_a": "Three minutes.", "response_b": "Ask a hen."}
MESSAGES = [{"role": "user", "content": "How long for an egg?"}]


def make_scorer(by, project, base, tmp_path, directory) -> ModelVersion:
    """What is in the directory, registered as a reward model."""
    given = {"kind": "reward_model", "method": "features", "name": "Scorer v{number}"}
    return make_version(by, project.pk, tmp_path, artifact_dir=directory, base=base, **given)


@pytest.fixture
def scorer(judged_project, base, alice) -> ModelVersion:
    """A reward model that a real run has made."""
    run = services.start_runs(project=judged_project, by=alice, recipe="reward_model")[-1]
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    services.execute_run(run=claimed)
    return ModelVersion.objects.get(run_id=run.pk)


@pytest.fixture
def shell(alice, project, base, tiny_model, tmp_path) -> ModelVersion:
    """What is registered as a reward model, for whoever does not come to load it."""
    return make_scorer(alice, project, base, tmp_path, tiny_model)


@pytest.fixture
def worker():
    """Takes scoring jobs as they come, in a thread of its own."""
    with scoring_worker(lambda job: services.execute_scoring(job=job)):
        yield


@pytest.mark.django_db(transaction=True)
def test_pairs_and_lists_are_scored_while_the_call_waits(scorer, alice, worker):
    lists = [{"prompt": MESSAGES, "responses": ["Three minutes.", "Ask a hen.", ""]}]
    answer = Api(alice).post(f"/versions/{scorer.pk}/score", {"pairs": [PAIR, PAIR], "lists": lists})
    assert answer.status_code == 200, answer.json()
    told = answer.json()
    first, again = told["pairs"]
    assert first == again
    assert first["difference"] == pytest.approx(first["response_a"]["mean"] - first["response_b"]["mean"], abs=1e-3)
    assert 0 < first["probability_a"] < 1
    assert (first["probability_a"] > 0.5) == (first["difference"] > 0)
    assert first["response_a"]["sd"] > 0
    (listed,) = told["lists"]
    shares = [answer.pop("share") for answer in listed["responses"]]
    assert sum(shares) == pytest.approx(1.5, abs=1e-5)
    assert listed["responses"][:2] == [first["response_a"], first["response_b"]]
    assert len(listed["responses"]) == 3
    assert not any([listed["prompt_cut"], first["prompt_cut"], *(answer["cut"] for answer in listed["responses"])])
    job = ScoringJob.objects.get()
    assert job.request == {}, "what was sent is not kept"
    assert not job.directory.exists()


@pytest.mark.django_db
def test_a_call_that_does_not_wait_is_told_where_to_look(shell, alice):
    api = Api(alice)
    answer = api.post(f"/versions/{shell.pk}/score", {"pairs": [PAIR], "wait_seconds": 0})
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"
    address = answer.headers["Location"]
    assert address == f"/api/v1/versions/{shell.pk}/score/{answer.json()['id']}"
    assert answer.headers["Retry-After"] == "2"
    assert api.get(address.removeprefix("/api/v1")).status_code == 202
    scored = {"mean": 0.5, "sd": 0.1, "cut": True, "share": None}
    scores = {"pairs": [], "lists": [{"responses": [scored], "prompt_cut": False}]}
    ScoringJob.objects.update(status="succeeded", result=scores, finished_at=now())
    answer = api.get(address.removeprefix("/api/v1"))
    assert (answer.status_code, answer.json()["lists"]) == (200, scores["lists"])


@pytest.mark.django_db
def test_a_failure_is_told_with_its_sentence(shell, alice):
    """What is registered here is no reward model at all; the recipe says so."""
    api = Api(alice)
    job_id = api.post(f"/versions/{shell.pk}/score", {"pairs": [PAIR], "wait_seconds": 0}).json()["id"]
    services.execute_scoring(job=services.claim_scoring(job_id=job_id))
    answer = api.get(f"/versions/{shell.pk}/score/{job_id}")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "scoring_failed"
    assert "reward_model.json is missing" in answer.json()["error"]["message"]


@pytest.mark.django_db
def test_a_version_that_is_no_reward_model_is_refused(base, alice):
    answer = Api(alice).post(f"/versions/{base.pk}/score", {"pairs": [PAIR]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_reward_model")
    assert "only reward models score" in answer.json()["error"]["message"]


@pytest.mark.django_db
def test_a_version_whose_artifact_was_changed_is_refused(shell, alice):
    file = next(artifact_path(shell).glob("*.safetensors"))
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        answer = Api(alice).post(f"/versions/{shell.pk}/score", {"pairs": [PAIR]})
    finally:
        file.write_bytes(content)
        file.chmod(0o444)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "artifact_damaged")
    assert not ScoringJob.objects.exists()


@pytest.mark.django_db
def test_annotators_and_outsiders_see_no_scores(shell, alice, bob, charlie, organisation):
    api = Api(alice)
    job_id = api.post(f"/versions/{shell.pk}/score", {"pairs": [PAIR], "wait_seconds": 0}).json()["id"]
    reviewer = make_member(organisation, "rita@example.org", Role.REVIEWER)
    for member in (bob, reviewer):
        assert Api(member).post(f"/versions/{shell.pk}/score", {"pairs": [PAIR]}).status_code == 403
        assert Api(member).get(f"/versions/{shell.pk}/score/{job_id}").status_code == 403
    assert Api(charlie).post(f"/versions/{shell.pk}/score", {"pairs": [PAIR]}).status_code == 404
    assert Api(charlie).get(f"/versions/{shell.pk}/score/{job_id}").status_code == 404
    assert Api(alice, scopes=["view_runs"]).get(f"/versions/{shell.pk}/score/{job_id}").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "nothing to score"),
        ({"pairs": [], "lists": []}, "nothing to score"),
        ({"pairs": [PAIR] * 129}, "258 answers are too many"),
        ({"lists": [{"prompt": "Q?", "responses": ["a"] * 200}] * 2}, "400 answers are too many"),
        ({"pairs": [PAIR | {"response_a": "x" * 20_001}]}, "Response_a of pair 1 has 20,001 characters"),
        ({"pairs": [PAIR | {"prompt": "x" * 20_001}]}, "prompt of pair 1 has 20,001 characters"),
        ({"lists": [{"prompt": "Q?", "responses": ["x" * 19_000] * 60}]}, "1,140,002 characters are too many"),
        ({"pairs": [PAIR | {"prompt": []}]}, "needs at least one user turn"),
        ({"pairs": [PAIR | {"prompt": 7}]}, "must be text or a list of messages"),
        ({"pairs": [{"prompt": "Q?", "response_a": "a"}]}, "response_b"),
        ({"pairs": [PAIR | {"score": 1}]}, "Unknown"),
        ({"pear": [PAIR]}, "Unknown"),
        ({"pairs": [PAIR], "wait_seconds": 31}, "wait_seconds"),
        ({"lists": [{"prompt": "Q?", "responses": []}]}, "responses"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_what_to_do(shell, alice, body, why):
    answer = Api(alice).post(f"/versions/{shell.pk}/score", body)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not ScoringJob.objects.exists()


@pytest.mark.django_db
def test_an_organisation_cannot_pile_up_jobs(shell, alice, monkeypatch):
    monkeypatch.setattr(limits, "MAX_UNFINISHED", 2)
    for wanted in (202, 202, 429):
        answer = Api(alice).post(f"/versions/{shell.pk}/score", {"pairs": [PAIR], "wait_seconds": 0})
        assert answer.status_code == wanted


@pytest.mark.django_db
def test_a_lost_job_is_taken_up_again_a_few_times_and_an_old_one_forgotten(shell, alice, settings):
    job = services.start_scoring(version=shell, by=alice, pairs=[PAIR])
    for attempt in range(1, settings.RUN_MAX_ATTEMPTS + 1):
        stale = services.claim_scoring(job_id=job.pk)
        assert stale.attempts == attempt
        assert services.claim_scoring(job_id=job.pk) is None
        ScoringJob.objects.update(heartbeat_at=now() - timedelta(hours=1))
        services.sweep_scoring()
    job.refresh_from_db()
    assert (job.status, job.request) == (RunStatus.FAILED, {})
    assert "lost 3 times" in job.error
    ScoringJob.objects.update(created_at=now() - timedelta(hours=25))
    services.sweep_scoring()
    assert not ScoringJob.objects.exists()
