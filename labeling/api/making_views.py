"""Items by rules over the API: counted, made, watched, stopped."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import member_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.manager_serializers import ItemMakingSerializer
from labeling.api.project_views import project_of
from labeling.api.serializers import NewItemsSerializer
from labeling.models import ItemMaking


class ProjectItems(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_make_items",
        request=NewItemsSerializer,
        responses={201: ItemMakingSerializer, 202: ItemMakingSerializer},
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Make items of prompts and responses by a selection policy, up to so many a prompt.

        Many are made by a worker: the answer is then 202 with the state "working". Read it until it is another; what
        is made is given out at once.
        """
        given = NewItemsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        project = project_of(request, project_id)
        making = services.begin_making(project=project, by=member_of(request), **given.validated_data)
        return Response(ItemMakingSerializer(making).data, status=202 if making.is_working else 201)


class ItemCount(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_count_items",
        request=NewItemsSerializer,
        responses=inline_serializer("ItemsCounted", {"would_make": serializers.IntegerField()}),
    )
    def post(self, request: Request, project_id: int) -> Response:
        """How many items these rules would make now; nothing is made."""
        given = NewItemsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        project = project_of(request, project_id)
        found = services.count_items(project=project, by=member_of(request), **given.validated_data)
        return Response({"would_make": found})


class ItemMakingDetail(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="item_makings_read", responses=ItemMakingSerializer)
    def get(self, request: Request, making_id: int) -> Response:
        """How far it is, or what came of it."""
        return Response(ItemMakingSerializer(_making(request, making_id)).data)


class ItemMakingCancel(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(operation_id="item_makings_cancel", request=None, responses=ItemMakingSerializer)
    def post(self, request: Request, making_id: int) -> Response:
        """Make no more of them; what is made stays."""
        making = services.cancel_making(making=_making(request, making_id), by=member_of(request))
        return Response(ItemMakingSerializer(making).data)


def _making(request: Request, making_id: int) -> ItemMaking:
    rows = ItemMaking.objects.for_member(member_of(request)).select_related("project__organisation", "by")
    found: ItemMaking = get_object_or_404(rows, pk=making_id)
    return found
