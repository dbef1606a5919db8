"""What training does. Each refuses with a sentence or changes, in one transaction."""

from training.services.cancel_run import cancel_run, retry_run
from training.services.claim_run import claim_run
from training.services.create_run import create_run
from training.services.execute_run import execute_run
from training.services.execute_scoring import claim_scoring, execute_scoring, sweep_scoring
from training.services.finish_run import finish_run
from training.services.first_version import register_engine_model
from training.services.prune_snapshots import prune_refit_snapshots
from training.services.run_sampling import claim_sampling, run_sampling
from training.services.start_body_run import start_body_run
from training.services.start_refit import start_refit
from training.services.start_refresh import start_refresh
from training.services.start_runs import start_runs
from training.services.start_sampling import cancel_sampling, start_sampling
from training.services.start_scoring import start_scoring, wait_for_scores
from training.services.sweep_runs import sweep_runs
from training.services.sweep_sampling import sweep_sampling

__all__ = [
    "cancel_run",
    "cancel_sampling",
    "claim_run",
    "claim_sampling",
    "claim_scoring",
    "create_run",
    "execute_run",
    "execute_scoring",
    "finish_run",
    "prune_refit_snapshots",
    "register_engine_model",
    "retry_run",
    "run_sampling",
    "start_body_run",
    "start_refit",
    "start_refresh",
    "start_runs",
    "start_sampling",
    "start_scoring",
    "sweep_runs",
    "sweep_sampling",
    "sweep_scoring",
    "wait_for_scores",
]
