"""Parses regular expressions in ECMAScript's and Rust's notation.

    parse("[a-c]+|x?") -> Either((Times(Chars("a-c"), 1, None), Times(Chars("x"), 0, 1)))

Look-around, back references and word boundaries are not supported: they are not regular or not implemented by the
matcher. Where the dialects differ (is "٣" a \\d?), a set contains what all of them agree on.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NoReturn

from firstwords.engine.grammar.regular import (
    ANY,
    DIGIT,
    EMPTY,
    LAST,
    Chars,
    Concat,
    Edge,
    Either,
    Expression,
    Times,
    chars,
    common,
    size,
    without,
)

MAX_REPEATS = 10_000
MAX_DEPTH = 100  # of nested groups
_WORD = chars([(48, 57), (65, 90), (95, 95), (97, 122)])
_SPACE = chars([(9, 13), (32, 32)])
_ALL_SPACE = chars(
    [
        (9, 13),
        (28, 32),
        (0x85, 0x85),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ]
)
_LINE_ENDS = chars([(10, 10), (13, 13), (0x85, 0x85), (0x2028, 0x2029)])


@functools.cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """Ranges of Unicode's general categories. A quarter of a second, once, for expressions that need it."""
    found: dict[str, list[tuple[int, int]]] = {}
    for code in range(LAST + 1):
        ranges = found.setdefault(unicodedata.category(chr(code)), [])
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return found


@functools.cache
def category(*prefixes: str) -> Chars:
    """The characters of Unicode's general categories: category("L", "Nd") has all letters and decimal digits."""
    return chars(pair for name, ranges in _categories().items() if name.startswith(prefixes) for pair in ranges)


def parse(pattern: str) -> Expression:
    """The tree of an expression. Raises ValueError with a one-sentence message."""
    reader = _Reader(pattern)
    tree = reader.either()
    if reader.place < len(pattern):
        reader.fail("a bracket is closed that was not opened")
    return tree


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.place, self.ignores_case, self.dot_is_all = pattern, 0, False, False
        self._depth = 0

    def fail(self, reason: str) -> NoReturn:
        shown = self.pattern if len(self.pattern) <= 60 else self.pattern[:57] + "..."
        raise ValueError(f"{reason}, in {shown!r}")

    def peek(self, size: int = 1) -> str:
        return self.pattern[self.place : self.place + size]

    def take(self) -> str:
        char = self.peek()
        if not char:
            self.fail("it ends too early")
        self.place += 1
        return char

    def skips(self, text: str) -> bool:
        if self.pattern.startswith(text, self.place):
            self.place += len(text)
            return True
        return False

    def either(self) -> Expression:
        options = [self.sequence()]
        while self.skips("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Either(tuple(options))

    def sequence(self) -> Expression:
        parts: list[Expression] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Concat(tuple(parts))

    def repeated(self, part: Expression) -> Expression:
        while True:
            bounds = self._bounds()
            if bounds is None:
                return part
            if isinstance(part, Edge):
                self.fail("an anchor is repeated")
            low, high = bounds
            if high is not None and low > high:
                self.fail(f"it asks for {low} to {high} times")
            if max(low, high or 0) > MAX_REPEATS:
                self.fail(f"it repeats more than {MAX_REPEATS:,} times")
            self.skips("?") or self.skips("+")  # lazy or possessive: matches the same texts
            part = Times(part, low, high)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.skips(sign):
                return bounds
        if self.peek() != "{":
            return None
        inside, bracket, _ = self.pattern[self.place + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        numbers = [number for number in (low, high) if number]
        if not bracket or not low or not all(number.isascii() and number.isdigit() for number in numbers):
            return None
        if max(map(len, numbers)) > 9:
            self.fail(f"it repeats more than {MAX_REPEATS:,} times")
        self.place += len(inside) + 2
        return int(low), (int(high) if high else None) if comma else int(low)

    def atom(self) -> Expression:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.folded(self.set())
        if char == ".":
            return ANY if self.dot_is_all else without(ANY, _LINE_ENDS)
        if char in "^$":
            return Edge(char)
        if char == "\\":
            return self.escape()
        if char in "*+?":
            self.fail(f"{char} has nothing to repeat")
        return self.folded(chars([(ord(char), ord(char))]))

    def group(self) -> Expression:
        for sign in ("?=", "?!", "?<=", "?<!"):
            if self.skips(sign):
                self.fail("look-around is not supported")
        before = self.ignores_case, self.dot_is_all
        if self.skips("?P<") or self.skips("?<"):
            while self.take() != ">":
                pass
        elif self.skips("?"):
            while (flag := self.take()) in "ismu":
                self.ignores_case |= flag == "i"
                self.dot_is_all |= flag == "s"
            if flag == ")":
                return EMPTY  # (?i) applies to what follows
            if flag != ":":
                self.fail(f"a group cannot begin with (?{flag}")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail("it is nested too deeply")
        inner = self.either()
        self._depth -= 1
        if not self.skips(")"):
            self.fail("a bracket is not closed")
        self.ignores_case, self.dot_is_all = before
        return inner

    def escape(self) -> Expression:
        char = self.take()
        if char in "bB":
            self.fail("word boundaries are not supported")
        if (char.isdigit() and char != "0") or char == "k":
            self.fail("back references are not supported")
        if char in "AzZ":
            return Edge("^" if char == "A" else "$")
        return self.folded(self.named(char))

    def named(self, char: str) -> Chars:
        """The meaning of an escape inside or outside a set."""
        classes = {"d": DIGIT, "w": _WORD, "s": _SPACE}
        if char in classes:
            return classes[char]
        if char == "S":
            return without(ANY, _ALL_SPACE)
        if char in "DW":
            other = without(ANY, category("N")) if char == "D" else _not_word()
            return without(other, classes[char.lower()])
        if char in "pP":
            return self._property(is_negated=char == "P")
        controls = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7, "e": 27, "0": 0}
        if char in controls:
            code = controls[char]
        elif char in "xuU":
            code = self._hexadecimal({"x": 2, "u": 4, "U": 8}[char])
        elif char.isalnum():
            self.fail(f"\\{char} is not known")
        else:
            code = ord(char)
        return chars([(code, code)])

    def _hexadecimal(self, size: int) -> int:
        if self.skips("{"):
            digits = ""
            while (char := self.take()) != "}":
                digits += char
        else:
            digits = self.peek(size)
            self.place += size
        try:
            code = int(digits, 16) if len(digits) in range(1, 9) and digits.isalnum() else -1
        except ValueError:
            code = -1
        if not 0 <= code <= LAST:
            self.fail(f"{digits[:10]!r} is not the number of a character")
        return code

    def _property(self, is_negated: bool) -> Chars:
        name = self.take()
        if name == "{":
            name = ""
            while (char := self.take()) != "}":
                name += char
        short = {"Letter": "L", "Number": "N", "Punctuation": "P", "Symbol": "S", "Alphabetic": "L"}.get(name, name)
        found = category(short)
        if not short or not found.ranges:
            self.fail(f"the property {name[:30]!r} is not known")
        return without(ANY, found) if is_negated else found

    def set(self) -> Chars:
        is_negated = self.skips("^")
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self.peek() != "]":
            is_first = False
            if self.peek() == "]" and not ranges:
                self.fail("an empty set is not supported (write \\] for a bracket)")
            if self.skips("[:"):
                self.fail("named sets such as [:alpha:] are not supported")
            if self.peek(2) in ("&&", "--", "~~"):
                self.fail("operations on sets are not supported")
            low = self._member()
            if self.peek() == "-" and self.peek(2) not in ("-]", "-") and len(low.ranges) == 1 == size(low):
                self.place += 1
                high = self._member()
                if size(high) != 1 or high.ranges[0][0] < low.ranges[0][0]:
                    self.fail("a range in a set ends before it begins")
                ranges.append((low.ranges[0][0], high.ranges[0][0]))
            else:
                ranges += low.ranges
        self.take()
        found = chars(ranges)
        if self.ignores_case:
            found = self.folded(found)
        return without(ANY, found) if is_negated else found

    def _member(self) -> Chars:
        char = self.take()
        if char == "\\":
            inner = self.take()
            return chars([(8, 8)]) if inner == "b" else self.named(inner)
        return chars([(ord(char), ord(char))])

    def folded(self, given: Chars) -> Chars:
        """With both cases of Latin letters, if (?i) is set."""
        if not self.ignores_case:
            return given
        upper, lower = common(given.ranges, ((65, 90),)), common(given.ranges, ((97, 122),))
        other = [(low + 32, high + 32) for low, high in upper] + [(low - 32, high - 32) for low, high in lower]
        return chars([*given.ranges, *other])


@functools.cache
def _not_word() -> Chars:
    found = without(ANY, _WORD)
    for prefix in ("L", "N", "M", "Pc"):
        found = without(found, category(prefix))
    return found
