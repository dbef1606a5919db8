"""What people choose about sampling and fine-tuning."""

from typing import Any

from django import forms

from labeling.models import Project
from models_registry.models import ModelVersion, VersionKind
from training.services.start_sampling import answering_version


class SamplingForm(forms.Form):
    """Without a choice of version in a project that has none: then a base model is prepared first."""

    version = forms.ModelChoiceField(queryset=ModelVersion.objects.none(), help_text="Which version writes.")
    responses_per_prompt = forms.IntegerField(
        label="Answers a prompt", min_value=2, max_value=8, initial=2, help_text="Two make one pair to judge."
    )
    temperature = forms.FloatField(
        min_value=0.1, max_value=2, initial=0.9, help_text="Higher: answers differ more from each other."
    )
    max_tokens = forms.IntegerField(
        label="Longest answer, in tokens", min_value=1, max_value=4096, initial=96, help_text="About four letters each."
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        able = ModelVersion.objects.for_project(project.pk).exclude(kind=VersionKind.REWARD_MODEL).order_by("-id")
        if not able.exists():
            del self.fields["version"]
            return
        field = self.fields["version"]
        field.queryset = able  # type: ignore[attr-defined]
        field.initial = answering_version(project.pk)


class FineTuneForm(forms.Form):
    demonstrations = forms.FileField(
        label="Demonstrations",
        help_text='A file with one JSON object a line: {"prompt": "How do I poach eggs?", "response": "Simmer it."}. '
        "The prompt may be a list of messages. A few dozen good ones are enough to begin with.",
        widget=forms.ClearableFileInput(attrs={"accept": ".ndjson,.jsonl,.json,.txt"}),
    )
