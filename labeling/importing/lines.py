"""Lines out of a stream of bytes, without ever holding a long one."""

from collections.abc import Iterable, Iterator

from django.conf import settings

CHUNK_BYTES = 256 * 1024


def bounded_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of the stream. Of one over IMPORT_MAX_LINE_BYTES only the beginning comes, one byte too long.

    The import refuses such a line by its length and goes on with the next one.
    """
    keep = settings.IMPORT_MAX_LINE_BYTES + 1
    rest = b""
    overlong = False
    for chunk in chunks:
        # The last part has no line end yet; every other one is complete.
        *complete, tail = chunk.split(b"\n")
        for part in complete:
            yield rest if overlong else (rest + part)[:keep]
            rest, overlong = b"", False
        if not overlong:
            rest += tail
            if len(rest) > keep:
                rest, overlong = rest[:keep], True
    if rest:
        yield rest
