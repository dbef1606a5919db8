"""What a manager types about a project: setting it up, its settings, and the rules for its items."""

from typing import Any

from django import forms

from labeling.kinds import all_kinds
from labeling.models import Project
from labeling.selection import FOR_NEW_PROJECTS, policies


def _number(label: str, low: int, high: int | None, help_text: str, **more: Any) -> forms.IntegerField:
    """A whole number in a range, whose refusal says the range."""
    said = f"Use a whole number from {low} to {high}." if high else f"Use a whole number of {low} or more."
    messages = {"invalid": said, "min_value": said, "max_value": said}
    return forms.IntegerField(
        label=label, min_value=low, max_value=high, help_text=help_text, error_messages=messages, **more
    )


def _policies() -> list[tuple[str, str]]:
    return [(policy.name, f"{policy.word}: {policy.about}") for policy in policies().values()]


class TagsField(forms.CharField):
    """Tags with commas or spaces between them."""

    def to_python(self, value: Any) -> Any:
        return str(value or "").replace(",", " ").split()

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])


class ShareField(forms.IntegerField):
    """A share, typed as a percentage."""

    def to_python(self, value: Any) -> Any:
        percent = super().to_python(value)
        return None if percent is None else percent / 100

    def prepare_value(self, value: Any) -> Any:
        return round(value * 100) if isinstance(value, float) else value


class SetupForm(forms.Form):
    """What a new project needs; all else has a default."""

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


class ProjectForm(SetupForm):
    """All settings but what is asked: that has a page of its own."""

    extra_overlap_percent = _number(
        "Percent of items that one person more judges",
        0,
        100,
        "A few items judged twice tell how far people agree, for little more work. It holds for new items.",
        initial=0,
        required=False,
    )
    selection_policy = forms.ChoiceField(
        label="Order of items",
        choices=_policies,
        initial=FOR_NEW_PROJECTS,
        help_text="A new project begins with what saved most labels in our trials: in random order it took 1.7 times "
        "as many to learn as much. Until there are a base model and 20 judgements the order is random, and for a share "
        "of the items it stays so.",
    )
    requires = TagsField(
        label="What annotators must have",
        required=False,
        help_text="Tags such as language:de, skill:python or qualified:medicine. Empty: everybody may judge.",
    )
    cap_per_person = _number("Items per person at most", 1, None, "Empty: no limit.", required=False)
    cap_per_day = _number("Items per person and day at most", 1, None, "Empty: no limit.", required=False)
    lease_minutes = _number(
        "Minutes an item is kept for one person",
        1,
        1440,
        "While the page is open it is kept on; after that others may have it.",
        initial=15,
    )
    undo_minutes = _number(
        "Minutes in which a verdict can be taken back",
        0,
        10_080,
        "0: not at all.",
        initial=60,
        required=False,
    )
    held_out_percent = _number(
        "Percent of prompts held out",
        5,
        50,
        "Never trained on, so that a new version can be measured. It holds for prompts added from now on.",
        initial=20,
    )
    retrain_after = _number(
        "Retrain after so many new judgements",
        10,
        None,
        "Leave it empty to retrain only when somebody presses the button.",
        required=False,
    )

    refit_after = _number(
        "Refit the reward model after so many new judgements",
        5,
        None,
        "The fast path: seconds, on the frozen base model. Empty: after 20 where the order of items follows the reward "
        "model, else never.",
        required=False,
    )
    train_body_after = _number(
        "Train the reward model's body after so many new judgements",
        0,
        None,
        "Minutes to hours on the trainer. The trained body takes the fast path's place where held-out votes show it to "
        "be better. In a large project a tenth of what the last one learnt from must be new, too. 0: by the button on "
        "the training page alone.",
        initial=1000,
        required=False,
    )
    random_share = ShareField(
        label="Percent of items chosen at random all the same",
        min_value=0.1,  # type: ignore[arg-type]
        max_value=0.2,  # type: ignore[arg-type]
        help_text="Where the order of items follows the reward model: what the labels buy is measured against these.",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Use a whole number from 10 to 20."),
        initial=0.15,
        required=False,
    )

    def changes(self) -> dict[str, Any]:
        """What goes to the project: a setting with a default that was left empty has it."""
        given = dict(self.cleaned_data)
        for name in ("extra_overlap_percent", "undo_minutes", "random_share", "train_body_after"):
            if given[name] is None:
                given[name] = self.fields[name].initial
        return given


class ItemRulesForm(forms.Form):
    """Which sets of responses become items."""

    kind = forms.ChoiceField(label="Kind", choices=lambda: [(kind.name, kind.word) for kind in all_kinds().values()])
    policy = forms.ChoiceField(label="Which of a prompt's answers, and in what order", choices=_policies)
    items_per_prompt = _number(
        "Items per prompt at most",
        1,
        50,
        "What a prompt has already is counted: running this twice makes nothing twice.",
    )
    responses_per_item = _number(
        "Answers per ranking at most",
        3,
        9,
        "For rankings alone. A prompt with fewer, but three, has them all in one.",
        required=False,
        initial=4,
    )
    models = forms.MultipleChoiceField(
        label="Answers of these models alone",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: of all. Annotators never see which model wrote an answer.",
    )
    skip_near_duplicates = forms.BooleanField(
        label="Leave out answers that say nearly the same in the same words", required=False
    )
    require_from_metadata = forms.BooleanField(
        label="Ask for the language and skills that the prompt's metadata name", required=False
    )

    def __init__(self, *given: Any, models: list[str], **more: Any) -> None:
        super().__init__(*given, **more)
        field = self.fields["models"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in models]
        if not models:
            del self.fields["models"]

    def rules(self) -> dict[str, Any]:
        """As `make_items` takes them."""
        given = dict(self.cleaned_data)
        if given["responses_per_item"] is None:
            del given["responses_per_item"]
        return given


class AnnotatorForm(forms.Form):
    tags = TagsField(required=False)


def settings_of(project: Project) -> dict[str, Any]:
    """The form's initial values."""
    return {name: getattr(project, name) for name in ProjectForm.base_fields}
