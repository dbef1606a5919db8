"""What the API takes and gives."""

from typing import Any

from rest_framework import serializers

from accounts.strict import StrictSerializer
from models_registry.models import Evaluation, ModelVersion, Promotion
from models_registry.services import gate_terms


class PromoteSerializer(StrictSerializer):
    to_stage = serializers.CharField()
    reason = serializers.CharField()
    # Only for to_stage "canary": between 0 and 1.
    canary_share = serializers.FloatField(required=False)


class RollbackSerializer(StrictSerializer):
    reason = serializers.CharField()


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    against = serializers.IntegerField(source="against_id", allow_null=True)

    class Meta:
        model = Evaluation
        fields = ("metric", "value", "low", "high", "n", "against", "run_id", "detail", "created_at")


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    version = serializers.IntegerField(source="version_id")
    by: Any = serializers.StringRelatedField()

    class Meta:
        model = Promotion
        fields = ("id", "version", "from_stage", "to_stage", "canary_share", "by", "reason", "created_at")


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    project = serializers.IntegerField(source="project_id")
    parent = serializers.IntegerField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    base = serializers.IntegerField(source="base_id", allow_null=True)
    snapshot = serializers.IntegerField(source="snapshot_id", allow_null=True)
    run = serializers.IntegerField(source="run_id", allow_null=True)

    class Meta:
        model = ModelVersion
        fields = (
            "id", "project", "number", "name", "kind", "method", "stage", "canary_share", "parent", "base", "snapshot",
            "snapshot_hash", "run", "recipe", "code_version", "artifact_hash", "artifact_bytes", "engine_model",
            "figures", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class VersionDetailSerializer(VersionSerializer):
    evaluations = EvaluationSerializer(many=True)
    promotions = PromotionSerializer(many=True)
    gate = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = (*VersionSerializer.Meta.fields, "evaluations", "promotions", "gate")

    def get_gate(self, version: ModelVersion) -> dict[str, Any]:
        """Whether the version may serve, term by term."""
        terms = gate_terms(version)
        return {"is_open": all(term["holds"] for term in terms), "terms": terms}
