"""Versions over the API."""

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
from models_registry.api.serializers import (
    PromoteSerializer,
    PromotionSerializer,
    RollbackSerializer,
    VersionDetailSerializer,
    VersionSerializer,
)
from models_registry.models import ModelVersion
from models_registry.services import promote_version, take_back

FILTERS = [
    OpenApiParameter("project", OpenApiTypes.INT, description="Only those of this project."),
    OpenApiParameter("kind", OpenApiTypes.STR, description="base, policy or reward_model."),
    OpenApiParameter("stage", OpenApiTypes.STR, description="candidate, canary, production or retired."),
    OpenApiParameter("before", OpenApiTypes.INT, description="`next` of the page before."),
]


def _version(request: Request, version_id: int) -> ModelVersion:
    rows = ModelVersion.objects.for_member(member_of(request)).select_related("base", "organisation")
    found: ModelVersion = get_object_or_404(rows, pk=version_id)
    return found


class VersionList(APIView):
    required_permission = Permission.VIEW_RUNS

    @extend_schema(operation_id="versions_list", parameters=FILTERS, responses=page_of_rows(VersionSerializer))
    def get(self, request: Request) -> Response:
        """Model versions, newest first: `{"results", "next"}`."""
        rows = ModelVersion.objects.for_member(member_of(request))
        if project := request.query_params.get("project"):
            is_number = project.isdecimal() and len(project) < 19
            rows = rows.filter(project_id=int(project)) if is_number else rows.none()
        for name in ("kind", "stage"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": VersionSerializer(page.rows, many=True).data, "next": page.older})


class VersionDetail(APIView):
    required_permission = Permission.VIEW_RUNS

    @extend_schema(operation_id="versions_retrieve", responses=VersionDetailSerializer)
    def get(self, request: Request, version_id: int) -> Response:
        """A version with its lineage, its evaluations, the gate term by term, and its history."""
        return Response(VersionDetailSerializer(_version(request, version_id)).data)


class VersionPromote(APIView):
    required_permission = Permission.PROMOTE

    @extend_schema(operation_id="versions_promote", request=PromoteSerializer, responses={201: PromotionSerializer})
    def post(self, request: Request, version_id: int) -> Response:
        """Move the version to a stage: canary (with `canary_share`), production, candidate or retired."""
        version = _version(request, version_id)
        wanted = PromoteSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        promotion = promote_version(version=version, by=member_of(request), **wanted.validated_data)
        return Response(PromotionSerializer(promotion).data, status=201)


class VersionRollback(APIView):
    required_permission = Permission.PROMOTE

    @extend_schema(operation_id="versions_rollback", request=RollbackSerializer, responses={201: PromotionSerializer})
    def post(self, request: Request, version_id: int) -> Response:
        """Take the version back: in production, the one before it returns; a canary becomes a candidate again."""
        version = _version(request, version_id)
        wanted = RollbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        promotion = take_back(version=version, by=member_of(request), **wanted.validated_data)
        return Response(PromotionSerializer(promotion).data, status=201)
