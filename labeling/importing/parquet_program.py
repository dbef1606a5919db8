"""A program: the rows of a Parquet file as JSON lines on stdout.

    python parquet_program.py FILE [MOST_ROWS]

It runs as a process of its own, because Arrow takes more memory than a web process may, and a file that was made to
explode takes this process with it and nothing else. It knows nothing of Django. Exit code 2 and one sentence on stderr:
the file cannot be read.
"""

import base64
import datetime
import decimal
import json
import resource
import sys

MEMORY_BYTES = 3 * 2**30  # of addresses; Arrow reserves far more of them than it touches
GROUP_BYTES = 512 * 2**20  # of one group of rows, unpacked
BATCH_ROWS = 256


def main(path: str, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import pyarrow
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    try:
        file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).total_byte_size
            if size > GROUP_BYTES:
                fail(f"A group of rows takes {size:,} bytes unpacked. Write the file with smaller row groups.")
        left = most or file.metadata.num_rows
        for batch in file.iter_batches(batch_size=min(BATCH_ROWS, max(left, 1)), use_threads=False):
            rows = batch.slice(0, left).to_pylist()
            sys.stdout.write("".join(json.dumps(row, default=plain, ensure_ascii=False) + "\n" for row in rows))
            left -= len(rows)
            if not left:
                break
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        fail(f"The Parquet file cannot be read: {str(error).splitlines()[0][:200]}.")
    except MemoryError:
        fail("The Parquet file needs too much memory unpacked. Write it with smaller row groups.")


def plain(value: object) -> object:
    """What JSON does not know, as text."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def fail(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    raise SystemExit(2)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")  # type: ignore[union-attr]
    try:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough: the first rows for a preview, or an import that ended.
        raise SystemExit(0) from None
