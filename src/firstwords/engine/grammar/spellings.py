"""The tokens of a vocabulary by their characters, in arrays for the compiled loops.

    spellings = Spellings([b"a", b"cat", b"\\xff"])
    spellings.alphabet                  # ["a", "c", "t"]
    spellings.of(1)                     # [1, 0, 2]: "c", "a" and "t" by their numbers

Axes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_LANDING = 32  # tokens before the limit from which on, at the most, sentences begin no new word; see `Matcher`


class Spellings:
    """Characters are numbered from 0. A token that does not consist of whole characters has none."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        texts = [_text(data) for data in tokens]
        self.alphabet = sorted(set("".join(texts)))
        numbers = {char: number for number, char in enumerate(self.alphabet)}
        self.chars = np.array([numbers[char] for text in texts for char in text], np.int32)
        self.starts_V = np.zeros(len(texts) + 1, np.int64)  # of each token in `chars`, and the end of the last one
        np.cumsum([len(text) for text in texts], out=self.starts_V[1:])
        self.has_space_V = np.array([data.strip() != data for data in tokens], np.bool_)
        self.ascii = [(numbers[char], char) for char in self.alphabet if char.isascii()]

    def of(self, token: int) -> list[int]:
        """The numbers of a token's characters."""
        found: list[int] = self.chars[self.starts_V[token] : self.starts_V[token + 1]].tolist()
        return found


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""
