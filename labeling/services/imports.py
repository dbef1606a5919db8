"""NDJSON into prompts, responses and items."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db import transaction

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.errors import BadContent
from labeling.importing.ahead import one_ahead, rare_collections
from labeling.importing.batch import BatchWriter
from labeling.importing.records import Record, parse_record
from labeling.models import Project
from labeling.services.content_lock import lock_content
from labeling.services.queue import restart_queue

BATCH_LINES = 2_000
BATCH_BYTES = 4 * 1024 * 1024
MAX_REASONS = 1_000
BOM = b"\xef\xbb\xbf"


@dataclass
class ImportReport:
    """What became of the lines. Of the rejected ones the first MAX_REASONS are told with their reason."""

    created: int = 0
    duplicates: int = 0
    items_made: int = 0
    rejected_count: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        """Count a line that was not taken."""
        self.rejected_count += 1
        if len(self.rejected) < MAX_REASONS:
            self.rejected.append((line, reason))


@transaction.atomic
def import_records(
    *, project: Project, by: Membership, lines: Iterable[bytes], source: str = "import", make_items: bool = True
) -> ImportReport:
    """Store each line that can be, and say of each other why not.

    One transaction: when the stream breaks, nothing was imported and the same file can be sent again. What is there
    already is counted as a duplicate. The first two responses of a line become an Item; the project's policy decides
    where it goes in the queue.

    Args:
        lines: one line each, with or without its end; `bounded_lines` makes them of any stream.

    Raises:
        NotPermitted: the member may not change projects.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    lock_content(project.pk, alone=True)
    report = ImportReport()
    writer = BatchWriter(project=project, source=source[:60], make_items=make_items)
    with rare_collections():
        for batch in one_ahead(_batches(lines, report)):
            writer.write(batch)
    if writer.items_made:
        restart_queue(project)
    report.created, report.duplicates, report.items_made = writer.created, writer.duplicates, writer.items_made
    record_event(
        "records imported", by=by, subject=project,
        created=report.created, duplicates=report.duplicates, rejected=report.rejected_count, items=report.items_made,
    )  # fmt: skip
    return report


def _batches(lines: Iterable[bytes], report: ImportReport) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
        if not text:
            continue
        try:
            batch.append(parse_record(text))
        except BadContent as error:
            report.reject(number, error.message)
            continue
        size += len(text)
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
