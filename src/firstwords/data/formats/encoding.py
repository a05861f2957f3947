"""Decodes bytes to text: by the declared encoding, as UTF-8, or by a detected encoding, which is reported.

The order: a byte order mark (UTF-8, UTF-16, UTF-32); a declaration in the file (HTML, XML, source code); UTF-8; UTF-16
or UTF-32 without a mark, where every other byte is zero; else `detect`. Everything streams: a file is read as UTF-8
until a byte does not fit. If everything before it was ASCII, which all these encodings share, the rest is read in the
encoding detected at that point.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from firstwords.config import UserError
from firstwords.data.formats.detect import detect, iana
from firstwords.data.formats.opening import READ_BYTES, opened, shown

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

HEAD_BYTES = 1 << 16  # inspected before the first character is decoded
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip - UTF-32's begins with UTF-16's
_MARKUP = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""", re.I
)
# PEP 263, and the form that Emacs and Vim use in other languages
_CODING = re.compile(rb"^(?:[^\n]*\n)?[ \t\f]*(?:#|//|/\*|;|--|%)[^\n]*?coding[:=][ \t]*([-\w.]+)")
_SUPERSETS = {  # what browsers use instead: a superset that also covers what occurs in practice
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "tis-620": "cp874",
    "big5": "big5hkscs",
}
CERTAINLY_UTF8 = 20  # so many bytes beyond ASCII that are all valid UTF-8 cannot be another encoding
_DAMAGED = 5  # valid UTF-8 characters per broken one from which a text is damaged UTF-8


@dataclass(frozen=True)
class _Encoding:
    codec: str
    is_certain: bool = True  # False: UTF-8 as long as it is valid
    errors: str = "strict"


def read_text(path: Path, stats: SourceStats | None = None, *, declared_by: str = "") -> Iterator[str]:
    """The text of a file in chunks, CR and CRLF read as `\\n` (the rest of the rule is in `plain_text.py`).

    `declared_by`: "markup" or "code" looks for a declaration of that kind. `stats` gets a remark if the encoding was
    detected. Raises UserError for an empty or binary file and for an uncertain encoding.
    """
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise UserError(f"{shown(path)} is empty: leave it out")
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        for text in _Decoding(path, file, stats, declared_by).chunks(head):
            yield line_ends.decode(text)
        if last := line_ends.decode("", final=True):  # a \\r that might have been part of a \\r\\n
            yield last


def looks_like_text(path: Path) -> bool:
    """Whether a file of an unknown type begins like text."""
    try:
        with opened(path) as file:
            head = file.read(HEAD_BYTES)
    except UserError:
        return False
    if _marked(head) or (b"\0" in head and _without_mark(head)):
        return True
    is_text = not re.search(rb"[\0-\x06\x0e-\x1a\x1c-\x1f]", head)
    return is_text and bool(head) and (_is_utf8(head) or detect(head).encoding is not None)


class _Decoding:
    """Decodes one file; may switch from UTF-8 to another encoding at the first byte that is not ASCII."""

    def __init__(self, path: Path, file: IO[bytes], stats: SourceStats | None, declared_by: str) -> None:
        self._path, self._file, self._stats, self._declared_by = path, file, stats, declared_by
        self._is_ascii = True  # everything so far

    def chunks(self, chunk: bytes) -> Iterator[str]:
        """The text of all chunks; the first was already read."""
        self._use(self._first_encoding(chunk))
        has_zeros = self._encoding.codec.startswith(("utf-16", "utf-32"))
        offset = 0
        while True:
            if not has_zeros and b"\0" in chunk:
                place = offset + chunk.index(0)
                raise UserError(f"{shown(self._path)} is not text (a zero byte at offset {place}): leave it out")
            pending = len(self._decoder.getstate()[0])
            try:
                text = self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset -= pending
                ahead = self._file.read(HEAD_BYTES) if chunk else b""
                chunk = bytes(error.object) + ahead
                self._use(self._second_encoding(chunk, error, offset))
                continue
            self._is_ascii = self._is_ascii and text.isascii()
            if text:
                yield text
            if not chunk:
                return
            offset += len(chunk)
            chunk = self._file.read(READ_BYTES)

    def _use(self, encoding: _Encoding) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding.codec)(encoding.errors)

    def _first_encoding(self, head: bytes) -> _Encoding:
        if codec := _marked(head):
            return _Encoding(codec)
        if codec := _declared(head, self._declared_by):
            return _Encoding(codec, errors="replace")  # browsers do not stop at a wrong byte either
        codec = _without_mark(head) if b"\0" in head else "iso2022_jp" if b"\x1b$B" in head else ""
        if codec:
            self._remark(codec)
        return _Encoding(codec) if codec else _Encoding("utf-8", is_certain=False)

    def _second_encoding(self, data: bytes, error: UnicodeDecodeError, offset: int) -> _Encoding:
        """The encoding detected where UTF-8 does not fit. Raises UserError if it is uncertain."""
        byte, name = error.object[error.start], self._path.name
        codec = self._encoding.codec
        known = iana(codec) if self._encoding.is_certain else "UTF-8"
        problem = f"{shown(self._path)} is not {known} text (byte 0x{byte:02x} at offset {offset + error.start}): "
        if self._encoding.is_certain:
            raise UserError(f"{problem}save it again as UTF-8, or leave it out") from error
        if not self._is_ascii or _is_damaged_utf8(data):
            repair = f"iconv -c -f UTF-8 -t UTF-8 {name} > new.txt"
            raise UserError(f"{problem}it is damaged UTF-8; {repair} drops the broken bytes") from error
        detected = detect(data)
        if detected.encoding:
            self._remark(detected.encoding)
            return _Encoding(detected.encoding)
        if not detected.likely:
            raise UserError(f"{problem}no encoding fits; save it as UTF-8, or leave it out") from error
        first, *others = map(iana, detected.likely)
        other = f" (or from {' or '.join(others)}; check the result)" if others else ""
        raise UserError(f"{problem}convert it, e.g. iconv -f {first} -t UTF-8 {name} > new.txt{other}") from error

    def _remark(self, codec: str) -> None:
        if self._stats is not None:
            self._stats.remark("encoding", f"{shown(self._path)}: read as {iana(codec).lower()} (detected)")


def _marked(head: bytes) -> str:
    return next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), "")


def _declared(head: bytes, kind: str) -> str:
    """The codec that the file declares, if plausible; "" for none and for UTF-8."""
    found = {"markup": _MARKUP, "code": _CODING}[kind].search(head) if kind else None
    if not found or (_is_utf8(head) and sum(byte > 127 for byte in head) >= CERTAINLY_UTF8):
        return ""
    name = next(group for group in found.groups() if group).decode("ascii").lower().removeprefix("x-")
    try:
        codec = codecs.lookup(name).name
        codec = _SUPERSETS.get(codec, codec)
        text = head.decode(codec, "replace")
    except (LookupError, UnicodeError, ValueError):  # unknown, or not a text encoding
        return ""
    is_wrong = text.count("\ufffd") > max(1, len(text) // 100)
    return "" if is_wrong or codec.startswith("utf") or "escape" in codec else codec


def _without_mark(head: bytes) -> str:
    """The codec of UTF-16 or UTF-32 without a byte order mark, else ""."""
    found: list[tuple[int, str]] = []
    for codec, unit in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        if len(head) < HEAD_BYTES and len(head) % unit:
            continue
        try:
            text = codecs.getincrementaldecoder(codec)().decode(head)
        except UnicodeDecodeError:
            continue
        num_common = sum(map(text.count, " \n\r,.、。，"))
        is_text = sum(char.isprintable() or char in "\n\r\t\f" for char in text) > 0.99 * len(text)
        if is_text and num_common and len(text) > 1:
            found.append((num_common, codec))
    return max(found, default=(0, ""))[1]


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    num_broken = text.count("\ufffd")
    return sum(char > "\x7f" for char in text) - num_broken >= _DAMAGED * num_broken
