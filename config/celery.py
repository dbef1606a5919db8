"""Celery for the worker, the trainer and beat. The rows are the truth; a message is only a hint."""

import os

from celery import Celery
from celery.schedules import schedule

from config.env import env_int

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Not from the settings: importing this package must not load them, the gateway has settings of its own.
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 10)

app = Celery("accord")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.beat_schedule = {
    "sweep runs": {"task": "training.tasks.sweep_runs_task", "schedule": schedule(SWEEP_SECONDS)},
    "sweep sampling": {"task": "training.tasks.sweep_sampling_task", "schedule": schedule(SWEEP_SECONDS)},
    "prune snapshots": {"task": "training.tasks.prune_snapshots_task", "schedule": schedule(600)},
    "sweep scoring": {"task": "training.tasks.sweep_scoring_task", "schedule": schedule(SWEEP_SECONDS)},
    "start due retraining": {
        "task": "training.tasks.start_due_retraining_task",
        "schedule": schedule(SWEEP_SECONDS),
    },
    "start due refits": {
        "task": "training.tasks.start_due_refits_task",
        "schedule": schedule(SWEEP_SECONDS),
        # Freezing may outlast the interval: what waited is one of them.
        "options": {"expires": SWEEP_SECONDS},
    },
    "start due trainings of bodies": {
        "task": "training.tasks.start_due_body_runs_task",
        "schedule": schedule(SWEEP_SECONDS),
        "options": {"expires": SWEEP_SECONDS},
    },
    "deliver webhooks": {
        "task": "webhooks.tasks.deliver_webhooks_task",
        "schedule": schedule(SWEEP_SECONDS),
        # What waited while the workers were away would pile up; one of them does it all.
        "options": {"expires": SWEEP_SECONDS},
    },
    "forget old deliveries": {"task": "webhooks.tasks.forget_deliveries_task", "schedule": schedule(300)},
    "expire leases": {"task": "labeling.tasks.expire_leases_task", "schedule": schedule(SWEEP_SECONDS)},
    "sweep imports": {"task": "labeling.tasks.sweep_imports_task", "schedule": schedule(SWEEP_SECONDS)},
    "sweep competence": {"task": "labeling.tasks.sweep_competence_task", "schedule": schedule(SWEEP_SECONDS)},
    "turn feedback into items": {
        "task": "serving.tasks.sweep_feedback_task",
        "schedule": schedule(SWEEP_SECONDS),
    },
}
