"""A project's reward model over the API: which it is, when its body is trained, and what came of the last time."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import member_of
from accounts.permissions import Permission
from labeling.models import Project
from models_registry.models import ModelVersion
from training import services
from training.api.serializers import RunSerializer
from training.services.body_trials import BodyTrial, last_trial
from training.services.start_body_run import body_threshold, can_train_body, new_judgements_since_body_run
from training.services.which_version import reward_model_of


class WhichVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = ("id", "name", "method", "created_at")
        read_only_fields = fields


class BodyTrialSerializer(serializers.Serializer[BodyTrial]):
    run = serializers.IntegerField(source="run.pk")
    won = serializers.BooleanField()
    trained_body = serializers.FloatField(source="body", allow_null=True)
    fast_path = serializers.FloatField(source="fast", allow_null=True)
    gain = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    votes = serializers.IntegerField()
    sentence = serializers.CharField()


class ProjectRewardModelSerializer(serializers.Serializer[Project]):
    version = serializers.SerializerMethodField()
    train_body_after = serializers.IntegerField()
    new_judgements_needed = serializers.SerializerMethodField()
    new_judgements = serializers.SerializerMethodField()
    why_not_now = serializers.SerializerMethodField()
    last_trial = serializers.SerializerMethodField()

    @extend_schema_field(WhichVersionSerializer(allow_null=True))
    def get_version(self, project: Project) -> dict[str, Any] | None:
        version = reward_model_of(project.pk)
        return dict(WhichVersionSerializer(version).data) if version else None

    def get_new_judgements(self, project: Project) -> int:
        return new_judgements_since_body_run(project)

    def get_new_judgements_needed(self, project: Project) -> int | None:
        return body_threshold(project)

    def get_why_not_now(self, project: Project) -> str:
        return can_train_body(project)[1]

    @extend_schema_field(BodyTrialSerializer(allow_null=True))
    def get_last_trial(self, project: Project) -> dict[str, Any] | None:
        trial = last_trial(project)
        return dict(BodyTrialSerializer(trial).data) if trial else None


class ProjectRewardModel(APIView):
    required_permission = Permission.VIEW_RUNS

    @extend_schema(operation_id="projects_reward_model", responses=ProjectRewardModelSerializer)
    def get(self, request: Request, project_id: int) -> Response:
        """Which version is the project's reward model, and when its body is trained.

        `new_judgements` are those since the body was trained last; at `new_judgements_needed` it is trained by itself:
        `train_body_after`, or a tenth of what it learnt from last if that is more; null where `train_body_after` is 0,
        which is never. `why_not_now` is empty where it may be started; `last_trial` says how trained body and fast
        path did.
        """
        project = get_object_or_404(Project.objects.for_member(member_of(request)), pk=project_id)
        return Response(ProjectRewardModelSerializer(project).data)


class TrainBody(APIView):
    required_permission = Permission.START_RUNS

    @extend_schema(operation_id="projects_train_body", request=None, responses={201: RunSerializer})
    def post(self, request: Request, project_id: int) -> Response:
        """Train the reward model's body now; it becomes the project's where held-out votes show it to be better."""
        member = member_of(request)
        project = get_object_or_404(Project.objects.for_member(member), pk=project_id)
        run = services.start_body_run(project=project, by=member, why=f"started by {member.user}"[:120])
        return Response(RunSerializer(run).data, status=201)
