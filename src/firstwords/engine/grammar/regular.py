"""Regular expressions as trees, and their Rust notation.

[a-c]+|x?    Either((Times(Chars("a-c"), 1, None), Times(Chars("x"), 0, 1)))

searching(parse("^a"))  -> an expression for whole texts that contain a match
to_rust(tree)           -> the same expression in the notation of Rust's regex library
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)  # not valid in UTF-8

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Chars:
    """One character of a set: sorted, non-adjacent ranges of code points."""

    ranges: Ranges


@dataclass(frozen=True)
class Concat:
    """A sequence of parts; without parts, the empty text."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Either:
    """One of the options; without options, nothing matches."""

    options: tuple[Expression, ...]


@dataclass(frozen=True)
class Times:
    """A part `low` to `high` times; None is any number."""

    part: Expression
    low: int
    high: int | None


@dataclass(frozen=True)
class Edge:
    """The beginning ("^") or the end ("$") of a text."""

    kind: str


Expression = Chars | Concat | Either | Times | Edge
EMPTY = Concat(())


def chars(ranges: Iterable[tuple[int, int]]) -> Chars:
    """A set from ranges in any order, without surrogates."""
    return Chars(_without(_joined(ranges), (SURROGATES,)))


def literal(text: str) -> Expression:
    """Exactly this text."""
    return Concat(tuple(Chars(((ord(char), ord(char)),)) for char in text))


def any_of(texts: Iterable[str]) -> Expression:
    """One of some texts."""
    return Either(tuple(literal(text) for text in texts))


def without(one: Chars, other: Chars) -> Chars:
    """The characters of one set that are not in the other."""
    return Chars(_without(one.ranges, other.ranges))


def common(one: Ranges, other: Ranges) -> Ranges:
    """The characters in both."""
    if other == ((0, LAST),):
        return one
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            found.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def _complement(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for low, high in ranges:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, LAST)) if start <= LAST else tuple(found)


def _without(one: Ranges, other: Ranges) -> Ranges:
    return common(one, _complement(other))


ANY = chars([(0, LAST)])
DIGIT = chars([(48, 57)])


def size(given: Chars) -> int:
    """How many characters a set has."""
    return sum(high - low + 1 for low, high in given.ranges)


def whole(tree: Expression) -> Expression:
    """The texts that an expression matches completely: anchors at its ends have no effect."""
    return Either(tuple(body for _, body, _ in _anchored(tree)))


def searching(tree: Expression) -> Expression:
    """The texts that contain a match, as JSON schemas read a pattern. Raises ValueError for anchors in the middle."""
    rest = Times(ANY, 0, None)
    return Either(
        tuple(
            Concat((*(() if begins else (rest,)), body, *(() if ends else (rest,))))
            for begins, body, ends in _anchored(tree)
        )
    )


def _anchored(tree: Expression) -> list[tuple[bool, Expression, bool]]:
    """(Is anchored at the beginning, the expression, is anchored at the end) for each of an expression's options."""
    if isinstance(tree, Edge):
        return [(tree.kind == "^", EMPTY, tree.kind == "$")]
    if isinstance(tree, Either):
        return [found for option in tree.options for found in _anchored(option)]
    if isinstance(tree, Concat) and tree.parts and _has_edges(tree):
        first, *inner = tree.parts
        inner, last = inner[:-1], inner[-1:]
        if any(_has_edges(part) for part in inner):
            raise ValueError("^ or $ in the middle of an expression is not supported")
        heads = _anchored(first)
        tails = _anchored(last[0]) if last else [(False, EMPTY, False)]
        if any(ends and last for _, _, ends in heads) or any(begins and heads for begins, _, _ in tails if last):
            raise ValueError("^ or $ in the middle of an expression is not supported")
        return [
            (begins, Concat((head, *inner, tail)), ends or at_end)
            for begins, head, at_end in heads
            for _, tail, ends in tails
        ]
    if _has_edges(tree):
        raise ValueError("^ or $ in the middle of an expression is not supported")
    return [(False, tree, False)]


def _has_edges(tree: Expression) -> bool:
    if isinstance(tree, Edge):
        return True
    if isinstance(tree, Times):
        return _has_edges(tree.part)
    inner: Sequence[Expression] = ()
    if isinstance(tree, Concat):
        inner = tree.parts
    elif isinstance(tree, Either):
        inner = tree.options
    return any(map(_has_edges, inner))


def lengths(tree: Expression) -> tuple[int, int | None]:
    """(Fewest, most characters) of what an expression matches; None is any number."""
    if isinstance(tree, Chars):
        return 1, 1
    if isinstance(tree, Times):
        low, high = lengths(tree.part)
        return low * tree.low, None if high is None or tree.high is None else high * tree.high
    inner = tree.parts if isinstance(tree, Concat) else tree.options if isinstance(tree, Either) else ()
    found = [lengths(part) for part in inner]
    highs = [high for _, high in found if high is not None]
    is_open = len(highs) < len(found)
    if isinstance(tree, Either):
        return min((low for low, _ in found), default=0), None if is_open else max(highs, default=0)
    return sum(low for low, _ in found), None if is_open else sum(highs)


def to_rust(tree: Expression) -> str:
    """In the notation of Rust's regex library, without flags."""
    if isinstance(tree, Chars):
        return _set(tree)
    if isinstance(tree, Concat):
        return "".join(f"(?:{to_rust(p)})" if isinstance(p, Either) else to_rust(p) for p in tree.parts)
    if isinstance(tree, Either):
        return "(?:" + "|".join(map(to_rust, tree.options)) + ")" if tree.options else "[a&&b]"
    if isinstance(tree, Times):
        if tree.high == 0:
            return "(?:)"
        bounds = {(0, None): "*", (1, None): "+", (0, 1): "?", (1, 1): ""}.get((tree.low, tree.high))
        if bounds is None:
            high = "" if tree.high is None else str(tree.high)
            bounds = f"{{{tree.low}}}" if tree.low == tree.high else f"{{{tree.low},{high}}}"
        inner = to_rust(tree.part)
        return (inner if isinstance(tree.part, Chars) else f"(?:{inner})") + bounds
    raise ValueError("^ or $ in the middle of an expression is not supported")


def _set(given: Chars) -> str:
    if size(given) == 1:
        return _escaped(given.ranges[0][0])
    inside = "".join(_escaped(low) + (f"-{_escaped(high)}" if high > low else "") for low, high in given.ranges)
    return f"[{inside}]" if inside else "[a&&b]"


def _escaped(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{{{code:x}}}"
