"""What people type about projects, imports and verdicts."""

from typing import Any

from django import forms

from labeling.desk_card import VERDICT_VALUES, split_verdict
from labeling.models import SelectionPolicy

FLAGS = [("unsafe", "Unsafe or harmful"), ("personal_data", "Shows personal data"), ("unreadable", "Cannot be read")]


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


class ImportForm(forms.Form):
    """A file or pasted lines, not both."""

    file = forms.FileField(
        label="A file of JSON lines",
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".ndjson,.jsonl,.json,.txt"}),
    )
    pasted = forms.CharField(
        label="Or paste the lines here",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
    )
    make_items = forms.BooleanField(
        label="Make items of prompts that have two or more responses", required=False, initial=True
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, pasted = cleaned.get("file"), (cleaned.get("pasted") or "").strip()
        if file and pasted:
            raise forms.ValidationError("Choose a file or paste the lines, not both: nothing was imported.")
        if not file and not pasted and not self.errors:
            raise forms.ValidationError("Choose a file, or paste at least one line.")
        return cleaned


class VerdictForm(forms.Form):
    """One judgement as the desk sends it."""

    verdict = forms.ChoiceField(
        choices=[(value, value) for value in VERDICT_VALUES],
        error_messages={"required": "Choose a verdict first.", "invalid_choice": "This is not one of the verdicts."},
    )
    client_id = forms.UUIDField()
    reason = forms.CharField(required=False, max_length=10_000)
    flags = forms.MultipleChoiceField(choices=FLAGS, required=False)
    active_ms = forms.IntegerField(required=False, min_value=0, max_value=24 * 3600 * 1000)

    def judgement(self) -> dict[str, Any]:
        """What `submit_comparison` takes."""
        cleaned = dict(self.cleaned_data)
        cleaned["choice"], cleaned["strength"] = split_verdict(cleaned.pop("verdict"))
        return cleaned


class DraftForm(forms.Form):
    """What is on the card and not sent: any part of it may be missing."""

    verdict = forms.ChoiceField(choices=[(value, value) for value in VERDICT_VALUES], required=False)
    reason = forms.CharField(required=False, max_length=10_000, strip=False)
    flags = forms.MultipleChoiceField(choices=FLAGS, required=False)
    active_ms = forms.IntegerField(required=False, min_value=0, max_value=24 * 3600 * 1000)

    def draft(self) -> dict[str, Any]:
        """What `save_draft` keeps, named as a judgement's parts are."""
        cleaned = dict(self.cleaned_data)
        verdict = cleaned.pop("verdict")
        return cleaned | (dict(zip(("choice", "strength"), split_verdict(verdict), strict=True)) if verdict else {})
