"""Labelling at /api/v1."""

from django.urls import URLPattern, URLResolver, path

from labeling.api import judging_views, project_views, snapshot_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects", project_views.ProjectList.as_view(), name="api-project-list"),
    path("projects/<int:project_id>", project_views.ProjectDetail.as_view(), name="api-project"),
    path("projects/<int:project_id>/import", project_views.ProjectImport.as_view(), name="api-project-import"),
    path("projects/<int:project_id>/items", project_views.ProjectItems.as_view(), name="api-project-items"),
    path("projects/<int:project_id>/agreement", project_views.ProjectAgreement.as_view(), name="api-agreement"),
    path("projects/<int:project_id>/export", project_views.ProjectExport.as_view(), name="api-export"),
    path("projects/<int:project_id>/next", judging_views.ProjectNext.as_view(), name="api-next"),
    path("assignments/<int:assignment_id>/judgement", judging_views.AssignmentJudgement.as_view(), name="api-judge"),
    path("assignments/<int:assignment_id>/skip", judging_views.AssignmentSkip.as_view(), name="api-skip"),
    path("assignments/<int:assignment_id>/release", judging_views.AssignmentRelease.as_view(), name="api-release"),
    path("assignments/<int:assignment_id>/report", judging_views.AssignmentReport.as_view(), name="api-report"),
    path("assignments/<int:assignment_id>/heartbeat", judging_views.AssignmentHeartbeat.as_view(), name="api-beat"),
    path("assignments/<int:assignment_id>/draft", judging_views.AssignmentDraft.as_view(), name="api-draft"),
    path("assignments/<int:assignment_id>/undo", judging_views.AssignmentUndo.as_view(), name="api-undo"),
    path("snapshots", snapshot_views.SnapshotList.as_view(), name="api-snapshot-list"),
    path("snapshots/<int:snapshot_id>", snapshot_views.SnapshotDetail.as_view(), name="api-snapshot"),
]
