"""One reader a file format; each streams, so that a file larger than memory is no trouble.

Text, Markdown, HTML, PDF and the tables JSONL, JSON and Parquet (also gzipped where that makes sense), and
hub data sets.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.data.sources import SourceStats

PLAIN_SUFFIXES = (".txt", ".md", ".txt.gz", ".md.gz")
TABLE_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
TEXT_SUFFIXES = (*PLAIN_SUFFIXES, ".html", ".htm", ".pdf", *TABLE_SUFFIXES)
TEXT_COLUMNS = (
    "text",
    "content",
    "story",
    "body",
    "document",
    "article",
    "passage",
    "markdown",
    "chapter",
    "sentence",
)
SEPARATOR = "<|endoftext|>"

WHOLE_CHARS = 1_000_000  # a text file up to this size is one document
CUT_CHARS = 250_000  # a longer one is cut into documents of about this size, at blank lines
_READ_BYTES = 1 << 18
_BAD_ROWS = 100  # so many broken rows are forgiven,
_BAD_SHARE = 0.01  # or this share of the rows, whichever is more


def file_texts(path: Path, column: str | None, stats: SourceStats) -> Iterator[str]:
    """The documents of one file, by its ending."""
    name = path.name.lower()
    if name.endswith(PLAIN_SUFFIXES):
        yield from _split_documents(read_text(path))
    elif name.endswith((".html", ".htm")):
        yield _html_text(path, "".join(read_text(path)))
    elif name.endswith(".pdf"):
        yield _pdf_text(path)
    else:
        yield from _column_texts(file_rows(path, stats), column, stats, str(path))


# ---- plain text --------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unzipped if it ends in .gz; what goes wrong becomes a UserError."""
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            yield cast(IO[bytes], file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not a complete gzip file ({error}): download or pack it again") from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror or error}): check the file and its permissions"
        ) from error


def read_text(path: Path) -> Iterator[str]:
    """The text of a file in chunks. UTF-8, or UTF-16 with a byte order mark; anything else is a UserError."""
    with _opened(path) as file:
        chunk = file.read(_READ_BYTES)
        if not chunk:
            raise UserError(f"{path} is empty: remove it from the list or fill it")
        encoding = "utf-16" if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
        decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
        offset = 0
        while True:
            if encoding == "utf-8" and b"\0" in chunk:
                raise UserError(
                    f"{path} is not text (a zero byte at offset {offset + chunk.index(0)}): leave it out"
                )
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                where = offset - pending + error.start
                raise UserError(
                    f"{path} is not {encoding.upper()} text "
                    f"(byte 0x{error.object[error.start]:02x} at offset {where}): "
                    f"convert it, e.g. iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new.txt"
                ) from error
            if text:
                yield text
            if not chunk:
                return
            offset += len(chunk)
            chunk = file.read(_READ_BYTES)


def _split_documents(chunks: Iterator[str]) -> Iterator[str]:
    """Cut a stream of text into documents: at `<|endoftext|>`; what is longer than WHOLE_CHARS, at blank
    lines."""
    buffer = ""
    is_long = False  # the present document was already cut
    for chunk in chunks:
        buffer += chunk.replace("\r\n", "\n") if "\r" in chunk else chunk
        *parts, buffer = buffer.split(SEPARATOR)
        for part in parts:
            while len(part) > WHOLE_CHARS or (is_long and len(part) > CUT_CHARS):
                head, part = _cut(part)
                yield head
                is_long = True
            yield part
            is_long = False
        while len(buffer) > WHOLE_CHARS or (is_long and len(buffer) > 2 * CUT_CHARS):
            head, buffer = _cut(buffer)
            yield head
            is_long = True
    while is_long and len(buffer) > 2 * CUT_CHARS:
        head, buffer = _cut(buffer)
        yield head
    yield buffer


def _cut(text: str) -> tuple[str, str]:
    """Cut at about CUT_CHARS: at a blank line if one is in the later half, else a line end, else a space,
    else anywhere."""
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, CUT_CHARS // 2, CUT_CHARS)
        if at >= 0:
            return text[: at + len(mark)], text[at + len(mark) :]
    return text[:CUT_CHARS], text[CUT_CHARS:]


def _html_text(path: Path, html: str) -> str:
    try:
        import trafilatura
    except ImportError as error:
        raise UserError(f"{path} needs the package trafilatura: pip install trafilatura") from error
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot read is reported below
    if "<body" not in html.lower():
        html = f"<html><body>{html}</body></html>"
    text = trafilatura.extract(html, include_comments=False) or trafilatura.html2txt(html)
    if not text or text.isspace():
        raise UserError(f"{path} holds no readable text: leave it out")
    return text


def _pdf_text(path: Path) -> str:
    try:
        import pypdf
    except ImportError as error:
        raise UserError(f"{path} needs the package pypdf: pip install pypdf") from error
    with _opened(path) as file:
        try:
            text = "\n\n".join(page.extract_text() for page in pypdf.PdfReader(file).pages)
        except OSError:
            raise
        except Exception as error:  # pypdf raises many kinds on broken and encrypted files
            raise UserError(
                f"{path} cannot be read as PDF ({error}): save it again or leave it out"
            ) from error
    if not text or text.isspace():
        raise UserError(
            f"{path} holds no text, perhaps only pictures of pages: run it through text recognition first"
        )
    return text.encode("utf-8", "replace").decode()  # broken fonts give lone surrogates


# ---- tables ------------------------------------------------------------------------------------------------


def file_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    """The rows of a JSONL, JSON or Parquet file as (where, row); where is `file:line` or `file:row N`."""
    name = path.name.lower()
    if name.endswith(".parquet"):
        yield from _parquet_rows(path, stats)
    elif name.endswith((".json", ".json.gz")):
        yield from _json_rows(path, stats)
    else:
        yield from _jsonl_rows(path, stats)


def file_hash(path: Path) -> str:
    """sha256 of a file's content, unzipped."""
    digest = hashlib.sha256()
    with _opened(path) as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _jsonl_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    bad = good = 0
    first_problem = ""
    for number, line in enumerate(_lines(path), start=1):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            bad += 1
            stats.rows += 1
            stats.skipped_rows += 1
            message = f"{path}:{number}: broken JSON ({getattr(error, 'msg', error)})"
            stats.note(message)
            first_problem = first_problem or message
            if bad > max(_BAD_ROWS, _BAD_SHARE * number):
                raise UserError(
                    f"{message}, and {bad - 1} more broken rows before it: repair the file"
                ) from error
            continue
        good += 1
        stats.rows += 1
        yield f"{path}:{number}", row
    if bad and not good:
        raise UserError(f"{first_problem}, and no other row can be read either: write one JSON row a line")


def _lines(path: Path) -> Iterator[str]:
    rest = ""
    for chunk in read_text(path):
        *lines, rest = (rest + chunk).split("\n")
        yield from lines
    yield rest


def _json_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    text = "".join(read_text(path))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        if line > 1 and getattr(error, "msg", "") == "Extra data":  # JSON lines under the wrong name
            yield from _jsonl_rows(path, stats)
            return
        raise UserError(
            f"{path}:{line}: broken JSON ({getattr(error, 'msg', error)}): repair the file"
        ) from error
    if isinstance(data, dict):  # {"data": [...]}: the longest list in it, or one single row
        lists = [
            value
            for value in data.values()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        ]
        is_row = any(key in data for key in (*TEXT_COLUMNS, "messages", "conversations", "chosen"))
        data = max(lists, key=len) if lists and not is_row else [data]
    if not isinstance(data, list):
        raise UserError(f"{path}: the file must hold a list of rows")
    for number, row in enumerate(data, start=1):
        stats.rows += 1
        yield f"{path}:row {number}", row


def _parquet_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    with _opened(path) as file:
        try:
            number = 0
            for batch in pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    stats.rows += 1
                    yield f"{path}:row {number}", row
        except pyarrow.ArrowException as error:
            raise UserError(f"{path} cannot be read as Parquet ({error}): download it again") from error


def _column_texts(
    rows: Iterator[tuple[str, Any]], column: str | None, stats: SourceStats, source: str
) -> Iterator[str]:
    """The text of every row: from `column`, or from the one that the first row shows to hold the text."""
    found = 0
    where = source
    for where, row in rows:
        if isinstance(row, str):
            text: Any = row
        elif isinstance(row, dict):
            column = column or _guess_column(row, where)
            text = row.get(column)
        else:
            raise UserError(
                f"{where}: a row must be a text or an object with a text column, not {type(row).__name__}"
            )
        if isinstance(text, str) and text and not text.isspace():
            found += 1
            yield text if text.isascii() else text.encode("utf-8", "replace").decode()  # no lone surrogates
        else:
            stats.skipped_rows += 1
            stats.note(f"{where}: no text in column {column!r}")
    if not found:
        names = f" (columns: {', '.join(row)})" if where != source and isinstance(row, dict) else ""
        raise UserError(f"{where}: column {column!r} holds no text{names}: name one as {source}:COLUMN")


def _guess_column(row: dict[str, Any], where: str) -> str:
    for name in TEXT_COLUMNS:
        if isinstance(row.get(name), str):
            return name
    texts = [name for name, value in row.items() if isinstance(value, str)]
    if len(texts) == 1:
        return texts[0]
    if any(name in row for name in ("messages", "conversations", "instruction", "prompt")):
        raise UserError(
            f"{where}: these rows are chats: give the file to --chats, or name a column as FILE:COLUMN"
        )
    raise UserError(
        f"{where}: which column holds the text? Name it as FILE:COLUMN, one of {', '.join(row) or 'none'}"
    )


# ---- hub ---------------------------------------------------------------------------------------------------


def hub_texts(spec: str, stats: SourceStats) -> Iterator[str]:
    """Documents of `hf:NAME[:SPLIT][:COLUMN]`."""
    rows, column = hub_rows(spec, stats)
    return _column_texts(rows, column, stats, spec)


def hub_rows(spec: str, stats: SourceStats) -> tuple[Iterator[tuple[str, Any]], str | None]:
    """Stream a data set of the Hugging Face hub, or a local directory of one: (rows, wanted column)."""
    name, _, rest = spec.removeprefix("hf:").partition(":")
    split, _, column = rest.partition(":")
    if not name:
        raise UserError(f"{spec} names no data set: write hf:NAME[:SPLIT][:COLUMN]")
    try:
        import datasets
    except ImportError as error:
        raise UserError(f"{spec} needs the package datasets: pip install 'firstwords[hub]'") from error
    try:
        directory = Path(name).expanduser()
        if (directory / "state.json").is_file() or (
            directory / "dataset_dict.json"
        ).is_file():  # made by save_to_disk
            data = datasets.load_from_disk(str(directory))
            data = data[split or "train"] if isinstance(data, datasets.DatasetDict) else data
        else:
            path = str(directory) if directory.is_dir() else name
            data = datasets.load_dataset(path, split=split or "train", streaming=True)
    except Exception as error:  # everything from a spelling mistake to a network that is down
        raise _hub_error(spec, error) from error
    stats.files += 1
    return _hub_rows(spec, data, stats), column or None


def _hub_rows(spec: str, data: Any, stats: SourceStats) -> Iterator[tuple[str, Any]]:
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
        yield f"{spec}:row {number}", row


def _hub_error(spec: str, error: Exception) -> UserError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return UserError(f"{spec} cannot be read ({reason}): check the name, the split and the network")
