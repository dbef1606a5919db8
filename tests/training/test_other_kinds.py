"""Projects that have only ratings, or only rankings: what they may start, and what they are told."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Membership
from labeling.models import Comparison, Judgement, Project, Prompt, Rating
from labeling.services import (
    count_preferences,
    count_ratings,
    import_records,
    lease_next,
    make_items,
    ratings_differ,
    submit_judgement,
    update_project,
)
from models_registry.models import Evaluation, ModelVersion
from tests.labeling.conftest import Api
from training import services
from training.errors import NotReady
from training.models import RunStatus, TrainingRun
from training.triggers import start_due_refits, start_due_retraining

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind_of_project(project, alice):
    """Makes it a project of one kind, with 40 prompts of three answers each."""

    def make(kind: str) -> Project:
        update_project(project=project, by=alice, design={"kind": kind})
        project.refresh_from_db()
        texts = ["Yes.", "It may well be.", "That depends on a great many things."]
        lines = [{"prompt": f"Question {n}?", "responses": [{"text": f"{t} {n}"} for t in texts]} for n in range(40)]
        import_records(project=project, by=alice, lines=[json.dumps(line).encode() for line in lines], make_items=False)
        make_items(project=project, by=alice, kind=kind)
        return project

    return make


def judge_all(project: Project, by: Membership, said: Callable[[list[str]], dict[str, Any]], most: int = 1000) -> None:
    for _ in range(most):
        held = lease_next(project=project, by=by)
        if held is None:
            return
        placed = {one.position: one.response.text for one in held.item.item_responses.select_related("response")}
        texts = [placed[position] for position in held.shown_order]
        submit_judgement(assignment=held, by=by, client_id=uuid4(), said=said(texts))


def by_length(texts: list[str]) -> dict[str, Any]:
    """Short answers are good ones."""
    if len(texts) == 1:
        return {"scores": {"quality": 5 if len(texts[0]) < 10 else 3 if len(texts[0]) < 25 else 1}}
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    return {"ranks": {"abc"[place]: order.index(place) + 1 for place in range(len(texts))}}


def all_alike(texts: list[str]) -> dict[str, Any]:
    return {"scores": {"quality": 4}} if len(texts) == 1 else {"ranks": dict.fromkeys("abc"[: len(texts)], 1)}


@pytest.mark.parametrize("kind", ["rating", "ranking"])
def test_training_starts_from_one_kind_alone_however_it_is_started(kind_of_project, alice, bob, base, client, kind):
    project = kind_of_project(kind)
    judge_all(project, bob, by_length)
    Project.objects.filter(pk=project.pk).update(retrain_after=20, refit_after=20)
    assert len(start_due_refits()) == 1
    assert len(start_due_retraining()) == 3
    ended = {"status": RunStatus.FAILED, "finished_at": project.created_at}
    TrainingRun.objects.update(**ended)
    client.force_login(alice.user)
    page = client.get(f"/projects/{project.pk}/runs/summary")
    assert "Start training" in page.content.decode()
    assert "<button disabled" not in page.content.decode()
    assert client.post(f"/projects/{project.pk}/runs/start").status_code == 302
    TrainingRun.objects.update(**ended)
    assert Api(alice).post("/runs", {"project": project.pk}).status_code == 201


@pytest.mark.parametrize("kind", ["rating", "ranking"])
def test_a_refit_learns_from_one_kind_alone_and_is_measured(kind_of_project, alice, bob, base, kind):
    project = kind_of_project(kind)
    judge_all(project, bob, by_length)
    run = services.claim_run(run_id=services.start_refit(project=project, by=alice, why="").pk)
    assert run is not None
    services.execute_run(run=run)
    run.refresh_from_db()
    assert run.status == RunStatus.SUCCEEDED, run.error
    version = ModelVersion.objects.get(run_id=run.pk)
    assert Evaluation.objects.get(version=version, metric="reward_model_accuracy").value > 0.6


def test_too_few_say_how_many_there_are_as_judgements_not_as_pairs(kind_of_project, alice, bob):
    project = kind_of_project("ranking")
    judge_all(project, bob, by_length, most=9)
    held_out = Judgement.objects.filter(item__prompt__held_out=True).count()
    with pytest.raises(NotReady, match=f"needs 20 judgements.*there are {9 - held_out}. Judge {11 + held_out} more"):
        services.start_refresh(project=project, by=alice, why="")


@pytest.mark.parametrize(
    ("kind", "sentence"), [("rating", "All ratings so far are alike"), ("ranking", "there are 0. Judge 20 more")]
)
def test_what_tells_no_answer_from_another_is_refused(kind_of_project, alice, bob, kind, sentence):
    project = kind_of_project(kind)
    judge_all(project, bob, all_alike)
    with pytest.raises(NotReady, match=sentence):
        services.start_refresh(project=project, by=alice, why="")
    answer = Api(alice).post("/runs", {"project": project.pk})
    assert answer.status_code == 409
    assert sentence in answer.json()["error"]["message"]


def test_held_out_ratings_of_two_people_are_no_measure_of_each_other(kind_of_project, alice, bob):
    project = kind_of_project("rating")
    Prompt.objects.update(held_out=False)
    judge_all(project, bob, by_length)
    with pytest.raises(NotReady, match="Nobody has rated two answers on held-out prompts differently"):
        services.start_refresh(project=project, by=alice, why="")
    best = Rating.objects.filter(scores__quality=5).first()
    worst = Rating.objects.filter(scores__quality=1).exclude(item__prompt=best.item.prompt).first()
    Prompt.objects.filter(pk__in=[best.item.prompt_id, worst.item.prompt_id]).update(held_out=True)
    own = Rating.objects.filter(item__prompt__held_out=True)
    own.exclude(pk__in=[best.pk, worst.pk]).delete()
    assert ratings_differ(project, held_out=True)
    Rating.objects.filter(pk=worst.pk).update(annotator=alice.user)
    assert not ratings_differ(project, held_out=True)


def test_ratings_on_scales_that_the_project_no_longer_has_do_not_count(kind_of_project, alice, bob):
    project = kind_of_project("rating")
    judge_all(project, bob, by_length)
    axis = {"name": "style", "word": "How is the style?"}
    Project.objects.filter(pk=project.pk).update(design={"kind": "rating", "rating": {"axes": [axis]}})
    project.refresh_from_db()
    assert count_ratings(project, held_out=False, limit=5) == 0


def test_comparisons_and_ratings_count_together(judged_project, alice, bob):
    Comparison.objects.exclude(pk__in=Comparison.objects.order_by("pk").values("pk")[:15]).delete()
    preferred = count_preferences(judged_project, held_out=False, limit=20)
    assert 0 < preferred < 20
    with pytest.raises(NotReady, match=f"there are {preferred}"):
        services.start_refresh(project=judged_project, by=alice, why="")
    make_items(project=judged_project, by=alice, kind="rating")
    judge_all(judged_project, bob, lambda texts: {"choice": "a"} if len(texts) > 1 else by_length(texts))
    assert services.start_refresh(project=judged_project, by=alice, why="")
