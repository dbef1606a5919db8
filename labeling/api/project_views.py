"""Projects over the API: settings, import, items, agreement, export."""

from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.api.manager_serializers import ToldProjectSerializer, WarningSerializer
from labeling.api.serializers import (
    AgreementSerializer,
    ImportReportSerializer,
    NewProjectSerializer,
    ProjectFiguresSerializer,
    ProjectPatchSerializer,
    ProjectSerializer,
)
from labeling.api.uploads import received_rows
from labeling.exporting.filters import read_filter
from labeling.importing.formats import FORMATS as IMPORT_FORMATS
from labeling.kinds import NAMES
from labeling.kinds.design import design_of
from labeling.models import Project
from labeling.services.exports import FORMATS
from labeling.services.imports import import_rows

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
FILTERS = [
    OpenApiParameter("kind", OpenApiTypes.STR, enum=list(NAMES), description="Judgements of this kind alone."),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Made at this moment or later; a day will do."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Made before this moment."),
    OpenApiParameter("annotator", OpenApiTypes.STR, many=True, description="Of these, by their names in an export."),
    OpenApiParameter(
        "min_agreement",
        OpenApiTypes.FLOAT,
        description="Of items with two or more judgements, of whose pairs this share (0 to 1) agree.",
    ),
    OpenApiParameter("after", OpenApiTypes.INT, description="Judgements with a higher id than this one."),
    OpenApiParameter(
        "anonymous",
        OpenApiTypes.BOOL,
        description="true: without annotator, reason, active time and time of day. Else annotators have pseudonyms.",
    ),
]
BEFORE = OpenApiParameter("before", OpenApiTypes.INT, description="`next` of the page before.")


def project_of(request: Request, project_id: int) -> Project:
    """The project, if it is the member's organisation's."""
    return get_object_or_404(Project.objects.for_member(member_of(request)), pk=project_id)


class ProjectList(APIView):
    required_permission = {"GET": Permission.VIEW_PROJECTS, "POST": Permission.MANAGE_PROJECTS}

    @extend_schema(operation_id="projects_list", parameters=[BEFORE], responses=page_of_rows(ProjectSerializer))
    def get(self, request: Request) -> Response:
        """Projects, newest first: `{"results", "next"}`."""
        page = page_of(Project.objects.for_member(member_of(request)), before=request.query_params.get("before"))
        return Response({"results": ProjectSerializer(page.rows, many=True).data, "next": page.older})

    @extend_schema(operation_id="projects_create", request=NewProjectSerializer, responses={201: ToldProjectSerializer})
    def post(self, request: Request) -> Response:
        """Set up a project; `warnings` say what stands in its way. `GET /setups` has some to begin with."""
        given = NewProjectSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        project = services.create_project(by=member_of(request), **given.validated_data)
        return Response(_told(project, services.project_warnings(project)), status=201)


class ProjectDetail(APIView):
    required_permission = {"GET": Permission.VIEW_PROJECTS, "PATCH": Permission.MANAGE_PROJECTS}

    @extend_schema(operation_id="projects_read", responses=ProjectSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """One project, with its counts in `figures` and what stands in its way in `warnings`."""
        project = project_of(request, project_id)
        figures = ProjectFiguresSerializer(services.project_figures(project)).data
        return Response({**_told(project, services.project_warnings(project)), "figures": figures})

    @extend_schema(operation_id="projects_change", request=ProjectPatchSerializer, responses=ToldProjectSerializer)
    def patch(self, request: Request, project_id: int) -> Response:
        """Change settings, or pause and resume it. A new overlap holds for items made from now on."""
        project, member = project_of(request, project_id), member_of(request)
        given = ProjectPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changes: dict[str, Any] = dict(given.validated_data)
        paused = changes.pop("paused", None)
        before = design_of(project).as_json()
        if changes:
            project = services.update_project(project=project, by=member, **changes)
        if paused is not None:
            (services.pause_project if paused else services.resume_project)(project=project, by=member)
        return Response(
            _told(project, [*services.project_warnings(project), *services.change_warnings(project, before)])
        )


def _told(project: Project, warnings: list[services.ProjectWarning]) -> dict[str, Any]:
    return {**ProjectSerializer(project).data, "warnings": WarningSerializer(warnings, many=True).data}


class ProjectImport(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_import",
        parameters=[
            OpenApiParameter("make_items", OpenApiTypes.BOOL, description="false: only prompts and responses."),
            OpenApiParameter("source", OpenApiTypes.STR, description="Noted on the prompts."),
            OpenApiParameter(
                "format", OpenApiTypes.STR, enum=list(IMPORT_FORMATS), description="Left out: told by the content."
            ),
            OpenApiParameter(
                "name", OpenApiTypes.STR, description="The file's name: its ending helps to tell a table."
            ),
            OpenApiParameter("prompt_column", OpenApiTypes.STR, description="Tables, Label Studio: of the prompt."),
            OpenApiParameter(
                "response_column",
                OpenApiTypes.STR,
                many=True,
                description="Of an answer, in their order; repeated. Empty: prompts alone.",
            ),
            OpenApiParameter(
                "model_column", OpenApiTypes.STR, many=True, description="Of its model, in the same order; repeated."
            ),
            OpenApiParameter("external_id_column", OpenApiTypes.STR, description="Of your own name for the prompt."),
        ],
        request={"application/x-ndjson": OpenApiTypes.BINARY, "text/csv": OpenApiTypes.BINARY},
        responses=ImportReportSerializer,
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Stream rows: lines `{"external_id"?, "prompt", "responses"?: [{"text", "model"?}], "metadata"?}`, a table as
        CSV or Parquet, preferences for TRL, or Label Studio's export.

        Plain or with `Content-Encoding: gzip`. Every row is taken or told with its number and the reason; when the
        upload breaks, nothing is kept. What a file says about which answer is better is kept as imported `verdicts`.
        """
        query = request.query_params
        with received_rows(request._request, query) as rows:
            report = import_rows(
                project=project_of(request, project_id),
                by=member_of(request),
                rows=rows,
                source=query.get("source", "api"),
                make_items=query.get("make_items", "true").lower() not in ("false", "0"),
            )
        return Response(
            {
                "created": report.created,
                "duplicates": report.duplicates,
                "items_made": report.items_made,
                "verdicts": report.verdicts,
                "rejected_count": report.rejected_count,
                "rejected": [{"line": line, "reason": reason} for line, reason in report.rejected],
            }
        )


class ProjectAgreement(APIView):
    required_permission = Permission.VIEW_PROJECTS

    @extend_schema(operation_id="projects_agreement", responses=AgreementSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """How far annotators agree. Each figure has its 95 % interval and the number of items behind it."""
        figures = services.measure_agreement(project_of(request, project_id))
        return Response(AgreementSerializer(figures).data)


class FormatIsOurs(DefaultContentNegotiation):
    """`?format=` names the export's format, not one of REST framework's renderers."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class ProjectExport(APIView):
    required_permission = Permission.EXPORT
    content_negotiation_class = FormatIsOurs

    @extend_schema(
        operation_id="projects_export",
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=list(FORMATS), default="jsonl"), *FILTERS],
        responses={(200, "application/x-ndjson"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, project_id: int) -> StreamingHttpResponse:
        """Stream the counted judgements, in the order of their ids.

        "preference" leaves out where neither answer is better. A download that broke off is gone on with by `after`:
        the id of the last judgement that has arrived with all of its rows.
        """
        project, wanted = project_of(request, project_id), request.query_params.get("format", "jsonl")
        limits = read_filter(request.query_params, request.query_params.getlist("annotator"))
        blocks = services.iter_export(project=project, format=wanted, by=member_of(request), limits=limits)
        return StreamingHttpResponse(blocks, content_type=CONTENT_TYPES.get(wanted, "application/x-ndjson"))
