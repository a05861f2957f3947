"""One answer's path through a grammar: which tokens may come next, and when open structures must be closed.

`llguidance` follows the grammar byte by byte; `closing` knows the shortest completion. Answers under the same grammar
share what is known about its places.

Axes: V vocabulary, W words of 32 tokens.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from firstwords.engine.grammar.places import Next, Places, Step
from firstwords.engine.grammar.spellings import MAX_LANDING, Spellings

if TYPE_CHECKING:
    import llguidance

    from firstwords.engine.grammar.closing import Follower, Growing, Place
    from firstwords.tokenizer.fast import Tokenizer

MAX_MASK_BYTES = 2_000_000  # that a grammar remembers
MAX_STEPS = 20_000  # from one place to the next that a grammar remembers: a few megabytes
MAX_SPELLED = 1_000  # texts of which the vocabulary remembers the tokens
LANDING = 12  # tokens before the limit from which on sentences begin no new word: more than most words have
LONGEST_ENDING = 24  # bytes: a rhyming word and a full stop


class Grammar:
    """A compiled constraint. Answers under the same one share what is known about the places of a regular shape.

    min_tokens: of the shortest answer; 0 if unknown.
    """

    def __init__(
        self, matcher: llguidance.LLMatcher, follower: Follower | None, min_tokens: int, vocab_size: int
    ) -> None:
        self.matcher, self.follower, self.min_tokens, self.vocab_size = matcher, follower, min_tokens, vocab_size
        self._known: dict[tuple[Place, frozenset[int]], Next] = {}
        self._num_steps = 0
        self.is_regular = follower is not None and follower.shape.is_regular
        self.is_prose = follower is not None and follower.shape.is_prose

    def known(self, place: Place | None, end_ids: frozenset[int]) -> Next | None:
        """What may follow at a place, if an answer with the same end tokens was there before."""
        return self._known.get((place, end_ids)) if place is not None else None

    def remember(self, place: Place | None, end_ids: frozenset[int], found: Next) -> None:
        """Keep what llguidance said about a place."""
        if place is None or not self.is_regular:
            return
        if len(self._known) * self.vocab_size > 8 * MAX_MASK_BYTES:
            self._known.clear()
        self._known[place, end_ids] = found

    def learn(self, before: Next, token: int, step: Step) -> None:
        """Remember where a token led."""
        self._num_steps += 1
        if self._num_steps > MAX_STEPS:
            for found in self._known.values():
                found.steps.clear()
            self._num_steps = 0
        before.steps[token] = step


class Matcher:
    """One answer's path through a grammar. For every token: `write_mask`, then `settle` the drawn one, then `advance`.

    llguidance reads the tokens only where it has to be asked. min_tokens: as in `Grammar`.
    """

    def __init__(self, grammar: Grammar, end_ids: frozenset[int], vocabulary: Vocabulary) -> None:
        self._grammar, self._end_ids, self._vocabulary = grammar, end_ids, vocabulary
        self._matcher: llguidance.LLMatcher | None = None
        self._unread: list[int] = []  # tokens that llguidance has not read
        self._here: Next | None = None
        self._place = grammar.follower.start() if grammar.follower is not None else None
        self._places: Places | None = None  # the numbers that loops know, once they were asked for
        self._next: Place | None = None  # after the token that was settled
        self._step: Step | None = None  # the same, if an answer was there before
        self._before: tuple[Next, int] | None = None  # the last step, if it is not known yet
        self._way: tuple[int, ...] | None = None  # tokens that would finish the answer from here, if they were computed
        self._growing: Growing | None = None  # the text being generated, if later ones need room as well
        self._least_room = 0  # tokens that it must leave to those
        self._landing = 0  # tokens before the last one, from which on sentences begin no new word; 0 before the first
        self._word_tokens = 0  # of the word being written
        self._last_words: list[int] | None = None  # the tokens that end the last sentence, once that was decided
        self.min_tokens, self.is_regular = grammar.min_tokens, grammar.is_regular
        self.has_failed = False  # the grammar has become too complex, or no token can continue
        self.has_ended = False  # the settled token is past the end and not part of the answer

    def write_mask(self, mask_W: np.ndarray) -> None:
        """Write which tokens may come next into words of 32 tokens (uint32), bit i of word w for token 32 w + i: those
        that continue the grammar and, where it may end, the request's end tokens. All tokens if `has_failed`.
        """
        found = (self._here or self._look()).mask_W
        if found is None:
            self.has_failed = True
            mask_W[:] = 0xFFFFFFFF
        else:
            mask_W[:] = found

    def allowed(self) -> np.ndarray:
        """What `write_mask` writes as bool, (V,)."""
        mask_W = np.zeros(-(-self._grammar.vocab_size // 32), np.uint32)
        self.write_mask(mask_W)
        return np.unpackbits(mask_W.view(np.uint8), bitorder="little")[: self._grammar.vocab_size].astype(bool)

    def _look(self) -> Next:
        """What may follow: from memory if an answer was at this place before, else from llguidance."""
        if self._here is None:
            self._here = self._grammar.known(self._place, self._end_ids)
        if self._here is None:
            self._here = self._ask()
            if not self.has_failed:
                self._grammar.remember(self._place, self._end_ids, self._here)
        if self._before is not None:
            self._learn(*self._before, self._here)
            self._before = None
        return self._here

    def _learn(self, before: Next, token: int, found: Next) -> None:
        """Remember where a token led, if that depends on the place alone."""
        if self._place is not None and self.is_regular and not (self.has_failed or found.is_complete):
            self._grammar.learn(before, token, Step(self._place, found, self._place.length))

    def _ask(self) -> Next:
        if self._matcher is None:
            self._matcher = self._grammar.matcher.deep_copy()
        matcher = self._matcher
        if self._unread and not matcher.consume_tokens(self._unread):
            self.has_failed = True
        self._unread.clear()
        may_end, is_complete = matcher.is_accepting(), matcher.is_stopped()
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed_V = np.unpackbits(bits, bitorder="little")[: self._grammar.vocab_size]
        allowed_V[list(self._end_ids)] = may_end
        if matcher.is_error() or not allowed_V.any():
            return Next(None, may_end, is_complete)
        mask_W = np.zeros(-(-len(allowed_V) // 32), np.uint32)
        packed = np.packbits(allowed_V, bitorder="little")
        mask_W.view(np.uint8)[: len(packed)] = packed
        return Next(mask_W, may_end, is_complete)

    def number(self, places: Places) -> int:
        """The number of this place, from which compiled loops follow the answer; 0 where they cannot."""
        found = self._here or self._look()
        if not self.is_regular or self._place is None or self._way is not None or self._last_words is not None:
            return 0
        self._places = places
        return places.number(self._place, self._end_ids, found)

    def landing(self, room: int) -> tuple[int, int]:
        """(tokens before the limit from which on no new word may begin, given that `room` remain; tokens of the word
        being written). 0 for texts that may end within a word.
        """
        return (self._landing or _first_landing(room), self._word_tokens) if self._grammar.is_prose else (0, 0)

    def follow(self, tokens: Sequence[int], number: int, landing: int, word_tokens: int) -> None:
        """Record tokens that loops have drawn along known ways, to the place with this number. landing, word_tokens:
        as in `landing`, after them.
        """
        assert self._places is not None
        self._landing, self._word_tokens = landing, word_tokens
        step = self._places[number]
        self._place, self._here, self._before = step.place, step.found, None
        self._unread += tokens

    def settle(self, token: int, room: int) -> int:
        """The token to use for a drawn one, given that `room` tokens remain, including this one.

        It is the drawn token if what it opens can be closed with the remaining ones, else the next token of the
        shortest completion. A completion always fits: it did at the beginning (`min_tokens`), and every accepted token
        preserves this. A string followed by other values ends when it has used half of the room, because a model may
        never end it.
        """
        if self._place is None or self.has_failed or (token in self._end_ids and not self._last_words):
            return token
        if self._grammar.is_prose and self._begins_too_late(token, room):
            return self._end_sentence(token)
        step = self._here.steps.get(token) if self._here is not None else None
        if step is not None and step.length < room:
            self._step, self._way = step, None
            return token
        after = self._after(token)
        if after is not None and self._is_too_long(after, room):
            end = self._vocabulary.spelled(self._place.end_of_text)
            token = end[0] if end else token
            after = self._after(token)
        if after is not None:
            way = None if after.length < room else self._vocabulary.spelled(after.rest)
            if after.length < room or (way is not None and len(way) < room):
                self._next, self._way = after, way
                return token
        way = self._way if self._way is not None else self._vocabulary.spelled(self._place.rest)
        if not way:
            self.has_ended = True
            return min(self._end_ids, default=token)
        self._next, self._way = self._place.after(self._vocabulary.tokens[way[0]]), way[1:]
        return way[0]

    def _begins_too_late(self, token: int, room: int) -> bool:
        """Whether a sentence has to end here: a new word might be cut by the end of the room. Where the model begins
        a word, the one before it is whole.
        """
        assert self._place is not None
        if self._last_words is not None:
            return True
        return self._begins_word(token, room) and room <= self._landing and self._place.length <= LONGEST_ENDING

    def _begins_word(self, token: int, room: int) -> bool:
        """Count a drawn token, and say whether it begins a new word. How many the longest word takes decides how early
        the last one may begin.
        """
        begins = self._vocabulary.has_space[token]
        self._landing, size = self.landing(room)
        if begins:
            self._landing, size = max(self._landing, min(size + 2, MAX_LANDING)), 0
        self._word_tokens = size + 1
        return begins

    def _end_sentence(self, token: int) -> int:
        """The next token of the shortest way to the end of the sentence."""
        assert self._place is not None
        if self._last_words is None:
            self._last_words = list(self._vocabulary.spelled(self._place.rest) or ())
        if not self._last_words:
            self.has_ended = True
            return min(self._end_ids, default=token)
        settled = self._last_words.pop(0)
        self._next = self._place.after(self._vocabulary.tokens[settled])
        return settled

    def _after(self, token: int) -> Place | None:
        """The place after a token; None where the answer could not be finished from there."""
        assert self._place is not None
        after = self._place.after(self._vocabulary.tokens[token])
        return after if after is not None and after.length < math.inf else None

    def _is_too_long(self, after: Place, room: int) -> bool:
        """Whether a text that has used half of the room continues although other long values follow it."""
        growing = after.growing
        before = self._growing
        if growing is None or before is None or any(a is not b for a, b in zip(growing, before, strict=False)):
            self._growing = growing
            self._least_room = room - int(room - after.length) // 2 if growing is not None else 0
            return False
        return room <= self._least_room

    def advance(self, token: int) -> None:
        """Record a token that was allowed and does not end the answer."""
        self._unread.append(token)
        if self._places is not None and self._place is not None:
            self._places.connect(self._place, self._end_ids, token)
        if self._step is not None:
            self._place, self._here, self._step = self._step.place, self._step.found, None
            return
        self._before = (self._here, token) if self._here is not None else None
        if self._place is not None and not self.has_failed:
            self._place = self._next or self._place.after(self._vocabulary.tokens[token])
        self._here = self._next = None

    @property
    def is_complete(self) -> bool:
        """Whether the grammar allows no continuation."""
        return self._look().is_complete and not self.has_failed

    @property
    def may_end(self) -> bool:
        """Whether the answer is already complete."""
        return self._look().may_end and not self.has_failed


def _first_landing(room: int) -> int:
    return min(LANDING, max(1, room // 4))


class Vocabulary:
    """A tokenizer with llguidance's interface."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._encode: Callable[[str], list[int]] = tokenizer.encode
        special = tokenizer.special_ids
        self.eos_token_id, self.bos_token_id = tokenizer.endoftext_id, None
        self.tokens = [b"" if i in special else tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        self.special_token_ids = sorted(special)
        self._ids = {data: i for i, data in enumerate(self.tokens) if data}
        self._longest = max(map(len, self._ids))
        self.spelled = functools.lru_cache(MAX_SPELLED)(self._spelled)

    @functools.cached_property
    def spellings(self) -> Spellings:
        """The tokens by their characters."""
        return Spellings(self.tokens)

    @functools.cached_property
    def has_space(self) -> list[bool]:
        """Whether each token begins or ends with white space."""
        found: list[bool] = self.spellings.has_space_V.tolist()
        return found

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8", "replace"))

    def _spelled(self, data: bytes) -> tuple[int, ...] | None:
        """The fewest tokens that encode some bytes; None if the vocabulary lacks one of them."""
        fewest: list[tuple[int, int, int] | None] = [None] * len(data)  # tokens to the end, the first one, its size
        for start in range(len(data) - 1, -1, -1):
            for size in range(1, min(self._longest, len(data) - start) + 1):
                token = self._ids.get(data[start : start + size])
                rest = (0, 0, 0) if start + size == len(data) else fewest[start + size]
                best = fewest[start]
                if token is not None and rest is not None and (best is None or rest[0] + 1 < best[0]):
                    fewest[start] = (rest[0] + 1, token, size)
        ids, start = [], 0
        while start < len(data):
            step = fewest[start]
            if step is None:
                return None
            ids.append(step[1])
            start += step[2]
        return tuple(ids)
