"""Where every token of a vocabulary leads in an automaton: all of them at once, character by character.

    walk = Walk(automaton, Spellings(tokens))
    walk.mark(state, 7)
    for tokens, marks in walk.ends(state):  # arrays, for tokens of one character, of two, ...
        marks[0]                            # 7 if tokens[0] leads to the marked state, 0 for states without a mark

Axes: N states, C characters of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from firstwords.engine.grammar.automaton import Automaton, State

MAX_BYTES = 16_000_000  # of one automaton's table


class Level(NamedTuple):
    """All beginnings of tokens with one length. parents: theirs in the level before; chars: the last character;
    ends: which of them are `tokens`.
    """

    parents: np.ndarray
    chars: np.ndarray
    ends: np.ndarray
    tokens: np.ndarray


class Spellings:
    """The tokens that consist of whole characters."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        texts = {token: text for token, data in enumerate(tokens) if (text := _text(data))}
        numbers = {char: number for number, char in enumerate(sorted(set("".join(texts.values()))))}
        self.chars, self.levels = list(numbers), list[Level]()
        before, waiting = {"": 0}, texts
        while waiting:
            size = len(self.levels) + 1
            beginnings = {text: i for i, text in enumerate(dict.fromkeys(text[:size] for text in waiting.values()))}
            whole = {token: text for token, text in waiting.items() if len(text) == size}
            parents, chars = [before[text[:-1]] for text in beginnings], [numbers[text[-1]] for text in beginnings]
            ends = [beginnings[text] for text in whole.values()]
            self.levels.append(Level(*(np.array(each, np.int64) for each in (parents, chars, ends, list(whole)))))
            before, waiting = beginnings, {token: text for token, text in waiting.items() if len(text) > size}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


class Walk:
    """The states of one automaton by number, with a table of where characters lead; it is filled where it is used."""

    def __init__(self, automaton: Automaton, spellings: Spellings) -> None:
        self._automaton, self._spellings = automaton, spellings
        self._states: list[State | None] = [None]  # 0: no match continues
        self._numbers: dict[State, int] = {}
        self._next_NC = np.zeros((1, len(spellings.chars)), np.int32)  # -1: not known yet
        self._marks_N = np.zeros(1, np.int32)

    @property
    def is_full(self) -> bool:
        """Whether the table has become too large."""
        return self._next_NC.nbytes > MAX_BYTES

    def mark(self, state: State, number: int) -> None:
        """Give a state a mark other than 0."""
        place = self._number(state)  # which may make the array longer
        self._marks_N[place] = number

    def ends(self, state: State) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(tokens, marks of the states after them), as long as some match continues with them."""
        reached = np.array([self._number(state)])
        for level in self._spellings.levels:
            reached = self._moved(reached[level.parents], level.chars)
            yield level.tokens, self._marks_N[reached[level.ends]]
            if not reached.any():
                return

    def _moved(self, before: np.ndarray, chars: np.ndarray) -> np.ndarray:
        """The numbers of the states after these characters."""
        after: np.ndarray = self._next_NC[before, chars]
        is_new = after < 0
        if not is_new.any():
            return after
        for number, char in sorted(set(zip(before[is_new].tolist(), chars[is_new].tolist(), strict=True))):
            source = self._states[number]
            assert source is not None  # nothing is new after 0
            target = self._automaton.move(source, self._spellings.chars[char])
            found = self._number(target) if target is not None else 0
            self._next_NC[number, char] = found
        after = self._next_NC[before, chars]
        return after

    def _number(self, state: State) -> int:
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
            if number == len(self._next_NC):
                more = np.full((len(self._next_NC), self._next_NC.shape[1]), -1, np.int32)
                self._next_NC = np.concatenate([self._next_NC, more])
                self._marks_N = np.concatenate([self._marks_N, np.zeros_like(self._marks_N)])
        return number
