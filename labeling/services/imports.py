"""Rows of a file into prompts, responses and items."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import transaction

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.importing.ahead import one_ahead, rare_collections, short_turns
from labeling.importing.batch import BatchWriter
from labeling.importing.containers import line_rows
from labeling.importing.formats import read_rows
from labeling.importing.records import Record
from labeling.importing.rows import Row
from labeling.importing.tables import Columns
from labeling.models import Project
from labeling.services.content_lock import lock_content
from labeling.services.item_rules import default_rules
from labeling.services.items import fill_items, makes_pairs_in_order
from labeling.services.queue import restart_queue

BATCH_LINES = 5_000
BATCH_BYTES = 4 * 1024 * 1024
MAX_REASONS = 1_000


@dataclass
class ImportReport:
    """What became of the rows. Of the rejected ones the first MAX_REASONS are told with their reason."""

    created: int = 0
    duplicates: int = 0
    items_made: int = 0
    verdicts: int = 0
    rejected_count: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        """Count a row that was not taken."""
        self.rejected_count += 1
        if len(self.rejected) < MAX_REASONS:
            self.rejected.append((line, reason))


def import_records(
    *, project: Project, by: Membership, lines: Iterable[bytes], source: str = "import", make_items: bool = True
) -> ImportReport:
    """Store lines of Accord's own JSON: `{"external_id"?, "prompt", "responses"?, "metadata"?}`.

    Args:
        lines: one each, with or without its end; `bounded_lines` makes them of any stream.

    Raises:
        NotPermitted: the member may not change projects.
    """
    rows = read_rows(line_rows(lines), "records", Columns())
    return import_rows(project=project, by=by, rows=rows, source=source, make_items=make_items)


@transaction.atomic
def import_rows(
    *,
    project: Project,
    by: Membership,
    rows: Iterable[Row],
    source: str = "import",
    make_items: bool = True,
    on_reject: Callable[[Row], None] = lambda row: None,
) -> ImportReport:
    """Store each row that can be, and say of each other why not.

    One transaction: when the rows break off, nothing was imported and the same file can be sent again. What is there
    already is counted as a duplicate. The first two responses of a row become an Item; the project's policy decides
    where it goes in the queue. A project of another kind, or whose policy looks at the answers, has its items made of
    all that is there when the last row is stored.

    Args:
        on_reject: also told of each rejected row, however many there are.

    Raises:
        NotPermitted: the member may not change projects.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    lock_content(project.pk, alone=True)
    report = ImportReport()
    simple = makes_pairs_in_order(project)
    writer = BatchWriter(project=project, source=source[:60], make_items=make_items and simple)
    with rare_collections(), short_turns(), writer:
        for batch in one_ahead(_batches(rows, report, on_reject)):
            writer.write(batch)
    if writer.items_made:
        restart_queue(project)
    report.created, report.duplicates, report.items_made = writer.created, writer.duplicates, writer.items_made
    report.verdicts = writer.verdicts
    if make_items and not simple and report.created:
        report.items_made = fill_items(project, default_rules(project))
    record_event(
        "records imported", by=by, subject=project,
        created=report.created, duplicates=report.duplicates, rejected=report.rejected_count, items=report.items_made,
    )  # fmt: skip
    return report


def _batches(rows: Iterable[Row], report: ImportReport, on_reject: Callable[[Row], None]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for row in rows:
        number, row_size, record, reason, _ = row
        if record is None:
            report.reject(number, reason)
            on_reject(row)
            continue
        batch.append(record)
        size += row_size
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
