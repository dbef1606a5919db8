"""What the API takes and gives of the manager's side: the queue, bulk actions, reports, annotators, judgements."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.strict import StrictSerializer
from labeling.api.serializers import ProjectSerializer
from labeling.kinds import NAMES
from labeling.models import Assignment, BulkAction, Item, ItemMaking, Report
from labeling.services.bulk_actions import MAX_SELECTED
from labeling.services.queue_filter import STATES


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="display_name")

    class Meta:
        model = User
        fields = ("id", "name", "is_simulated")
        read_only_fields = fields


class WarningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class ToldProjectSerializer(ProjectSerializer):
    """A project, and what a manager should know of it."""

    warnings = WarningSerializer(many=True)

    class Meta(ProjectSerializer.Meta):
        fields: Any = (*ProjectSerializer.Meta.fields, "warnings")
        read_only_fields: Any = fields


class SetupSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    word = serializers.CharField()
    about = serializers.CharField()
    asks = serializers.CharField()
    needs = serializers.CharField()
    overlap = serializers.IntegerField()
    purpose = serializers.CharField()
    guidelines = serializers.CharField()
    design = serializers.JSONField()


class HeldSerializer(serializers.ModelSerializer[Assignment]):
    """Somebody has or had the item."""

    person = PersonSerializer(source="annotator")

    class Meta:
        model = Assignment
        fields = ("id", "person", "state", "leased_at", "shown_at", "expires_at", "closed_at", "skip_reason")
        read_only_fields = fields


class ItemSerializer(serializers.ModelSerializer[Item]):
    prompt = serializers.IntegerField(source="prompt_id")
    asked = serializers.SerializerMethodField(help_text="The beginning of what is to be answered.")
    reserved_for = PersonSerializer(allow_null=True)

    class Meta:
        model = Item
        fields = (
            "id", "kind", "prompt", "asked", "overlap", "open_slots", "priority", "policy", "propensity", "requires",
            "reserved_for", "withdrawn_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_asked(self, item: Item) -> str:
        return item.prompt.last_user_text[:200]


class QueueRowSerializer(serializers.Serializer[Any]):
    item = ItemSerializer()
    judged = serializers.IntegerField(help_text="How many people have judged it.")
    held = serializers.IntegerField(help_text="How many have it now.")
    open_reports = serializers.IntegerField()
    people = HeldSerializer(many=True)


class QueuePageSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Items that the filter lets through, counted to 10,000.")
    count_is_bounded = serializers.BooleanField(help_text="There are more than `count`.")
    results = QueueRowSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)


class QueueFilterSerializer(StrictSerializer):
    state = serializers.CharField(required=False, allow_blank=True, help_text=f"One of {', '.join(STATES)}.")
    kind = serializers.ChoiceField(choices=NAMES, required=False, allow_blank=True)
    person = serializers.IntegerField(required=False, allow_null=True, help_text="A user's id.")


class NewBulkActionSerializer(StrictSerializer):
    """`items` or `filter`, not both; `{}` as filter is the whole project."""

    act = serializers.ChoiceField(choices=BulkAction.Act.choices)
    items = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False, max_length=MAX_SELECTED)
    filter = QueueFilterSerializer(required=False)
    person = serializers.IntegerField(
        required=False, allow_null=True, help_text="For reassign and reserve: a user's id. Reserving for null frees."
    )
    overlap = serializers.IntegerField(required=False, help_text="For overlap: 1 to 20.")
    priority = serializers.FloatField(required=False, help_text="For priority: higher comes first.")


class BulkActionSerializer(serializers.ModelSerializer[BulkAction]):
    by = PersonSerializer()
    state = serializers.CharField(help_text="working, done, undoing or undone.")
    not_restored = serializers.SerializerMethodField(help_text="Once undone: items that had changed since.")

    class Meta:
        model = BulkAction
        fields = (
            "id", "act", "scope", "detail", "state", "changed", "left_out", "restored", "not_restored", "by",
            "created_at", "undo_until", "may_be_undone",
        )  # fmt: skip
        read_only_fields = fields

    def get_not_restored(self, action: BulkAction) -> int | None:
        return action.not_restored if action.state == BulkAction.State.UNDONE else None


class ItemMakingSerializer(serializers.ModelSerializer[ItemMaking]):
    by = PersonSerializer()
    state = serializers.CharField(help_text="working, done, cancelled or failed.")

    class Meta:
        model = ItemMaking
        fields = (
            "id", "rules", "state", "made", "prompts", "prompts_done", "error", "by", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class ToldBulkActionSerializer(BulkActionSerializer):
    """Also what stands in the project's way after the people per item were changed."""

    warnings = WarningSerializer(many=True)

    class Meta(BulkActionSerializer.Meta):
        fields: Any = (*BulkActionSerializer.Meta.fields, "warnings")
        read_only_fields: Any = fields


class ReportSerializer(serializers.ModelSerializer[Report]):
    project = serializers.IntegerField(source="project_id")
    item = serializers.IntegerField(source="item_id")
    by = PersonSerializer()
    resolved_by = PersonSerializer(allow_null=True)

    class Meta:
        model = Report
        fields = ("id", "project", "item", "by", "note", "created_at", "resolved_at", "resolved_by", "answer")
        read_only_fields = fields


class ResolveSerializer(StrictSerializer):
    answer = serializers.CharField(
        max_length=5000, default="", allow_blank=True, trim_whitespace=False, help_text="The annotator sees it."
    )


class AnnotatorSerializer(serializers.Serializer[Any]):
    member = serializers.IntegerField(source="member.pk", help_text="The membership's id: what is changed.")
    person = PersonSerializer(source="member.user")
    role = serializers.CharField(source="member.role")
    may_judge = serializers.BooleanField()
    judged = serializers.IntegerField()
    judged_today = serializers.IntegerField()
    skipped = serializers.IntegerField()
    held = serializers.IntegerField()
    median_active_ms = serializers.FloatField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    missing_tags = serializers.ListField(child=serializers.CharField())
    paused_at = serializers.DateTimeField(allow_null=True)
    is_capped = serializers.BooleanField()
    is_capped_today = serializers.BooleanField()


class AnnotatorPatchSerializer(StrictSerializer):
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=50)
    paused = serializers.BooleanField(required=False)


class FlagSaidSerializer(serializers.Serializer[Any]):
    word = serializers.CharField()
    answer = serializers.CharField()
    passage = serializers.CharField()


class ReviewedSerializer(serializers.Serializer[Any]):
    """A judgement told in words; responses are numbered within their prompt, the oldest first."""

    id = serializers.IntegerField()
    item = serializers.IntegerField(source="item_id")
    kind = serializers.CharField()
    annotator = PersonSerializer()
    said = serializers.SerializerMethodField()
    reason = serializers.CharField()
    flags = FlagSaidSerializer(many=True)
    active_ms = serializers.IntegerField(allow_null=True)
    is_surplus = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    retracted_at = serializers.DateTimeField(allow_null=True)

    def get_said(self, judgement: Any) -> list[dict[str, str]]:
        return [{"asked": asked, "said": said} for asked, said in judgement.said]
