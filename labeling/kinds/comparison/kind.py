"""Comparison: settings, checks, the desk's form."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.errors import BadJudgement
from labeling.kinds.comparison.model import DECIDED, Choice, Comparison
from labeling.kinds.comparison.scale import join_verdict, split_verdict, verdicts
from labeling.kinds.design import KEY
from labeling.kinds.kind import Kind
from labeling.models.assignment import Assignment
from labeling.models.item import ItemKind


class AxisSerializer(StrictSerializer):
    name = serializers.RegexField(KEY)
    word = serializers.CharField(max_length=60)
    about = serializers.CharField(max_length=300, default="", allow_blank=True)


class ComparisonDesignSerializer(StrictSerializer):
    strengths = serializers.IntegerField(min_value=1, max_value=3, default=3)
    tie = serializers.BooleanField(default=True)
    both_bad = serializers.BooleanField(default=True)
    both_good = serializers.BooleanField(default=False)
    axes = AxisSerializer(many=True, default=list, max_length=8)  # type: ignore[call-arg]

    def validate_axes(self, axes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each name once."""
        if len({axis["name"] for axis in axes}) < len(axes):
            raise serializers.ValidationError("Two axes have the same name. Give each its own.")
        return axes


class SaidSerializer(StrictSerializer):
    choice = serializers.ChoiceField(choices=Choice.choices)
    strength = serializers.IntegerField(min_value=1, max_value=3, allow_null=True, default=None)
    axes = serializers.DictField(default=dict)


class ComparisonKind(Kind):
    name = ItemKind.COMPARISON.value
    word = "Comparison"
    question = "Which answer is better?"
    fewest = most = 2
    model = Comparison
    design_serializer = ComparisonDesignSerializer
    said_serializer = SaidSerializer
    columns = {
        "response_a_id": "shown.r[1]",
        "response_b_id": "shown.r[2]",
        "choice": "%(choice)s",
        "strength": "%(strength)s::smallint",
        "axes": "%(axes)s::jsonb",
    }
    pairs = """
        SELECT id AS judgement_id, item_id, annotator_id, response_a_id, response_b_id, choice, strength, axes, flags
        FROM labeling_comparison WHERE project_id = %(project)s AND retracted_at IS NULL AND NOT is_surplus"""

    def read(self, said: Mapping[str, Any], *, design: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
        """The verdict and one an axis, where the project has axes."""
        fields: dict[str, str] = {}
        choice, strength = str(said.get("choice")), said.get("strength")
        fields |= _wrong(choice, strength, design, "")
        axes = said.get("axes") or {}
        known = {axis["name"]: axis["word"] for axis in design["axes"]}
        if unknown := sorted(set(axes) - set(known)):
            fields["axes"] = f"There is no axis {unknown[0][:40]!r}. " + (
                f"Use {', '.join(known)}." if known else "This project has none."
            )
        for name, word in known.items():
            verdict = axes.get(name)
            if not isinstance(verdict, dict) or set(verdict) - {"choice", "strength"}:
                fields[f"axes.{name}"] = f"Say which answer is better: {word}."
            else:
                fields |= _wrong(str(verdict.get("choice")), verdict.get("strength"), design, f"axes.{name}.")
        if fields:
            raise BadJudgement(" ".join(fields.values()), fields=fields)
        kept = {name: {key: value for key, value in axes[name].items() if value is not None} for name in known}
        return {"choice": choice, "strength": strength, "axes": json.dumps(kept)}

    def read_form(self, posted: QueryDict, *, design: Mapping[str, Any]) -> dict[str, Any]:
        """`verdict` is "a3", "tie" and so on; `axis_<name>` the same for an axis."""
        said = split_verdict(posted.get("verdict", ""))
        given = {axis["name"]: posted.get(f"axis_{axis['name']}", "") for axis in design["axes"]}
        if axes := {name: split_verdict(verdict) for name, verdict in given.items() if verdict}:
            said["axes"] = axes
        return said

    def said_of(self, judgement: Comparison) -> dict[str, Any]:
        """Choice, strength and axes."""
        said = {"choice": judgement.choice, "strength": judgement.strength}
        return said | ({"axes": judgement.axes} if judgement.axes else {})

    def card(self, *, design: Mapping[str, Any], draft: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """The buttons, and what is chosen."""
        axes = draft.get("axes") or {}
        return {
            "verdicts": verdicts(design),
            "chosen": join_verdict(draft),
            "axes": [axis | {"chosen": join_verdict(axes.get(axis["name"]) or {})} for axis in design["axes"]],
        }


def _wrong(choice: str, strength: Any, design: Mapping[str, Any], where: str) -> dict[str, str]:
    """What is wrong with one verdict, by field."""
    also = [name for name in ("tie", "both_bad", "both_good") if design[name]]
    if choice not in {*DECIDED, *also}:
        return {f"{where}choice": f"Choose {', '.join(['a', 'b', *also])}."}
    if choice not in DECIDED:
        return {} if strength is None else {f"{where}strength": "Leave it out where neither is better."}
    strengths = design["strengths"]
    if strengths == 1:
        return {} if strength is None else {f"{where}strength": "This project does not ask how much better it is."}
    if type(strength) is not int or not 1 <= strength <= strengths:
        words = ", ".join(["1 slightly", "2 clearly", "3 much"][:strengths])
        return {f"{where}strength": f"Say how much better it is: {words}."}
    return {}


KIND = ComparisonKind()
