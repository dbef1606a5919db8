"""Celery's side: each loads by id and calls one service."""

from celery import shared_task

from training import services, triggers

HOUR, DAY = 3600, 86400


# A run that outlasts the limit is taken up again by the sweeper, from its checkpoint.
@shared_task(soft_time_limit=14 * DAY, time_limit=14 * DAY + 60)
def execute_run_task(run_id: int) -> None:
    if run := services.claim_run(run_id=run_id):
        services.execute_run(run=run)


# On a queue of its own: the same claim, heartbeat and fence.
@shared_task(soft_time_limit=6 * HOUR, time_limit=6 * HOUR + 60)
def execute_refit_task(run_id: int) -> None:
    if run := services.claim_run(run_id=run_id):
        services.execute_run(run=run)


@shared_task(soft_time_limit=50, time_limit=60)
def sweep_runs_task() -> None:
    services.sweep_runs()


@shared_task(soft_time_limit=DAY, time_limit=DAY + 60)
def run_sampling_task(job_id: int) -> None:
    if job := services.claim_sampling(job_id=job_id):
        services.run_sampling(job=job)


@shared_task(soft_time_limit=50, time_limit=60)
def sweep_sampling_task() -> None:
    services.sweep_sampling()


@shared_task(soft_time_limit=15 * 60, time_limit=16 * 60)
def execute_scoring_task(job_id: int) -> None:
    if job := services.claim_scoring(job_id=job_id):
        services.execute_scoring(job=job)


@shared_task(soft_time_limit=50, time_limit=60)
def sweep_scoring_task() -> None:
    services.sweep_scoring()


@shared_task(soft_time_limit=5 * 60, time_limit=6 * 60)
def start_due_retraining_task() -> None:
    triggers.start_due_retraining()


@shared_task(soft_time_limit=5 * 60, time_limit=6 * 60)
def start_due_refits_task() -> None:
    triggers.start_due_refits()


@shared_task(soft_time_limit=5 * 60, time_limit=6 * 60)
def start_due_body_runs_task() -> None:
    triggers.start_due_body_runs()


@shared_task(soft_time_limit=5 * 60, time_limit=6 * 60)
def prune_snapshots_task() -> None:
    services.prune_refit_snapshots()
