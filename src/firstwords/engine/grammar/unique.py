"""What must not repeat: the items of arrays with `uniqueItems`, and the keys of objects.

    Items().after('["a","a"')    the second "a" repeats the first: no "," and no "]" may follow

No grammar can say this, so the walk through the shape (`closing.py`) asks here before each comma, colon and bracket.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from firstwords.engine.grammar.regular import Ranges, common

MAX_STEPS_AT_START = 20_000  # of a search when a schema is compiled: less than a second
MAX_STEPS = 500  # of a search after one token: some 5 ms, because other answers wait for it
MAX_MIN_ITEMS = 64  # of an array whose items must differ
_READABLE = string.ascii_lowercase + string.digits + string.ascii_uppercase


@dataclass(frozen=True)
class Level:
    """An open bracket. begin: where its current item or key begins; keys: of its complete items, or its keys."""

    bracket: str
    begin: int
    keys: frozenset[Any] = frozenset()


@dataclass(frozen=True)
class Items:
    """What is open after a JSON text without white space."""

    text: str = ""
    levels: tuple[Level, ...] = ()
    is_in_string: bool = False
    is_escaped: bool = False

    def after(self, text: str) -> Items:
        """The same with more text, which must be the beginning of JSON."""
        items = self
        for char in text:
            items = items._after(char)
        return items

    def _after(self, char: str) -> Items:
        text, levels = self.text + char, self.levels
        if self.is_in_string:
            is_escaped = char == "\\" and not self.is_escaped
            return Items(text, levels, char != '"' or self.is_escaped, is_escaped)
        if char in "[{":
            return Items(text, (*levels, Level(char, len(text))))
        if char in "]}":
            return Items(text, levels[:-1])
        if char in ",:" and levels:
            level = levels[-1]
            keys = level.keys | {self._item()} if self.ends_item(char) else level.keys
            return Items(text, (*levels[:-1], Level(level.bracket, len(text), keys)))
        return Items(text, levels, char == '"')

    def ends_item(self, char: str) -> bool:
        """Whether a character ends an item of the innermost array, or a key of the innermost object."""
        if self.is_in_string or not self.levels or self.levels[-1].begin == len(self.text):
            return False
        return char in (",]" if self.levels[-1].bracket == "[" else ":")

    @property
    def is_repeated(self) -> bool:
        """Whether the innermost item or key, taken as complete, equals one before it."""
        return bool(self.levels[-1].keys) and self._item() in self.levels[-1].keys

    @property
    def num_known(self) -> int:
        """Complete items and keys of all that is open."""
        return sum(len(level.keys) for level in self.levels)

    def _item(self) -> Any:
        return key(json.loads(self.text[self.levels[-1].begin :]))


def key(value: Any) -> Any:
    """Equal for values that are equal as JSON: 1 and 1.0, but not 1 and true."""
    if isinstance(value, list):
        return ("array", *map(key, value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key(one)) for name, one in value.items()))
    if isinstance(value, int | float) and not isinstance(value, bool):
        # whole numbers beyond a double's digits count as the double that most programs read
        return ("number", float(value) if abs(value) < 1e300 else value)
    return (type(value).__name__, value)


class Place(Protocol):
    """What the search asks of a place in an answer; `closing.Place` is one."""

    @property
    def bound(self) -> float: ...
    @property
    def begun(self) -> bytes: ...
    @property
    def items(self) -> Items | None: ...
    @property
    def plain_rest(self) -> bytes: ...
    @property
    def possible_chars(self) -> Ranges: ...
    def next_ranges(self) -> Iterator[Ranges]: ...
    def after(self, data: bytes) -> Place | None: ...


class SearchTooLongError(ValueError):
    """The steps that were allowed did not show whether there is a way to the end."""


def short_way(place: Place, max_steps: int) -> bytes | None:
    """Few bytes that finish an answer without a repeated item; None where nothing does.

    A best-first search over characters: what is nearest to its end if items might repeat goes first, and of equals the
    shorter. Of each set of characters only as many are tried as there could be repeats to avoid.
    Raises SearchTooLongError.
    """
    order = itertools.count()
    waiting: list[tuple[float, int, int, bytes, Place]] = [(place.bound, 0, next(order), b"", place)]
    num_steps = 0
    while waiting:
        _, _, _, way, here = heapq.heappop(waiting)
        if here.bound == 0:
            return way
        for data in _options(here):
            num_steps += 1
            there = here.after(data)
            if there is not None:
                longer = way + data
                heapq.heappush(waiting, (there.bound, len(longer), next(order), longer, there))
        if num_steps > max_steps:
            raise SearchTooLongError("it asks for too many different items or keys: lower minItems or minProperties")
    return None


def _options(place: Place) -> Iterator[bytes]:
    """Bytes of the characters worth trying next."""
    size = 2 + (place.items.num_known if place.items is not None else 0)
    allowed = place.possible_chars
    found: dict[str, None] = {}
    for ranges in place.next_ranges():
        found |= dict.fromkeys(_some(common(ranges, allowed), size))
    for char in found:
        yield char.encode()[len(place.begun) :]


def _some(ranges: Ranges, size: int) -> Iterator[str]:
    """Up to so many characters of a set: letters and digits first."""
    readable = (char for char in _READABLE if any(low <= ord(char) <= high for low, high in ranges))
    others = (chr(code) for low, high in ranges for code in range(low, high + 1) if chr(code) not in _READABLE)
    return itertools.islice(itertools.chain(readable, others), size)


def closing_of(place: Place, max_steps: int = MAX_STEPS) -> tuple[float, bytes]:
    """(Bytes, way) to the end without a repeated item; infinite where none was found."""
    rest = place.plain_rest
    way: bytes | None = rest
    there = place.after(rest)
    if there is None or there.bound:
        try:
            way = short_way(place, max_steps)
        except SearchTooLongError:
            if max_steps != MAX_STEPS:
                raise
            way = None
    return (math.inf, b"") if way is None else (len(way), way)
