"""What people choose of an export. It makes an address that can be kept and asked for again."""

from typing import Any

from django import forms

from labeling.kinds import all_kinds


class ExportForm(forms.Form):
    """Every part of it may be left empty; labeling.exporting.filters reads and checks it."""

    format = forms.ChoiceField(label="As")
    kind = forms.ChoiceField(label="Kind of judgement", required=False)
    since = forms.CharField(
        label="Made on this day or later", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.CharField(
        label="Made before this day", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    annotator = forms.CharField(
        label="Of one annotator", required=False, help_text="By the name that an earlier export gives them."
    )
    min_agreement = forms.CharField(
        label="Of items on which people agree at least so much",
        required=False,
        help_text="The share of equal pairs of judgements, from 0 to 1. Items judged once are left out.",
        widget=forms.NumberInput(attrs={"min": 0, "max": 1, "step": "any"}),
    )
    after = forms.CharField(
        label="After the judgement with this id",
        required=False,
        help_text="To go on with a download that broke off.",
        widget=forms.NumberInput(attrs={"min": 0}),
    )
    anonymous = forms.BooleanField(label="Without annotators, reasons, active time and time of day", required=False)

    def __init__(self, *given: Any, formats: list[tuple[str, str]], **more: Any) -> None:
        super().__init__(*given, **more)
        for name, choices in (
            ("format", formats),
            ("kind", [("", "All of them"), *((name, kind.word) for name, kind in all_kinds().items())]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
