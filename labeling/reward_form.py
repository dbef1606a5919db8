"""What a manager chooses about the reward model."""

from typing import Any

from django import forms
from django.http import QueryDict

from labeling.kinds.design import OVERALL
from labeling.models import Project, StrengthForm
from labeling.services.axis_weights import MOST, axes_of

_RANGE = f"Use a number from −{MOST:.0f} to {MOST:.0f}."
_NOT_BELOW_0 = "Use 0 or more: below 0 the worse answers would be rewarded."
_MESSAGES = dict.fromkeys(("invalid", "min_value", "max_value"), _RANGE)


class RewardForm(forms.Form):
    """With a weight an axis, where the project has axes."""

    strength = forms.ChoiceField(
        label="What it does when somebody says how much better an answer is",
        choices=StrengthForm.choices,
        widget=forms.RadioSelect,
    )
    weigh_annotators = forms.BooleanField(
        label="Hear those less who agree with the others no better than chance",
        required=False,
        help_text="Everybody counts in full unless the votes themselves say that there are such people. Nobody is "
        "dropped. Items, Competence shows what each counts.",
    )
    remove_length = forms.BooleanField(
        label="Take out of the score what goes along with length",
        required=False,
        help_text="For when long answers win for being long. The version says how much of its score length explains.",
    )

    def __init__(self, data: QueryDict | None = None, *, project: Project) -> None:
        initial = {name: getattr(project, name) for name in self.base_fields}
        super().__init__(data, initial=initial)
        self.axes = axes_of(project)
        stored = project.axis_weights or {OVERALL: 1.0}
        # The verdict as a whole always counts something where there is nothing beside it.
        for name, word in self.axes.items() if len(self.axes) > 1 else ():
            self.fields[f"weight_{name}"] = forms.FloatField(
                label=word, min_value=0 if name == OVERALL else -MOST, max_value=MOST, required=False,
                initial=f"{stored.get(name, 0):g}", widget=forms.NumberInput(attrs={"step": "any"}),
                error_messages=_MESSAGES | ({"min_value": _NOT_BELOW_0} if name == OVERALL else {}),
            )  # fmt: skip

    @property
    def weight_fields(self) -> list[forms.BoundField]:
        """One an axis, the verdict as a whole first."""
        return [self[name] for name in self.fields if name.startswith("weight_")]

    def changes(self) -> dict[str, Any]:
        """What goes to the project."""
        given = dict(self.cleaned_data)
        weights = {name: given.pop(f"weight_{name}", None) or 0.0 for name in self.axes}
        if not self.weight_fields:
            return given
        alone = weights == dict.fromkeys(self.axes, 0.0) | {OVERALL: 1.0}
        return given | {"axis_weights": {} if alone else weights}
