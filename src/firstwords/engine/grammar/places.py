"""Places of regular grammars by number, in arrays for the compiled loops: what may follow, and where each token leads.

With them, an answer under a rule samples several tokens per call like any other. Where a token leads is learned from
the answers that take it; where answers pass again, every token of the vocabulary is tried.

Axes: P places (0 stands for unknown), V vocabulary, W words of 32 tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from firstwords.engine.grammar.closing import Place
from firstwords.engine.grammar.walking import Walk

MAX_BYTES = 32_000_000  # of all transitions; memory is taken as places are added
FIRST_TRY = 2  # visits of a place after which every token is tried; again after 4, 8 ...
GROWTH = 1.1  # times as many places must be known by then


@dataclass(eq=False)
class Next:
    """What may follow at a place. steps: the tokens that answers took from here, and where they led."""

    mask_W: np.ndarray | None  # as `Matcher.write_mask` writes it; None where no token may follow
    may_end: bool
    is_complete: bool
    steps: dict[int, Step] = field(default_factory=dict)
    number: int = 0
    visits: int = 0
    num_known: int = 0  # places, when every token was tried


class Step(NamedTuple):
    """A known place, and what may follow there."""

    place: Place
    found: Next
    length: float  # bytes that would finish the answer


class Places:
    """The numbered places of one vocabulary. When there are too many, it starts again with none."""

    def __init__(self, vocab_size: int) -> None:
        size = max(2, MAX_BYTES // (4 * vocab_size))
        self.masks_PW = np.zeros((size, -(-vocab_size // 32)), np.uint32)
        self.next_PV = np.zeros((size, vocab_size), np.int32)
        self.lengths_P = np.zeros(size, np.int64)
        self._steps: list[Step | None] = [None]
        self.beginning = 0  # how often it has started again

    def __getitem__(self, number: int) -> Step:
        step = self._steps[number]
        assert step is not None
        return step

    def number(self, place: Place, found: Next) -> int:
        """The number of a place. One that is new gets one, or 0 if all are in use."""
        if not found.number and found.mask_W is not None and len(self._steps) < len(self.lengths_P):
            found.number = len(self._steps)
            self.masks_PW[found.number], self.lengths_P[found.number] = found.mask_W, math.ceil(place.length)
            self._steps.append(Step(place, found, place.length))
        return found.number

    def make_room(self, wanted: int) -> None:
        """Forget all numbers unless so many are left."""
        if len(self._steps) + wanted <= len(self.lengths_P):
            return
        self.next_PV[: len(self._steps)] = 0
        for step in self._steps[1:]:
            assert step is not None
            step.found.number = step.found.visits = step.found.num_known = 0
        del self._steps[1:]
        self.beginning += 1

    def connect(self, before: Next, token: int, after: Next) -> None:
        """A token leads from one place to another."""
        if before.number and after.number:
            self.next_PV[before.number, token] = after.number

    def try_all(self, step: Step, walk: Walk) -> None:
        """Learn where every token leads from a place, unless little is new since the last time. walk: marks the states
        of numbered places with these numbers.
        """
        place, found = step.place, step.found
        if place.begun or len(self._steps) < found.num_known * GROWTH:
            return
        found.num_known = len(self._steps)
        next_V, (start,) = self.next_PV[found.number], place.states
        for tokens, numbers in walk.ends(start.place):
            is_known = numbers > 0
            next_V[tokens[is_known]] = numbers[is_known]
