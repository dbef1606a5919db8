"""What an export selects: JSON lines, or the columns of a table; the judgements in order of ids.

Everything in these statements is text of this code; what comes from outside are parameters.
"""

from collections.abc import Sequence

from labeling.exporting.filters import ExportFilter
from labeling.exporting.kind_export import Column, KindExport, Training
from labeling.exporting.lines import Lines, csv_line, json_line
from labeling.kinds import kind_of

_FIRST = (
    Column("judgement_id", "j.id", "int"),
    Column("kind", "", "text"),
    Column("item_id", "j.item_id", "int"),
    Column("prompt_id", "p.id", "int"),
    Column("external_id", "p.external_id"),
    Column("source", "p.source"),
    Column("held_out", "p.held_out", "bool"),
    Column("prompt", "p.messages", "messages"),
)
_LAST = (
    Column("reason", "j.reason"),
    Column("flags", "j.flags", "json"),
    Column("active_ms", "j.active_ms", "int"),
    # A join would go through all of them for every row, where it may not hash them.
    Column("annotator", "%(names)s::jsonb ->> j.annotator_id::text", is_plain=True),
    Column("policy", "i.policy", is_plain=True),
    Column("propensity", "i.propensity", "number"),
    Column("metadata", "p.metadata", "json"),
    Column("created_at", "j.created_at", "time"),
)
# The words of a reason, the pace and the time of day may give a person away as well as a pseudonym.
_PERSONAL = {"reason", "active_ms", "annotator"}
_DAY = Column("created_on", "(j.created_at AT TIME ZONE 'UTC')::date", is_plain=True)

_FROM = """
FROM {table} j
JOIN labeling_item i ON i.id = j.item_id
JOIN labeling_prompt p ON p.id = i.prompt_id
{joins}
WHERE j.project_id = %(project)s AND j.retracted_at IS NULL AND NOT j.is_surplus AND {where}
"""
_AGREEMENT = """
JOIN (SELECT item_id, sum(n * (n - 1)) / (sum(n) * (sum(n) - 1)) AS agreement
      FROM (SELECT j.item_id, count(*) AS n FROM {table} j
            WHERE j.project_id = %(project)s AND j.retracted_at IS NULL AND NOT j.is_surplus
            GROUP BY j.item_id, {vote}) votes
      GROUP BY item_id HAVING sum(n) > 1) agreed ON agreed.item_id = j.item_id
"""
_CONDITIONS = {
    "since": "j.created_at >= %(since)s",
    "until": "j.created_at < %(until)s",
    "annotators": "j.annotator_id = ANY(%(annotators)s)",
    "after": "j.id > %(after)s",
}
_ANSWER = "json_build_array(json_build_object('role', 'assistant', 'content', {}))"
_SHAPES = {
    "preference": (
        "'prompt', p.messages, 'chosen', " + _ANSWER.format("{better}") + ", 'rejected', " + _ANSWER.format("{worse}")
        + ", 'margin', ({margin})::float8"
    ),
    "kto": "'prompt', p.messages, 'completion', " + _ANSWER.format("{text}") + ", 'label', {label}",
    "sft": "'prompt', p.messages, 'completion', " + _ANSWER.format("{text}"),
}  # fmt: skip


def columns_of(name: str, export: KindExport, *, anonymous: bool) -> list[Column]:
    """The columns of a kind's rows."""
    first = [Column("kind", f"'{name}'", is_plain=True) if column.name == "kind" else column for column in _FIRST]
    last = [column for column in _LAST if not anonymous or column.name not in _PERSONAL]
    if anonymous:
        last[-1] = _DAY
    return [*first, *export.columns, *last]


def json_lines(name: str, columns: Sequence[Column], export: KindExport, limits: ExportFilter) -> Lines:
    """An object of the columns for every judgement of the kind."""
    return Lines(kind_of(name).table, json_line(columns), _source(name, export, export.joins, "true", limits))


def csv_lines(name: str, cells: Sequence[Column], export: KindExport, limits: ExportFilter) -> Lines:
    """A row of cells, each a text or NULL, for every judgement of the kind."""
    return Lines(kind_of(name).table, csv_line(cells), _source(name, export, export.joins, "true", limits))


def imported_rows(limits: ExportFilter) -> str:
    """Lines of what files said about which answer is better: no judgements, and none of what is told of a judgement."""
    after = "AND v.id > %(after)s" if limits.after else ""
    return f"""SELECT row_to_json(r)::text || E'\\n' FROM (
        SELECT v.id AS verdict_id, true AS imported, p.id AS prompt_id, p.external_id, p.messages AS prompt,
               a.text AS response_a, b.text AS response_b, v.choice, v.annotator, v.said_at, v.source
        FROM labeling_importedverdict v
        JOIN labeling_prompt p ON p.id = v.prompt_id
        JOIN labeling_response a ON a.id = v.response_a_id
        JOIN labeling_response b ON b.id = v.response_b_id
        WHERE p.project_id = %(project)s {after} ORDER BY v.id) r"""  # noqa: S608


def training_lines(kinds: Sequence[tuple[str, KindExport]], format: str, limits: ExportFilter) -> list[Lines]:
    """One of TRL's formats, of the kinds that have it."""
    parts = []
    for name, export in kinds:
        training: Training | None = getattr(export, format)
        if training:
            line = (
                f"json_build_object('judgement_id', j.id, {_SHAPES[format].format(**training.parts)})::text || E'\\n'"
            )
            source = _source(name, export, training.joins, training.where, limits)
            parts.append(Lines(kind_of(name).table, line, source, training.order or "0"))
    return parts


def _source(kind: str, export: KindExport, joins: str, where: str, limits: ExportFilter) -> str:
    table = kind_of(kind).table
    conditions = [where, *(sql for name, sql in _CONDITIONS.items() if getattr(limits, name))]
    if limits.min_agreement is not None:
        joins += _AGREEMENT.format(table=table, vote=export.vote)
        conditions.append("agreed.agreement >= %(min_agreement)s")
    return _FROM.format(table=table, joins=joins, where=" AND ".join(f"({one})" for one in conditions))
