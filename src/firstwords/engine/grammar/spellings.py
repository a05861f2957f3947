"""The tokens of a vocabulary by their characters, in arrays for the compiled loops.

    spellings = Spellings([b"a", b"cat", b"\\xff"])
    spellings.of(1)                     # [1, 0, 2]: the numbers of "c", "a" and "t"
    spellings.chars                     # ["a", "c", "t"]

Axes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Spellings:
    """Characters are numbered from 0. A token that does not consist of whole characters has none."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        texts = [_text(data) for data in tokens]
        self.chars = sorted(set("".join(texts)))
        numbers = {char: number for number, char in enumerate(self.chars)}
        self.numbers = np.array([numbers[char] for text in texts for char in text], np.int32)
        self.starts_V = np.zeros(len(texts) + 1, np.int64)  # of each token in `numbers`, and the end of the last one
        np.cumsum([len(text) for text in texts], out=self.starts_V[1:])
        self.ascii = [(numbers[char], char) for char in self.chars if char.isascii()]

    def of(self, token: int) -> list[int]:
        """The numbers of a token's characters."""
        found: list[int] = self.numbers[self.starts_V[token] : self.starts_V[token + 1]].tolist()
        return found


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""
