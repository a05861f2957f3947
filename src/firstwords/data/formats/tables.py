"""The rows of one table: JSON in several layouts, CSV, Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.formats.csv_rows import csv_rows
from firstwords.data.formats.json_rows import json_rows
from firstwords.data.formats.opening import first_line, opened, plain_name, seekable
from firstwords.plain_text import clean_row

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = (*JSON_SUFFIXES, ".csv", ".tsv", ".parquet")


def file_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    """The rows of a table as (where, row); where is `file:line` or `file:row N`.

    Line ends in all texts are normalised (`plain_text.py`). Raises UserError for a file that is unreadable or has too
    many broken rows.
    """
    name = plain_name(path)
    if name.endswith(".parquet"):
        return _parquet_rows(path, stats)
    return csv_rows(path, stats) if name.endswith((".csv", ".tsv")) else json_rows(path, stats)


def _parquet_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    with opened(path) as file:
        try:
            number = 0
            for batch in pyarrow.parquet.ParquetFile(seekable(path, file)).iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    stats.rows += 1
                    yield f"{path}:row {number}", clean_row(row)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:  # of the disk
                raise
            raise UserError(f"{path} is not a valid Parquet file ({first_line(error)}): download it again") from error
