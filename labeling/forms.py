"""What annotators send from the desk."""

import json
from typing import Any

from django import forms

from labeling.desk_card import KEY_ACTIONS
from labeling.kinds.design import Design

MAX_ACTIVE_MS = 24 * 3600 * 1000


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
    reason = forms.CharField(
        required=False,
        max_length=20_000,
        strip=False,
        error_messages={"max_length": "The reason is too long. Use at most 20,000 characters."},
    )
    flags = forms.MultipleChoiceField(required=False)
    marked = MarkedFlags(required=False)
    active_ms = forms.IntegerField(required=False)

    def __init__(self, *given: Any, design: Design, **more: Any) -> None:
        super().__init__(*given, **more)
        flags = self.fields["flags"]
        assert isinstance(flags, forms.MultipleChoiceField)
        flags.choices = list(design.flags.items())

    def clean_active_ms(self) -> int | None:
        """A measurement that went wrong must not refuse what was said."""
        measured = self.cleaned_data["active_ms"]
        return None if measured is None else min(max(measured, 0), MAX_ACTIVE_MS)

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
