"""What a project says of its reward model reaches every run that trains one."""

import uuid

import pytest

from labeling.models import Project
from labeling.services import axis_is_judged, lease_next, make_item, submit_judgement, update_project
from training import services
from training.errors import NotReady
from training.models import TrainingRun
from training.recipes.reward_model import Config
from training.services.build_config import build_config

pytestmark = pytest.mark.django_db
AXES = {"comparison": {"axes": [{"name": "true", "word": "Which is true?"}]}}
CHOSEN = {"axis_weights": {"overall": 1.0, "true": 0.5}, "remove_length": True}


@pytest.fixture
def unjudged(judged_project, base, alice) -> Project:
    """An axis counts that was added after everything had been judged."""
    return update_project(project=judged_project, by=alice, design=AXES, **CHOSEN)


def judge_the_axis(project: Project, *, held_out: bool = False) -> None:
    said = project.comparisons.filter(item__prompt__held_out=held_out).earliest("pk")
    said.axes = {"true": {"choice": "tie"}}
    said.save(update_fields=["axes"])


@pytest.fixture
def chosen(unjudged) -> Project:
    judge_the_axis(unjudged)
    return unjudged


@pytest.mark.parametrize("start", [services.start_refit, services.start_body_run, services.start_refresh])
def test_an_axis_that_counts_and_that_nobody_judged_starts_nothing_and_says_so(unjudged, alice, start):
    judge_the_axis(unjudged, held_out=True)
    with pytest.raises(NotReady, match="'true' counts in the reward, and nobody has judged it yet"):
        start(project=unjudged, by=alice, why="")
    assert not TrainingRun.objects.exists()
    judge_the_axis(unjudged)
    start(project=unjudged, by=alice, why="")


def test_the_project_page_says_why_no_refit_will_come_not_how_many_judgements_are_left(
    judged_project, base, alice, client
):
    project = update_project(project=judged_project, by=alice, selection_policy="soft4")
    services.start_refit(project=project, by=alice, why="")
    TrainingRun.objects.update(status="succeeded", finished_at=project.created_at)
    client.force_login(alice.user)
    address = f"/projects/{project.pk}/runs/summary"
    count = "0 of 20 new judgements until the next refit"
    assert count in client.get(address).text
    update_project(project=project, by=alice, design=AXES, **CHOSEN)
    page = client.get(address).text
    assert "counts in the reward, and nobody has judged it yet" in page[: page.index('class="actions"')]
    assert count not in page
    judge_the_axis(project)
    assert count in client.get(address).text


def test_an_axis_of_ratings_is_judged_by_a_rating(unjudged, alice, bob):
    axes = [{"name": "true", "word": "How true?", "low": 1, "high": 5}]
    project = update_project(project=unjudged, by=alice, design={"rating": {"axes": axes}})
    assert not axis_is_judged(project, "true")
    prompt = project.prompts.filter(held_out=False, responses__isnull=False).first()
    item, _ = make_item(
        project=project,
        prompt=prompt,
        responses=[prompt.responses.first()],
        kind="rating",
        policy="manager",
        priority=9,
    )
    assignment = lease_next(project=project, by=bob)
    assert assignment.item_id == item.pk
    submit_judgement(
        assignment=assignment, by=bob, client_id=uuid.uuid4(), said={"kind": "rating", "scores": {"true": 4}}
    )
    assert axis_is_judged(project, "true")


def test_refits_trainings_and_bodies_are_given_them_alike(chosen, alice):
    refit = services.start_refit(project=chosen, by=alice, why="")
    body = services.start_body_run(project=chosen, by=alice, why="")
    first, *others = services.start_refresh(project=chosen, by=alice, why="")
    assert refit.config == {"method": "features"} | CHOSEN
    assert refit.is_refit
    assert body.config == {"method": "lora"} | CHOSEN
    assert first.config == CHOSEN
    assert [run.config for run in others] == [{}, {}], "they stand on the reward model, and weigh nothing themselves"


def test_what_a_person_gives_a_run_comes_first(chosen, alice):
    given = {"remove_length": False, "strength": "margin"}
    (run,) = services.start_runs(project=chosen, by=alice, recipe="reward_model", config=given)
    assert run.config == CHOSEN | given


def test_a_run_works_with_what_the_project_said_when_it_was_queued(chosen, alice):
    run = services.start_refit(project=chosen, by=alice, why="")
    update_project(project=chosen, by=alice, axis_weights={}, remove_length=False, strength="margin")
    run = TrainingRun.objects.select_related("project", "snapshot").get(pk=run.pk)
    config = Config(**build_config(run))
    assert (config.axis_weights, config.remove_length, config.strength) == (CHOSEN["axis_weights"], True, "scaled")
