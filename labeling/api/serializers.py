"""What the API takes and gives."""

from typing import Any

from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.models import Assignment, Choice, Project, Snapshot


class Text(serializers.CharField):
    """As it was written: spaces at the ends belong to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **options)


class ProjectChangesSerializer(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    purpose = Text(max_length=300, required=False)
    guidelines = Text(required=False)
    overlap = serializers.IntegerField(min_value=1, max_value=20, required=False)
    lease_minutes = serializers.IntegerField(min_value=1, max_value=1440, required=False)
    held_out_percent = serializers.IntegerField(min_value=5, max_value=50, required=False)
    selection_policy = serializers.ChoiceField(choices=["random", "in_order"], required=False)
    retrain_after = serializers.IntegerField(min_value=10, allow_null=True, required=False)


class NewProjectSerializer(ProjectChangesSerializer):
    name = serializers.CharField(max_length=120)


class ProjectPatchSerializer(ProjectChangesSerializer):
    paused = serializers.BooleanField(required=False)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = (
            "id", "name", "slug", "purpose", "guidelines", "overlap", "lease_minutes", "held_out_percent",
            "selection_policy", "retrain_after", "paused_at", "archived_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class ProjectFiguresSerializer(serializers.Serializer[Any]):
    prompts = serializers.IntegerField()
    held_out_prompts = serializers.IntegerField()
    responses = serializers.IntegerField()
    items = serializers.IntegerField()
    slots = serializers.IntegerField()
    open_slots = serializers.IntegerField()
    leased = serializers.IntegerField()
    judgements = serializers.IntegerField()
    surplus = serializers.IntegerField()
    annotators = serializers.IntegerField()
    simulated_annotators = serializers.IntegerField()
    progress = serializers.FloatField()


class RejectedLineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    reason = serializers.CharField()


class ImportReportSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    items_made = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectedLineSerializer(many=True)


class NewItemsSerializer(StrictSerializer):
    policy = serializers.ChoiceField(choices=["random", "in_order"], default="random")
    pairs_per_prompt = serializers.IntegerField(min_value=1, max_value=20, default=1)


class MessageSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    content = serializers.CharField()


class ShownResponseSerializer(serializers.Serializer[Any]):
    label = serializers.ChoiceField(choices=["a", "b"])  # type: ignore[assignment]
    text = serializers.CharField()


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    """What to show, and nothing that names a model: no ids of responses either, their order tells who came first."""

    project = serializers.IntegerField(source="project_id")
    item = serializers.IntegerField(source="item_id")
    kind = serializers.CharField(source="item.kind")
    prompt = MessageSerializer(source="item.prompt.messages", many=True)
    responses = serializers.SerializerMethodField()

    class Meta:
        model = Assignment
        fields = ("id", "project", "item", "kind", "state", "prompt", "responses", "draft", "leased_at", "expires_at")
        read_only_fields = fields

    def get_responses(self, assignment: Assignment) -> list[dict[str, str]]:
        rows = assignment.item.item_responses.order_by("position").values_list("response__text", flat=True)
        texts = list(rows)
        return [
            {"label": label, "text": texts[place]} for label, place in zip("ab", assignment.shown_order, strict=True)
        ]


class JudgementSerializer(StrictSerializer):
    client_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["comparison"], default="comparison")
    choice = serializers.ChoiceField(choices=Choice.choices)
    strength = serializers.IntegerField(min_value=1, max_value=3, allow_null=True, default=None)
    reason = Text(default="")
    flags = serializers.ListField(child=serializers.CharField(), default=list)
    active_ms = serializers.IntegerField(min_value=0, allow_null=True, default=None)


class StoredJudgementSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    assignment = serializers.IntegerField(source="assignment_id")
    client_id = serializers.UUIDField()
    choice = serializers.CharField()
    strength = serializers.IntegerField(allow_null=True)
    is_surplus = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class JudgedSerializer(serializers.Serializer[Any]):
    judgement = StoredJudgementSerializer()
    next = AssignmentSerializer(required=False, allow_null=True)


class SkipSerializer(StrictSerializer):
    reason = Text(max_length=200, default="")


class DraftSerializer(StrictSerializer):
    draft = serializers.DictField()


class FigureSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    n = serializers.IntegerField()


class PairSerializer(serializers.Serializer[Any]):
    annotators = serializers.ListField(child=serializers.IntegerField())
    percent_agreement = serializers.FloatField(source="percent")
    cohen_kappa = FigureSerializer(source="kappa", allow_null=True)


class AgreementSerializer(serializers.Serializer[Any]):
    judgements = serializers.IntegerField()
    annotators = serializers.IntegerField()
    items_with_two = serializers.IntegerField()
    percent_agreement = FigureSerializer(allow_null=True)
    alpha_nominal = FigureSerializer(source="alpha", allow_null=True)
    fleiss_kappa = FigureSerializer(allow_null=True)
    pairs = PairSerializer(many=True)
    pair_count = serializers.IntegerField()


class NewSnapshotSerializer(StrictSerializer):
    project = serializers.IntegerField()


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    project = serializers.IntegerField(source="project_id")

    class Meta:
        model = Snapshot
        fields = ("id", "project", "content_hash", "judgement_count", "manifest", "created_at")
        read_only_fields = fields
