"""Ranking: settings, checks, the desk's form."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from accounts.strict import StrictSerializer
from labeling.errors import BadJudgement
from labeling.kinds.kind import LABELS, Kind
from labeling.kinds.ranking.model import Ranking
from labeling.models.assignment import Assignment
from labeling.models.item import ItemKind


class RankingDesignSerializer(StrictSerializer):
    ties = serializers.BooleanField(default=True)


class SaidSerializer(StrictSerializer):
    ranks = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=9))


class RankingKind(Kind):
    name = ItemKind.RANKING.value
    word = "Ranking"
    question = "Put the answers in order, the best first"
    fewest, most = 3, 9
    model = Ranking
    design_serializer = RankingDesignSerializer
    said_serializer = SaidSerializer
    columns = {"response_ids": "shown.r", "ranks": "%(ranks)s::smallint[]"}
    pairs = """
        SELECT r.id AS judgement_id, r.item_id, r.annotator_id, r.response_ids[i] AS response_a_id,
            r.response_ids[j] AS response_b_id,
            CASE WHEN r.ranks[i] < r.ranks[j] THEN 'a' WHEN r.ranks[i] > r.ranks[j] THEN 'b' ELSE 'tie' END AS choice,
            NULL::smallint AS strength, '{}'::jsonb AS axes, r.flags
        FROM labeling_ranking r, generate_series(1, cardinality(r.ranks)) i, generate_series(1, cardinality(r.ranks)) j
        WHERE i < j AND r.project_id = %(project)s AND r.retracted_at IS NULL AND NOT r.is_surplus"""
    frozen = """
        SELECT id AS judgement_id, item_id, annotator_id, response_ids,
            jsonb_build_object('ranks', ranks) AS said, flags
        FROM labeling_ranking WHERE project_id = %(project)s AND retracted_at IS NULL AND NOT is_surplus"""

    def read(self, said: Mapping[str, Any], *, design: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
        """A place for each answer; no place is left out, equal answers share one."""
        labels = LABELS[: len(assignment.shown_order)]
        ranks = said.get("ranks") or {}
        fields: dict[str, str] = {}
        if unknown := sorted(set(ranks) - set(labels)):
            fields["ranks"] = f"There is no answer {unknown[0][:10]!r}. Use {', '.join(labels)}."
        for label in labels:
            if label not in ranks:
                fields[f"ranks.{label}"] = f"Give answer {label.upper()} a place."
        if not fields:
            places = sorted(set(ranks.values()))
            if any(type(place) is not int for place in places) or places != list(range(1, len(places) + 1)):
                fields["ranks"] = "Leave no place out: 1 is the best, and equal answers share a place (1, 2, 2, 3)."
            elif not design["ties"] and len(places) < len(labels):
                fields["ranks"] = "Give each answer a place of its own: this project asks for an order without equals."
        if fields:
            raise BadJudgement(" ".join(fields.values()), fields=fields)
        return {"ranks": [ranks[label] for label in labels]}

    def read_form(self, posted: QueryDict, *, design: Mapping[str, Any]) -> dict[str, Any]:
        """`rank_<label>` is a place; what was typed is closed up, so that 1, 3, 3 is read as 1, 2, 2."""
        typed = {label: posted.get(f"rank_{label}", "") for label in LABELS}
        given = {label: int(text) for label, text in typed.items() if text.isdecimal() and len(text) < 3}
        places = {place: number for number, place in enumerate(sorted(set(given.values())), start=1)}
        return {"ranks": {label: places[place] for label, place in given.items()}} if given else {}

    def said_of(self, judgement: Ranking) -> dict[str, Any]:
        """The places by label."""
        return {"ranks": dict(zip(LABELS, judgement.ranks, strict=False))}

    def card(self, *, design: Mapping[str, Any], draft: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """Each answer with its place, none until the person gave one."""
        ranks = draft.get("ranks") or {}
        return {
            "ties": design["ties"],
            "answers": [
                {"label": label, "place": ranks.get(label, ""), "text": text}
                for label, text in zip(LABELS, texts, strict=False)
            ],
            "places": list(range(1, len(texts) + 1)),
        }


KIND = RankingKind()
