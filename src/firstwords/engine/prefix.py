"""Finds the slot that already holds a prefix of a prompt. Plain Python: tokens in, slot numbers out.

A free slot keeps its keys and values until another request needs it, so the next turn of a chat, a second answer to the
same question or a shared system prompt costs only the new tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

WORTH_SHARING = 16  # tokens: more than the templates and first words that most prompts share


def common_prefix(one: Sequence[int], other: Sequence[int], length: int) -> int:
    """How many of the first `length` tokens two sequences share: common_prefix([5, 6, 7], [5, 6, 9], 3) -> 2."""
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


def begin_alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether so much of `one` begins `other` that it pays to compute that part only once."""
    length = min(len(one) - 1, WORTH_SHARING)
    return one[:length] == other[:length]


class PrefixIndex:
    """The tokens that each slot holds; the least recently used slot is reused first.

    held() -> for each slot: (its sequence, how many tokens of it are computed), also for running requests.
    """

    def __init__(self, num_slots: int, held: Callable[[], Iterable[tuple[list[int], int]]]) -> None:
        self._held = held
        self._used = [0] * num_slots
        self._clock = 0

    def touch(self, slot: int) -> None:
        self._clock += 1
        self._used[slot] = self._clock

    def swap(self, one: int, other: int) -> None:
        self._used[one], self._used[other] = self._used[other], self._used[one]

    def longest(self, prompt_ids: list[int]) -> tuple[int, int]:
        """(slot, tokens shared) of the best match for all but the last token of the prompt; (-1, 0) if none.

        Most prompts begin alike, with the template of a chat: a slot is compared only where it can be better.
        """
        best_slot, best, most = -1, 0, len(prompt_ids) - 1
        for slot, (tokens, length) in enumerate(self._held()):
            if best < most and length > best and tokens[best] == prompt_ids[best]:
                shared = common_prefix(prompt_ids, tokens, min(length, most))
                if shared > best:
                    best_slot, best = slot, shared
        return best_slot, best

    def choose(self, prompt_ids: list[int], free_slots: list[int]) -> int:
        """The free slot for a prompt: one that the prompt continues, else an empty one, else the oldest.

        A slot that holds more than the shared prefix (another branch of a chat) is copied from, not
        overwritten.
        """
        slot, shared = self.longest(prompt_ids)
        lengths = [length for _, length in self._held()]
        if slot in free_slots and shared == lengths[slot]:
            return slot
        return min(free_slots, key=lambda free: (lengths[free] > 0, self._used[free], free))
