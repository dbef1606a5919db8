"""What people give an import: a file or lines, and what its columns are."""

from typing import Any

from django import forms

from labeling.importing.formats import FORMATS, Sniffed
from labeling.importing.tables import Columns

MAX_RESPONSE_COLUMNS = 9


class ImportForm(forms.Form):
    """A file or pasted lines, not both."""

    file = forms.FileField(
        label="A file",
        help_text="JSON lines, JSON, CSV or Parquet, of any size; packed with gzip if you like.",
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".ndjson,.jsonl,.json,.csv,.tsv,.parquet,.gz,.txt"}),
    )
    pasted = forms.CharField(
        label="Or paste lines or a table here",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
    )
    format = forms.ChoiceField(
        label="What it is",
        required=False,
        choices=[("", "Find out from its content"), *FORMATS.items()],
    )
    make_items = forms.BooleanField(
        label="Make items of prompts that have enough responses", required=False, initial=True
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, pasted = cleaned.get("file"), (cleaned.get("pasted") or "").strip()
        if file and pasted:
            raise forms.ValidationError("Choose a file or paste the lines, not both: nothing was imported.")
        if not file and not pasted and not self.errors:
            raise forms.ValidationError("Choose a file, or paste at least one line.")
        return cleaned


class ColumnsForm(forms.Form):
    """What each column of a table is, with a guess filled in."""

    prompt = forms.ChoiceField(error_messages={"required": "Say which column holds the prompt."})
    external_id = forms.ChoiceField(label="Your own name for the prompt", required=False)
    prompts_alone = forms.BooleanField(label="Import the prompts alone, without answers", required=False)

    def __init__(self, *given: Any, sniffed: Sniffed, **more: Any) -> None:
        guess = sniffed.columns
        initial: dict[str, Any] = {"prompt": guess.prompt, "external_id": guess.external_id}
        self.places = range(1, min(max(len(guess.responses) + 1, 2), MAX_RESPONSE_COLUMNS) + 1)
        models = guess.models or ("",) * len(guess.responses)
        for place, response, model in zip(self.places, guess.responses, models, strict=False):
            initial |= {f"response_{place}": response, f"model_{place}": model}
        super().__init__(*given, **more)
        self.initial = initial
        columns = [(name, name) for name in sniffed.names]
        for place in self.places:
            self.fields[f"response_{place}"] = forms.ChoiceField(label=f"Answer {place}", required=False)
            self.fields[f"model_{place}"] = forms.ChoiceField(label=f"Model of answer {place}", required=False)
        for name, field in self.fields.items():
            if not isinstance(field, forms.ChoiceField):
                continue
            field.choices = columns if name == "prompt" and guess.prompt else [("", "– no column –"), *columns]

        self.order_fields(["prompt", "external_id", *(n for n in self.fields if "_" in n and n[-1].isdigit())])
        self.knows_no_answer = not guess.responses

    @property
    def asks_about_answers(self) -> bool:
        """No column is known or chosen as one: prompts alone give nobody anything to judge."""
        return self.knows_no_answer or "prompts_alone" in self.errors

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not any(cleaned.get(f"response_{place}") for place in self.places) and not cleaned.get("prompts_alone"):
            why = "Say which column holds each answer, or tick this: nothing was imported."
            self.add_error("prompts_alone", why)
        return cleaned

    def columns(self) -> Columns:
        """What was chosen."""
        said = self.cleaned_data
        chosen = [(said[f"response_{place}"], said[f"model_{place}"]) for place in self.places]
        chosen = [pair for pair in chosen if pair[0]]
        return Columns(
            said["prompt"],
            tuple(response for response, _ in chosen),
            tuple(model for _, model in chosen) if any(model for _, model in chosen) else (),
            said["external_id"],
        )
