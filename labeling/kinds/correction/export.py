"""Corrections as rows, as preferences (edited over original) and as demonstrations.

An answer that was left as it is has been called good: it is a demonstration, and no preference. Not for KTO: an answer
that somebody made better need not have been bad.
"""

from labeling.exporting.kind_export import Column, KindExport, Training, response_columns

_JOINS = """
JOIN labeling_response a ON a.id = j.response_id
LEFT JOIN labeling_response b ON b.id = j.corrected_id
"""

EXPORT = KindExport(
    columns=(
        *response_columns("response", "a"),
        Column("corrected", "b.text"),
        Column("edit_share", "j.edit_share", "number"),
    ),
    joins=_JOINS,
    preference=Training(
        {"better": "b.text", "worse": "a.text", "margin": "0"}, joins=_JOINS, where="j.corrected_id IS NOT NULL"
    ),
    sft=Training({"text": "coalesce(b.text, a.text)"}, joins=_JOINS),
)
