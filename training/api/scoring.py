"""Scores of a reward model over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.authentication import member_of
from accounts.permissions import Permission
from accounts.strict import StrictSerializer
from models_registry.models import ModelVersion
from training import services
from training.errors import ScoringFailed
from training.models import RunStatus, ScoringJob
from training.services.start_scoring import MAX_ANSWERS, MAX_WAIT_SECONDS

RETRY_SECONDS = 2
PROMPT_CUT = "The prompt is longer than what the model reads: its beginning is not read."


class PairToScoreSerializer(StrictSerializer):
    prompt = serializers.JSONField(help_text="Text, or messages with role and content.")
    response_a = serializers.CharField(allow_blank=True, trim_whitespace=False)
    response_b = serializers.CharField(allow_blank=True, trim_whitespace=False)


class ListToScoreSerializer(StrictSerializer):
    prompt = serializers.JSONField(help_text="Text, or messages with role and content.")
    responses = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), max_length=MAX_ANSWERS, allow_empty=False
    )


class ScoreRequestSerializer(StrictSerializer):
    pairs = PairToScoreSerializer(many=True, required=False)
    lists = ListToScoreSerializer(many=True, required=False)
    wait_seconds = serializers.FloatField(min_value=0, max_value=MAX_WAIT_SECONDS, default=MAX_WAIT_SECONDS)


class AnswerScoreSerializer(serializers.Serializer[Any]):
    mean = serializers.FloatField(help_text="0 on average and 1 in deviation over what the model learnt from.")
    sd = serializers.FloatField(help_text="How little the model knows of this answer.")
    cut = serializers.BooleanField(default=False, help_text="It is longer than what the model reads: its end is not.")


class ListedAnswerScoreSerializer(AnswerScoreSerializer):
    share = serializers.FloatField(
        allow_null=True,
        help_text="Calibrated: the share of votes for it against the list's others, a tie half for each; their mean is "
        "a half. Null for one that is alone.",
    )


class PairScoreSerializer(serializers.Serializer[Any]):
    response_a = AnswerScoreSerializer()
    response_b = AnswerScoreSerializer()
    difference = serializers.FloatField()
    difference_sd = serializers.FloatField()
    probability_a = serializers.FloatField(help_text="Calibrated: the share of votes for it, a tie half for each.")
    prompt_cut = serializers.BooleanField(default=False, help_text=PROMPT_CUT)


class ListScoreSerializer(serializers.Serializer[Any]):
    responses = ListedAnswerScoreSerializer(many=True)
    prompt_cut = serializers.BooleanField(default=False, help_text=PROMPT_CUT)


class ScoringJobSerializer(serializers.ModelSerializer[ScoringJob]):
    version = serializers.IntegerField(source="version_id")
    pairs = PairScoreSerializer(many=True, source="result.pairs", default=[])
    lists = ListScoreSerializer(many=True, source="result.lists", default=[])

    class Meta:
        model = ScoringJob
        fields = ("id", "version", "status", "error", "pairs", "lists", "created_at", "finished_at")
        read_only_fields = fields


class VersionScore(APIView):
    required_permission = Permission.USE_ENDPOINT

    @extend_schema(
        operation_id="versions_score",
        request=ScoreRequestSerializer,
        responses={200: ScoringJobSerializer, 202: ScoringJobSerializer},
    )
    def post(self, request: Request, version_id: int) -> Response:
        """Have a reward model score answers: pairs, lists, or both, up to 256 answers a call.

        Answers 200 with the scores, or after `wait_seconds` 202 with where to look in `Location`.
        """
        member = member_of(request)
        versions = ModelVersion.objects.for_member(member)
        version: ModelVersion = get_object_or_404(versions, pk=version_id)
        wanted = ScoreRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = dict(wanted.validated_data)
        seconds = given.pop("wait_seconds")
        job = services.start_scoring(version=version, by=member, **given)
        return _answer(request, services.wait_for_scores(job, seconds=seconds))


class VersionScores(APIView):
    required_permission = Permission.USE_ENDPOINT

    @extend_schema(
        operation_id="versions_scores",
        responses={200: ScoringJobSerializer, 202: ScoringJobSerializer},
        parameters=[OpenApiParameter("job_id", OpenApiTypes.INT, OpenApiParameter.PATH)],
    )
    def get(self, request: Request, version_id: int, job_id: int) -> Response:
        """Scores that took longer: 202 until they are there. They are kept for a day."""
        jobs = ScoringJob.objects.for_member(member_of(request)).filter(version_id=version_id)
        return _answer(request, get_object_or_404(jobs, pk=job_id))


def _answer(request: Request, job: ScoringJob) -> Response:
    if job.status == RunStatus.FAILED:
        raise ScoringFailed(job.error)
    told = ScoringJobSerializer(job).data
    if job.is_finished:
        return Response(told)
    address = reverse("api-version-scores", args=[job.version_id, job.pk])
    return Response(told, status=202, headers={"Location": address, "Retry-After": str(RETRY_SECONDS)})
