"""What training does. Each refuses with a sentence or changes, in one transaction."""

from training.services.cancel_run import cancel_run, retry_run
from training.services.claim_run import claim_run
from training.services.create_run import create_run
from training.services.execute_run import execute_run
from training.services.finish_run import finish_run
from training.services.first_version import register_engine_model
from training.services.run_sampling import claim_sampling, run_sampling
from training.services.start_refit import start_refit
from training.services.start_refresh import start_refresh
from training.services.start_runs import start_runs
from training.services.start_sampling import cancel_sampling, start_sampling
from training.services.sweep_runs import sweep_runs
from training.services.sweep_sampling import sweep_sampling

__all__ = [
    "cancel_run",
    "cancel_sampling",
    "claim_run",
    "claim_sampling",
    "create_run",
    "execute_run",
    "finish_run",
    "register_engine_model",
    "retry_run",
    "run_sampling",
    "start_refit",
    "start_refresh",
    "start_runs",
    "start_sampling",
    "sweep_runs",
    "sweep_sampling",
]
