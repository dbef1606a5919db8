"""Packed uploads, unpacked as they arrive."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from labeling.errors import BrokenUpload
from labeling.importing.lines import CHUNK_BYTES


def unpack_gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of gzip data.

    Raises:
        BrokenUpload: it is no gzip, or ends in the middle.
    """
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
        raise BrokenUpload("This is not gzip, though it is said to be. Nothing was kept.") from error
    return unpacked
