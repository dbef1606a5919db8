"""A reward model asked through the client."""

import pytest
from django.utils.timezone import now

from accord import AccordError
from tests.models_registry.making import make_version
from tests.training.workers import scoring_worker
from training.models import RunStatus, ScoringJob
from training.states import move_status

pytestmark = pytest.mark.django_db(transaction=True)

PAIR = {"prompt": "How long for an egg?", "response_a": "Three minutes.", "response_b": "Ask a hen."}
SAID = {"mean": 0.5, "sd": 0.1, "cut": False}
SCORES = {
    "pairs": [
        {
            "response_a": SAID,
            "response_b": SAID,
            "difference": 0.0,
            "difference_sd": 0.1,
            "probability_a": 0.5,
            "prompt_cut": True,
        }
    ],
    "lists": [{"responses": [SAID | {"share": 0.75}, SAID | {"share": 0.25}], "prompt_cut": True}],
}


@pytest.fixture
def answered():
    """Whatever is asked gets these scores, a little later; no model is loaded here."""
    with scoring_worker(lambda job: move_status(job, to=RunStatus.SUCCEEDED, result=SCORES, request={})):
        yield


@pytest.fixture
def scorer(alice, project, tmp_path, settings, web_files):
    settings.MODELS_DIR = web_files / "models"  # where the server looks
    return make_version(alice, project.pk, tmp_path, kind="reward_model", method="features")


def test_scores_are_waited_for(connect, alice, scorer, answered):
    client = connect(alice)
    assert client.versions.read(scorer.pk).method == "features"
    scores = client.versions.score(scorer.pk, pairs=[PAIR])
    assert (scores.version, scores.pairs, scores.lists) == (scorer.pk, SCORES["pairs"], SCORES["lists"])


def test_who_does_not_wait_is_told_so_and_refusals_are_errors(connect, alice, scorer):
    client = connect(alice)
    with pytest.raises(AccordError) as problem:
        client.versions.score(scorer.pk, pairs=[PAIR], timeout_seconds=0)
    assert problem.value.code == "timeout"
    with pytest.raises(AccordError) as problem:
        client.versions.score(scorer.pk)
    assert (problem.value.code, problem.value.status) == ("invalid", 422)
    ScoringJob.objects.update(status=RunStatus.FAILED, error="It broke.", finished_at=now())
    with pytest.raises(AccordError, match="It broke"):
        client.call("GET", f"/api/v1/versions/{scorer.pk}/score/{ScoringJob.objects.get().pk}")
