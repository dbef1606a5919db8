"""A stream through another process, so that neither side holds more of it than is on its way."""

import queue
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from labeling.errors import BrokenExport

CHUNK_BYTES = 64 * 1024


def through(command: Sequence[str], blocks: Iterable[bytes]) -> Iterator[bytes]:
    """What the command writes when it is fed the blocks.

    The blocks are asked for in the thread of whoever takes the result: a database connection belongs to its thread.

    Raises:
        BrokenExport: it failed; what came before is not the whole.
    """
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    # What waits in it was made of blocks that have been asked for: it cannot outgrow them.
    made: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process.stdout, made), name="export", daemon=True)
    reader.start()
    try:
        for block in blocks:
            process.stdin.write(block)
            while not made.empty():
                yield made.get()
        process.stdin.close()
        while chunk := made.get():
            yield chunk
        if process.wait():
            raise BrokenExport("The export could not be written to its end. Ask for it again.")
    except BrokenPipeError as error:
        raise BrokenExport("The export could not be written to its end. Ask for it again.") from error
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _read(stdout: IO[bytes], made: "queue.SimpleQueue[bytes]") -> None:
    while chunk := stdout.read(CHUNK_BYTES):
        made.put(chunk)
    made.put(b"")
