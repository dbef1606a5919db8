"""Counted judgements as files for other tools."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling import exporting
from labeling.exporting.filters import ExportFilter
from labeling.exporting.kind_export import Column, KindExport
from labeling.exporting.piping import through
from labeling.exporting.selecting import columns_of, csv_lines, imported_rows, json_lines, training_lines
from labeling.kinds import NAMES, kind_of
from labeling.kinds.design import design_of
from labeling.models import Project
from labeling.services.copying_out import copy_lines, copy_rows
from labeling.services.pseudonyms import pseudonyms_of

FORMATS = ("jsonl", "preference", "kto", "sft", "csv", "parquet", "imported")
_PARQUET = Path(exporting.__file__).with_name("parquet_program.py")
# A spreadsheet runs a cell that begins like this, the full-width signs among them; the quote makes it text.
_CELL = "CASE WHEN {0} ~ '^[-=+@\\t\\r\\n＝＋－＠]' THEN '''' || {0} ELSE {0} END"


def iter_export(
    *, project: Project, format: str, by: Membership | None = None, limits: ExportFilter | None = None
) -> Iterator[bytes]:
    """The project's counted judgements as they stand when the first block is asked for, in the order of their ids.

    Args:
        format: "jsonl" (everything), "preference" (TRL: prompt, chosen, rejected as messages, and the strength as
            margin, 0 where nothing was said of it), "kto" (single answers with a label), "sft" (the better answers),
            "csv" and "parquet" (a table of one kind), "imported" (no judgements: the verdicts that came with files).
        by: who takes them along; the audit trail then says so. None when Accord itself reads them.
        limits: which of them, and how much is told of who made them.

    Raises:
        NotPermitted: the member may not export.
        Invalid: an unknown format, or one that these kinds of judgement do not have.
    """
    limits = limits or ExportFilter()
    if format not in FORMATS:
        raise Invalid(f"There is no export format {format[:40]!r}. Use one of {', '.join(FORMATS)}.")
    if by is not None:
        check_can(by, Permission.EXPORT)
    if format == "imported":
        return _imported(project, by, limits)
    kinds = [(name, export_of(name)) for name in ([limits.kind] if limits.kind else _kinds_in(project))]
    _check(kinds, format, limits)
    values = _values(project, kinds, limits)
    if by is not None:
        record_event("judgements exported", by=by, subject=project, format=format, **limits.told())
    walk = limits.min_agreement is None
    if format == "jsonl":
        every = ((name, export, columns_of(name, export, anonymous=limits.anonymous)) for name, export in kinds)
        parts = [json_lines(name, columns, export, limits) for name, export, columns in every]
        return copy_lines(parts, values, walk=walk)
    if format in ("preference", "kto", "sft"):
        return copy_lines(training_lines(kinds, format, limits), values, walk=walk)
    ((name, export),) = kinds
    columns = columns_of(name, export, anonymous=limits.anonymous)
    if format == "csv":
        cells = [_csv_cell(column) for column in columns]
        header = f"{','.join(cell.name for cell in cells)}\n".encode()
        return _headed(header, copy_lines([csv_lines(name, cells, export, limits)], values, walk=walk))
    lines = json_lines(name, [_plain_cell(column) for column in columns], export, limits)
    schema = json.dumps([[column.name, column.type] for column in columns])
    return through([sys.executable, "-I", str(_PARQUET), schema], copy_lines([lines], values, walk=walk))


def _imported(project: Project, by: Membership | None, limits: ExportFilter) -> Iterator[bytes]:
    if others := sorted(limits.told().keys() - {"after"}):
        why = f"Imported verdicts can be filtered by after alone, not by {others[0]}."
        raise Invalid(why, fields={others[0]: "Leave it out."})
    if by is not None:
        record_event("imported verdicts exported", by=by, subject=project, **limits.told())
    return copy_rows(imported_rows(limits), {"project": project.pk, "after": limits.after}, walk=False)


def export_of(name: str) -> KindExport:
    """What the kind says about its exports."""
    export: KindExport = import_module(f"labeling.kinds.{name}.export").EXPORT
    return export


def _kinds_in(project: Project) -> list[str]:
    """The kinds with judgements in the project; without any, the one that it asks for."""
    found = [name for name in NAMES if kind_of(name).model._default_manager.filter(project=project).exists()]
    return found or [design_of(project).kind]


def _check(kinds: list[tuple[str, KindExport]], format: str, limits: ExportFilter) -> None:
    words = " and ".join(f"{kind_of(name).word.lower()}s" for name, _ in kinds)
    if format in ("csv", "parquet") and len(kinds) > 1:
        raise Invalid(
            f"The project holds {words}, and a table has room for one kind. Say which, as kind={kinds[0][0]}.",
            fields={"kind": f"Use one of {', '.join(name for name, _ in kinds)}."},
        )
    if format in ("preference", "kto", "sft") and not any(getattr(export, format) for _, export in kinds):
        raise Invalid(f"{words.capitalize()} cannot be read as {format}. Export them as jsonl, csv or parquet.")
    if limits.min_agreement is not None and (without := [name for name, export in kinds if not export.vote]):
        raise Invalid(
            f"Agreement cannot be told of {kind_of(without[0]).word.lower()}s. Leave min_agreement out, or say kind.",
            fields={"min_agreement": "Leave it out for this kind."},
        )


def _values(project: Project, kinds: list[tuple[str, KindExport]], limits: ExportFilter) -> dict[str, Any]:
    people, names = pseudonyms_of(project)
    known = dict(zip(names, people, strict=True))
    if unknown := [name for name in limits.annotators if name not in known]:
        why = f"Nobody here is called {unknown[0][:40]!r}. Use the names of an earlier export."
        raise Invalid(why, fields={"annotator": why})
    values: dict[str, Any] = {
        "project": project.pk, "names": json.dumps(dict(zip(people, names, strict=True))),
        "since": limits.since, "until": limits.until,
        "after": limits.after, "min_agreement": limits.min_agreement,
        "annotators": [known[name] for name in limits.annotators],
    }  # fmt: skip
    for name, export in kinds:
        values |= export.parameters(design_of(project).kinds[name])
    return values


def _headed(header: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield header
    yield from lines


def _csv_cell(column: Column) -> Column:
    if column.type == "messages":
        return Column("last_turn", _CELL.format(f"({column.sql} -> -1 ->> 'content')"))
    if column.type in ("text", "json"):
        return Column(column.name, _CELL.format(f"({column.sql})::text"))
    if column.type == "bool":
        return Column(column.name, f"CASE {column.sql} WHEN true THEN 't' WHEN false THEN 'f' END", is_plain=True)
    return Column(column.name, f"({column.sql})::text", is_plain=True)


def _plain_cell(column: Column) -> Column:
    """JSON of any shape is a text in a table."""
    return Column(column.name, f"({column.sql})::text") if column.type == "json" else column
