"""Sums, read by a parser that allows arithmetic and nothing else.

calculate("17*23")       -> "391"
calculate("2 + 3 / 4")   -> "2.75"
calculate("9**9**9")     -> raises ValueError: the result of a power is too large
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

MAX_CHARS = 200
MAX_DIGITS = 60  # of any number on the way
Number = int | float


def _rounded(value: Number, digits: int = 0) -> Number:
    """As round; Python's takes for ever where an integer is rounded to 10**10 places."""
    if not isinstance(digits, int) or abs(digits) > MAX_DIGITS:
        raise ValueError(f"round takes a whole number of digits, {MAX_DIGITS} at most")
    return round(value, digits)


def _root(value: Number) -> Number:
    if value < 0:
        raise ValueError("the root of a negative number is not a real number")
    return math.sqrt(value)


_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "max": max,
    "min": min,
    "round": _rounded,
    "sqrt": _root,
}
_NAMES = {"pi": math.pi, "e": math.e}
_SIGNS = str.maketrans({"\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u00b7": "*", "^": "**"})


def calculate(expression: str) -> str:
    """The value of an arithmetic expression. Raises ValueError, in one sentence, for anything else."""
    text = expression.strip().rstrip("=? ").translate(_SIGNS)
    if not text:
        raise ValueError("the expression is empty: give a sum such as 17*23")
    if len(text) > MAX_CHARS:
        raise ValueError(f"the expression has {len(text)} characters, but the limit is {MAX_CHARS}")
    try:
        value = _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"{text[:40]!r} is not an arithmetic expression: write it like 2*(3+4)") from None
    except ZeroDivisionError:
        raise ValueError("a number cannot be divided by zero") from None
    except OverflowError:
        raise ValueError("the result is too large") from None
    return _written(value)


def _value(node: ast.expr) -> Number:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return _bounded(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        return _bounded(_combined(node.op, _value(node.left), _value(node.right)))
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        function = _FUNCTIONS.get(node.func.id)
        if function is None:
            raise ValueError(f"the function {node.func.id[:20]} is unknown: use {', '.join(_FUNCTIONS)}")
        try:
            return _bounded(function(*map(_value, node.args)))
        except TypeError:
            raise ValueError(f"{node.func.id} takes other numbers than these") from None
    raise ValueError("only numbers, + - * / // % **, brackets and " + ", ".join(_FUNCTIONS) + " can be calculated")


def _combined(sign: ast.operator, one: Number, other: Number) -> Number:
    if isinstance(sign, ast.Div):
        whole = isinstance(one, int) and isinstance(other, int) and other != 0 and one % other == 0
        return one // other if whole else one / other
    if isinstance(sign, ast.Pow):
        if abs(other) > 1000 or (one and abs(other) * abs(math.log10(abs(one))) > MAX_DIGITS):
            raise ValueError("the result of a power is too large")
        return _real(one**other)
    if type(sign) not in _BINARY:
        raise ValueError("only + - * / // % ** can be calculated")
    return _BINARY[type(sign)](one, other)


def _real(value: Number | complex) -> Number:
    if isinstance(value, complex):
        raise ValueError("the root of a negative number is not a real number")
    return value


def _bounded(value: Number) -> Number:
    if not math.isfinite(value) or abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits, which is too large")
    return value


def _written(value: Number) -> str:
    """Integers exactly, others with twelve significant digits."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value) if isinstance(value, int) else f"{value:.12g}"
