"""The body of a request as it arrives, never as a whole."""

import zlib
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from labeling.errors import BadContent, BrokenUpload, LengthNeeded
from labeling.importing.lines import CHUNK_BYTES


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
    return _unpack(chunks) if encoding == "gzip" else chunks


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


def _unpack(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        while chunk:
            if unpacker.eof:  # a file may hold several gzip members, one after the other
                unpacker = zlib.decompressobj(wbits=31)
            # A small packed chunk can be gigabytes unpacked: so much at a time and no more.
            yield _unpack_some(unpacker, chunk)
            chunk = unpacker.unconsumed_tail or unpacker.unused_data
    while not unpacker.eof and (more := _unpack_some(unpacker, unpacker.unconsumed_tail)):
        yield more
    if not unpacker.eof:
        raise BrokenUpload("The gzip data ends in the middle. Nothing was kept; pack and send it again.")


def _unpack_some(unpacker: Any, chunk: bytes) -> bytes:
    try:
        unpacked: bytes = unpacker.decompress(chunk, CHUNK_BYTES)
    except zlib.error as error:
        raise BrokenUpload("The body is not gzip, though its Content-Encoding says so. Nothing was kept.") from error
    return unpacked
