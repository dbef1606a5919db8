"""What the API takes and gives."""

from rest_framework import serializers

from accounts.strict import StrictSerializer
from training.models import Recipe, SamplingJob, TrainingRun


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
