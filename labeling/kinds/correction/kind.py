"""Correction: settings, checks, the desk's form."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.errors import BadContent, BadJudgement
from labeling.kinds.correction.edits import edit_share
from labeling.kinds.correction.hidden import brackets_for, has_hidden, read_back, write_out
from labeling.kinds.correction.model import Correction
from labeling.kinds.kind import Kind
from labeling.models.assignment import Assignment
from labeling.models.item import ItemKind, ItemResponse
from labeling.models.response import Response, ResponseOrigin

MAX_CHARACTERS = 400_000


class CorrectionDesignSerializer(StrictSerializer):
    hint = serializers.CharField(
        max_length=300,
        default="Change as little as you can: repair what is wrong and leave the rest.",
        allow_blank=True,
    )
    may_stay = serializers.BooleanField(default=True)


class SaidSerializer(StrictSerializer):
    text = serializers.CharField(trim_whitespace=False, allow_blank=True)


class CorrectionKind(Kind):
    name = ItemKind.CORRECTION.value
    word = "Correction"
    question = "Correct this answer"
    fewest = most = 1
    model = Correction
    design_serializer = CorrectionDesignSerializer
    said_serializer = SaidSerializer
    columns = {
        "response_id": "shown.r[1]",
        "corrected_id": "%(corrected)s::bigint",
        "edit_share": "%(edit_share)s::float8",
    }
    # The edited one is on either side, so that nothing can be learnt from the side.
    pairs = """
        SELECT id AS judgement_id, item_id, annotator_id,
            CASE WHEN id %% 2 = 0 THEN corrected_id ELSE response_id END AS response_a_id,
            CASE WHEN id %% 2 = 0 THEN response_id ELSE corrected_id END AS response_b_id,
            CASE WHEN id %% 2 = 0 THEN 'a' ELSE 'b' END AS choice, NULL::smallint AS strength,
            '{}'::jsonb AS axes, flags
        FROM labeling_correction WHERE project_id = %(project)s AND retracted_at IS NULL AND NOT is_surplus
            AND corrected_id IS NOT NULL"""

    def read(self, said: Mapping[str, Any], *, design: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
        """The edited text as a response of its own; none when nothing was changed."""
        from labeling.services.responses import store_response  # the services know the kinds

        text = said.get("text")
        if not isinstance(text, str):
            raise _bad("Send the whole answer as it should be.")
        text = text.replace("\r\n", "\n")
        if len(text) > MAX_CHARACTERS:
            raise _bad(f"Use at most {MAX_CHARACTERS:,} characters.")
        original = ItemResponse.objects.select_related("response").get(item_id=assignment.item_id).response
        if text == original.text.replace("\r\n", "\n"):
            if not design["may_stay"]:
                raise _bad("This project asks for a change in every answer. Skip the item if it needs none.")
            return {"corrected": None, "edit_share": 0.0}
        if not text.strip():
            raise _bad("The answer is empty now. Write what it should say, or skip the item.")
        try:
            corrected, _ = store_response(
                prompt=assignment.item.prompt, text=text, origin=ResponseOrigin.PERSON, author=assignment.annotator
            )
        except BadContent as error:
            raise _bad(error.message) from None
        return {"corrected": corrected.pk, "edit_share": edit_share(original.text, text)}

    def read_form(self, posted: QueryDict, *, design: Mapping[str, Any]) -> dict[str, Any]:
        """`text`, with the line ends that a browser sends made ours, and marks made what they stand for."""
        if "text" not in posted:
            return {}
        return {"text": read_back(posted.get("text", "").replace("\r\n", "\n"), posted.get("brackets", ""))}

    def said_of(self, judgement: Correction) -> dict[str, Any]:
        """The edited text; the answer's own when nothing was changed."""
        return {"text": (judgement.corrected or judgement.response).text}

    def card(self, *, design: Mapping[str, Any], draft: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """The text to edit, its hidden characters written out, and the answer likewise to hold it against."""
        original, text = texts[0], draft.get("text", texts[0])
        brackets = brackets_for(original, text)
        return {
            "hint": design["hint"], "shown": original, "brackets": brackets,
            "original": write_out(original, brackets), "text": write_out(text, brackets),
            "has_hidden": has_hidden(original) or has_hidden(text),
        }  # fmt: skip

    def stored(self, judgement: Correction) -> dict[str, Any]:
        """The edited text is the sender's own; how much of the answer it changed is new to them."""
        return {"is_changed": judgement.corrected_id is not None, "edit_share": judgement.edit_share}

    def retracted(self, judgement: Correction) -> None:
        """When nobody says any more that this is how it should have been, no new item shows the text."""
        standing = Correction.objects.filter(corrected=judgement.corrected_id, retracted_at=None)
        if judgement.corrected_id and not standing.exists():
            written = Response.objects.filter(pk=judgement.corrected_id, origin=ResponseOrigin.PERSON)
            written.update(withdrawn_at=judgement.retracted_at)


def _bad(why: str) -> BadJudgement:
    return BadJudgement(why, fields={"text": why})


KIND = CorrectionKind()
