"""Runs under /runs, a project's training and sampling under /projects/<id>."""

from django.urls import URLPattern, URLResolver, path

from training.views import body, learning, runs, sampling, summary

urlpatterns: list[URLPattern | URLResolver] = [
    path("runs/", runs.run_list, name="run-list"),
    path("runs/<int:run_id>/", runs.run_page, name="run"),
    path("runs/<int:run_id>/live", runs.run_live, name="run-live"),
    path("runs/<int:run_id>/chain", runs.run_chain, name="run-chain"),
    path("runs/<int:run_id>/cancel", runs.run_cancel, name="run-cancel"),
    path("runs/<int:run_id>/retry", runs.run_retry, name="run-retry"),
    path("projects/<int:project_id>/runs/", runs.run_list, name="run-list"),
    path("projects/<int:project_id>/runs/summary", summary.run_summary, name="run-summary"),
    path("projects/<int:project_id>/runs/time-to-model", learning.time_to_model_part, name="time-to-model"),
    path("projects/<int:project_id>/runs/arms", learning.arms_part, name="arms"),
    path("projects/<int:project_id>/runs/start", runs.run_start, name="run-start"),
    path("projects/<int:project_id>/runs/train-body", body.train_body, name="train-body"),
    path("projects/<int:project_id>/runs/fine-tune", runs.run_fine_tune, name="run-fine-tune"),
    path("projects/<int:project_id>/sampling/progress", sampling.sampling_progress, name="sampling-progress"),
    path("projects/<int:project_id>/sampling/start", sampling.sampling_start, name="sampling-start"),
    path("sampling/<int:job_id>/cancel", sampling.sampling_cancel, name="sampling-cancel"),
]
