"""Cuts a text into passages and sentences, both as offsets into it.

    passages("# Cats\n\nCats sleep a lot. ...")  -> [(0, 612), (612, 1290), ...]
    sentences("Cats sleep. Dogs bark.")         -> [(0, 11), (12, 22)]

Passages tile the text: each begins where the one before it ends, so that their texts, joined, are the text, and a
passage's neighbours show what surrounds it. They end between paragraphs, or where a paragraph is long, between
sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MIN_CHARS = 250  # a shorter paragraph shares its passage with the next one
HEADED_CHARS = 60  # or, if it is no shorter than this, ends before a heading
TARGET_CHARS = 800  # a long paragraph is cut into passages of about this size
MAX_CHARS = 1200  # no passage is longer

Span = tuple[int, int]

_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")
_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*?)[ \t#]*$", re.MULTILINE)
_CLOSING = "\"'\u2019\u201d\u00bb)\\]"
# A heading's line; a full stop, question mark or exclamation mark, and what closes the sentence; or what comes before a
# blank line, a heading, a list item.
_SENTENCE_END = re.compile(
    r"^#{1,6}[ \t]+\S[^\n]*\n"
    rf"|[.!?\u2026]+[{_CLOSING}]*(?=\s)"
    rf"|[\u3002\uff01\uff1f\u0964]+[{_CLOSING}\u300d\u300f]*"  # of scripts that put no space behind it
    r"|\n[ \t]*\n|\n(?=[-*#>|]|\d+[.)] )",
    re.MULTILINE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|[a-z]\.[a-z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Nr|vs|etc|ca|Gen|Col|Rev|Inc|Ltd|Co|Jan|Feb|Mar|Apr|Aug"
    r"|Sept?|Oct|Nov|Dec|Bd|Abb|bzw|usw|vgl|z\. ?B|d\. ?h))\.$"
)


def passages(text: str) -> list[Span]:
    """(start, end) of each passage; together they cover the text. An empty text has none."""
    spans: list[Span] = []
    start = 0
    for end in _ends(text):
        least = HEADED_CHARS if text.startswith("#", end) else MIN_CHARS
        if end - start < least and end < len(text):
            continue
        spans += _cut(text, start, end)
        start = end
    if start < len(text):
        spans += _cut(text, start, len(text))
    return spans


def _ends(text: str) -> Iterator[int]:
    """Where paragraphs end, the blank lines after them included."""
    for found in _PARAGRAPH_END.finditer(text):
        yield found.end()
    yield len(text)


def _cut(text: str, start: int, end: int) -> list[Span]:
    """A stretch of text as passages: whole if it is short enough, else cut between sentences."""
    if end - start <= MAX_CHARS:
        return [(start, end)] if end > start else []
    spans: list[Span] = []
    begin = last = start
    for stop in [*_stops(text, start, end, headings=False), end]:
        if stop - begin > TARGET_CHARS and last > begin:
            spans.append((begin, last))
            begin = last
        last = stop
    if spans and end - begin < MIN_CHARS and end - spans[-1][0] <= MAX_CHARS:
        begin = spans.pop()[0]
    spans.append((begin, end))
    return [piece for span in spans for piece in _hard_cut(text, *span)]


def _stops(text: str, start: int, end: int, headings: bool = True) -> Iterator[int]:
    """Ends of sentences between start and end, white space included. headings: also the ends of headings' lines."""
    for found in _SENTENCE_END.finditer(text, start, end):
        if not headings and found[0].startswith("#"):
            continue
        stop = found.end()
        while stop < end and text[stop].isspace():
            stop += 1
        if stop < end and not _ABBREVIATION.search(text, max(start, found.start() - 8), found.start() + 1):
            yield stop


def _hard_cut(text: str, start: int, end: int) -> Iterator[Span]:
    """A stretch without ends of sentences, cut at white space, else anywhere."""
    while end - start > MAX_CHARS:
        stop = max(text.rfind("\n", start + MIN_CHARS, start + MAX_CHARS), -1)
        stop = stop if stop > 0 else text.rfind(" ", start + MIN_CHARS, start + MAX_CHARS)
        stop = stop + 1 if stop > 0 else start + MAX_CHARS
        yield start, stop
        start = stop
    if end > start:
        yield start, end


def sentences(text: str) -> list[Span]:
    """(start, end) of each sentence without the white space around it; headings and list items count as sentences."""
    spans: list[Span] = []
    start = 0
    for stop in [*_stops(text, 0, len(text)), len(text)]:
        left, right = start, stop
        while left < right and text[left].isspace():
            left += 1
        while right > left and text[right - 1].isspace():
            right -= 1
        if right > left:
            spans.append((left, right))
        start = stop
    return spans


def headings(text: str) -> list[tuple[int, int, str]]:
    """(offset, level, heading) of a Markdown text: headings("# Cats\\n") == [(0, 1, "Cats")]."""
    return [(found.start(), len(found[1]), found[2]) for found in _HEADING.finditer(text)]
