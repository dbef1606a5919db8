"""Judging over the API: the next item, and what becomes of it."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import member_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.project_views import project_of
from labeling.api.serializers import (
    AssignmentSerializer,
    DraftSerializer,
    JudgedSerializer,
    JudgementSerializer,
    SkipSerializer,
    StoredJudgementSerializer,
)
from labeling.models import Assignment


def assignment_of(request: Request, assignment_id: int) -> Assignment:
    """The assignment, if it is the organisation's; the services refuse another annotator's."""
    rows = Assignment.objects.for_member(member_of(request)).select_related("project", "item__prompt")
    return get_object_or_404(rows, pk=assignment_id)


class ProjectNext(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="projects_next",
        request=None,
        responses={200: AssignmentSerializer, 204: OpenApiResponse(description="There is nothing for you now.")},
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Lease the next item, or the one you hold already."""
        assignment = services.lease_next(project=project_of(request, project_id), by=member_of(request))
        return Response(AssignmentSerializer(assignment).data) if assignment else Response(status=204)


class AssignmentJudgement(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="assignments_judge",
        parameters=[OpenApiParameter("next", OpenApiTypes.BOOL, description="1: answer with your next item too.")],
        request=JudgementSerializer,
        responses=JudgedSerializer,
    )
    def post(self, request: Request, assignment_id: int) -> Response:
        """Store a judgement. Sent again with the same `client_id` it is stored once.

        `strength` goes with a and b: 1 slightly, 2 clearly, 3 much better.
        """
        assignment, member = assignment_of(request, assignment_id), member_of(request)
        given = JudgementSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        said = dict(given.validated_data)
        del said["kind"]
        stored = services.submit_comparison(assignment=assignment, by=member, **said)
        answer: dict[str, Any] = {"judgement": StoredJudgementSerializer(stored).data}
        if request.query_params.get("next", "") in ("1", "true"):
            project = assignment.project
            is_open = not (project.paused_at or project.archived_at)
            following = services.lease_next(project=project, by=member) if is_open else None
            answer["next"] = AssignmentSerializer(following).data if following else None
        return Response(answer)


class AssignmentSkip(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(operation_id="assignments_skip", request=SkipSerializer, responses={204: None})
    def post(self, request: Request, assignment_id: int) -> Response:
        """Pass the item on to others. It does not come back to you."""
        given = SkipSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        assignment = assignment_of(request, assignment_id)
        services.skip_assignment(assignment=assignment, by=member_of(request), **given.validated_data)
        return Response(status=204)


class AssignmentHeartbeat(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(operation_id="assignments_heartbeat", request=None, responses=AssignmentSerializer)
    def post(self, request: Request, assignment_id: int) -> Response:
        """Hold the item for another lease."""
        held = services.renew_lease(assignment=assignment_of(request, assignment_id), by=member_of(request))
        return Response(AssignmentSerializer(held).data)


class AssignmentDraft(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(operation_id="assignments_draft", request=DraftSerializer, responses={204: None})
    def post(self, request: Request, assignment_id: int) -> Response:
        """Keep what is written so far."""
        given = DraftSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        assignment = assignment_of(request, assignment_id)
        services.save_draft(assignment=assignment, by=member_of(request), **given.validated_data)
        return Response(status=204)


class AssignmentUndo(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="assignments_undo",
        request=None,
        responses={200: AssignmentSerializer, 204: OpenApiResponse(description="Taken back; nothing left to judge.")},
    )
    def post(self, request: Request, assignment_id: int) -> Response:
        """Take back your last judgement, if it is this one, and lease its item again."""
        assignment, member = assignment_of(request, assignment_id), member_of(request)
        services.check_assigned(assignment, member)
        again = services.undo_last(project=assignment.project, by=member, expected=assignment)
        return Response(AssignmentSerializer(again).data) if again else Response(status=204)
