"""JSON's numbers as regular expressions: ranges, integers and decimals, at most 16 + 16 digits, no exponents.

Without a limit, a small model never stops writing digits; 16 is the precision of a double and llama.cpp's limit.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from firstwords.engine.grammar.regular import DIGIT, EMPTY, Concat, Either, Expression, Times, chars, literal

MAX_DIGITS = 16  # before the decimal point, and after it
MAX_DIVISOR = 1000
_POINT, _MINUS = literal("."), literal("-")
_SOME = Times(DIGIT, 0, None)


@dataclass(frozen=True)
class Range:
    """The numbers between two bounds, each inclusive or exclusive."""

    low: Decimal | None = None
    high: Decimal | None = None
    is_above: bool = False  # low is exclusive
    is_below: bool = False

    @classmethod
    def of(cls, schema: dict[str, Any]) -> Range:
        """From minimum, maximum and their exclusive forms (draft 4's booleans too). Raises ValueError."""
        low, is_above = _bound(schema, "minimum", "exclusiveMinimum", max)
        high, is_below = _bound(schema, "maximum", "exclusiveMaximum", min)
        return cls(low, high, is_above, is_below)

    @property
    def is_empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.is_above or self.is_below))

    def holds(self, value: float) -> bool:
        """Whether it contains a number."""
        number = Decimal(repr(value))
        above = self.low is None or number > self.low or (number == self.low and not self.is_above)
        return above and (self.high is None or number < self.high or (number == self.high and not self.is_below))


def _bound(schema: dict[str, Any], plain: str, exclusive: str, tighter: Any) -> tuple[Decimal | None, bool]:
    given = [(_decimal(schema, plain), False), (_decimal(schema, exclusive), True)]
    if schema.get(exclusive) is True:  # draft 4
        given = [(given[0][0], True)]
    found = [pair for pair in given if pair[0] is not None]
    if not found:
        return None, False
    value = tighter(pair[0] for pair in found)
    return value, (value, True) in found


def _decimal(schema: dict[str, Any], name: str) -> Decimal | None:
    value = schema.get(name)
    if value is None or (isinstance(value, bool) and name.startswith("exclusive")):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    return Decimal(repr(value))


def number(within: Range, is_whole: bool, step: Decimal | None = None) -> list[Expression]:
    """Expressions that a number's text must all match. `step`: only its multiples (see `suffixes`)."""
    digits = Either((literal("0"), Concat((_NOT_ZERO, Times(DIGIT, 0, _digits(within) - 1)))))
    fraction = EMPTY if is_whole else Times(Concat((_POINT, Times(DIGIT, 1, MAX_DIGITS))), 0, 1)
    found: list[Expression] = [Concat((Times(_MINUS, 0, 1), digits, fraction))]
    if step is not None:
        found.append(_multiples(step, is_whole))
    if within.low is not None:
        found.append(_above(within.low, within.is_above))
    if within.high is not None:
        found.append(_below(within.high, within.is_below))
    return found


def _digits(within: Range) -> int:
    """Digits before the point: more than usual only if the range requires it."""
    nearest = 0
    if within.low is not None and within.low > 0:
        nearest = int(within.low)
    elif within.high is not None and within.high < 0:
        nearest = -int(within.high)
    size = len(str(nearest))
    if size > 300:
        raise ValueError("a bound of a number has more than 300 digits")
    return MAX_DIGITS if size < MAX_DIGITS else size + 1


def _above(low: Decimal, is_strict: bool) -> Expression:
    """Texts of numbers of at least `low`."""
    if low < 0:
        return Either((_POSITIVE, _ZERO, Concat((_MINUS, _at_most(-low, is_strict)))))
    if low == 0:
        return _POSITIVE if is_strict else Either((_POSITIVE, _ZERO))
    return _at_least(low, is_strict)


def _below(high: Decimal, is_strict: bool) -> Expression:
    if high < 0:
        return Concat((_MINUS, _at_least(-high, is_strict)))
    negative = Concat((_MINUS, _POSITIVE))
    if high == 0:
        return Concat((_MINUS, _POSITIVE)) if is_strict else Either((negative, _ZERO))
    return Either((negative, _at_most(high, is_strict)))


_ZERO = Concat((literal("0"), Times(Concat((_POINT, Times(literal("0"), 1, None))), 0, 1)))
_NOT_ZERO = chars([(49, 57)])
_REST = Times(Concat((_POINT, Times(DIGIT, 1, None))), 0, 1)  # any fraction or none
_POSITIVE = Either(
    (
        Concat((_NOT_ZERO, _SOME, _REST)),
        Concat((literal("0"), _POINT, Times(literal("0"), 0, None), _NOT_ZERO, _SOME)),
    )
)


def _split(value: Decimal) -> tuple[str, str]:
    """The digits before and after the point, without trailing zeros."""
    text = format(value, "f")
    whole, _, fraction = text.partition(".")
    return whole, fraction.rstrip("0")


def _from(low: int, high: int) -> Expression:
    return chars([(48 + low, 48 + high)]) if low <= high else Either(())


def _at_least(value: Decimal, is_strict: bool) -> Expression:
    """Positive numbers of at least `value` > 0."""
    whole, fraction = _split(value)
    size = len(whole)
    options: list[Expression] = [Concat((_NOT_ZERO, Times(DIGIT, size, None), _REST))]  # more digits before the point
    for place, char in enumerate(whole):
        others = size - place - 1
        options.append(Concat((literal(whole[:place]), _from(int(char) + 1, 9), Times(DIGIT, others, others), _REST)))
    for place, char in enumerate(fraction):
        before = literal(f"{whole}.{fraction[:place]}")
        options.append(Concat((before, _from(int(char) + 1, 9), _SOME)))
    if is_strict:  # the same digits, then not only zeros
        before = literal(f"{whole}.{fraction}")
        options.append(Concat((before, Times(literal("0"), 0, None), _NOT_ZERO, _SOME)))
    else:
        options.append(Concat((literal(f"{whole}.{fraction}"), _SOME)) if fraction else Concat((literal(whole), _REST)))
    return Either(tuple(options))


def _at_most(value: Decimal, is_strict: bool) -> Expression:
    """Numbers from 0 up to `value` > 0."""
    whole, fraction = _split(value)
    size = len(whole)
    options: list[Expression] = []
    if size > 1:
        options.append(Concat((literal("0"), _REST)))
        options.append(Concat((_NOT_ZERO, Times(DIGIT, 0, size - 2), _REST)))
    for place, char in enumerate(whole):
        first, others = int(place == 0 and size > 1), size - place - 1
        digit = _from(first, int(char) - 1)
        options.append(Concat((literal(whole[:place]), digit, Times(DIGIT, others, others), _REST)))
    if fraction:  # the integer part alone is less
        options.append(Concat((literal(whole), Times(Concat((_POINT, Times(literal("0"), 1, None))), 0, 1))))
    for place, char in enumerate(fraction):
        before = literal(f"{whole}.{fraction[:place]}")
        options.append(Concat((before, _from(0, int(char) - 1), _SOME)))
        if place:
            options.append(Concat((before, Times(literal("0"), 0, None))))
    if not is_strict:
        if fraction:
            options.append(Concat((literal(f"{whole}.{fraction}"), Times(literal("0"), 0, None))))
        else:
            options.append(Concat((literal(whole), _zeros(False))))
    return Either(tuple(options))


def step_of(schema: dict[str, Any]) -> Decimal | None:
    """The value of multipleOf. Raises ValueError."""
    value = schema.get("multipleOf")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ValueError("multipleOf must be a number above 0")
    return Decimal(repr(value)).normalize()


def has_suffixes(step: Decimal) -> bool:
    """Whether a number's last digits determine if `step` divides it: 0.01, 0.25, 5, 1000, but not 3 or 0.7."""
    return _places(step) is not None


def _places(step: Decimal) -> tuple[int, int] | None:
    """(digits after the point, digits before it) that determine it."""
    fraction = max(0, -int(step.as_tuple().exponent))
    scaled = int(step.scaleb(fraction))
    if scaled == 1:
        return fraction, 0
    for size in range(fraction, fraction + 4):
        if 10**size % scaled == 0:
            return fraction, size - fraction
    # a power of ten times a small number: only zeros count
    digits = str(scaled).rstrip("0")
    if fraction == 0 and digits == "1":
        return 0, len(str(scaled)) - 1
    return None


def _multiples(step: Decimal, is_whole: bool) -> Expression:
    """Texts whose last digits are divisible by a step; `step` has_suffixes."""
    places = _places(step)
    assert places is not None
    behind, before = places
    sign = Times(_MINUS, 0, 1)
    scaled, options = int(step.scaleb(behind)), []
    if scaled == 1:  # a maximum number of digits after the point
        fraction = Concat((_POINT, Times(DIGIT, 1, max(1, behind)), Times(literal("0"), 0, None)))
        return Concat((sign, DIGIT, _SOME, Times(fraction, 0, 1) if behind and not is_whole else _zeros(is_whole)))
    if scaled == 10**before:
        return Concat((sign, Either((literal("0"), Concat((_SOME, literal("0" * before))))), _zeros(is_whole)))
    for value in range(0, 10 ** (before + behind), scaled):
        text = str(value).zfill(before + behind)
        whole, decimals = text[:before], text[before:].rstrip("0")
        if is_whole and decimals:
            continue
        tail: Expression = EMPTY if is_whole else _zeros(False)
        if decimals:
            tail = Concat((literal("." + decimals), Times(literal("0"), 0, None)))
        short = literal(whole.lstrip("0") or "0")
        heads: list[Expression] = [Concat((_SOME, literal(whole)))] if whole else [Concat((DIGIT, _SOME))]
        options += [Concat((head, tail)) for head in (short, *heads)]
    return Concat((sign, Either(tuple(options))))


def _zeros(is_whole: bool) -> Expression:
    return EMPTY if is_whole else Times(Concat((_POINT, Times(literal("0"), 1, None))), 0, 1)


def multiples_lark(within: Range, divisor: int) -> str:
    """Multiples in llguidance's notation, for divisors that suffixes do not determine."""
    limit = 10 ** _digits(within) - 1
    low = -limit if within.low is None else max(-limit, math.ceil(within.low))
    high = limit if within.high is None else min(limit, math.floor(within.high))
    low += within.is_above and low == within.low
    high -= within.is_below and high == within.high
    return "%json " + json.dumps({"type": "integer", "multipleOf": divisor, "minimum": low, "maximum": high})
