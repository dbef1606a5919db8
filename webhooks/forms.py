"""What a person says of a webhook."""

from django import forms

from webhooks.kinds import EventKind


class WebhookForm(forms.Form):
    name = forms.CharField(label="What it is for", max_length=100, help_text="For example: results to the warehouse.")
    url = forms.CharField(
        label="URL", max_length=500, widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Accord sends a POST there. Use https, so that nobody on the way can read along.",
    )  # fmt: skip
    events = forms.MultipleChoiceField(
        label="Tell it when", choices=EventKind.choices, widget=forms.CheckboxSelectMultiple
    )
    project_id = forms.IntegerField(label="Of which project", required=False, min_value=1)


class DeleteForm(forms.Form):
    name = forms.CharField(
        label="Its name", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Type it as it stands on top of this page.",
    )  # fmt: skip
