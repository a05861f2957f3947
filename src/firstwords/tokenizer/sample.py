"""An evenly spread sample of a stream of texts, and the maximum length of a token for such a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MAX_TOKEN_CHARS = 16  # SentencePiece's limit: a line repeated throughout a text must not become one token
_PART_CHARS = 16_384  # size of the parts that make up a sample
_LETTER_BYTES = 200_000  # of text on which letters are measured


def sample_of(texts: Iterable[str], sample_bytes: int) -> list[str]:
    """An evenly spread sample in one pass and bounded memory: once it holds twice the target size, every second part is
    dropped and from then on only every second part is taken, and so on."""
    kept: list[str] = []
    size, stride = 0, 1
    for number, part in enumerate(_parts(texts)):
        if number % stride == 0:
            kept.append(part)
            size += len(part)
            if size > 2 * sample_bytes:
                kept, stride = kept[::2], stride * 2
                size = sum(map(len, kept))
    if size > sample_bytes:  # between one and two times the target: thin evenly to the target size
        keep = sample_bytes / size
        kept = [part for n, part in enumerate(kept) if int((n + 1) * keep) > int(n * keep)]
    return kept


def bytes_per_letter(texts: Iterable[str]) -> float:
    """UTF-8 bytes per letter (digits, punctuation and spaces do not count); 1.0 where there are no letters."""
    letters = size = 0
    for text in texts:
        found = "".join(filter(str.isalpha, text))
        letters += len(found)
        size += len(found.encode("utf-8", "replace"))
    return size / letters if letters else 1.0


def longest_token(texts: Iterable[str]) -> int:
    """Maximum bytes per token for these texts: the bytes of MAX_TOKEN_CHARS of their letters.

    >>> longest_token(["the cat"]), longest_token(["кошка"]), longest_token(["猫"])
    (16, 32, 48)
    """
    return round(MAX_TOKEN_CHARS * bytes_per_letter(sample_of(texts, _LETTER_BYTES)))


def _parts(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        start = 0
        while start < len(text):
            end = start + _PART_CHARS
            if end < len(text):
                cut = text.rfind(" ", start + 1, end)
                end = cut if cut > 0 else end
            yield text[start:end]
            start = end
