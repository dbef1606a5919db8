"""Rankings as rows, as preferences (a row for every two answers of different rank) and as demonstrations.

Not for KTO: the best of a ranking need not be good, nor its last one bad.
"""

from labeling.exporting.kind_export import Column, KindExport, Training

_ANSWERS = """
(SELECT json_agg(json_build_object('response_id', r.id, 'text', r.text, 'model', r.model_name, 'version', r.version_id,
                                   'rank', shown.rank) ORDER BY shown.place)
 FROM unnest(j.response_ids, j.ranks) WITH ORDINALITY AS shown(id, rank, place)
 JOIN labeling_response r ON r.id = shown.id)
"""
_UNNEST = "CROSS JOIN LATERAL unnest(j.response_ids, j.ranks) WITH ORDINALITY AS {0}(id, rank, place)"
_FIRST = _UNNEST.format("first")
_SECOND = _UNNEST.format("second")

EXPORT = KindExport(
    columns=(Column("answers", _ANSWERS, "json"),),
    preference=Training(
        {"better": "a.text", "worse": "b.text", "margin": "0"},
        joins=f"""{_FIRST} {_SECOND} JOIN labeling_response a ON a.id = first.id
                  JOIN labeling_response b ON b.id = second.id""",
        where="first.rank < second.rank",
        order="first.place * 10 + second.place",
    ),
    sft=Training(
        {"text": "a.text"},
        joins=f"{_FIRST} JOIN labeling_response a ON a.id = first.id",
        where="first.rank = 1",
        order="first.place",
    ),
    vote="""(SELECT string_agg(said.rank::text, ',' ORDER BY said.id)
             FROM unnest(j.response_ids, j.ranks) AS said(id, rank))""",
)
