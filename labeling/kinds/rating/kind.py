"""Rating: the project's axes, checks, the desk's form."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.errors import BadJudgement
from labeling.kinds.design import KEY
from labeling.kinds.kind import Kind
from labeling.kinds.rating.model import Rating
from labeling.models.assignment import Assignment
from labeling.models.item import ItemKind

NOT_APPLICABLE = "na"
# The keys of a scale whose numbers are no digits, in the order of its steps: those of the keyboard's top row.
_KEYS_IN_ORDER = "1234567890-"


class AxisSerializer(StrictSerializer):
    name = serializers.RegexField(KEY)
    word = serializers.CharField(max_length=60)
    about = serializers.CharField(max_length=300, default="", allow_blank=True)
    type = serializers.ChoiceField(choices=["likert", "stars", "yes_no", "number"], default="likert")
    # Likert: one word a step, worst first; empty words are allowed between the anchored ones.
    labels = serializers.ListField(
        child=serializers.CharField(max_length=60, allow_blank=True), default=list, max_length=11
    )
    low = serializers.FloatField(default=1)
    high = serializers.FloatField(default=5)
    may_not_apply = serializers.BooleanField(default=False)

    def validate(self, axis: dict[str, Any]) -> dict[str, Any]:
        """A scale with at least two steps."""
        if axis["type"] == "yes_no":
            axis |= {"low": 0, "high": 1, "labels": axis["labels"] or ["No", "Yes"]}
        if not (math.isfinite(axis["low"]) and math.isfinite(axis["high"])) or axis["low"] >= axis["high"]:
            raise serializers.ValidationError({"high": "The scale's end must be above its beginning."})
        if axis["type"] != "number":
            axis["low"], axis["high"] = int(axis["low"]), int(axis["high"])
            steps = axis["high"] - axis["low"] + 1
            if steps > 11:
                raise serializers.ValidationError({"high": "Use at most 11 steps, or the type number."})
            if axis["labels"] and len(axis["labels"]) != steps:
                raise serializers.ValidationError({"labels": f"Give {steps} words, one a step, or none."})
        return axis


DEFAULT_AXES = [
    {
        "name": "quality",
        "word": "How good is the answer?",
        "labels": ["Very bad", "Bad", "Fair", "Good", "Very good"],
    }
]


class RatingDesignSerializer(StrictSerializer):
    axes = AxisSerializer(many=True, required=False, max_length=12)  # type: ignore[call-arg]

    def validate(self, design: dict[str, Any]) -> dict[str, Any]:
        """Without axes, one for the answer's quality."""
        if not design.get("axes"):
            given = AxisSerializer(data=DEFAULT_AXES, many=True)
            given.is_valid(raise_exception=True)
            design["axes"] = given.validated_data
        if len({axis["name"] for axis in design["axes"]}) < len(design["axes"]):
            raise serializers.ValidationError({"axes": "Two axes have the same name. Give each its own."})
        return design


class SaidSerializer(StrictSerializer):
    scores = serializers.DictField(child=serializers.FloatField(allow_null=True))


class RatingKind(Kind):
    name = ItemKind.RATING.value
    word = "Rating"
    question = "How good is this answer?"
    fewest = most = 1
    model = Rating
    design_serializer = RatingDesignSerializer
    said_serializer = SaidSerializer
    columns = {"response_id": "shown.r[1]", "scores": "%(scores)s::jsonb"}
    # Beside the scores their places from 0 (the low end) to 1, on the scales that the project has now; an axis that it
    # no longer has has none, nor one that did not apply.
    frozen = """
        SELECT j.id AS judgement_id, j.item_id, j.annotator_id, ARRAY[j.response_id] AS response_ids,
            jsonb_build_object('scores', j.scores, 'levels', coalesce(found.levels, '{}'::jsonb)) AS said, j.flags
        FROM labeling_rating j CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(score.key,
                greatest(0, least(1, (score.value::float8 - axis.low) / (axis.high - axis.low)))) AS levels
            FROM jsonb_each_text(j.scores) score
            JOIN jsonb_to_recordset(%(rating_scales)s::jsonb) AS axis(name text, low float8, high float8)
                ON axis.name = score.key
            WHERE score.value IS NOT NULL) found
        WHERE j.project_id = %(project)s AND j.retracted_at IS NULL AND NOT j.is_surplus"""

    def frozen_parameters(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """The scales."""
        scales = [{"name": axis["name"], "low": axis["low"], "high": axis["high"]} for axis in design["axes"]]
        return {"rating_scales": json.dumps(scales)}

    def read(self, said: Mapping[str, Any], *, design: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
        """A number within its scale for each axis, or null where the axis may not apply."""
        fields: dict[str, str] = {}
        scores = said.get("scores") or {}
        axes = {axis["name"]: axis for axis in design["axes"]}
        if unknown := sorted(set(scores) - set(axes)):
            fields["scores"] = f"There is no axis {unknown[0][:40]!r}. Use {', '.join(axes)}."
        for name, axis in axes.items():
            if name not in scores:
                fields[f"scores.{name}"] = f"Answer this one too: {axis['word']}"
            elif why := _wrong(scores[name], axis):
                fields[f"scores.{name}"] = f"{axis['word']} {why}"
        if fields:
            raise BadJudgement(" ".join(fields.values()), fields=fields)
        return {"scores": json.dumps({name: _tidy(scores[name]) for name in axes})}

    def read_form(self, posted: QueryDict, *, design: Mapping[str, Any]) -> dict[str, Any]:
        """`score_<axis>` is a number, or "na"."""
        scores: dict[str, Any] = {}
        for axis in design["axes"]:
            text = posted.get(f"score_{axis['name']}", "").strip()
            if text:
                scores[axis["name"]] = None if text == NOT_APPLICABLE else _number(text)
        return {"scores": scores} if scores else {}

    def said_of(self, judgement: Rating) -> dict[str, Any]:
        """The scores."""
        return {"scores": judgement.scores}

    def card(self, *, design: Mapping[str, Any], draft: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """Each axis with its steps and what is chosen."""
        scores = draft.get("scores") or {}
        return {"axes": [_axis(axis, scores) for axis in design["axes"]]}


def _axis(axis: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    name = axis["name"]
    chosen = "" if name not in scores else NOT_APPLICABLE if scores[name] is None else str(_tidy(scores[name]))
    steps = []
    if axis["type"] != "number":
        words = axis["labels"] or [""] * (axis["high"] - axis["low"] + 1)
        are_digits = axis["low"] >= 0 and axis["high"] <= 9
        steps = [
            {
                "value": str(axis["low"] + n),
                "key": str(axis["low"] + n) if are_digits else _KEYS_IN_ORDER[n],
                "word": word,
            }
            for n, word in enumerate(words)
        ]
    return {**axis, "chosen": chosen, "steps": steps}


def _wrong(score: Any, axis: Mapping[str, Any]) -> str:
    if score is None:
        return "" if axis["may_not_apply"] else "This axis always applies: give a number."
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        return "Give a number."
    if axis["type"] != "number" and score != int(score):
        return "Give a whole number."
    return "" if axis["low"] <= score <= axis["high"] else f"Give a number from {axis['low']:g} to {axis['high']:g}."


def _number(text: str) -> Any:
    """What was typed as a number; as it is when it is none, for the check to refuse."""
    try:
        return _tidy(float(text.replace(",", ".")))
    except ValueError:
        return text


def _tidy(score: Any) -> Any:
    return int(score) if isinstance(score, float) and score.is_integer() else score


KIND = RatingKind()
