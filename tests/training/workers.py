"""Workers in threads, for tests whose caller waits for what a worker does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from training import services
from training.models import RunStatus, ScoringJob


@contextmanager
def scoring_worker(carry_out: Callable[[ScoringJob], object]) -> Iterator[None]:
    """Claims scoring jobs as they come, and has each carried out."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            for job_id in ScoringJob.objects.filter(status=RunStatus.QUEUED).values_list("pk", flat=True):
                if job := services.claim_scoring(job_id=job_id):
                    carry_out(job)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
