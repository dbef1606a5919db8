"""What the API takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.strict import StrictSerializer
from training.models import Recipe, SamplingJob, TrainingRun
from training.services.time_to_model import STAGES, StageTimes


class NewRunSerializer(StrictSerializer):
    project = serializers.IntegerField()
    # Without a recipe: the whole refresh.
    recipe = serializers.ChoiceField(choices=Recipe.choices, required=False)
    config = serializers.DictField(required=False)
    snapshot = serializers.IntegerField(required=False)
    parent = serializers.IntegerField(required=False)  # type: ignore[assignment]
    demonstrations = serializers.ListField(child=serializers.DictField(), required=False, allow_empty=False)


class NewSamplingSerializer(StrictSerializer):
    version = serializers.IntegerField(required=False)
    responses_per_prompt = serializers.IntegerField(required=False)
    max_tokens = serializers.IntegerField(required=False)
    temperature = serializers.FloatField(required=False)


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    project = serializers.IntegerField(source="project_id")
    snapshot = serializers.IntegerField(source="snapshot_id", allow_null=True)
    parent = serializers.IntegerField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    after = serializers.IntegerField(source="after_id", allow_null=True)

    class Meta:
        model = TrainingRun
        fields = (
            "id", "project", "recipe", "status", "config", "inputs", "snapshot", "parent", "after", "chain_id",
            "attempts", "step", "total", "stage", "seconds", "error", "log_tail", "result", "why",
            "cancel_requested_at", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class SamplingJobSerializer(serializers.ModelSerializer[SamplingJob]):
    project = serializers.IntegerField(source="project_id")
    version = serializers.IntegerField(source="version_id", allow_null=True)
    after = serializers.IntegerField(source="after_id", allow_null=True)

    class Meta:
        model = SamplingJob
        fields = (
            "id", "project", "version", "after", "status", "responses_per_prompt", "max_tokens", "temperature", "done",
            "failed", "total", "error", "next_attempt_at", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class PercentilesSerializer(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class StageTimesSerializer(serializers.Serializer[Any]):
    stage = serializers.ChoiceField(choices=list(STAGES))
    arrived = serializers.IntegerField()
    waiting = serializers.IntegerField()
    seconds = serializers.SerializerMethodField()

    @extend_schema_field(PercentilesSerializer)
    def get_seconds(self, stage: StageTimes) -> dict[str, float | None]:
        return {f"p{percentile}": seconds for percentile, seconds in stage.seconds.items()}


class TimeToModelSerializer(serializers.Serializer[Any]):
    judgements = serializers.IntegerField()
    stages = StageTimesSerializer(many=True)
