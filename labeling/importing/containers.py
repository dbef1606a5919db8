"""Files as rows of objects: JSON lines, a JSON array, CSV. Each holds one row at a time, however large the file is."""

import csv
import re
from collections.abc import Iterable, Iterator

from django.conf import settings

from labeling.errors import BadContent
from labeling.importing.lines import bounded_lines
from labeling.importing.records import decode
from labeling.importing.rows import Raw

BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"


def json_lines(chunks: Iterable[bytes]) -> Iterator[Raw]:
    """An object a line, not decoded; empty lines are none."""
    return line_rows(bounded_lines(chunks))


def line_rows(lines: Iterable[bytes]) -> Iterator[Raw]:
    """The rows of lines that are apart already, not decoded."""
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
        if text:
            yield Raw(number, len(text), None, "", text)


def decoded(raw: Raw) -> Raw:
    """The row with its object, or with the reason why it is none."""
    if raw.value is not None or raw.reason:
        return raw
    try:
        return raw._replace(value=decode(raw.text))
    except BadContent as refused:
        return raw._replace(reason=refused.message)


# What can change how deep we are in an array, or begins a text in which nothing does.
_STRUCTURE = re.compile(rb'["\[\]{},]')
_END_OF_TEXT = re.compile(rb'["\\]')


def json_array(chunks: Iterable[bytes]) -> Iterator[Raw]:
    """The objects of one array, which may be written over any number of lines; the numbers are those of the objects."""
    number = 0
    for part, overlong in _array_parts(chunks):
        text = part.strip()
        if not text and not overlong:
            continue
        number += 1
        try:
            yield Raw(number, len(text), decode(part if overlong else text), "", text)
        except BadContent as refused:
            yield Raw(number, len(text), None, refused.message.replace("The line", "The object", 1), text)


def _array_parts(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The texts between the outermost brackets and commas, each no longer than a byte more than allowed."""
    keep = settings.IMPORT_MAX_LINE_BYTES + 1
    depth, in_text, escaped = 0, False, False
    part = bytearray()
    first = True
    for chunk in chunks:
        if first and chunk:
            chunk, first = chunk.removeprefix(BOM), False
        at = copied = 0
        while at < len(chunk):
            if escaped:
                escaped, at = False, at + 1
                continue
            found = (_END_OF_TEXT if in_text else _STRUCTURE).search(chunk, at)
            if not found:
                break
            sign, at = found.group(), found.end()
            if sign == b'"':
                in_text = not in_text
            elif sign == b"\\":
                escaped = True
            elif sign in b"[{":
                depth += 1
                if depth == 1:
                    copied = at
            elif sign in b"]}" or depth == 1:
                depth -= sign != b","
                if depth == 0 or (depth == 1 and sign == b","):
                    part += chunk[copied : at - 1][: keep - len(part)]
                    yield bytes(part), len(part) >= keep
                    part.clear()
                    copied = at
        if depth:
            part += chunk[copied:][: keep - len(part)]
    if depth:
        yield bytes(part) + b"\n", True


def csv_rows(chunks: Iterable[bytes]) -> Iterator[Raw]:
    """A row for each under the header, whose cells are the keys; an empty cell is null."""
    # One for the whole process; a row's own limit, below, is what counts.
    csv.field_size_limit(max(csv.field_size_limit(), settings.IMPORT_MAX_LINE_BYTES * 2))
    source = _CsvLines(chunks)
    header: list[str] = []
    delimiter = ","
    while True:
        try:
            if not header:
                delimiter = source.find_delimiter()
            cells = next(csv.reader(source, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except BadContent as refused:
            yield source.reject(refused.message)
            continue
        except csv.Error as error:
            yield source.reject(f"The row is not CSV: {error}.")
            continue
        if not any(cells):
            source.begin()
        elif not header:
            header = [name.strip() for name in cells]
            repeated = {name for name in header if name and header.count(name) > 1}
            if repeated:
                raise BadContent(f"Two columns are called {sorted(repeated)[0][:40]!r}. Give each a name of its own.")
            source.begin()
        elif len(cells) != len(header):
            yield source.reject(f"The row has {len(cells)} cells and the header {len(header)}.")
        else:
            value = {name: text or None for name, text in zip(header, cells, strict=True) if name}
            yield Raw(source.first, source.size, value, "", bytes(source.text))
            source.begin()


class _CsvLines:
    """The lines of the file as csv.reader wants them; what the row at hand has taken of them is bounded."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._lines = bounded_lines(chunks)
        self._waiting: list[bytes] = []
        self.number = 0
        self.begin()

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.first, self.size, self.text = self.number + 1, 0, bytearray()

    def reject(self, reason: str) -> Raw:
        """The row at hand, which cannot be read."""
        raw = Raw(self.first, self.size, None, reason, bytes(self.text))
        self.begin()
        return raw

    def find_delimiter(self) -> str:
        """Of the first line, which is kept for the reader."""
        for line in self._lines:
            self._waiting.append(line)
            if line.strip(b"\r" + BOM):
                text = re.sub(rb'"[^"]*"', b"", line).decode(errors="replace")
                return max(DELIMITERS, key=text.count)
        return ","

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = self._waiting.pop(0) if self._waiting else next(self._lines)
        self.number += 1
        self.size += len(line) + 1
        self.text += line[:8_000]
        if self.size > settings.IMPORT_MAX_LINE_BYTES:
            raise BadContent(
                f"The row is longer than {settings.IMPORT_MAX_LINE_BYTES:,} bytes. Is a quote left open in it?"
            )
        if self.number == 1:
            line = line.removeprefix(BOM)
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError as error:
            raise BadContent(
                f"Line {self.number} is not UTF-8 (byte {error.start + 1}). Save the table as CSV UTF-8."
            ) from None
