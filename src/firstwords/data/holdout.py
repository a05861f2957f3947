"""Text that training never sees, kept to measure the model on.

Which documents are held out depends on their content only (a hash), not on their order or number, so that a
longer collection of the same texts holds out the same ones. One or a few long documents give a passage from the
middle instead: the end of a text is often unlike the rest (an index, a licence, the play that has just begun), and
whoever wants the text continued wants the end learned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain

SHARE = 0.01  # of the text
MAX_CHARS = 200_000  # more than this measures hardly better and only costs time
SMALL_CHARS, SMALL_SHARE = 20_000, 0.1  # of a small text so much, but no larger a share of it
FEW_DOCUMENTS = 50  # fewer than these: hold out a passage
LONG_CHARS = 20_000  # in a long stream, a document longer than this gives its tail
LOOK_AHEAD = 16_000_000  # characters read before deciding which of these it is


def split_holdout(
    documents: Iterable[str], share: float = SHARE, max_chars: int = MAX_CHARS, look_ahead: int = LOOK_AHEAD
) -> tuple[Iterator[str], list[str]]:
    """(training documents, held-out documents). The list fills while the iterator is read; it is complete at
    its end.

    A copy of a held-out document is left out of training too. Sizes are in characters.

        train, held_out = split_holdout(documents(specs))
        write_shards(train, tokenizer, directory)       # now held_out is complete
    """
    held_out: list[str] = []
    return _split(iter(documents), held_out, share, max_chars, look_ahead), held_out


def _split(
    documents: Iterator[str], held_out: list[str], share: float, max_chars: int, look_ahead: int
) -> Iterator[str]:
    first: list[str] = []
    size = 0
    for text in documents:
        first.append(text)
        size += len(text)
        if size >= look_ahead:
            break
    more = next(documents, None)
    if more is not None:
        yield from _by_hash(chain(first, [more], documents), held_out, share, max_chars)
        return
    wanted = min(max(share * size, min(SMALL_CHARS, SMALL_SHARE * size)), max_chars)
    if len(first) < FEW_DOCUMENTS:
        yield from _passage(first, held_out, int(wanted))
    else:
        yield from _smallest_hashes(first, held_out, wanted)


def _number(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _by_hash(texts: Iterable[str], held_out: list[str], share: float, max_chars: int) -> Iterator[str]:
    """A long stream, until there are `max_chars`: documents whose number is below `share`, and the tails of
    long documents, of which there may be too few for chance."""
    left = max_chars
    chosen: set[float] = set()
    cuts: dict[float, int] = {}  # long documents: where their held-out tail begins
    for text in texts:
        number = _number(text)
        if len(text) > LONG_CHARS:
            size = int(share * len(text))
            if number not in cuts and size <= left:
                cuts[number] = _line_end(text, len(text) - size)
                held_out.append(text[cuts[number] :])
                left -= len(held_out[-1])
            yield text[: cuts.get(number)]
        elif number in chosen:
            continue
        elif number < share and len(text) <= left:
            chosen.add(number)
            held_out.append(text)
            left -= len(text)
        else:
            yield text


def _smallest_hashes(texts: list[str], held_out: list[str], wanted: float) -> Iterator[str]:
    """All documents are known: those with the smallest numbers (none larger than what is wanted), until the
    wanted size or a tenth of the documents is reached; at least one, if need be the shortest."""
    numbers = [_number(text) for text in texts]
    length_of = dict(zip(numbers, map(len, texts), strict=True))
    chosen: set[float] = set()
    size = 0
    for number, length in sorted(length_of.items()):
        if (size + length > wanted and length <= wanted) or len(chosen) >= SMALL_SHARE * len(texts):
            break
        if length <= wanted:
            chosen.add(number)
            size += length
    chosen = chosen or {min(length_of, key=length_of.__getitem__)}
    seen: set[float] = set()
    for number, text in zip(numbers, texts, strict=True):
        if number not in chosen:
            yield text
        elif number not in seen:
            seen.add(number)
            held_out.append(text)


def _passage(texts: list[str], held_out: list[str], wanted: int) -> Iterator[str]:
    """`wanted` characters or somewhat fewer from the middle of all, from line to line if there are lines, else from
    space to space. What was before and behind them in one document are two documents for training."""
    begin = (sum(map(len, texts)) - wanted) // 2
    for text in texts:
        start, stop = (min(max(place, 0), len(text)) for place in (begin, begin + wanted))
        begin -= len(text)
        if 0 < start < stop:
            start = _line_end(text[:stop], start)
        if start < stop < len(text):
            stop = _last_line_end(text[:stop], start)
        yield from filter(None, (text[:start], text[stop:]))
        held_out.extend(filter(None, [text[start:stop]]))


def _line_end(text: str, at: int) -> int:
    """The first line end after `at`, or else space, in the nearer half of the rest; `at` itself if there is
    none."""
    near = at + (len(text) - at) // 2 + 1
    ends = [text.find(mark, at, near) + 1 for mark in ("\n", " ")]
    return next((end for end in ends if end), at)


def _last_line_end(text: str, start: int) -> int:
    """The last line end, or else space, in the farther half of what comes after `start`; the text's end if there is
    none."""
    half = start + (len(text) - start) // 2
    ends = [text.rfind(mark, half) + 1 for mark in ("\n", " ")]
    return next((end for end in ends if end), len(text))
