"""Labelling at /api/v1."""

from django.urls import URLPattern, URLResolver, path

from labeling.api import (
    competence_views,
    contradiction_views,
    judging_views,
    making_views,
    project_views,
    queue_views,
    review_views,
    snapshot_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    # First, because patterns are tried in turn and most requests are of the desk.
    path("assignments/<int:assignment_id>/judgement", judging_views.AssignmentJudgement.as_view(), name="api-judge"),
    path("projects/<int:project_id>/next", judging_views.ProjectNext.as_view(), name="api-next"),
    path("assignments/<int:assignment_id>/skip", judging_views.AssignmentSkip.as_view(), name="api-skip"),
    path("assignments/<int:assignment_id>/release", judging_views.AssignmentRelease.as_view(), name="api-release"),
    path("assignments/<int:assignment_id>/report", judging_views.AssignmentReport.as_view(), name="api-report"),
    path("assignments/<int:assignment_id>/heartbeat", judging_views.AssignmentHeartbeat.as_view(), name="api-beat"),
    path("assignments/<int:assignment_id>/draft", judging_views.AssignmentDraft.as_view(), name="api-draft"),
    path("assignments/<int:assignment_id>/undo", judging_views.AssignmentUndo.as_view(), name="api-undo"),
    path("projects", project_views.ProjectList.as_view(), name="api-project-list"),
    path("projects/<int:project_id>", project_views.ProjectDetail.as_view(), name="api-project"),
    path("projects/<int:project_id>/import", project_views.ProjectImport.as_view(), name="api-project-import"),
    path("projects/<int:project_id>/items", making_views.ProjectItems.as_view(), name="api-project-items"),
    path("projects/<int:project_id>/items/count", making_views.ItemCount.as_view(), name="api-item-count"),
    path("item-makings/<int:making_id>", making_views.ItemMakingDetail.as_view(), name="api-item-making"),
    path("item-makings/<int:making_id>/cancel", making_views.ItemMakingCancel.as_view(), name="api-item-making-cancel"),
    path("projects/<int:project_id>/queue", queue_views.ProjectQueue.as_view(), name="api-queue"),
    path("projects/<int:project_id>/bulk-actions", queue_views.BulkActionList.as_view(), name="api-bulk-action-list"),
    path("bulk-actions/<int:action_id>", queue_views.BulkActionDetail.as_view(), name="api-bulk-action"),
    path("bulk-actions/<int:action_id>/undo", queue_views.BulkActionUndo.as_view(), name="api-bulk-action-undo"),
    path("items/<int:item_id>/preview", queue_views.ItemPreview.as_view(), name="api-item-preview"),
    path("setups", review_views.SetupList.as_view(), name="api-setups"),
    path("projects/<int:project_id>/judgements", review_views.ProjectJudgements.as_view(), name="api-judgements"),
    path("projects/<int:project_id>/reports", review_views.ProjectReports.as_view(), name="api-project-reports"),
    path("projects/<int:project_id>/annotators", review_views.ProjectAnnotators.as_view(), name="api-annotators"),
    path("annotators/<int:member_id>", review_views.AnnotatorDetail.as_view(), name="api-annotator"),
    path("reports", review_views.OwnReports.as_view(), name="api-own-reports"),
    path("reports/<int:report_id>/resolve", review_views.ReportResolve.as_view(), name="api-report-resolve"),
    path("projects/<int:project_id>/agreement", project_views.ProjectAgreement.as_view(), name="api-agreement"),
    path("projects/<int:project_id>/competence/weights", competence_views.ProjectWeights.as_view(), name="api-weights"),
    path("projects/<int:project_id>/competence", competence_views.ProjectCompetence.as_view(), name="api-competence"),
    path(
        "projects/<int:project_id>/contradictions",
        contradiction_views.ProjectContradictions.as_view(),
        name="api-contradictions",
    ),
    path(
        "projects/<int:project_id>/contradictions/ask",
        contradiction_views.AskAnother.as_view(),
        name="api-contradictions-ask",
    ),
    path("projects/<int:project_id>/export", project_views.ProjectExport.as_view(), name="api-export"),
    path("snapshots", snapshot_views.SnapshotList.as_view(), name="api-snapshot-list"),
    path("snapshots/<int:snapshot_id>/files/<str:name>", review_views.SnapshotFile.as_view(), name="api-snapshot-file"),
    path("snapshots/<int:snapshot_id>", snapshot_views.SnapshotDetail.as_view(), name="api-snapshot"),
]
