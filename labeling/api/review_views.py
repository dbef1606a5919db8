"""People over the API: annotators, what they report, what they said."""

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.models import Membership
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.manager_serializers import (
    AnnotatorPatchSerializer,
    AnnotatorSerializer,
    ReportSerializer,
    ResolveSerializer,
    ReviewedSerializer,
    SetupSerializer,
)
from labeling.api.project_views import BEFORE, project_of
from labeling.models import Report, Snapshot
from labeling.services.annotator_figures import annotator_rows
from labeling.setups import SETUPS

SIZE = 50


class SetupList(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="setups_list", responses=SetupSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Ways to begin a project: send `design`, `guidelines` and `overlap` of one when you set up yours."""
        return Response(SetupSerializer(SETUPS.values(), many=True).data)


class ProjectJudgements(APIView):
    required_permission = Permission.REVIEW

    @extend_schema(
        operation_id="projects_judgements",
        parameters=[BEFORE],
        responses=page_of_rows(ReviewedSerializer),
    )
    def get(self, request: Request, project_id: int) -> Response:
        """What was judged last, in words: also what was taken back, and what is kept as extra."""
        before = request.query_params.get("before", "")
        start = int(before) if before.isdecimal() and len(before) < 19 else None
        project = project_of(request, project_id)
        found = services.latest_judgements(project=project, by=member_of(request), before=start, size=SIZE + 1)
        older = found[SIZE - 1].id if len(found) > SIZE else None
        return Response({"results": ReviewedSerializer(found[:SIZE], many=True).data, "next": older})


REPORT_PAGE = page_of_rows(ReportSerializer)


class ProjectReports(APIView):
    required_permission = Permission.REVIEW

    @extend_schema(
        operation_id="projects_reports",
        parameters=[OpenApiParameter("state", OpenApiTypes.STR, enum=["open", "answered"], default="open"), BEFORE],
        responses=REPORT_PAGE,
    )
    def get(self, request: Request, project_id: int) -> Response:
        """What annotators reported, newest first."""
        rows = Report.objects.filter(project=project_of(request, project_id)).select_related("by", "resolved_by")
        answered = request.query_params.get("state") == "answered"
        rows = rows.filter(resolved_at__isnull=False) if answered else rows.open()
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": ReportSerializer(page.rows, many=True).data, "next": page.older})


class OwnReports(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(operation_id="reports_mine", parameters=[BEFORE], responses=REPORT_PAGE)
    def get(self, request: Request) -> Response:
        """Your own reports and their answers."""
        member = member_of(request)
        rows = Report.objects.for_member(member).filter(by=member.user).select_related("by", "resolved_by")
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": ReportSerializer(page.rows, many=True).data, "next": page.older})


class ReportResolve(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="reports_resolve", request=ResolveSerializer, responses=ReportSerializer)
    def post(self, request: Request, report_id: int) -> Response:
        """Answer a report and close it."""
        given = ResolveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        member = member_of(request)
        report = get_object_or_404(Report.objects.for_member(member).select_related("by"), pk=report_id)
        services.resolve_report(report=report, by=member, **given.validated_data)
        report.refresh_from_db()
        return Response(ReportSerializer(report).data)


class ProjectAnnotators(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="projects_annotators", responses=AnnotatorSerializer(many=True))
    def get(self, request: Request, project_id: int) -> Response:
        """Who may judge here or has: what each did, tags, pauses, caps."""
        return Response(AnnotatorSerializer(annotator_rows(project_of(request, project_id)), many=True).data)


class AnnotatorDetail(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="annotators_change",
        request=AnnotatorPatchSerializer,
        responses=inline_serializer(
            "AnnotatorProfile",
            {
                "member": serializers.IntegerField(),
                "tags": serializers.ListField(child=serializers.CharField()),
                "paused_at": serializers.DateTimeField(allow_null=True),
            },
        ),
    )
    def patch(self, request: Request, member_id: int) -> Response:
        """Other tags, or a pause, in all projects of the organisation."""
        given = AnnotatorPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        by, changes = member_of(request), given.validated_data
        member = get_object_or_404(Membership.objects.for_member(by), pk=member_id)
        if "tags" in changes:
            services.set_tags(member=member, by=by, tags=changes["tags"])
        if "paused" in changes:
            services.pause_annotator(member=member, by=by, paused=changes["paused"])
        profile = services.profile_of(member)
        return Response({"member": member.pk, "tags": profile.tags, "paused_at": profile.paused_at})


class SnapshotFile(APIView):
    required_permission = Permission.EXPORT

    @extend_schema(operation_id="snapshots_file", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, snapshot_id: int, name: str) -> FileResponse:
        """One of the frozen files: train.jsonl, held_out.jsonl, their prompts, manifest.json."""
        member = member_of(request)
        snapshot = get_object_or_404(Snapshot.objects.for_member(member), pk=snapshot_id)
        opened = services.open_snapshot_file(snapshot=snapshot, by=member, name=name)
        return FileResponse(opened, as_attachment=True, filename=name)
