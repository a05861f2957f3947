"""Extracts text from documents: PDF, Word, OpenDocument, EPUB."""

from __future__ import annotations

import logging
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from firstwords.config import UserError
from firstwords.data.formats.opening import first_line, opened, seekable

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
        "\u00ad": None,  # a soft hyphen: where a word might have been divided
    }
)
_DIVIDED = re.compile(r"(\w+)[-\u2010]\n(\w+)([^\s\w]*)[ \n]?")
_PAGE_GAP, _PAGE_END = "\n\n", "\f"
_OLE = b"\xd0\xcf\x11\xe0"  # the first bytes of old Word files and of .docx files with a password
_NS = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "container": "urn:oasis:names:tc:opendocument:xmlns:container",
    "opf": "http://www.idpf.org/2007/opf",
    "enc": "http://www.w3.org/2001/04/xmlenc#",
    "manifest": "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0",
}
_BLOCKS = {
    "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "blockquote", "section", "article", "pre", "ul", "ol",
    "table", "dd", "dt", "figcaption", "hr", "header", "footer", "aside",
}  # fmt: skip


# ---- PDF ---------------------------------------------------------------------------------------------------


def pdf_text(path: Path, stats: SourceStats) -> str:
    """The text of all pages, with ligatures split and hyphenated words joined.

    Raises UserError for a file that is damaged, password-protected, or made of images.
    """
    return "".join(pdf_pages(path, stats)).removesuffix(_PAGE_GAP)


def pdf_pages(path: Path, stats: SourceStats) -> list[str]:
    """The text of each page, as in `pdf_text`, with a blank line at its end."""
    import pypdf
    from pypdf.errors import DependencyError, FileNotDecryptedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # unreadable files are reported below
    with opened(path) as file:
        try:
            reader = pypdf.PdfReader(seekable(path, file))
            pages = [page.extract_text() for page in reader.pages]
        except FileNotDecryptedError:
            raise UserError(f"{path} is protected by a password: save it without one, or leave it out") from None
        except DependencyError as error:
            raise UserError(f"{path} is encrypted: pip install 'pypdf[crypto]' to read it, or leave it out") from error
        except OSError:
            raise
        except Exception as error:  # pypdf raises many kinds on broken files
            raise _broken(path, "PDF", error) from error
    num_empty = sum(not page.strip() for page in pages)
    if num_empty == len(pages):
        raise UserError(f"{path} contains no text, perhaps only scanned pages: run it through text recognition first")
    if num_empty:
        stats.remark("PDF", f"{path}: {num_empty} of {len(pages)} pages contain no text, perhaps only images")
    tidied = tidy_pdf("".join(page.replace(_PAGE_END, "\n") + _PAGE_GAP + _PAGE_END for page in pages))
    return tidied.split(_PAGE_END)[:-1]


def tidy_pdf(text: str) -> str:
    """Splits ligatures and joins words hyphenated at a line end: "of-\\nfice" -> "office".

    A hyphen stays before a capital or digit, and if the same word has one in the middle of a line.
    """
    text = text.translate(_LIGATURES)
    hyphenated = set(re.findall(r"\w+-\w+", text))

    def joined(found: re.Match[str]) -> str:
        first, second, mark = found.groups()
        keeps_hyphen = f"{first}-{second}" in hyphenated or not second[0].islower() or first[-1].isdigit()
        return f"{first}{'-' if keeps_hyphen else ''}{second}{mark}\n"

    return _DIVIDED.sub(joined, text)


# ---- Word, OpenDocument ------------------------------------------------------------------------------------


def docx_text(path: Path) -> str:
    """Paragraphs and tables of a Word file, in order; a table's cells are separated by tabs."""
    import docx
    from docx.table import Table

    with opened(path) as file:
        data = seekable(path, file)
        if data.read(4) == _OLE:
            raise UserError(f"{path} has a password, or is an old .doc: save it as .docx without a password")
        data.seek(0)
        try:
            content = list(docx.Document(data).iter_inner_content())
        except Exception as error:  # zipfile's, lxml's and python-docx's own
            raise _broken(path, "DOCX", error) from error
    parts: list[str] = []
    for item in content:
        if isinstance(item, Table):
            for row in item.rows:
                cells = {id(cell._tc): cell.text.strip() for cell in row.cells}  # a merged cell appears several times
                parts.append("\t".join(cells.values()))
        else:
            parts.append(item.text)
    return "\n\n".join(filter(str.strip, parts))


def odt_text(path: Path) -> str:
    """Paragraphs and headings of an OpenDocument text, in order."""
    with opened(path) as file, _Zip(path, seekable(path, file), "ODT") as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise UserError(f"{path} is protected by a password: save it without one, or leave it out")
        body = _xml(archive.read("content.xml")).find(".//office:text", _NS)
    if body is None:
        raise UserError(f"{path} contains no text: leave it out")
    tags = (f"{{{_NS['text']}}}p", f"{{{_NS['text']}}}h")
    aside = (f"{{{_NS['office']}}}annotation", f"{{{_NS['text']}}}tracked-changes")  # comments and deleted text
    written = (element for element in body.iter(*tags) if next(element.iterancestors(*aside), None) is None)
    paragraphs = ("".join(_odt_words(element)) for element in written)
    return "\n\n".join(filter(str.strip, paragraphs))


def _odt_words(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "comment"
        if name == "s":
            yield " " * int(child.get(f"{{{_NS['text']}}}c", 1))
        elif name in ("tab", "line-break"):
            yield "\t" if name == "tab" else "\n"
        elif name not in ("annotation", "comment", "note", "p", "h"):  # nested paragraphs are visited separately
            yield from _odt_words(child)
        yield child.tail or ""


# ---- EPUB --------------------------------------------------------------------------------------------------


def epub_text(path: Path) -> str:
    """The chapters of an e-book in reading order, without its table of contents."""
    with opened(path) as file, _Zip(path, seekable(path, file), "EPUB") as archive:
        package_name = _xml(archive.read("META-INF/container.xml")).find(".//container:rootfile", _NS).get("full-path")
        package = _xml(archive.read(package_name))
        items = {item.get("id"): item for item in package.iterfind(".//opf:manifest/opf:item", _NS)}
        spine = [
            items[ref.get("idref")]
            for ref in package.iterfind(".//opf:spine/opf:itemref", _NS)
            if ref.get("idref") in items
        ]
        base = posixpath.dirname(package_name)
        names = [
            posixpath.normpath(posixpath.join(base, unquote(item.get("href"))))
            for item in spine
            if "nav" not in (item.get("properties") or "").split() and "html" in (item.get("media-type") or "html")
        ]
        if _is_locked(archive, names):
            raise UserError(f"{path} is copy-protected (DRM): only the reader app it was sold for can open it")
        chapters = [_chapter_text(archive.read(name)) for name in names]
    return "\n\n".join(filter(None, chapters))


def _is_locked(archive: zipfile.ZipFile, names: list[str]) -> bool:
    try:
        encrypted = _xml(archive.read("META-INF/encryption.xml"))
    except KeyError:
        return False
    uris = {unquote(found.get("URI", "")) for found in encrypted.iterfind(".//enc:CipherReference", _NS)}
    return bool(uris & set(names))  # fonts may be encrypted in unprotected books


def _chapter_text(data: bytes) -> str:
    """All text of an XHTML page, with a blank line between blocks."""
    import lxml.html

    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", data.decode("utf-8-sig", "replace"))
    page = lxml.html.document_fromstring(text or "<p></p>")
    for element in list(page.iter("script", "style", "head", "nav")):
        element.drop_tree()
    for element in page.iter():
        if not isinstance(element.tag, str):
            element.text = ""  # of a comment
        before = "\n" if element.tag == "br" else "\n\n" if element.tag in _BLOCKS else ""
        element.text = ("" if element.tag == "br" else before) + re.sub(r"\s+", " ", element.text or "")
        element.tail = before + re.sub(r"\s+", " ", element.tail or "")
    lines = (line.strip() for line in page.text_content().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# ---- shared ------------------------------------------------------------------------------------------------


class _Zip:
    """An open ZIP file that raises UserError where it is damaged."""

    def __init__(self, path: Path, file: IO[bytes], kind: str) -> None:
        self._path, self._file, self._kind = path, file, kind

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self._archive = zipfile.ZipFile(self._file)
        except OSError:
            raise
        except Exception as error:  # zipfile raises many kinds
            raise _broken(self._path, self._kind, error) from error
        return self._archive

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._archive.close()
        if error is not None and not isinstance(error, UserError | OSError) and isinstance(error, Exception):
            raise _broken(self._path, self._kind, error) from error


def _broken(path: Path, kind: str, error: BaseException) -> UserError:
    return UserError(f"{path} is not a valid {kind} file ({first_line(error)}): save it again or leave it out")


def _xml(data: bytes) -> Any:
    """A parsed XML document; nothing is fetched and no entities are expanded."""
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
