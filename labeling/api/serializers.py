"""What the API takes and gives."""

from typing import Any

from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.desk_card import shown_texts
from labeling.kinds import NAMES, kind_of
from labeling.kinds.design import design_of
from labeling.kinds.kind import LABELS
from labeling.models import Assignment, Project, Snapshot, StrengthForm
from labeling.selection import FOR_NEW_PROJECTS

MOMENT = serializers.DateTimeField()


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
    selection_policy = serializers.CharField(
        max_length=20, required=False, help_text=f"Of a new project {FOR_NEW_PROJECTS}, unless it says otherwise."
    )
    retrain_after = serializers.IntegerField(min_value=10, allow_null=True, required=False)
    refit_after = serializers.IntegerField(min_value=5, allow_null=True, required=False)
    train_body_after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    axis_weights = serializers.DictField(child=serializers.FloatField(), required=False)
    strength = serializers.ChoiceField(choices=StrengthForm.choices, required=False)
    weigh_annotators = serializers.BooleanField(required=False)
    remove_length = serializers.BooleanField(required=False)
    random_share = serializers.FloatField(min_value=0.1, max_value=0.2, required=False)
    extra_overlap_percent = serializers.IntegerField(min_value=0, max_value=100, required=False)
    undo_minutes = serializers.IntegerField(min_value=0, max_value=10_080, required=False)
    requires = serializers.ListField(child=serializers.CharField(max_length=60), max_length=20, required=False)
    cap_per_person = serializers.IntegerField(min_value=1, allow_null=True, required=False)
    cap_per_day = serializers.IntegerField(min_value=1, allow_null=True, required=False)
    design = serializers.JSONField(required=False)


class NewProjectSerializer(ProjectChangesSerializer):
    name = serializers.CharField(max_length=120)


class ProjectPatchSerializer(ProjectChangesSerializer):
    paused = serializers.BooleanField(required=False)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    design = serializers.SerializerMethodField()

    def get_design(self, project: Project) -> dict[str, Any]:
        return design_of(project).as_json()

    class Meta:
        model = Project
        fields = (
            "id", "name", "slug", "purpose", "guidelines", "overlap", "lease_minutes", "held_out_percent",
            "selection_policy", "retrain_after", "refit_after", "train_body_after", "random_share", "axis_weights",
            "strength", "weigh_annotators", "remove_length", "extra_overlap_percent", "undo_minutes", "requires",
            "cap_per_person", "cap_per_day", "design", "paused_at", "archived_at", "created_at",
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
    verdicts = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected = RejectedLineSerializer(many=True)


class NewItemsSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=NAMES, required=False)
    policy = serializers.CharField(default="random")
    items_per_prompt = serializers.IntegerField(min_value=1, max_value=50, default=1)
    responses_per_item = serializers.IntegerField(
        min_value=3, max_value=9, default=4, help_text="Of rankings, at most: a prompt with 3 or more has one of them."
    )
    skip_near_duplicates = serializers.BooleanField(default=False)
    models = serializers.ListField(child=serializers.CharField(max_length=200), default=list, max_length=100)
    require_from_metadata = serializers.BooleanField(default=False)


class MessageSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    content = serializers.CharField()


class ShownResponseSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    text = serializers.CharField()


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    """What to show, and nothing that names a model: no ids of responses either, their order tells who came first."""

    project = serializers.IntegerField(source="project_id")
    item = serializers.IntegerField(source="item_id")
    kind = serializers.CharField(source="item.kind")
    prompt = MessageSerializer(source="item.prompt.messages", many=True)
    responses = serializers.SerializerMethodField()
    ask = serializers.SerializerMethodField()

    class Meta:
        model = Assignment
        fields = (
            "id",
            "project",
            "item",
            "kind",
            "state",
            "prompt",
            "responses",
            "ask",
            "draft",
            "leased_at",
            "expires_at",
        )
        read_only_fields = fields

    def to_representation(self, assignment: Assignment) -> dict[str, Any]:
        """The same as the fields say, put together by hand: it is made with every judgement."""
        return {
            "id": assignment.pk,
            "project": assignment.project_id,
            "item": assignment.item_id,
            "kind": assignment.item.kind,
            "state": assignment.state,
            "prompt": assignment.item.prompt.messages,
            "responses": self.get_responses(assignment),
            "ask": self.get_ask(assignment),
            "draft": assignment.draft,
            "leased_at": MOMENT.to_representation(assignment.leased_at),
            "expires_at": MOMENT.to_representation(assignment.expires_at),
        }

    def get_responses(self, assignment: Assignment) -> list[dict[str, str]]:
        texts = shown_texts(assignment.item, assignment.shown_order)
        return [{"label": label, "text": text} for label, text in zip(LABELS, texts, strict=False)]

    def get_ask(self, assignment: Assignment) -> dict[str, Any]:
        design = design_of(assignment.project)
        return {"reason": design.reason, "flags": design.flags, **design.kinds[assignment.item.kind]}


class FlagSerializer(serializers.Serializer[Any]):
    """A name alone, or an object: of one answer, or of a span of its characters, the end excluded."""

    name = serializers.CharField()
    answer = serializers.CharField(required=False)
    start = serializers.IntegerField(required=False)
    end = serializers.IntegerField(required=False)


class JudgementSerializer(StrictSerializer):
    """What all kinds have in common; the rest is the kind's own."""

    client_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=NAMES, required=False)
    reason = Text(default="")
    flags = serializers.ListField(child=serializers.JSONField(), default=list)
    active_ms = serializers.IntegerField(min_value=0, allow_null=True, default=None)


class StoredJudgementSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    assignment = serializers.IntegerField(source="assignment_id")
    client_id = serializers.UUIDField()
    is_surplus = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    def to_representation(self, judgement: Any) -> dict[str, Any]:
        """Also what the kind stored of what was said."""
        kind = kind_of(judgement._meta.model_name)
        common = {
            "id": judgement.pk,
            "assignment": judgement.assignment_id,
            "client_id": str(judgement.client_id),
            "is_surplus": judgement.is_surplus,
            "created_at": MOMENT.to_representation(judgement.created_at),
        }
        return common | {"kind": kind.name} | kind.stored(judgement)


class JudgedSerializer(serializers.Serializer[Any]):
    judgement = StoredJudgementSerializer()
    next = AssignmentSerializer(required=False, allow_null=True)
    why_nothing = serializers.CharField(required=False)


class SkipSerializer(StrictSerializer):
    reason = Text(max_length=200, default="")


class ReportNoteSerializer(StrictSerializer):
    note = Text(max_length=5000)


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


class QuestionAgreementSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField(help_text='The axis; "order" of rankings.')
    word = serializers.CharField()
    level = serializers.CharField(help_text="Of alpha: nominal, ordinal or interval.")
    items_with_two = serializers.IntegerField()
    percent_agreement = FigureSerializer(allow_null=True)
    alpha = FigureSerializer(allow_null=True)


class AgreementSerializer(serializers.Serializer[Any]):
    judgements = serializers.IntegerField()
    annotators = serializers.IntegerField()
    items_with_two = serializers.IntegerField()
    percent_agreement = FigureSerializer(allow_null=True)
    alpha_nominal = FigureSerializer(source="alpha", allow_null=True)
    fleiss_kappa = FigureSerializer(allow_null=True)
    pairs = PairSerializer(many=True)
    pair_count = serializers.IntegerField()
    questions = QuestionAgreementSerializer(many=True)


class NewSnapshotSerializer(StrictSerializer):
    project = serializers.IntegerField()


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    project = serializers.IntegerField(source="project_id")

    class Meta:
        model = Snapshot
        fields = ("id", "project", "content_hash", "judgement_count", "manifest", "created_at", "pruned_at")
        read_only_fields = fields
