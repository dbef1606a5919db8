"""Snapshots over the API."""

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.project_views import BEFORE, project_of
from labeling.api.serializers import NewSnapshotSerializer, SnapshotSerializer
from labeling.models import Snapshot


class SnapshotList(APIView):
    required_permission = {"GET": Permission.VIEW_PROJECTS, "POST": Permission.MANAGE_PROJECTS}

    @extend_schema(
        operation_id="snapshots_list",
        parameters=[OpenApiParameter("project", OpenApiTypes.INT, description="Only those of this project."), BEFORE],
        responses=page_of_rows(SnapshotSerializer),
    )
    def get(self, request: Request) -> Response:
        """Snapshots, newest first: `{"results", "next"}`."""
        rows = Snapshot.objects.for_member(member_of(request))
        project = request.query_params.get("project", "")
        if project:
            rows = rows.filter(project_id=int(project)) if project.isdecimal() and len(project) < 19 else rows.none()
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": SnapshotSerializer(page.rows, many=True).data, "next": page.older})

    @extend_schema(operation_id="snapshots_freeze", request=NewSnapshotSerializer, responses={201: SnapshotSerializer})
    def post(self, request: Request) -> Response:
        """Freeze what stands now. The same judgements give the same snapshot."""
        given = NewSnapshotSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        project = project_of(request, given.validated_data["project"])
        snapshot = services.freeze_snapshot(project=project, by=member_of(request))
        return Response(SnapshotSerializer(snapshot).data, status=201)


class SnapshotDetail(APIView):
    required_permission = Permission.VIEW_PROJECTS

    @extend_schema(operation_id="snapshots_read", responses=SnapshotSerializer)
    def get(self, request: Request, snapshot_id: int) -> Response:
        """One snapshot with its manifest; the ids of the judgements are in the manifest's file."""
        snapshot = get_object_or_404(Snapshot.objects.for_member(member_of(request)), pk=snapshot_id)
        return Response(SnapshotSerializer(snapshot).data)
