from celery import shared_task

from labeling import services
from labeling.enqueue import send_on_commit
from labeling.services import file_imports


@shared_task(soft_time_limit=60, time_limit=90)
def expire_leases_task() -> None:
    """Give back what ran out, and keep the queues quick to walk."""
    services.expire_leases()
    services.fold_reopened()
    services.carry_on_unfinished()
    services.carry_on_makings()


@shared_task(soft_time_limit=900, time_limit=960)
def carry_on_bulk_action_task(action_id: int) -> None:
    """The rest of a bulk action that a request began."""
    services.carry_on(action_id, seconds=840)


@shared_task(soft_time_limit=900, time_limit=960)
def carry_on_making_task(making_id: int) -> None:
    """The rest of the items that a request began to make."""
    services.carry_on_making(making_id, seconds=840)


@shared_task(soft_time_limit=4 * 3600, time_limit=4 * 3600 + 60)
def run_file_import_task(file_import_id: int) -> None:
    """Import one file."""
    file_imports.run_file_import(file_import_id)


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_imports_task() -> None:
    """Find imports whose message or whose worker was lost."""
    for file_import_id in file_imports.list_unfinished():
        send_on_commit(run_file_import_task, file_import_id)


@shared_task(soft_time_limit=900, time_limit=960)
def compute_competence_task(report_id: int) -> None:
    """What the labels of one project say of its annotators."""
    services.compute_competence(report_id)


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_competence_task() -> None:
    """Find reports whose message or whose worker was lost."""
    for report_id in services.sweep_competence():
        send_on_commit(compute_competence_task, report_id)
