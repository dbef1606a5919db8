"""Files given on a page: kept, looked at, and imported by a worker while the page shows how far it is."""

import csv
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.utils.timezone import now

from accounts.errors import AccordError, Conflict
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.importing.formats import Sniffed, open_rows, sniff_file
from labeling.importing.rows import Row
from labeling.importing.tables import Columns
from labeling.models import FileImport, Project
from labeling.services.imports import ImportReport, import_rows

State = FileImport.State
# What takes no longer than a page may: it is imported by the request itself.
SMALL_BYTES = 1024 * 1024
HEARTBEAT_SECONDS = 2
HINT_SECONDS = 20
LOST_AFTER_SECONDS = 60
MAX_ATTEMPTS = 3
REPORTED_REASONS = 200
REJECTED_FILE_BYTES = 32 * 1024 * 1024


def accept_upload(
    *, project: Project, by: Membership, name: str, chunks: Iterable[bytes], make_items: bool = True, format: str = ""
) -> FileImport:
    """Keep the file and say what it is. A table or Label Studio's export waits for somebody to look at its columns.

    Raises:
        NotPermitted: the member may not change projects.
        BadContent, Invalid: it is nothing that an import reads; then nothing is kept.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    folder = uuid4()
    made = FileImport(project=project, created_by=by.user, folder=folder, name=name[:200], make_items=make_items)
    made.directory.mkdir(parents=True)
    try:
        with made.upload.open("wb") as file:
            made.size = sum(file.write(chunk) for chunk in chunks)
        sniffed = sniff_file(made.upload, name=name, format=format)
        made.container, made.format, made.columns = sniffed.container, sniffed.format, sniffed.columns.as_json()
        made.state = State.CHOOSING if sniffed.names else State.WAITING
        made.heartbeat_at = now()
        made.save()
    except BaseException:
        shutil.rmtree(made.directory, ignore_errors=True)
        raise
    return made


def look_at(file_import: FileImport) -> Sniffed:
    """The columns and the first rows of a file that waits for them.

    Raises:
        Conflict: it does not wait any more.
    """
    if file_import.state != State.CHOOSING:
        raise Conflict("The columns of this file have been chosen.")
    return sniff_file(file_import.upload, name=file_import.name, format=file_import.format)


def choose_columns(*, file_import: FileImport, by: Membership, columns: Columns) -> None:
    """Say what the columns are; the import may begin.

    Raises:
        NotPermitted
        BadContent: no prompt, or a column that is not there or has two parts.
        Conflict: it does not wait for them any more.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    columns.check(look_at(file_import).names)
    waiting = FileImport.objects.filter(pk=file_import.pk, state=State.CHOOSING)
    if not waiting.update(state=State.WAITING, columns=columns.as_json(), heartbeat_at=now()):
        raise Conflict("The columns of this file have been chosen.")
    file_import.refresh_from_db()


def run_file_import(file_import_id: int) -> None:
    """Import the file, unless somebody else does or did; its row alone tells what became of it.

    When the server or the worker is lost in the middle, everything is rolled back and the sweeper finds the row.
    """
    claimed = FileImport.objects.filter(pk=file_import_id, state=State.WAITING)
    found = claimed.select_related("project__organisation", "created_by").first()
    if not found or not claimed.filter(fence=found.fence).update(
        state=State.RUNNING, fence=found.fence + 1, heartbeat_at=now(), done_bytes=0
    ):
        return
    found.fence += 1
    mine = FileImport.objects.filter(pk=found.pk, state=State.RUNNING, fence=found.fence)
    try:
        _import(found, mine)
    except AccordError as refused:
        _fail(found, mine, refused.message)
    except SoftTimeLimitExceeded:
        _fail(found, mine, "It took too long. Import it in parts.")


def _fail(found: FileImport, mine: Any, why: str) -> None:
    """Nothing was imported: the file is worth no more than its owner's copy. Unless another worker has it by now."""
    if mine.update(state=State.FAILED, error=why, finished_at=now()):
        shutil.rmtree(found.directory, ignore_errors=True)


def list_unfinished() -> list[int]:
    """Ids of the imports that wait for a worker, those whose worker fell silent put back among them."""
    silent = now() - timedelta(seconds=LOST_AFTER_SECONDS)
    lost = FileImport.objects.filter(state=State.RUNNING, heartbeat_at__lt=silent)
    error = f"Its worker was lost {MAX_ATTEMPTS} times in the middle of it. Nothing was imported; import it again."
    lost.filter(fence__gte=MAX_ATTEMPTS).update(state=State.FAILED, error=error, finished_at=now())
    lost.update(state=State.WAITING)
    # Neither a message that was just sent nor one that was just sent again.
    late = FileImport.objects.filter(state=State.WAITING, heartbeat_at__lt=now() - timedelta(seconds=HINT_SECONDS))
    found = list(late.values_list("pk", flat=True)[:100])
    FileImport.objects.filter(pk__in=found).update(heartbeat_at=now())
    return found


def _import(found: FileImport, mine: Any) -> None:
    by = Membership.objects.filter(user=found.created_by, organisation=found.project.organisation).first()
    if by is None:
        raise Conflict("Whoever gave this file is no longer a member. Ask somebody who is to import it.")
    progress = {"done_bytes": 0}
    sniffed = Sniffed(found.container, found.format)

    def tell(done: int) -> None:
        progress["done_bytes"] = done

    rows = open_rows(found.upload, sniffed, Columns.of(found.columns), tell)
    with _RejectedFile(found.rejected_file) as rejected, transaction.atomic():
        with _heartbeat(mine.all(), progress):
            report = import_rows(
                project=found.project, by=by, rows=rows, source=Path(found.name).name[:60] or "import",
                make_items=found.make_items, on_reject=rejected.add,
            )  # fmt: skip
        if not mine.update(state=State.DONE, done_bytes=found.size, report=_told(report), finished_at=now()):
            raise Conflict("Another worker has taken this import.")
    found.upload.unlink(missing_ok=True)


def _told(report: ImportReport) -> dict[str, Any]:
    return {
        "created": report.created, "duplicates": report.duplicates, "items_made": report.items_made,
        "verdicts": report.verdicts, "rejected_count": report.rejected_count,
        "rejected": report.rejected[:REPORTED_REASONS],
    }  # fmt: skip


@contextmanager
def _heartbeat(mine: Any, progress: dict[str, int]) -> Iterator[None]:
    """Tell how far it is, from a connection of its own: the import's transaction is not seen before its end.

    Args:
        progress: fields of the row, changed meanwhile by whoever works.
    """
    over = threading.Event()

    def beat() -> None:
        try:
            while not over.wait(HEARTBEAT_SECONDS):
                mine.update(heartbeat_at=now(), **progress)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _RejectedFile:
    """A table of the rejected rows with line, reason and beginning; made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._write: Callable[[list[str]], Any]

    def __enter__(self) -> "_RejectedFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, row: Row) -> None:
        """One more, while there is room."""
        if self._file is None:
            # The mark at its beginning tells a spreadsheet that it is UTF-8.
            self._file = self.path.open("w", encoding="utf-8-sig", newline="")
            self._write = csv.writer(self._file).writerow
            self._write(["line", "reason", "row"])
        if self._file.tell() < REJECTED_FILE_BYTES:
            self._write([str(row.number), row.reason, harmless_cell(row.excerpt)])


def harmless_cell(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else text
