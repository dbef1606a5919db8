"""A program: JSON lines on stdin, a Parquet file on stdout.

    python parquet_program.py '[["judgement_id", "int"], ...]'

A process of its own, because Arrow takes more memory than a web process may. It knows nothing of Django.
"""

import io
import json
import sys

GROUP_BYTES = 16 * 2**20  # of JSON that become one group of rows


def main(columns: list[list[str]]) -> None:
    import pyarrow
    import pyarrow.json
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    types = {
        "text": pyarrow.string(), "json": pyarrow.string(), "int": pyarrow.int64(), "number": pyarrow.float64(),
        "bool": pyarrow.bool_(), "time": pyarrow.timestamp("us", "UTC"), "messages": pyarrow.list_(message),
    }  # fmt: skip
    schema = pyarrow.schema([(name, types[type]) for name, type in columns])
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    with pyarrow.parquet.ParquetWriter(_Pipe(), schema, compression="zstd") as writer:
        while lines := sys.stdin.buffer.readlines(GROUP_BYTES):
            block = b"".join(lines)
            reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            writer.write_table(pyarrow.json.read_json(io.BytesIO(block), reading, parsing).select(schema.names))
            del lines, block
            pyarrow.default_memory_pool().release_unused()


class _Pipe(io.RawIOBase):
    """stdout as Arrow wants a file: it asks where it is."""

    def __init__(self) -> None:
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        self._at += len(data)
        sys.stdout.buffer.write(data)
        return len(data)

    def flush(self) -> None:
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
