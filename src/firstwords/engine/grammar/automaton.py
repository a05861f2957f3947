"""Matches a text against regular expressions and computes the shortest path from every state to an end.

    automaton = build([parse("[0-9]{4}"), parse(".*7")])       # texts that match both
    state = automaton.move(automaton.start, "1")               # None if no match begins like this
    automaton.shortest(state)                                  "007"

A nondeterministic automaton whose sets of states are created lazily. Lengths are in bytes of UTF-8, because a token may
contain part of a character.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator, Sequence

from firstwords.engine.grammar.regular import LAST, Chars, Concat, Either, Expression, Ranges, Times, common

MAX_STATES = 30_000  # built in a tenth of a second
MAX_MEMBERS = 300_000  # of all cached sets: about 20 MB
Edges = list[list[tuple[Ranges, int]]]


class State:
    """A state of an automaton. `length`: bytes of the shortest path to an end; infinite if nothing matches."""

    __slots__ = ("length", "members", "moves")

    def __init__(self, members: frozenset[int], length: float) -> None:
        self.members, self.length = members, length
        self.moves: dict[str, State | None] = {}

    @property
    def is_end(self) -> bool:
        """Whether the text so far is a complete match."""
        return not self.length


class Automaton:
    """`start` is the initial state."""

    def __init__(self, edges: Edges, starts: Collection[int], ends: Collection[int]) -> None:
        self.edges, self.starts, self.ends = edges, frozenset(starts), frozenset(ends)
        self._distances = _distances(edges, self.ends)
        self._known: dict[frozenset[int], State] = {}
        self._num_members = 0
        self.start = self._state(frozenset(s for s in self.starts if self._distances[s] < math.inf))

    def move(self, state: State, char: str) -> State | None:
        """The state after a character; None if no match continues with it."""
        if char not in state.moves:
            code = ord(char)
            members = frozenset(
                target
                for source in state.members
                for ranges, target in self.edges[source]
                if self._distances[target] < math.inf and _holds(ranges, code)
            )
            found = self._state(members) if members else None
            state.moves[char] = found
            return found
        return state.moves[char]

    def shortest(self, state: State) -> str:
        """The shortest text that leads from a state to an end, preferring letters and digits."""
        source = min(state.members, key=lambda s: (self._distances[s], s))
        text = ""
        while source not in self.ends:
            _, code, source = self._best_edge(source, ((0, LAST),))
            text += chr(code)
        return text

    def next_ranges(self, state: State) -> Iterator[Ranges]:
        """Sets of characters with which a text may continue."""
        for source in state.members:
            for ranges, target in self.edges[source]:
                if self._distances[target] < math.inf:
                    yield ranges

    def through(self, state: State, low: int, high: int) -> tuple[float, str] | None:
        """(Bytes, text) of the shortest path to an end whose first character is between two code points."""
        options = [self._best_edge(source, ((low, high),)) for source in state.members]
        length, code, target = min(options, default=(math.inf, 0, 0))
        if length == math.inf:
            return None
        return length, chr(code) + self.shortest(self._state(frozenset([target])))

    def _best_edge(self, source: int, allowed: Ranges) -> tuple[float, int, int]:
        best = (math.inf, 0, 0)
        for ranges, target in self.edges[source]:
            possible = common(ranges, allowed)
            if possible:
                code = _pick(possible)
                best = min(best, (_bytes(code) + self._distances[target], code, target))
        return best

    def _state(self, members: frozenset[int]) -> State:
        state = self._known.get(members)
        if state is None:
            self._num_members += len(members)
            if self._num_members > MAX_MEMBERS:
                self._forget()
            state = State(members, min((self._distances[s] for s in members), default=math.inf))
            self._known[members] = state
        return state

    def _forget(self) -> None:
        """Drop the cached states: an expression may have more of them than fit in memory."""
        for state in list(self._known.values()):
            state.moves = {}
        self._known, self._num_members = {}, 0


def build(trees: Sequence[Expression], *others: Automaton) -> Automaton:
    """The intersection of all expressions and automata. Raises ValueError if it takes too many states."""
    found, *rest = [*(_of(tree) for tree in trees), *others]
    for other in rest:
        found = _both(found, other)
    return found


def none_of(texts: Collection[str]) -> Automaton:
    """All texts except some."""
    free = 0
    edges: Edges = [[(((0, LAST),), free)]]
    nodes: dict[str, int] = {"": 1}
    edges.append([])
    for text in texts:
        for size in range(1, len(text) + 1):
            if text[:size] not in nodes:
                nodes[text[:size]] = len(edges)
                edges.append([])
    children: dict[int, dict[int, int]] = {node: {} for node in nodes.values()}
    for prefix, node in nodes.items():
        if prefix:
            children[nodes[prefix[:-1]]][ord(prefix[-1])] = node
    for node, named in children.items():
        edges[node] = [(((code, code),), target) for code, target in named.items()]
        start, others = 0, []
        for code in sorted(named):
            if start < code:
                others.append((start, code - 1))
            start = code + 1
        edges[node].append(((*others, (start, LAST)), free))
    return Automaton(edges, [1], set(range(len(edges))) - {nodes[text] for text in texts})


def remainders(divisor: int) -> Automaton:
    """Decimal integers divisible by a divisor, with an optional sign."""
    sign = divisor
    edges: Edges = [
        [(((48 + digit, 48 + digit),), (10 * rest + digit) % divisor) for digit in range(10)] for rest in range(divisor)
    ]
    edges.append([(((45, 45),), 0), *edges[0]])
    return Automaton(edges, [sign], [0])


def _of(tree: Expression) -> Automaton:
    builder = _Builder()
    end = builder.add(tree, builder.state(), builder.state())
    closures = builder.closures()
    edges = [
        [edge for inner in closures[state] for edge in builder.edges[inner]] for state in range(len(builder.edges))
    ]
    ends = [state for state in range(len(edges)) if end in closures[state]]
    return Automaton(edges, [0], ends)


class _Builder:
    """Thompson's construction: states for each part of an expression, joined by empty transitions."""

    def __init__(self) -> None:
        self.edges: Edges = []
        self.silent: list[list[int]] = []

    def state(self) -> int:
        if len(self.edges) >= MAX_STATES:
            raise ValueError("an expression is too large: use fewer repetitions, or shorten it")
        self.edges.append([])
        self.silent.append([])
        return len(self.edges) - 1

    def add(self, tree: Expression, source: int, target: int) -> int:
        """Add a path for an expression from one state to another; returns the latter."""
        if isinstance(tree, Chars):
            self.edges[source].append((tree.ranges, target))
        elif isinstance(tree, Concat):
            for part in tree.parts[:-1]:
                source = self.add(part, source, self.state())
            if tree.parts:
                self.add(tree.parts[-1], source, target)
            else:
                self.silent[source].append(target)
        elif isinstance(tree, Either):
            for option in tree.options:
                self.add(option, source, target)
        elif isinstance(tree, Times):
            self._repeat(tree, source, target)
        else:
            raise ValueError("^ or $ in the middle of an expression is not supported")
        return target

    def _repeat(self, tree: Times, source: int, target: int) -> None:
        # begins with a separate state: the loop must not lead back to what comes before
        begin = self.state()
        self.silent[source].append(begin)
        source = begin
        for _ in range(tree.low):
            source = self.add(tree.part, source, self.state())
        if tree.high is None:
            loop = self.state()
            self.silent[source].append(loop)
            self.add(tree.part, loop, loop)
            self.silent[loop].append(target)
            return
        for _ in range(tree.high - tree.low):
            self.silent[source].append(target)
            source = self.add(tree.part, source, self.state())
        self.silent[source].append(target)

    def closures(self) -> list[set[int]]:
        found = []
        for state in range(len(self.edges)):
            reached, waiting = {state}, [state]
            while waiting:
                for target in self.silent[waiting.pop()]:
                    if target not in reached:
                        reached.add(target)
                        waiting.append(target)
            found.append(reached)
        return found


def _both(one: Automaton, other: Automaton) -> Automaton:
    numbers: dict[tuple[int, int], int] = {}
    edges: Edges = []
    waiting: list[tuple[int, int]] = []

    def number(pair: tuple[int, int]) -> int:
        if pair not in numbers:
            if len(edges) >= MAX_STATES:
                raise ValueError("the conditions on one value are too complex together: simplify them")
            numbers[pair] = len(edges)
            edges.append([])
            waiting.append(pair)
        return numbers[pair]

    starts = [number((a, b)) for a in one.starts for b in other.starts]
    while waiting:
        pair = a, b = waiting.pop()
        for ranges_a, target_a in one.edges[a]:
            for ranges_b, target_b in other.edges[b]:
                ranges = common(ranges_a, ranges_b)
                if ranges and one._distances[target_a] < math.inf and other._distances[target_b] < math.inf:
                    edges[numbers[pair]].append((ranges, number((target_a, target_b))))
    return Automaton(edges, starts, {n for (a, b), n in numbers.items() if a in one.ends and b in other.ends})


def _distances(edges: Edges, ends: Collection[int]) -> list[float]:
    """Bytes from each state to the nearest end: Dijkstra's algorithm, backwards."""
    backwards: list[list[tuple[int, int]]] = [[] for _ in edges]
    for source, outgoing in enumerate(edges):
        for ranges, target in outgoing:
            if ranges:
                backwards[target].append((_bytes(ranges[0][0]), source))
    distances = [math.inf] * len(edges)
    waiting: list[tuple[float, int]] = [(0.0, end) for end in ends]
    for end in ends:
        distances[end] = 0
    while waiting:
        distance, state = heapq.heappop(waiting)
        if distance > distances[state]:
            continue
        for cost, source in backwards[state]:
            if distance + cost < distances[source]:
                distances[source] = distance + cost
                heapq.heappush(waiting, (distance + cost, source))
    return distances


def _holds(ranges: Ranges, code: int) -> bool:
    if len(ranges) < 8:
        return any(low <= code <= high for low, high in ranges)
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= code


def _pick(ranges: Ranges) -> int:
    """A character of a set with the fewest bytes, preferring a letter, a digit, a space or a full stop."""
    return next((code for code in b"a01 ." if _holds(ranges, code)), ranges[0][0])


def _bytes(code: int) -> int:
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
