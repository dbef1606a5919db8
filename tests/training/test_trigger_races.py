"""Several who look whether something is due at the same moment: each thread with a connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from labeling.models import Project, Snapshot
from training.models import TrainingRun
from training.triggers import start_due_body_runs, start_due_refits

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*triggers: Callable[[], list[TrainingRun]]) -> list[TrainingRun]:
    """Pull all triggers together; what they say that they started."""
    barrier = threading.Barrier(len(triggers))

    def pull(trigger: Callable[[], list[TrainingRun]]) -> list[TrainingRun]:
        try:
            barrier.wait(30)
            return trigger()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(triggers)) as pool:
        return [run for started in pool.map(pull, triggers) for run in started]


def test_of_four_triggers_at_once_one_trains_the_body(judged_project, base):
    Project.objects.update(train_body_after=50)
    started = at_once(*[start_due_body_runs] * 4)
    assert started == list(TrainingRun.objects.all())
    assert [run.config for run in started] == [{"method": "lora"}]
    assert Snapshot.objects.count() == 1


def test_of_four_triggers_at_once_one_refits_and_prepares_the_base_for_it(judged_project):
    Project.objects.update(selection_policy="v_optimal")
    (refit,) = at_once(*[start_due_refits] * 4)
    assert Counter(TrainingRun.objects.values_list("recipe", flat=True)) == {"prepare_base": 1, "reward_model": 1}
    assert refit.after.recipe == "prepare_base"
