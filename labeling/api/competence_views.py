"""What the labels say of each annotator, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.project_views import BEFORE, project_of
from labeling.enqueue import send_on_commit
from labeling.models import AnnotatorCompetence, AnnotatorWeight, CompetenceReport, Project
from labeling.services.competence import new_labels_since
from labeling.tasks import compute_competence_task

SIZE = 200


class AnnotatorCompetenceSerializer(serializers.ModelSerializer[AnnotatorCompetence]):
    annotator = serializers.IntegerField(source="annotator_id")
    name = serializers.CharField(source="annotator.display_name")

    class Meta:
        model = AnnotatorCompetence
        fields = (
            "annotator", "name", "labels", "knows", "knows_low", "knows_high", "right", "right_low", "right_high",
        )  # fmt: skip
        read_only_fields = fields


class CompetenceSerializer(serializers.Serializer[Any]):
    """`results` are of `computed_at`, and stand while they are worked out anew."""

    state = serializers.ChoiceField(choices=[*CompetenceReport.State.values, "never"])
    error = serializers.CharField()
    requested_at = serializers.DateTimeField(allow_null=True)
    computed_at = serializers.DateTimeField(allow_null=True)
    labels = serializers.IntegerField()
    shared_items = serializers.IntegerField()
    new_judgements = serializers.IntegerField(help_text="Since it was computed.")
    results = AnnotatorCompetenceSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)


class AnnotatorWeightSerializer(serializers.ModelSerializer[AnnotatorWeight]):
    annotator = serializers.IntegerField(source="annotator_id")
    name = serializers.CharField(source="annotator.display_name")

    class Meta:
        model = AnnotatorWeight
        fields = (
            "annotator", "name", "weight", "votes", "agreement", "expected_agreement", "no_better_than_chance",
            "sentence", "weighed_at",
        )  # fmt: skip
        read_only_fields = fields


class ProjectWeights(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_annotator_weights",
        parameters=[BEFORE],
        responses=page_of_rows(AnnotatorWeightSerializer),
    )
    def get(self, request: Request, project_id: int) -> Response:
        """What each annotator counts in the newest reward model, and why; who is heard least first."""
        weights = AnnotatorWeight.objects.filter(project=project_of(request, project_id)).select_related("annotator")
        page = page_of(weights, before=request.query_params.get("before"), size=SIZE)
        return Response({"results": AnnotatorWeightSerializer(page.rows, many=True).data, "next": page.older})


class ProjectCompetence(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="projects_competence", parameters=[BEFORE], responses=CompetenceSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """Each annotator's figures with 95 % intervals, whoever can least be told from a guesser first."""
        return Response(_told(project_of(request, project_id), request.query_params.get("before")))

    @extend_schema(operation_id="projects_compute_competence", request=None, responses={202: CompetenceSerializer})
    def post(self, request: Request, project_id: int) -> Response:
        """Have them worked out anew by a worker; ask again by GET until `state` is done or failed."""
        project = project_of(request, project_id)
        report, begun = services.request_competence(project=project, by=member_of(request))
        if begun:
            send_on_commit(compute_competence_task, report.pk)
        return Response(_told(project, None), status=202)


def _told(project: Project, before: str | None) -> dict[str, Any]:
    report = CompetenceReport.objects.filter(project=project).first()
    if report is None:
        nothing = {"state": "never", "error": "", "requested_at": None, "computed_at": None, "labels": 0}
        return nothing | {"shared_items": 0, "new_judgements": 0, "results": [], "next": None}
    page = page_of(report.annotators.select_related("annotator"), before=before, size=SIZE)
    return {
        name: getattr(report, name)
        for name in ("state", "error", "requested_at", "computed_at", "labels", "shared_items")
    } | {
        "new_judgements": new_labels_since(report),
        "results": AnnotatorCompetenceSerializer(page.rows, many=True).data,
        "next": page.older,
    }
