"""Streams datasets of the Hugging Face hub and local dataset folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.formats.columns import column_texts
from firstwords.data.formats.opening import first_line
from firstwords.plain_text import clean_row

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats


def hub_texts(spec: str, stats: SourceStats) -> Iterator[str]:
    """Documents of `hf:NAME[:SPLIT][:COLUMN]`."""
    rows, column = hub_rows(spec, stats)
    return column_texts(rows, column, stats, spec)


def hub_rows(spec: str, stats: SourceStats) -> tuple[Iterator[tuple[str, Any]], str | None]:
    """Stream a dataset of the Hugging Face hub or a local directory: (rows, requested column)."""
    data, column = open_hub(spec)
    stats.files += 1
    return rows_of(spec, data, stats), column


def open_hub(spec: str) -> tuple[Any, str | None]:
    """(dataset, requested column) of `hf:NAME[:SPLIT][:COLUMN]`; hub datasets are streamed. Raises UserError."""
    name, _, rest = spec.removeprefix("hf:").partition(":")
    split, _, column = rest.partition(":")
    if not name:
        raise UserError(f"{spec} names no dataset: use hf:NAME[:SPLIT][:COLUMN]")
    try:
        import datasets
    except ImportError as error:
        raise UserError(f"{spec} needs the package datasets: pip install 'firstwords[hub]'") from error
    try:
        directory = Path(name).expanduser()
        if (directory / "state.json").is_file() or (directory / "dataset_dict.json").is_file():  # made by save_to_disk
            data = datasets.load_from_disk(str(directory))
            data = data[split or "train"] if isinstance(data, datasets.DatasetDict) else data
        else:
            path = str(directory) if directory.is_dir() else name
            data = datasets.load_dataset(path, split=split or "train", streaming=True)
    except Exception as error:  # anything from a misspelled name to a network failure
        raise _hub_error(spec, error) from error
    return data, column or None


def rows_of(spec: str, data: Any, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    """The rows of an open dataset as (where, row)."""
    rows = iter(data)
    number = 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise _hub_error(spec, error) from error
        number += 1
        stats.rows += 1
        yield f"{spec}:row {number}", clean_row(row)


def _hub_error(spec: str, error: Exception) -> UserError:
    return UserError(f"{spec} cannot be read ({first_line(error)}): check the name, the split and the network")
