"""What people type about projects and verdicts."""

import json
from typing import Any

from django import forms

from labeling.desk_card import KEY_ACTIONS
from labeling.kinds.design import Design
from labeling.models import SelectionPolicy


def _number(label: str, low: int, high: int | None, help_text: str, **more: Any) -> forms.IntegerField:
    """A whole number in a range, whose refusal says the range."""
    said = f"Use a whole number from {low} to {high}." if high else f"Use a whole number of {low} or more."
    messages = {"invalid": said, "min_value": said, "max_value": said}
    return forms.IntegerField(
        label=label, min_value=low, max_value=high, help_text=help_text, error_messages=messages, **more
    )


class ProjectForm(forms.Form):
    name = forms.CharField(max_length=120)
    purpose = forms.CharField(
        label="What it is for",
        max_length=300,
        required=False,
        help_text="One sentence; annotators see it too.",
    )
    guidelines = forms.CharField(
        label="Guidelines for annotators",
        required=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Markdown. They stand beside every item.",
        max_length=20_000,
    )
    overlap = _number(
        "People per item",
        1,
        20,
        "How many judge the same item. With 2 or more, agreement can be measured.",
        initial=1,
    )
    lease_minutes = _number(
        "Minutes an item is kept for one person",
        1,
        1440,
        "While the page is open it is kept on; after that others may have it.",
        initial=15,
    )
    held_out_percent = _number(
        "Percent of prompts held out",
        5,
        50,
        "Never trained on, so that a new version can be measured. It holds for prompts added from now on.",
        initial=20,
    )
    selection_policy = forms.ChoiceField(
        label="Order of items",
        choices=[(SelectionPolicy.RANDOM, "Random"), (SelectionPolicy.IN_ORDER, "As they were added")],
        initial=SelectionPolicy.RANDOM,
        help_text="Random items tell what the whole project is like.",
    )
    retrain_after = _number(
        "Retrain after so many new judgements",
        10,
        None,
        "Leave it empty to retrain only when somebody presses the button.",
        required=False,
    )


class MarkedFlags(forms.Field):
    """Flags on answers and spans of them, as the desk's script writes them: JSON."""

    def to_python(self, value: Any) -> list[Any]:
        text = str(value or "[]")
        if len(text) > 20_000:
            raise forms.ValidationError("These are too many marked flags. Take some off.")
        try:
            flags = json.loads(text)
        except (ValueError, RecursionError):
            flags = None
        if not isinstance(flags, list):
            raise forms.ValidationError("The marked flags cannot be read. Mark them again.")
        return flags


class JudgementForm(forms.Form):
    """What every judgement sends from the desk; the rest is its kind's to read."""

    client_id = forms.UUIDField()
    reason = forms.CharField(required=False, max_length=20_000, strip=False)
    flags = forms.MultipleChoiceField(required=False)
    marked = MarkedFlags(required=False)
    active_ms = forms.IntegerField(required=False, min_value=0, max_value=24 * 3600 * 1000)

    def __init__(self, *given: Any, design: Design, **more: Any) -> None:
        super().__init__(*given, **more)
        flags = self.fields["flags"]
        assert isinstance(flags, forms.MultipleChoiceField)
        flags.choices = list(design.flags.items())

    def common(self) -> dict[str, Any]:
        """What `submit_judgement` takes besides what was said."""
        cleaned = dict(self.cleaned_data)
        cleaned["flags"] = [*cleaned["flags"], *cleaned.pop("marked")]
        return cleaned


class DraftForm(JudgementForm):
    """What is on the card and not sent: any part of it may be missing."""

    client_id = None  # type: ignore[assignment]


class PreferencesForm(forms.Form):
    """How a person likes the desk."""

    layout = forms.ChoiceField(choices=[(name, name) for name in ("auto", "side", "stacked")], required=False)
    one_press = forms.ChoiceField(choices=[("0", "0"), ("1", "1")], required=False)
    warnings = forms.ChoiceField(choices=[("0", "0"), ("1", "1")], required=False)
    pause_minutes = forms.IntegerField(min_value=0, max_value=240, required=False)
    keys = forms.CharField(max_length=1000, required=False)

    def clean_keys(self) -> dict[str, str] | None:
        """`{action: key}`, one character each, none twice."""
        if not self.cleaned_data["keys"]:
            return None
        try:
            keys = json.loads(self.cleaned_data["keys"])
        except (ValueError, RecursionError):
            keys = None
        actions = {action for action, _, _ in KEY_ACTIONS}
        if not isinstance(keys, dict) or set(keys) - actions or len(set(keys.values())) < len(keys):
            raise forms.ValidationError("Give each action a key of its own.")
        if any(not isinstance(key, str) or len(key) != 1 or not key.isalpha() for key in keys.values()):
            raise forms.ValidationError("A key is one letter.")
        return {action: key.lower() for action, key in keys.items()}

    def changes(self) -> dict[str, Any]:
        """What was sent, and nothing else."""
        return {name: value for name, value in self.cleaned_data.items() if name in self.data and value is not None}
