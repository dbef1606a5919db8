"""The queue over the API: which items are where, what is done to many of them, and undoing that."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.manager_serializers import (
    BulkActionSerializer,
    NewBulkActionSerializer,
    QueuePageSerializer,
    QueueRowSerializer,
    ToldBulkActionSerializer,
    WarningSerializer,
)
from labeling.api.project_views import BEFORE, project_of
from labeling.desk_card import lay_out_preview
from labeling.kinds import NAMES
from labeling.models import BulkAction, Item
from labeling.services.queue_filter import MAX_COUNTED, STATES, QueueFilter, count_queue, queue_items
from labeling.services.queue_rows import queue_rows

QUEUE = [
    OpenApiParameter("state", OpenApiTypes.STR, enum=list(STATES), description="An item may be in several."),
    OpenApiParameter("kind", OpenApiTypes.STR, enum=list(NAMES)),
    OpenApiParameter("person", OpenApiTypes.INT, description="Who has or had it; of reserved items, for whom."),
]
SHOWN = inline_serializer(
    "ItemPreview",
    {
        "kind": serializers.CharField(),
        "question": serializers.CharField(),
        "prompt": serializers.ListField(child=serializers.DictField()),
        "responses": serializers.ListField(child=serializers.DictField()),
        "ask": serializers.DictField(),
    },
)


class ProjectQueue(APIView):
    required_permission = Permission.VIEW_PROJECTS

    @extend_schema(operation_id="projects_queue", parameters=[*QUEUE, BEFORE], responses=QueuePageSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """The project's items, newest first, and who has each since when."""
        project = project_of(request, project_id)
        wanted = QueueFilter.read(request.query_params.dict())
        rows = queue_items(project, wanted).select_related("prompt", "reserved_for")
        page = page_of(rows, before=request.query_params.get("before"))
        count = count_queue(project, wanted)
        results = QueueRowSerializer(queue_rows(page.rows), many=True).data
        bounded = {"count": min(count, MAX_COUNTED), "count_is_bounded": count > MAX_COUNTED}
        return Response({**bounded, "results": results, "next": page.older})


class ItemPreview(APIView):
    required_permission = Permission.VIEW_PROJECTS

    @extend_schema(operation_id="items_preview", responses=SHOWN)
    def get(self, request: Request, item_id: int) -> Response:
        """What an annotator is shown of the item, the answers in the item's own order."""
        rows = Item.objects.for_member(member_of(request)).select_related("project", "prompt")
        card = lay_out_preview(get_object_or_404(rows, pk=item_id))
        return Response(
            {
                "kind": card.kind.name,
                "question": card.kind.question,
                "prompt": card.assignment.item.prompt.messages,
                "responses": [{"label": answer.label, "text": answer.text} for answer in card.answers],
                "ask": {"reason": card.design.reason, "flags": card.design.flags, **card.design.kinds[card.kind.name]},
            }
        )


class BulkActionList(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="bulk_actions_list",
        parameters=[BEFORE],
        responses=page_of_rows(BulkActionSerializer),
    )
    def get(self, request: Request, project_id: int) -> Response:
        """What was done to items of the project, newest first."""
        rows = BulkAction.objects.filter(project=project_of(request, project_id)).select_related("by")
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": BulkActionSerializer(page.rows, many=True).data, "next": page.older})

    @extend_schema(
        operation_id="bulk_actions_create", request=NewBulkActionSerializer, responses={201: ToldBulkActionSerializer}
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Do something to items: end leases, give to somebody else, reserve, withdraw, put back, overlap, priority.

        It can be undone for ten minutes. A large one answers with the state "working": read it until it is "done".
        Verdicts on items whose lease was ended are kept.
        """
        given = NewBulkActionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        project, values = project_of(request, project_id), dict(given.validated_data)
        wanted: Any = values.pop("filter", None)
        order = services.Order(
            ids=values.pop("items", []),
            filter=None if wanted is None else QueueFilter.read({k: v for k, v in wanted.items() if v}),
            **values,
        )
        action = services.act_on_items(project=project, by=member_of(request), order=order)
        warnings = services.project_warnings(project) if action.act == BulkAction.Act.OVERLAP else []
        told = {**BulkActionSerializer(action).data, "warnings": WarningSerializer(warnings, many=True).data}
        return Response(told, status=201)


class BulkActionDetail(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="bulk_actions_read", responses=BulkActionSerializer)
    def get(self, request: Request, action_id: int) -> Response:
        """One of them: how far it is, and until when it can be undone."""
        return Response(BulkActionSerializer(_action(request, action_id)).data)


class BulkActionUndo(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="bulk_actions_undo", request=None, responses=BulkActionSerializer)
    def post(self, request: Request, action_id: int) -> Response:
        """Put back what has not changed since; `not_restored` counts what has."""
        undone = services.undo_action(action=_action(request, action_id), by=member_of(request))
        return Response(BulkActionSerializer(undone).data)


def _action(request: Request, action_id: int) -> BulkAction:
    return get_object_or_404(BulkAction.objects.for_member(member_of(request)), pk=action_id)
