"""The body of a request as it arrives, never as a whole."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from labeling.errors import BadContent, BrokenUpload, LengthNeeded
from labeling.importing.lines import CHUNK_BYTES
from labeling.importing.unpacking import unpack_gzip


def body_chunks(request: HttpRequest) -> Iterator[bytes]:
    """The body in chunks, unpacked if it is sent with `Content-Encoding: gzip`.

    Raises:
        LengthNeeded: neither a length nor chunks that the server understands.
        BrokenUpload: it ended before its announced end.
        BadContent: an encoding other than gzip.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise BadContent("Send the lines plain, or with Content-Encoding: gzip.")
    chunks = _read(request)
    return unpack_gzip(chunks) if encoding == "gzip" else chunks


def _read(request: HttpRequest) -> Iterator[bytes]:
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isdecimal():
        source: Any = request
    elif request.META.get("wsgi.input_terminated"):
        # Sent in chunks: Django takes a body without a length for an empty one, the server knows where it ends.
        source = request.META["wsgi.input"]
    elif "Transfer-Encoding" in request.headers:
        raise LengthNeeded("Send a Content-Length, so that it is known when all has arrived.")
    else:
        return
    total = 0
    while chunk := _read_chunk(source):
        total += len(chunk)
        yield chunk
    if announced.isdecimal() and total < int(announced):
        raise BrokenUpload(
            f"The upload ended after {total:,} of {int(announced):,} bytes. Nothing was kept; send it again."
        )


def _read_chunk(source: Any) -> bytes:
    try:
        chunk: bytes = source.read(CHUNK_BYTES)
    except (UnreadablePostError, OSError) as error:
        raise BrokenUpload("The connection broke during the upload. Nothing was kept; send it again.") from error
    return chunk
