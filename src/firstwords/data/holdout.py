"""Held-out text, which training never sees, to measure the model on.

Shares refer to *different* documents: copies, equal up to white space and case, count as one and are never split. Which
documents are held out depends only on a hash of their content, not on their order or number, so that a longer
collection of the same texts holds out the same ones. From one or a few long documents, a passage in the middle is held
out instead: the end of a text is often unlike the rest (an index, a licence, a new play), and a model that is to
continue the text must learn the end.

Memory is bounded: LOOK_AHEAD characters of documents, plus, for a longer stream, the hashes of the held-out ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from firstwords.data.dedup import copy_key, copy_start

SHARE = 0.01  # of the text
MAX_CHARS = 200_000  # more hardly improves the measurement and only costs time
SMALL_CHARS, SMALL_SHARE = 20_000, 0.1  # minimum for a small text, but at most this share of it
FEW_DOCUMENTS = 50  # with fewer documents, hold out a passage
LONG_CHARS = 20_000  # in a long stream, only the tail of a longer document is held out
LOOK_AHEAD = 16_000_000  # characters read before choosing the method


def split_holdout(
    documents: Iterable[str], share: float = SHARE, max_chars: int = MAX_CHARS, look_ahead: int = LOOK_AHEAD
) -> tuple[Iterator[str], list[str]]:
    """(training documents, held-out documents). The list fills while the iterator is read; it is complete when the
    iterator ends.

    A copy of a held-out document is left out of training too, and held out once. Sizes are in characters.

        train, held_out = split_holdout(documents(specs))
        write_shards(train, tokenizer, directory)       # now held_out is complete
    """
    held_out: list[str] = []
    return _split(iter(documents), held_out, share, max_chars, look_ahead), held_out


def write_heldout(path: Path, texts: Iterable[str]) -> None:
    """Write held-out documents, one JSON object with a text per line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


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
    keys = [copy_key(text) for text in first]
    lengths = dict(zip(reversed(keys), map(len, reversed(first)), strict=True))  # of the first copy of each
    size = sum(lengths.values())
    wanted = min(max(share * size, min(SMALL_CHARS, SMALL_SHARE * size)), max_chars)
    if len(lengths) < FEW_DOCUMENTS:
        yield from _passage(first, keys, held_out, int(wanted))
    else:
        yield from _smallest_hashes(first, keys, lengths, held_out, wanted)


def _by_hash(texts: Iterable[str], held_out: list[str], share: float, max_chars: int) -> Iterator[str]:
    """Hold out from a long stream, up to `max_chars`: documents whose key is in the lowest `share` of all keys, and the
    tails of long documents, which may be too few for random selection.

    After the first one that does not fit, nothing more is held out: a shorter copy of it would be on both sides.
    """
    left = max_chars
    chosen: set[int] = set()
    tails: dict[int, str] = {}  # of long documents
    starts: set[str] = set()  # of held-out documents, so that not every document's key must be computed
    is_full = False
    for text in texts:
        start = copy_start(text)
        if is_full and start not in starts:
            yield text
            continue
        key = copy_key(text)
        if len(text) > LONG_CHARS:
            size = int(share * len(text))
            if key not in tails and not is_full:
                is_full = size > left
                if not is_full:
                    tails[key] = text[_line_end(text, len(text) - size) :]
                    held_out.append(tails[key])
                    left -= len(tails[key])
                    starts.add(start)
            yield _without(tails.get(key, ""), text, size)
            continue
        if key < share * 2**64 and key not in chosen and not is_full:
            is_full = len(text) > left
            if not is_full:
                chosen.add(key)
                held_out.append(text)
                left -= len(text)
                starts.add(start)
        if key not in chosen:
            yield text


def _without(tail: str, text: str, size: int) -> str:
    """A long document without its held-out tail; a copy whose end differs in white space or case loses twice the size,
    to be safe."""
    return text[: len(text) - (len(tail) if text.endswith(tail) else 2 * size)]


def _smallest_hashes(
    texts: list[str], keys: list[int], lengths: dict[int, int], held_out: list[str], wanted: float
) -> Iterator[str]:
    """Hold out from a complete list: the documents with the smallest keys (none longer than `wanted`), until the wanted
    size or a tenth of the different documents is reached; at least one, if necessary the shortest."""
    chosen: set[int] = set()
    size = 0
    for key, length in sorted(lengths.items()):
        if (size + length > wanted and length <= wanted) or len(chosen) >= SMALL_SHARE * len(lengths):
            break
        if length <= wanted:
            chosen.add(key)
            size += length
    chosen = chosen or {min(lengths, key=lengths.__getitem__)}
    seen: set[int] = set()
    for key, text in zip(keys, texts, strict=True):
        if key not in chosen:
            yield text
        elif key not in seen:
            seen.add(key)
            held_out.append(text)


def _passage(texts: list[str], keys: list[int], held_out: list[str], wanted: int) -> Iterator[str]:
    """Hold out `wanted` characters or slightly fewer from the middle of all different documents, cut at line ends if
    there are any, else at spaces. The text before and after them in one document becomes two training documents.

    Copies of a document that contributes to the passage are left out.
    """
    different = dict(zip(reversed(keys), reversed(texts), strict=True))
    begin = (sum(map(len, different.values())) - wanted) // 2
    touched: set[int] = set()
    seen: set[int] = set()
    for key, text in zip(keys, texts, strict=True):
        if key in seen:
            yield from () if key in touched else (text,)
            continue
        seen.add(key)
        start, stop = (min(max(place, 0), len(text)) for place in (begin, begin + wanted))
        begin -= len(text)
        if 0 < start < stop:
            start = _line_end(text[:stop], start)
        if start < stop < len(text):
            stop = _last_line_end(text[:stop], start)
        yield from filter(None, (text[:start], text[stop:]))
        if start < stop:
            touched.add(key)
            held_out.append(text[start:stop])


def _line_end(text: str, at: int) -> int:
    """The first line end (or else space) after `at`, in the first half of the rest; `at` itself if there is none."""
    near = at + (len(text) - at) // 2 + 1
    ends = [text.find(mark, at, near) + 1 for mark in ("\n", " ")]
    return next((end for end in ends if end), at)


def _last_line_end(text: str, start: int) -> int:
    """The last line end (or else space) in the second half of the text after `start`; the text's end if there is
    none."""
    half = start + (len(text) - start) // 2
    ends = [text.rfind(mark, half) + 1 for mark in ("\n", " ")]
    return next((end for end in ends if end), len(text))
