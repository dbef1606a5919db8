"""What a project says of its reward model reaches every run that trains one."""

import pytest

from labeling.models import Project
from labeling.services import update_project
from training import services
from training.models import TrainingRun
from training.recipes.reward_model import Config
from training.services.build_config import build_config

pytestmark = pytest.mark.django_db
AXES = {"comparison": {"axes": [{"name": "true", "word": "Which is true?"}]}}
CHOSEN = {"axis_weights": {"overall": 1.0, "true": 0.5}, "remove_length": True}


@pytest.fixture
def chosen(judged_project, base, alice) -> Project:
    return update_project(project=judged_project, by=alice, design=AXES, **CHOSEN)


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
