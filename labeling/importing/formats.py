"""The formats that an import reads: told by a file's content, or by whoever sends it."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from accounts.errors import Invalid
from labeling.errors import BadContent
from labeling.importing.containers import BOM, csv_rows, decoded, json_array, json_lines
from labeling.importing.label_studio import is_task, read_task
from labeling.importing.lines import CHUNK_BYTES
from labeling.importing.parquet import MAGIC, parquet_rows
from labeling.importing.preferences import is_preference, read_preference
from labeling.importing.records import KEYS, Record, read_record
from labeling.importing.rows import Raw, Row, excerpt_of
from labeling.importing.tables import Columns, guess_columns, read_table_row
from labeling.importing.unpacking import unpack_gzip
from labeling.importing.usual_lines import read_usual_line

FORMATS = {
    "records": "Accord's JSON lines: prompt, responses",
    "preference": "Preferences for TRL: chosen, rejected",
    "label_studio": "Label Studio's JSON export",
    "table": "A table: columns for the prompt and the answers",
}
SAMPLE_ROWS = 5
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Sniffed:
    """What a file looks like."""

    container: str  # json lines | json array | csv | parquet
    format: str  # one of FORMATS
    names: Sequence[str] = ()  # columns, where whoever imports may say what they are
    columns: Columns = field(default_factory=Columns)
    sample: Sequence[dict[str, Any]] = ()


def open_rows(path: Path, sniffed: Sniffed, columns: Columns, tell: Callable[[int], None]) -> Iterator[Row]:
    """The rows of a file on disk.

    Args:
        tell: called with the number of bytes read so far; of Parquet with nothing until the end.

    Raises:
        BadContent: the file as a whole cannot be read.
    """
    if sniffed.container == "parquet":
        yield from read_rows(parquet_rows(path), sniffed.format, columns)
        return
    with path.open("rb") as file:
        yield from read_rows(_CONTAINERS[sniffed.container](_chunks_of(file, tell)), sniffed.format, columns)


def read_rows(raws: Iterable[Raw], format: str, columns: Columns) -> Iterator[Row]:
    """What each row says, in the format it is in."""
    read = _reader(format, columns)
    longest = settings.IMPORT_MAX_LINE_BYTES if format == "records" else -1
    for raw in raws:
        number, size, value, reason, text = raw
        if value is None and size <= longest and (record := read_usual_line(text)):
            yield Row(number, size, record, "", "")
            continue
        _, _, value, reason, _ = decoded(raw)
        if value is None:
            yield Row(number, size, None, reason, excerpt_of(text))
            continue
        try:
            yield Row(number, size, read(value), "", "")
        except BadContent as refused:
            yield Row(number, size, None, refused.message, excerpt_of(text))


def _reader(format: str, columns: Columns) -> Callable[[dict[str, Any]], Record]:
    if format == "records":
        return read_record
    if format == "preference":
        return read_preference
    if format == "label_studio":
        return lambda value: read_task(value, columns)
    return lambda value: read_table_row(value, columns)


def sniff_file(path: Path, *, name: str = "", format: str = "") -> Sniffed:
    """Look at the beginning of a file.

    Args:
        name: what whoever gave it calls it, where it is not the file's.
        format: what it is said to be; "" to find out.

    Raises:
        Invalid: there is no such format.
        BadContent: there is nothing in it, or it is something else altogether.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return _sniff(map(decoded, parquet_rows(path, most=SAMPLE_ROWS)), "parquet", format)
        file.seek(0)
        chunks = _chunks_of(file, lambda done: None)
        container, chunks = find_container(chunks, name=name or path.name, format=format)
        return _sniff(map(decoded, _CONTAINERS[container](chunks)), container, format)


def sniff_stream(chunks: Iterable[bytes], *, name: str = "", format: str = "") -> tuple[Sniffed, Iterator[Raw]]:
    """The same of a stream, with all its rows; Parquet, which begins at its end, is not among them."""
    container, chunks = find_container(chunks, name=name, format=format)
    raws = _CONTAINERS[container](chunks)
    # What has been looked at is read again with the rest.
    seen = [decoded(raw) for raw in itertools.islice(raws, SAMPLE_ROWS)]
    return _sniff(iter(seen), container, format), itertools.chain(seen, raws)


def find_container(chunks: Iterable[bytes], *, name: str = "", format: str = "") -> tuple[str, Iterator[bytes]]:
    """How rows are apart, and the chunks from the start.

    Raises:
        BadContent: it is no text.
    """
    rest = iter(chunks)
    head = b""
    seen: list[bytes] = []
    for chunk in rest:
        seen.append(chunk)
        head += chunk
        if len(head) >= CHUNK_BYTES or len(head.strip(BOM + b" \t\r\n")) > 1:
            break
    begin = head.removeprefix(BOM).lstrip()
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadContent("The file is UTF-16. Save it as UTF-8 and import it again.")
    if b"\x00" in begin[:4096] and not _is_text(begin[:4096].split(b"\n", 1)[0]):
        raise BadContent("The file is neither text nor Parquet. Import JSON lines, JSON, CSV or Parquet.")
    chunks = itertools.chain(seen, rest)
    if begin.startswith(b"["):
        return "json array", chunks
    is_table = format == "table" or name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))
    if begin.startswith(b"{") and not is_table:
        return "json lines", chunks
    return ("csv" if is_table or (format == "" and _looks_like_csv(begin)) else "json lines"), chunks


def _is_text(line: bytes) -> bool:
    return b"\x00" not in line and "\ufffd" not in line.decode(errors="replace")


def _looks_like_csv(begin: bytes) -> bool:
    first = begin.split(b"\n", 1)[0].decode(errors="replace")
    names = [name.strip().strip('"') for name in first.replace(";", ",").replace("\t", ",").split(",")]
    return len(names) > 1 and bool(guess_columns(names).prompt)


def _sniff(raws: Iterator[Raw], container: str, format: str) -> Sniffed:
    if format and format not in FORMATS:
        raise Invalid(f"There is no import format {format[:40]!r}. Use one of {', '.join(FORMATS)}.")
    sample = [raw.value for raw in itertools.islice(raws, SAMPLE_ROWS) if raw.value is not None]
    found = format or _format_of(container, sample)
    if found == "label_studio":
        sample = [value["data"] for value in sample if isinstance(value.get("data"), dict)]
    if found not in ("table", "label_studio"):
        return Sniffed(container, found)
    names = list(dict.fromkeys(name for value in sample for name in value))
    return Sniffed(container, found, names, guess_columns(names), sample)


def _format_of(container: str, sample: Sequence[dict[str, Any]]) -> str:
    if container == "csv":
        return "table"
    if not sample:
        return "records"
    first = sample[0]
    if is_preference(first):
        return "preference"
    if is_task(first):
        return "label_studio"
    # A list of answers is Accord's own; without one, a table may well have a column that is called prompt.
    if container == "json lines" or first.keys() <= KEYS or isinstance(first.get("responses"), list):
        guessed = guess_columns(list(first))
        return "table" if not first.keys() <= KEYS and guessed.prompt and guessed.responses else "records"
    return "table"


def _chunks_of(file: BinaryIO, tell: Callable[[int], None]) -> Iterator[bytes]:
    def read() -> Iterator[bytes]:
        done = 0
        while chunk := file.read(CHUNK_BYTES):
            done += len(chunk)
            tell(done)
            yield chunk

    start = file.read(2)
    file.seek(0)
    return unpack_gzip(read()) if start == _GZIP else read()


_CONTAINERS: dict[str, Callable[[Iterable[bytes]], Iterator[Raw]]] = {
    "json lines": json_lines,
    "json array": json_array,
    "csv": csv_rows,
}
