"""Runs and sampling over the API."""

from typing import Any

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
from labeling.models import Project, Snapshot
from models_registry.models import ModelVersion
from training import services
from training.api.serializers import (
    NewRunSerializer,
    NewSamplingSerializer,
    RunSerializer,
    SamplingJobSerializer,
    TimeToModelSerializer,
)
from training.models import SamplingJob, TrainingRun
from training.services.time_to_model import time_to_model

PAGING = [
    OpenApiParameter("project", OpenApiTypes.INT, description="Only those of this project."),
    OpenApiParameter("before", OpenApiTypes.INT, description="`next` of the page before."),
]


def _page(request: Request, rows: Any, serializer: Any) -> Response:
    project = request.query_params.get("project", "")
    if project:
        rows = rows.filter(project_id=int(project)) if project.isdecimal() and len(project) < 19 else rows.none()
    page = page_of(rows, before=request.query_params.get("before"))
    return Response({"results": serializer(page.rows, many=True).data, "next": page.older})


class RunList(APIView):
    required_permission = {"GET": Permission.VIEW_RUNS, "POST": Permission.START_RUNS}

    @extend_schema(operation_id="runs_list", parameters=PAGING, responses=page_of_rows(RunSerializer))
    def get(self, request: Request) -> Response:
        """Runs, newest first: `{"results", "next"}`."""
        return _page(request, TrainingRun.objects.for_member(member_of(request)), RunSerializer)

    @extend_schema(operation_id="runs_create", request=NewRunSerializer, responses={201: page_of_rows(RunSerializer)})
    def post(self, request: Request) -> Response:
        """Start the whole refresh, or one recipe. Answers with the runs that were queued, the first one first."""
        member = member_of(request)
        wanted = NewRunSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = dict(wanted.validated_data)
        project = get_object_or_404(Project.objects.for_member(member), pk=given.pop("project"))
        for name, model in (("snapshot", Snapshot), ("parent", ModelVersion)):
            if name in given:
                given[name] = get_object_or_404(model.objects.for_member(member), pk=given[name], project_id=project.pk)
        runs = services.start_runs(project=project, by=member, **given)
        return Response({"results": RunSerializer(runs, many=True).data, "next": None}, status=201)


class RunDetail(APIView):
    required_permission = Permission.VIEW_RUNS

    @extend_schema(operation_id="runs_read", responses=RunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        """One run."""
        run = get_object_or_404(TrainingRun.objects.for_member(member_of(request)), pk=run_id)
        return Response(RunSerializer(run).data)


class RunCancel(APIView):
    required_permission = Permission.START_RUNS

    @extend_schema(operation_id="runs_cancel", request=None, responses=RunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """End a run and all its processes. Its checkpoints stay."""
        member = member_of(request)
        run = get_object_or_404(TrainingRun.objects.for_member(member), pk=run_id)
        return Response(RunSerializer(services.cancel_run(run=run, by=member)).data)


class RunRetry(APIView):
    required_permission = Permission.START_RUNS

    @extend_schema(operation_id="runs_retry", request=None, responses=RunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """Queue a failed or cancelled run again; it goes on from its last checkpoint."""
        member = member_of(request)
        run = get_object_or_404(TrainingRun.objects.for_member(member), pk=run_id)
        return Response(RunSerializer(services.retry_run(run=run, by=member)).data)


class ProjectSample(APIView):
    required_permission = {"GET": Permission.VIEW_RUNS, "POST": Permission.START_RUNS}

    @extend_schema(operation_id="sampling_list", parameters=PAGING[1:], responses=page_of_rows(SamplingJobSerializer))
    def get(self, request: Request, project_id: int) -> Response:
        """The project's sampling jobs, newest first."""
        project = get_object_or_404(Project.objects.for_member(member_of(request)), pk=project_id)
        return _page(request, SamplingJob.objects.filter(project=project), SamplingJobSerializer)

    @extend_schema(
        operation_id="sampling_create", request=NewSamplingSerializer, responses={202: SamplingJobSerializer}
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Have a version answer the project's prompts; without one, the version in production."""
        member = member_of(request)
        project = get_object_or_404(Project.objects.for_member(member), pk=project_id)
        wanted = NewSamplingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = dict(wanted.validated_data)
        if "version" in given:
            versions = ModelVersion.objects.for_member(member).for_project(project.pk)
            given["version"] = get_object_or_404(versions, pk=given["version"])
        job = services.start_sampling(project=project, by=member, **given)
        return Response(SamplingJobSerializer(job).data, status=202)


class ProjectTimeToModel(APIView):
    required_permission = Permission.VIEW_RUNS

    @extend_schema(operation_id="projects_time_to_model", responses=TimeToModelSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """How long judgements take into a snapshot, a reward model, a policy, and to users: percentiles in seconds.

        What has not arrived is reckoned as still under way; a percentile that nothing is known of is null.
        """
        project = get_object_or_404(Project.objects.for_member(member_of(request)), pk=project_id)
        return Response(TimeToModelSerializer(time_to_model(project)).data)
