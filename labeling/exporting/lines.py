"""Judgements as lines of text, JSON or CSV, that PostgreSQL writes, many lines a row of its answer.

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
    SELECT string_agg(line, '') AS lines FROM ({lines}) ordered
) block WHERE cut.number %% %(parts)s = %(part)s
"""
_MEASURE = "SELECT greatest({longest}), EXISTS (SELECT FROM ({all_ids}) every OFFSET %(many)s)"
_ENDLESS = 2**63 - 1


def in_blocks(parts: Sequence[Lines]) -> str:
    """Every `parts`-th block of lines from the `part`-th on; a block is of `rows` judgements, counted or not."""
    within = f"j.id > cut.after AND j.id <= coalesce(cut.last, {_ENDLESS})"
    ends = {"first_end": _end(parts, "%(after)s"), "next_end": _end(parts, "cut.last")}
    return _BLOCKS.format(lines=one_by_one(parts, within), **ends)


def measure(parts: Sequence[Lines]) -> str:
    """The length of the longest line of the first `rows` judgements, and whether there are more than `many`."""
    begin = f"j.id > %(after)s AND j.id <= coalesce(({_end(parts, '%(after)s')}), {_ENDLESS})"
    longest = (f"(SELECT max(octet_length({each.line})) {each.source} AND {begin})" for each in parts)
    return _MEASURE.format(longest=", ".join(longest), all_ids=" UNION ALL ".join(_ids(parts, "%(after)s")))


def _end(parts: Sequence[Lines], after: str) -> str:
    """The last judgement of the block that begins behind `after`; NULL where it is not full."""
    first = (f"({ids} ORDER BY id LIMIT %(rows)s)" for ids in _ids(parts, after))
    return f"SELECT id FROM ({' UNION ALL '.join(first)}) first ORDER BY id OFFSET %(rows)s - 1 LIMIT 1"  # noqa: S608


def _ids(parts: Sequence[Lines], after: str) -> list[str]:
    return [f"SELECT id FROM {each.table} WHERE project_id = %(project)s AND id > {after}" for each in parts]  # noqa: S608


def one_by_one(parts: Sequence[Lines], within: str = "true") -> str:
    """The lines of one kind or several, in the order of their judgements."""
    if len(parts) == 1:
        (only,) = parts
        return f"SELECT {only.line} AS line {only.source} AND {within} ORDER BY {_order(only)}"  # noqa: S608
    selects = (
        f"(SELECT j.id AS id, {each.place} AS place, {each.line} AS line {each.source} AND {within})" for each in parts
    )
    return f"SELECT line FROM ({' UNION ALL '.join(selects)}) found ORDER BY id, place"  # noqa: S608


def json_line(columns: Sequence[Column]) -> str:
    """The columns as an object.

    Two thirds of the price of row_to_json, which looks up the type of each value of each row anew.
    """
    names = (f"""'{"," if number else "{"}"{column.name}":'""" for number, column in enumerate(columns))
    cells = (f"{name}, {_json_of(column)}" for name, column in zip(names, columns, strict=True))
    return f"concat({', '.join(cells)}, E'}}\\n')"


def csv_line(cells: Sequence[Column]) -> str:
    """The cells between commas; each is a text or NULL, quoted unless it is plain."""
    written = (
        f"({cell.sql})" if cell.is_plain else f"""'"' || replace(({cell.sql}), '"', '""') || '"'""" for cell in cells
    )
    between = ", ',', "
    return f"concat({between.join(written)}, E'\\n')"


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
