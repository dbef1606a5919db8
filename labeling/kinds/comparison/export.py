"""Comparisons as rows, preferences, single answers and demonstrations."""

from labeling.exporting.kind_export import Column, KindExport, Training, response_columns

_BETTER = "CASE j.choice WHEN 'a' THEN a.text ELSE b.text END"
_WORSE = "CASE j.choice WHEN 'a' THEN b.text ELSE a.text END"
_DECIDED = "j.choice IN ('a', 'b')"
_JOINS = """
JOIN labeling_response a ON a.id = j.response_a_id
JOIN labeling_response b ON b.id = j.response_b_id
"""

EXPORT = KindExport(
    columns=(
        *response_columns("response_a", "a", "_a"),
        *response_columns("response_b", "b", "_b"),
        Column("choice", "j.choice", is_plain=True),
        Column("strength", "j.strength", "int"),
        Column("axes", "j.axes", "json"),
    ),
    joins=_JOINS,
    preference=Training(
        {"better": _BETTER, "worse": _WORSE, "margin": "coalesce(j.strength, 0)"}, joins=_JOINS, where=_DECIDED
    ),
    # A tie says which of two is better: neither. It does not say that they are good.
    kto=Training(
        {"text": "side.text", "label": "side.is_good"},
        joins=f"""{_JOINS} CROSS JOIN LATERAL (VALUES
            (1, a.text, j.choice IN ('a', 'both_good')), (2, b.text, j.choice IN ('b', 'both_good'))
        ) AS side(place, text, is_good)""",
        where="j.choice <> 'tie'",
        order="side.place",
    ),
    sft=Training({"text": _BETTER}, joins=_JOINS, where=_DECIDED),
    vote="CASE j.choice WHEN 'a' THEN j.response_a_id::text WHEN 'b' THEN j.response_b_id::text ELSE j.choice END",
)
