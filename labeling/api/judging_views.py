"""Judging over the API: the next item, and what becomes of it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
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
    ReportNoteSerializer,
    SkipSerializer,
    StoredJudgementSerializer,
)
from labeling.kinds import kind_of
from labeling.models import Assignment

BESIDE = OpenApiParameter(
    "beside", OpenApiTypes.STR, description="Ids of assignments that you hold, with commas: the next is another one."
)


def assignment_of(request: Request, assignment_id: int) -> Assignment:
    """The assignment, if it is the organisation's; the services refuse another annotator's."""
    return services.load_assignment(assignment_id, by=member_of(request))


class ProjectNext(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="projects_next",
        parameters=[BESIDE, OpenApiParameter("reserve", OpenApiTypes.BOOL, description="1: it is not shown yet.")],
        request=None,
        responses={200: AssignmentSerializer, 204: OpenApiResponse(description="There is nothing for you now.")},
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Lease the next item, or the one you hold already."""
        assignment = services.lease_next(
            project=project_of(request, project_id),
            by=member_of(request),
            beside=_beside(request),
            in_reserve=request.query_params.get("reserve", "") in ("1", "true"),
        )
        return Response(AssignmentSerializer(assignment).data) if assignment else Response(status=204)


class AssignmentJudgement(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="assignments_judge",
        parameters=[
            BESIDE,
            OpenApiParameter("next", OpenApiTypes.BOOL, description="1: answer with your next item too."),
        ],
        request=JudgementSerializer,
        responses=JudgedSerializer,
    )
    def post(self, request: Request, assignment_id: int) -> Response:
        """Store a judgement. Sent again with the same `client_id` it is stored once.

        Besides the fields below it takes what the assignment's kind says: a comparison `choice` and `strength` (1
        slightly, 2 clearly, 3 much better) and `axes`, a ranking `ranks`, a rating `scores`, a correction `text`.
        """
        assignment, member = assignment_of(request, assignment_id), member_of(request)
        common, said = _split(request.data, assignment)
        wants_next = request.query_params.get("next", "") in ("1", "true")
        judgement = {"assignment": assignment, "by": member, "said": said, **common}
        if wants_next:
            stored, offer = services.submit_and_offer(beside=_beside(request), **judgement)
        else:
            stored = services.submit_judgement(**judgement)
        answer: dict[str, Any] = {"judgement": StoredJudgementSerializer(stored).data}
        if wants_next:
            answer["next"] = AssignmentSerializer(offer.assignment).data if offer.assignment else None
            if offer.why:
                answer["why_nothing"] = offer.why
        return Response(answer)


def _split(body: Any, assignment: Assignment) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part that all kinds share, and what the kind takes."""
    own = kind_of(assignment.item.kind).said_serializer
    names = own._declared_fields.keys()
    given = body if isinstance(body, dict) else {}
    common = JudgementSerializer(data={key: value for key, value in given.items() if key not in names})
    said = own(data={key: value for key, value in given.items() if key in names})
    if not isinstance(body, dict):
        common = JudgementSerializer(data=body)
    if not all([common.is_valid(), said.is_valid()]):
        raise ValidationError({**common.errors, **said.errors})
    shared = dict(common.validated_data)
    if shared.pop("kind", assignment.item.kind) != assignment.item.kind:
        raise ValidationError({"kind": [f"This item asks for a {assignment.item.kind}."]})
    return shared, dict(said.validated_data)


def _beside(request: Request) -> list[int]:
    """`?beside=12,13`: assignments that are in the caller's hands; anything else in it is passed over."""
    parts = request.query_params.get("beside", "").split(",")
    return [int(part) for part in parts if part.isdecimal() and len(part) < 19]


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


class AssignmentRelease(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(operation_id="assignments_release", request=None, responses={204: None})
    def post(self, request: Request, assignment_id: int) -> Response:
        """Give the item back unjudged. It may come to you again."""
        services.release(assignment=assignment_of(request, assignment_id), by=member_of(request))
        return Response(status=204)


class AssignmentReport(APIView):
    required_permission = Permission.JUDGE

    @extend_schema(
        operation_id="assignments_report",
        request=ReportNoteSerializer,
        responses={201: inline_serializer("Reported", {"id": serializers.IntegerField()})},
    )
    def post(self, request: Request, assignment_id: int) -> Response:
        """Tell the manager that something is wrong with the item. Judge or skip it all the same."""
        given = ReportNoteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        assignment = assignment_of(request, assignment_id)
        report = services.report_item(assignment=assignment, by=member_of(request), **given.validated_data)
        return Response({"id": report.pk}, status=201)


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
