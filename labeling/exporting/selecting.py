"""The SELECT behind an export: one column of JSON a row, or the columns of a table; the judgements in order of ids.

Everything in these statements is text of this code; what comes from outside are parameters.
"""

from collections.abc import Sequence

from labeling.exporting.filters import ExportFilter
from labeling.exporting.kind_export import Column, KindExport, Training
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
    Column("annotator", "%(names)s::jsonb ->> j.annotator_id::text"),
    Column("policy", "i.policy"),
    Column("propensity", "i.propensity", "number"),
    Column("metadata", "p.metadata", "json"),
    Column("created_at", "j.created_at", "time"),
)
# The words of a reason, the pace and the time of day may give a person away as well as a pseudonym.
_PERSONAL = {"reason", "active_ms", "annotator"}
_DAY = Column("created_on", "(j.created_at AT TIME ZONE 'UTC')::date")

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
    first = [Column("kind", f"'{name}'") if column.name == "kind" else column for column in _FIRST]
    last = [column for column in _LAST if not anonymous or column.name not in _PERSONAL]
    if anonymous:
        last[-1] = _DAY
    return [*first, *export.columns, *last]


def json_rows(kinds: Sequence[tuple[str, KindExport]], limits: ExportFilter) -> str:
    """Every judgement with all that is known of it."""
    selects = []
    for name, export in kinds:
        cells = [f"{each.sql} AS {each.name}" for each in columns_of(name, export, anonymous=limits.anonymous)]
        selects.append(table_rows(name, export, cells, limits))
    if len(selects) == 1:
        return as_json(selects[0])
    union = " UNION ALL ".join(f"(SELECT r.judgement_id, row_to_json(r) FROM ({select}) r)" for select in selects)  # noqa: S608
    return f"SELECT line FROM ({union}) found(id, line) ORDER BY id"  # noqa: S608


def as_json(select: str) -> str:
    """The rows of a SELECT as one column. Half the price of json_build_object, which looks up each type anew."""
    return f"SELECT row_to_json(r) FROM ({select}) r"  # noqa: S608


def imported_rows(limits: ExportFilter) -> str:
    """What files said about which answer is better: no judgements, and none of what is told of a judgement."""
    after = "AND v.id > %(after)s" if limits.after else ""
    return as_json(f"""
        SELECT v.id AS verdict_id, true AS imported, p.id AS prompt_id, p.external_id, p.messages AS prompt,
               a.text AS response_a, b.text AS response_b, v.choice, v.annotator, v.said_at, v.source
        FROM labeling_importedverdict v
        JOIN labeling_prompt p ON p.id = v.prompt_id
        JOIN labeling_response a ON a.id = v.response_a_id
        JOIN labeling_response b ON b.id = v.response_b_id
        WHERE p.project_id = %(project)s {after} ORDER BY v.id""")  # noqa: S608


def training_rows(kinds: Sequence[tuple[str, KindExport]], format: str, limits: ExportFilter) -> str:
    """One of TRL's formats, of the kinds that have it."""
    parts = []
    for name, export in kinds:
        training: Training | None = getattr(export, format)
        if training:
            row = f"json_build_object('judgement_id', j.id, {_SHAPES[format].format(**training.parts)})"
            source = _source(name, export, training.joins, training.where, limits)
            parts.append((row, training.order or "0", source))
    return _in_order(parts)


def table_rows(name: str, export: KindExport, cells: Sequence[str], limits: ExportFilter) -> str:
    """Columns of one kind, as `cells` writes them."""
    return f"SELECT {', '.join(cells)} {_source(name, export, export.joins, 'true', limits)} ORDER BY j.id"  # noqa: S608


def _source(kind: str, export: KindExport, joins: str, where: str, limits: ExportFilter) -> str:
    table = kind_of(kind).table
    conditions = [where, *(sql for name, sql in _CONDITIONS.items() if getattr(limits, name))]
    if limits.min_agreement is not None:
        joins += _AGREEMENT.format(table=table, vote=export.vote)
        conditions.append("agreed.agreement >= %(min_agreement)s")
    return _FROM.format(table=table, joins=joins, where=" AND ".join(f"({one})" for one in conditions))


def _in_order(parts: Sequence[tuple[str, str, str]]) -> str:
    if len(parts) == 1:
        ((row, place, source),) = parts
        # A constant to sort by would be one sort more.
        order = "j.id" if place == "0" else f"j.id, {place}"
        return f"SELECT {row} {source} ORDER BY {order}"  # noqa: S608
    selects = (f"(SELECT j.id AS id, {place} AS place, {row} AS line {source})" for row, place, source in parts)
    return f"SELECT line FROM ({' UNION ALL '.join(selects)}) found ORDER BY id, place"  # noqa: S608
