"""What a person types in the playground."""

from django import forms

from serving.chat_request import MAX_PROMPT_CHARACTERS
from serving.models import Signal
from serving.services.feedback import MAX_COMMENT, MAX_EDIT


class MessageForm(forms.Form):
    """`after` names the answer that the conversation goes on from."""

    message = forms.CharField(
        label="Your message",
        max_length=MAX_PROMPT_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3, "data-send-on-enter": ""}),
    )
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)


class FeedbackForm(forms.Form):
    client_id = forms.UUIDField()
    signal = forms.ChoiceField(choices=Signal.choices)
    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    edited_text = forms.CharField(required=False, max_length=MAX_EDIT, strip=False)

    def clean_edited_text(self) -> str:
        # A browser sends line ends as CR LF; the answer that was edited has LF.
        return str(self.cleaned_data["edited_text"]).replace("\r\n", "\n")
