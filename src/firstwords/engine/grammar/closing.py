"""Follows an answer through its shape and computes its shortest completion.

    place = Follower(shape).start()
    place = place.after(b'{"name":"Pi')      None if no text of the shape continues like this
    place.length, place.rest                 2, b'"}'

A pushdown automaton that is in several states at once while the text is ambiguous. A step costs a few microseconds per
character, and the length of the shortest completion is known at each.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from firstwords.engine.grammar.automaton import State
from firstwords.engine.grammar.regular import LAST, Ranges, lengths
from firstwords.engine.grammar.shape import Choice, Node, Reference, Repeat, Sequence, Shape, Text, shortest
from firstwords.engine.grammar.unique import MAX_STEPS_AT_START, Items, closing_of

MAX_NESTING = 64  # levels; JSON parsers fail at a few hundred
MAX_STATES = 500  # simultaneous readings of a text; those nearest to an end are kept
MAX_MOVES = 20_000  # remembered ones, of a shape: a few megabytes
LONG = 64  # characters: longer than numbers, dates and enum names


@dataclass(eq=False)
class _Todo:
    """What follows a piece of text: a node, then `rest`. None is the end of the answer."""

    node: Node
    rest: _Todo | None
    length: float  # bytes of the shortest text of all of it
    nesting: int
    can_grow: bool  # it may be long: a string without a bound, say, or a list
    unique: frozenset[int] = frozenset()  # levels of the open brackets whose items or keys must differ
    starts: list[_Inside] | None = None


@dataclass(frozen=True, eq=False)
class _Inside:
    """A position within a piece of text, and what follows the piece."""

    text: Text
    place: State
    rest: _Todo | None

    @property
    def length(self) -> float:
        return self.place.length + (self.rest.length if self.rest else 0)


Growing = tuple[Text, _Todo]  # compared by identity: the same text at the same position


@dataclass(eq=False)
class Follower:
    """A compiled shape, which can follow many answers. Raises ValueError for an unsatisfiable shape.

    The places of a regular shape are few: answers share them, and a step that was made before is looked up.
    """

    shape: Shape
    _shortest: dict[int, tuple[Node, float]] = field(default_factory=dict)
    _growing: dict[int, tuple[Node, bool]] = field(default_factory=dict)
    _start: Place | None = None
    _shared: dict[tuple[State, bytes], Place] = field(default_factory=dict)
    _num_moves: int = 0

    def __post_init__(self) -> None:
        if self.shape.shortest is None:
            raise ValueError("no value can satisfy it")
        if self.shape.has_unique:
            self._check_unique()
        elif self.start().after(self.shape.shortest.encode()) is None:
            raise ValueError(f"it is nested more than {MAX_NESTING} levels deep")

    def _check_unique(self) -> None:
        start = self.start()
        start.closing = closing_of(start, MAX_STEPS_AT_START)
        if start.length == math.inf:
            raise ValueError("no value can satisfy it")
        self._start = start

    def start(self) -> Place:
        """Where an answer begins."""
        if self._start is not None:
            return self._start
        items = Items() if self.shape.has_unique else None
        return self.shared(Place(self, self.starts(self.todo(self.shape.start, None)), b"", items))

    def shared(self, place: Place) -> Place:
        """A place of a regular shape as all answers see it; of other shapes, the place itself."""
        if not self.shape.is_regular:
            return place
        self._num_moves += 1
        if self._num_moves > MAX_MOVES:
            for known in self._shared.values():
                known.moves.clear()
            self._shared, self._num_moves = {}, 0
        (state,) = place.states
        return self._shared.setdefault((state.place, place.begun), place)

    def todo(self, node: Node, rest: _Todo | None, is_nested: bool = False, is_unique: bool = False) -> _Todo:
        """A node and what comes after it. is_unique: it closes what has items or keys that must differ."""
        length = self._length(node) + (rest.length if rest else 0)
        can_grow = self.can_grow(node) or (rest is not None and rest.can_grow)
        nesting = (rest.nesting if rest else 0) + is_nested
        unique = rest.unique if rest else frozenset()
        return _Todo(node, rest, length, nesting, can_grow, unique | {nesting} if is_unique else unique)

    def _length(self, node: Node) -> float:
        if isinstance(node, Repeat):
            return node.low * self._length(node.part) if node.low else 0
        known = self._shortest.get(id(node))
        if known is None:
            text = shortest(node, self.shape.shortest_of_rules)
            known = self._shortest[id(node)] = (node, math.inf if text is None else len(text.encode()))
        return known[1]

    def can_grow(self, node: Node) -> bool:
        """Whether a text of a node may be longer than LONG."""
        if isinstance(node, Repeat):  # these are created on the fly and not stored
            return node.high != 0 and (node.high is None or node.high > LONG or self.can_grow(node.part))
        known = self._growing.get(id(node))
        if known is None:
            self._growing[id(node)] = (node, False)  # for recursive nodes
            if isinstance(node, Text):
                longest = min((high for _, high in map(lengths, node.expressions) if high is not None), default=None)
                found = longest is None or longest > LONG
            elif isinstance(node, Reference):
                found = self.can_grow(self.shape.rules[node.name])
            else:
                parts = node.parts if isinstance(node, Sequence) else node.options
                found = any(map(self.can_grow, parts))
            known = self._growing[id(node)] = (node, found)
        return known[1]

    def starts(self, todo: _Todo | None) -> list[_Inside]:
        """The pieces of text with which this may continue."""
        if todo is None:
            return []
        if todo.starts is None:
            found: list[_Inside] = []
            seen: set[tuple[int, int]] = set()
            waiting: list[_Todo | None] = [todo]
            alive = []  # compared by id: the objects must stay alive
            while waiting:
                item = waiting.pop()
                if item is None or item.length == math.inf or item.nesting > MAX_NESTING:
                    continue
                alive.append(item)
                key = id(item.node), id(item.rest)
                if key in seen:
                    continue
                seen.add(key)
                if isinstance(item.node, Text):
                    found.append(_Inside(item.node, item.node.automaton.start, item.rest))
                else:
                    waiting += self._unfolded(item)
            todo.starts = found
        return todo.starts

    def _unfolded(self, item: _Todo) -> list[_Todo | None]:
        """The alternatives of an item that is not a text, each with what follows it."""
        node, rest = item.node, item.rest
        if isinstance(node, Reference):
            return [self.todo(self.shape.rules[node.name], rest)]
        if isinstance(node, Choice):
            return [self.todo(option, rest) for option in node.options]
        if isinstance(node, Sequence):
            for place, part in enumerate(reversed(node.parts)):
                # the last part, with which the level ends, lies on it, and so does all before it
                is_end = place == 0
                rest = self.todo(part, rest, node.is_nested and is_end, node.is_unique and is_end)
            return [rest]
        assert isinstance(node, Repeat)
        options: list[_Todo | None] = [] if node.low else [rest]
        if node.high != 0:
            high = None if node.high is None else node.high - 1
            once_more = rest if high == 0 else self.todo(Repeat(node.part, max(0, node.low - 1), high), rest)
            options.append(self.todo(node.part, once_more))
        return options


@dataclass(eq=False)
class Place:
    """Where an answer stands: its states, and the bytes of a character that is not complete.

    items: those of what is open, where some must differ. moves: the known places after some bytes, where places are
    shared.
    """

    follower: Follower
    states: list[_Inside]
    begun: bytes
    items: Items | None = None
    moves: dict[bytes, Place | None] = field(default_factory=dict)

    def after(self, data: bytes) -> Place | None:
        """The place after some more bytes; None if no text of the shape continues with them."""
        if not self.follower.shape.is_regular:
            return self._after(data)
        if data not in self.moves:
            found = self._after(data)
            self.moves[data] = self.follower.shared(found) if found is not None else None
        return self.moves[data]

    def _after(self, data: bytes) -> Place | None:
        data = self.begun + data
        size = len(data) if data.isascii() else _whole_size(data)
        try:
            whole, begun = data[:size].decode(), data[size:]
        except UnicodeDecodeError:
            return None
        states, items = self.states, self.items
        for char in whole:
            if items is not None:
                states = _without_repeats(states, items, char)
            states = self._step(states, char)
            if not states:
                return None
            items = items.after(char) if items is not None else None
        place = Place(self.follower, states, begun, items)
        return place if place.bound < math.inf else None

    def _step(self, states: list[_Inside], char: str) -> list[_Inside]:
        found: dict[tuple[int, int, int], _Inside] = {}

        def add(text: Text, place: State | None, rest: _Todo | None) -> None:
            if place is not None:
                found.setdefault((id(text), id(place), id(rest)), _Inside(text, place, rest))

        for state in states:
            add(state.text, state.text.automaton.move(state.place, char), state.rest)
            if state.place.is_end:
                for start in self.follower.starts(state.rest):
                    add(start.text, start.text.automaton.move(start.place, char), start.rest)
        kept = list(found.values())
        if len(kept) > MAX_STATES:
            kept = sorted(kept, key=lambda state: state.length)[:MAX_STATES]
        return kept

    @property
    def length(self) -> float:
        """Bytes that would finish it; 0 where it may end here, infinite where its items cannot but repeat."""
        return self.bound if self.items is None else self.closing[0]

    @property
    def rest(self) -> bytes:
        """The shortest bytes that would finish it."""
        return self.plain_rest if self.items is None else self.closing[1]

    @functools.cached_property
    def closing(self) -> tuple[float, bytes]:
        """`length` and `rest` where items must differ."""
        return closing_of(self)

    @functools.cached_property
    def bound(self) -> float:
        """As `length`, if items might repeat."""
        if self.begun:
            return self._closed()[0]
        return min((state.length for state in self.states), default=math.inf)

    @functools.cached_property
    def growing(self) -> Growing | None:
        """The text being generated, if it and what follows may both be long; else None."""
        best = min(self.states, key=lambda state: state.length, default=None)
        if best is None or best.rest is None or not best.rest.can_grow or not self.follower.can_grow(best.text):
            return None
        return best.text, best.rest

    @property
    def end_of_text(self) -> bytes:
        """The shortest bytes that end the current text, without what follows it."""
        best = min(self.states, key=lambda state: state.length)
        return b"" if self.begun else best.text.automaton.shortest(best.place).encode()

    @functools.cached_property
    def plain_rest(self) -> bytes:
        """As `rest`, if items might repeat."""
        if self.begun:
            return self._closed()[1]
        best = min(self.states, key=lambda state: state.length)
        return (best.text.automaton.shortest(best.place) + self._tail(best.rest)).encode()

    @property
    def possible_chars(self) -> Ranges:
        """The characters whose bytes begin as the one that has begun; all where none has."""
        return (_possible(self.begun),) if self.begun else ((0, LAST),)

    def next_ranges(self) -> Iterator[Ranges]:
        """Sets of characters with which an answer may continue, if items might repeat."""
        for state in self.states:
            starts = self.follower.starts(state.rest) if state.place.is_end else []
            for start in (state, *starts):
                yield from start.text.automaton.next_ranges(start.place)

    def _closed(self) -> tuple[float, bytes]:
        """As `bound` and `plain_rest`, where a character has begun."""
        low, high = _possible(self.begun)
        best: tuple[float, bytes] = (math.inf, b"")
        for state in self.states:
            starts = self.follower.starts(state.rest) if state.place.is_end else []
            for start in (state, *starts):
                found = start.text.automaton.through(start.place, low, high)
                if found is not None:
                    data = (found[1] + self._tail(start.rest)).encode()[len(self.begun) :]
                    best = min(best, (len(data), data))
        return best

    def _tail(self, todo: _Todo | None) -> str:
        text = ""
        while todo is not None:
            text += shortest(todo.node, self.follower.shape.shortest_of_rules) or ""
            todo = todo.rest
        return text


def _without_repeats(states: list[_Inside], items: Items, char: str) -> list[_Inside]:
    """The states that a character leaves possible: none in which it would end an item or a key that must not repeat."""
    if not items.ends_item(char):
        return states
    level = len(items.levels)
    ends = [state for state in states if state.place.is_end and state.rest is not None and level in state.rest.unique]
    if not ends or not items.is_repeated:
        return states
    return [state for state in states if state not in ends]


def _whole_size(data: bytes) -> int:
    """Number of bytes in whole characters; up to three at the end may begin another."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= needed else len(data) - back
        if byte < 0x80:
            break
    return len(data)


def _possible(begun: bytes) -> tuple[int, int]:
    """The code points whose bytes begin like this."""
    size = 2 if begun[0] < 0xE0 else 3 if begun[0] < 0xF0 else 4
    mask = {2: 0x1F, 3: 0x0F, 4: 0x07}[size]
    value = begun[0] & mask
    for byte in begun[1:]:
        value = value << 6 | byte & 0x3F
    shift = 6 * (size - len(begun))
    lowest = {2: 0x80, 3: 0x800, 4: 0x10000}[size]
    return max(value << shift, lowest), min((value + 1 << shift) - 1, 0x10FFFF)
