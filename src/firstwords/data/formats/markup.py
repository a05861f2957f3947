"""Extracts text from markup: Markdown without front matter, LaTeX, subtitles, HTML, notebooks."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.formats.json_rows import lines
from firstwords.data.formats.opening import first_line

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

MAX_FRONT_MATTER = 20_000  # characters
_FRONT_MATTER = re.compile(
    r"\s*(?:---[ \t]*\n(?=(?:\s*#.*\n|\s)*(?:[\w\"'][^\n:]*:(?:[ \t]|\n)|---))(?:.*\n)*?(?:---|\.\.\.)"  # YAML
    r"|\+\+\+[ \t]*\n(?:.*\n)*?\+\+\+)[ \t]*(?:\n|\Z)"  # TOML
)
_TEX_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_TIME = re.compile(r"^\s*(?:\d+:)?\d+:\d\d[.,]\d+\s*-->\s*(?:\d+:)?\d+:\d\d[.,]\d+")
_CUE_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<\d[\d:.]*>|\{\\[^}]*\}")


def without_front_matter(chunks: Iterator[str], stats: SourceStats) -> Iterator[str]:
    """Markdown without the YAML or TOML block at its beginning, which is metadata."""
    head = ""
    for chunk in chunks:
        head += chunk
        if len(head) > MAX_FRONT_MATTER:
            break
    found = _FRONT_MATTER.match(head[:MAX_FRONT_MATTER])
    if found:
        stats.front_matter += 1
    yield head[found.end() :] if found else head
    yield from chunks


def tex_text(chunks: Iterator[str]) -> Iterator[str]:
    """LaTeX source without comments, preamble, and text after the document."""
    is_inside = True
    for line in lines(chunks):
        bare = _TEX_COMMENT.sub(r"\1", line)
        if bare != line and not bare.strip():
            continue
        if bare.lstrip().startswith(r"\documentclass"):
            is_inside = False
        before, end, _ = bare.partition(r"\end{document}")
        _, begin, after = bare.partition(r"\begin{document}")
        if begin:
            is_inside, before = True, after.partition(r"\end{document}")[0]
        if is_inside and (before.strip() or not (begin or end)):
            yield before + "\n"
        if end:
            return


def subtitle_text(chunks: Iterator[str]) -> Iterator[str]:
    """The spoken text of .srt and .vtt: without numbers, times, styles, notes and repeated lines."""
    block: list[str] = []
    last = ""
    is_vtt = False
    for number, line in enumerate(chain(lines(chunks), [""])):
        is_vtt = is_vtt or (number == 0 and line.startswith("WEBVTT"))
        if line.strip():
            block.append(line)
            continue
        for said in _said(block, is_vtt):
            if said != last:  # automatic captions repeat the previous line
                yield said + "\n"
            last = said
        block = []


def _said(block: list[str], is_vtt: bool) -> list[str]:
    """The words of one cue: what follows its time."""
    place = next((number for number, line in enumerate(block) if _TIME.match(line)), None)
    if place is None:
        if is_vtt or (block and block[0].strip().isdigit()):  # WEBVTT, NOTE, STYLE; a number without a time
            return []
        place = -1  # behind a blank line within a cue
    words = (_CUE_TAG.sub("", line).strip() for line in block[place + 1 :])
    return [line for line in words if line]


def html_text(path: Path, html: str) -> str:
    """The main text of a page. Raises UserError where there is none."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # unreadable pages are reported below
    html = re.sub(r"^\s*<\?xml[^>]*\?>", "", html)  # the declared encoding no longer applies
    if "<body" not in html.lower():
        html = f"<html><body>{html}</body></html>"
    text = trafilatura.extract(html, include_comments=False) or trafilatura.html2txt(html)
    if not text or text.isspace():
        raise UserError(f"{path} contains no readable text: leave it out")
    return text


def notebook_text(path: Path, text: str) -> str:
    """The text and code cells of a Jupyter notebook, without outputs."""
    try:
        notebook = json.loads(text)
        sheets: Iterable[Any] = notebook.get("worksheets") or [notebook]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        sources = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") != "raw"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"{path} is not a valid notebook ({first_line(error)})"
        raise UserError(f"{problem}: save it again or leave it out") from error
    return "\n\n".join(filter(str.strip, ("".join(source) for source in sources)))
