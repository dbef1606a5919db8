"""Runs and sampling at /api/v1."""

from django.urls import URLPattern, URLResolver, path

from training.api import reward_model, scoring, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("runs", views.RunList.as_view(), name="api-run-list"),
    path("runs/<int:run_id>", views.RunDetail.as_view(), name="api-run"),
    path("runs/<int:run_id>/cancel", views.RunCancel.as_view(), name="api-run-cancel"),
    path("runs/<int:run_id>/retry", views.RunRetry.as_view(), name="api-run-retry"),
    path("versions/<int:version_id>/score", scoring.VersionScore.as_view(), name="api-version-score"),
    path("versions/<int:version_id>/score/<int:job_id>", scoring.VersionScores.as_view(), name="api-version-scores"),
    path("projects/<int:project_id>/time-to-model", views.ProjectTimeToModel.as_view(), name="api-time-to-model"),
    path("projects/<int:project_id>/reward-model", reward_model.ProjectRewardModel.as_view(), name="api-reward-model"),
    path("projects/<int:project_id>/train-body", reward_model.TrainBody.as_view(), name="api-train-body"),
    path("projects/<int:project_id>/sample", views.ProjectSample.as_view(), name="api-project-sample"),
]
