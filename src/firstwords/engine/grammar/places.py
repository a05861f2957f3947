"""Places of regular grammars by number, in arrays for the compiled loops: what may follow, and where characters lead.

With them, an answer under a rule samples several tokens per call like any other. A place is a state of the grammar's
automaton; the loops follow each token character by character. What may follow at a place is known once an answer was
looked at there.

Axes: P places (0 stands for unknown), C characters of the vocabulary, W words of 32 tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from firstwords.engine.grammar.automaton import Automaton, State
from firstwords.engine.grammar.closing import Place
from firstwords.engine.grammar.spellings import Spellings

MAX_BYTES = 32_000_000  # of all arrays; memory is taken as places are added
NOTHING = -1  # the length of a place of which only the way is known


@dataclass(eq=False)
class Next:
    """What may follow at a place. steps: the tokens that answers took from here, and where they led."""

    mask_W: np.ndarray | None  # as `Matcher.write_mask` writes it; None where no token may follow
    may_end: bool
    is_complete: bool
    steps: dict[int, Step] = field(default_factory=dict)


class Step(NamedTuple):
    """A known place, and what may follow there."""

    place: Place
    found: Next
    length: float  # bytes that would finish the answer


class Places:
    """The numbered places of one vocabulary. When there are too many, it starts again with none."""

    def __init__(self, spellings: Spellings, vocab_size: int) -> None:
        self.spellings = spellings
        num_words = -(-vocab_size // 32)
        size = max(2, MAX_BYTES // (4 * (num_words + len(spellings.alphabet))))
        self.masks_PW = np.zeros((size, num_words), np.uint32)
        self.next_PC = np.zeros((size, len(spellings.alphabet)), np.int32)
        self.lengths_P = np.full(size, NOTHING, np.int64)
        self._numbers: dict[tuple[frozenset[int], State], int] = {}
        self._states: list[State | None] = [None]
        self._steps: dict[int, Step] = {}
        self._expanded: set[int] = set()

    def __getitem__(self, number: int) -> Step:
        return self._steps[number]

    def number(self, place: Place, end_ids: frozenset[int], found: Next) -> int:
        """The number of a place, where `found` may follow for answers with these end tokens; 0 if it has none."""
        if place.begun or found.mask_W is None:
            return 0
        (inside,) = place.states
        number = self._number(inside.place, end_ids)
        if number and number not in self._steps:
            self.masks_PW[number], self.lengths_P[number] = found.mask_W, math.ceil(place.length)
            self._steps[number] = Step(place, found, place.length)
        return number

    def make_room(self) -> None:
        """Forget all numbers if no more are left."""
        if len(self._states) < len(self.lengths_P):
            return
        self.next_PC[:], self.lengths_P[:] = 0, NOTHING
        del self._states[1:]
        for known in (self._numbers, self._steps, self._expanded):
            known.clear()

    def connect(self, place: Place, end_ids: frozenset[int], token: int) -> None:
        """An answer takes a token from a place: learn where characters lead from each state on the way."""
        if place.begun:
            return
        (inside,) = place.states
        number = self._number(inside.place, end_ids)
        for char in self.spellings.of(token):
            number = self._next(inside.text.automaton, number, char, end_ids)

    def _next(self, automaton: Automaton, number: int, char: int, end_ids: frozenset[int]) -> int:
        """The number after one more character. ASCII is learned at once, others where they come up."""
        state = self._states[number]
        if state is None:
            return 0
        wanted = [(char, self.spellings.alphabet[char])]
        if number not in self._expanded:
            self._expanded.add(number)
            wanted += self.spellings.ascii
        for each, text in wanted:
            if not self.next_PC[number, each] and (after := automaton.move(state, text)) is not None:
                self.next_PC[number, each] = self._number(after, end_ids)
        return int(self.next_PC[number, char])

    def _number(self, state: State, end_ids: frozenset[int]) -> int:
        """The number of a state; one that is new gets one, or 0 if all are in use."""
        number = self._numbers.get((end_ids, state), 0)
        if not number and len(self._states) < len(self.lengths_P):
            number = self._numbers[end_ids, state] = len(self._states)
            self._states.append(state)
        return number
