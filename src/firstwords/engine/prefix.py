"""Finds the slot that already holds a prefix of a prompt. Plain Python: tokens in, slot numbers out.

A free slot keeps its keys and values until another request needs it, so the next turn of a chat, a second answer to the
same question or a shared system prompt costs only the new tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Number of leading tokens that two sequences share: common_prefix([5, 6, 7], [5, 6, 9]) -> 2."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    low, high = 0, length  # one[:low] is shared, one[:high] is not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


class PrefixIndex:
    """The tokens that each slot holds; the least recently used slot is reused first.

    held(slot) -> tokens currently computed in that slot (from the engine, also for running requests).
    """

    def __init__(self, num_slots: int, held: Callable[[int], list[int]]) -> None:
        self.num_slots = num_slots
        self._held = held
        self._used = [0] * num_slots
        self._clock = 0

    def touch(self, slot: int) -> None:
        self._clock += 1
        self._used[slot] = self._clock

    def swap(self, one: int, other: int) -> None:
        self._used[one], self._used[other] = self._used[other], self._used[one]

    def longest(self, prompt_ids: list[int]) -> tuple[int, int]:
        """(slot, tokens shared) of the best match for all but the last token of the prompt; (-1, 0) if none."""
        wanted = prompt_ids[:-1]
        best_slot, best = -1, 0
        for slot in range(self.num_slots):
            shared = common_prefix(wanted, self._held(slot))
            if shared > best:
                best_slot, best = slot, shared
        return best_slot, best

    def choose(self, prompt_ids: list[int], free_slots: list[int]) -> int:
        """The free slot for a prompt: one that the prompt continues, else an empty one, else the oldest.

        A slot that holds more than the shared prefix (another branch of a chat) is copied from, not
        overwritten.
        """
        slot, shared = self.longest(prompt_ids)
        if slot in free_slots and shared == len(self._held(slot)):
            return slot
        return min(free_slots, key=lambda free: (len(self._held(free)) > 0, self._used[free], free))
