"""Reading NDJSON: lines of bounded length, each one record or one reason why not, written in batches."""

from labeling.importing.lines import bounded_lines
from labeling.importing.records import Record, parse_record

__all__ = ["Record", "bounded_lines", "parse_record"]
