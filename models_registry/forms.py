"""What a person says when a version takes a step."""

from django import forms

from models_registry.models import Stage


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=1000, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="It is written into the history, with your name.",
    )  # fmt: skip


class StepForm(ReasonForm):
    to_stage = forms.ChoiceField(choices=Stage.choices, widget=forms.HiddenInput)


class CanaryForm(StepForm):
    """The share is asked in per cent and given as a share."""

    canary_share = forms.IntegerField(
        label="Share of the requests, in %", min_value=1, max_value=99, initial=10,
        help_text="Each user stays on one version.",
    )  # fmt: skip
    field_order = ("canary_share", "reason", "to_stage")

    def clean_canary_share(self) -> float:
        return float(self.cleaned_data["canary_share"]) / 100
