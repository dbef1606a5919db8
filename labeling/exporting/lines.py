"""Judgements of one kind as JSON lines that PostgreSQL writes, many lines a row of its answer.

Everything in these statements is text of this code; what comes from outside are parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.exporting.kind_export import Column


@dataclass(frozen=True)
class Lines:
    """What it takes to write them. In its SQL `j` is the judgement."""

    table: str  # of the judgements
    line: str  # one line, with its end
    source: str  # FROM … WHERE …
    place: str = "0"  # of the line among those of its judgement


# Each block ends with a judgement of the project, whether that one is counted or not: to find the ends takes a walk
# along an index and no look at a text. A block without lines is a row too, so that several connections that have taken
# every second block, or every third, can be read in turn.
_BLOCKS = """
WITH RECURSIVE cut(number, after, last) AS (
    SELECT 0, %(after)s::bigint, ({first_end})
    UNION ALL SELECT number + 1, last, ({next_end}) FROM cut WHERE last IS NOT NULL
)
SELECT block.lines FROM cut CROSS JOIN LATERAL (
    SELECT string_agg(line, '') AS lines FROM (
        SELECT {line} AS line {source} AND j.id > cut.after AND j.id <= coalesce(cut.last, {endless})
        ORDER BY {order}
    ) ordered
) block WHERE cut.number %% %(parts)s = %(part)s
"""
_END = """SELECT id FROM {table} WHERE project_id = %(project)s AND id > {after} ORDER BY id
          OFFSET %(rows)s - 1 LIMIT 1"""
_MEASURE = """
SELECT (SELECT max(octet_length({line})) {source} AND j.id > %(after)s AND j.id <= coalesce(({end}), {endless})),
       EXISTS (SELECT FROM {table} WHERE project_id = %(project)s AND id > %(after)s OFFSET %(many)s)
"""
_ENDLESS = 2**63 - 1


def in_blocks(lines: Lines) -> str:
    """Every `parts`-th block of lines from the `part`-th on; a block is of `rows` judgements, counted or not."""
    return _BLOCKS.format(
        line=lines.line, source=lines.source, order=_order(lines), endless=_ENDLESS,
        first_end=_END.format(table=lines.table, after="%(after)s"),
        next_end=_END.format(table=lines.table, after="cut.last"),
    )  # fmt: skip


def measure(lines: Lines) -> str:
    """The length of the longest line of the first `rows` judgements, and whether there are more than `many`."""
    end = _END.format(table=lines.table, after="%(after)s")
    return _MEASURE.format(line=lines.line, source=lines.source, table=lines.table, end=end, endless=_ENDLESS)


def one_by_one(parts: Sequence[Lines]) -> str:
    """The lines of several kinds, in the order of their judgements."""
    if len(parts) == 1:
        return f"SELECT {parts[0].line} {parts[0].source} ORDER BY {_order(parts[0])}"  # noqa: S608
    selects = (f"(SELECT j.id AS id, {each.place} AS place, {each.line} AS line {each.source})" for each in parts)
    return f"SELECT line FROM ({' UNION ALL '.join(selects)}) found ORDER BY id, place"  # noqa: S608


def json_line(columns: Sequence[Column]) -> str:
    """The columns as an object.

    Two thirds of the price of row_to_json, which looks up the type of each value of each row anew.
    """
    names = (f"""'{"," if number else "{"}"{column.name}":'""" for number, column in enumerate(columns))
    cells = (f"{name}, {_json_of(column)}" for name, column in zip(names, columns, strict=True))
    return f"concat({', '.join(cells)}, E'}}\\n')"


def _order(lines: Lines) -> str:
    # A constant to sort by would be one sort more.
    return "j.id" if lines.place == "0" else f"j.id, {lines.place}"


def _json_of(column: Column) -> str:
    """Never NULL, of which concat() would make nothing."""
    if column.type in ("int", "bool", "json", "messages"):
        return f"coalesce(({column.sql})::text, 'null')"
    if column.is_plain:
        return f"""coalesce('"' || ({column.sql}) || '"', 'null')"""
    if column.type == "text":
        # What may be empty mostly is.
        return f"""CASE {column.sql} WHEN '' THEN '""' ELSE coalesce(to_json({column.sql})::text, 'null') END"""
    return f"coalesce(to_json({column.sql})::text, 'null')"
