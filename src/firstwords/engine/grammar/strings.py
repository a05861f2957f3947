"""JSON's strings as regular expressions over JSON text: bounds, patterns and formats.

Every string has a single form: only characters that must be escaped are.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from firstwords.engine.grammar.counts import count
from firstwords.engine.grammar.pattern import parse
from firstwords.engine.grammar.regular import (
    ANY,
    Chars,
    Concat,
    Either,
    Expression,
    Times,
    chars,
    common,
    lengths,
    literal,
    searching,
    without,
)  # fmt: skip

MAX_LENGTH = 4096  # a larger maxLength is lowered to this
_QUOTE = literal('"')
_ESCAPES = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_PLAIN = without(ANY, chars([(0, 31), (34, 34), (92, 92)]))
_CHAR = Either((_PLAIN, Concat((literal("\\"), chars((ord(c), ord(c)) for c in _ESCAPES.values())))))
FREE = Concat((_QUOTE, Times(_CHAR, 0, None), _QUOTE))  # any string

_YEAR = r"(?:[1-9]\d{3}|0\d{2}[1-9])"  # there was no year 0
_DAY = r"(?:0[1-9]|[12]\d|30)"
_DATE = rf"{_YEAR}-(?:(?:0[13578]|1[02])-(?:{_DAY}|31)|(?:0[469]|11)-{_DAY}|02-(?:0[1-9]|1\d|2[0-8]))"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,3}}"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ATOM = r"[A-Za-z0-9_+-]{1,32}"
_H16 = r"[0-9a-fA-F]{1,4}"
_SPAN = r"(?:[1-9]\d{0,3}|0)"
_HOURS = rf"{_SPAN}H(?:{_SPAN}M(?:{_SPAN}S)?)?"
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]{0,256}"
# Narrower than the standards and never wider, so that every validator accepts the result.
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": rf"P(?:{_SPAN}W|(?:{_SPAN}Y{_SPAN}M)?{_SPAN}D(?:T{_HOURS})?|T{_HOURS})",
    "email": rf"{_ATOM}(?:\.{_ATOM}){{0,3}}@{_LABEL}(?:\.{_LABEL}){{0,2}}\.[A-Za-z]{{2,24}}",
    "hostname": _HOST,
    "ipv4": rf"{_OCTET}(?:\.{_OCTET}){{3}}",
    "ipv6": rf"(?:{_H16}:){{7}}{_H16}|::1|::",
    "uuid": r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
    "uri": rf"https?://{_HOST}(?:\.[A-Za-z]{{2,24}})?(?::[1-9]\d{{0,3}})?(?:/{_PATH})?",
}
# These only describe a string's purpose; any string is valid.
FREE_FORMATS = {"binary", "byte", "password", "unknown", "textarea", "color", "string", "markdown", "html", "file-path",
                "path", "directory-path", "base64url"}  # fmt: skip
_SAME = {"uri-reference": "uri", "url": "uri", "iri": "uri", "iri-reference": "uri", "idn-email": "email",
         "idn-hostname": "hostname", "datetime": "date-time", "uuid4": "uuid", "guid": "uuid"}  # fmt: skip


def string(schema: dict[str, Any]) -> list[Expression]:
    """Expressions that a string's JSON text must all match, for minLength, maxLength, pattern and format.

    Raises ValueError for unsupported values.
    """
    contents: list[Expression] = []
    patterns = schema.get("pattern", [])
    for pattern in patterns if isinstance(patterns, list) else [patterns]:
        if not isinstance(pattern, str):
            raise ValueError("pattern is a text")
        contents.append(searching(parse(pattern)))
    for name in _names(schema.get("format", [])):
        known = FORMATS.get(_SAME.get(name, name))
        if known is not None:
            contents.append(_format(known))
        elif name not in FREE_FORMATS:
            raise ValueError(f"the format {name[:40]!r} is not known: use one of {', '.join(FORMATS)}, or a pattern")
    low, high = count(schema, "minLength", 0), count(schema, "maxLength", None)
    if low > MAX_LENGTH:
        raise ValueError(f"minLength is {low:,}: at most {MAX_LENGTH:,} is possible")
    if high is not None and high < low:
        return [Either(())]
    shortest, longest = _lengths(contents)
    if low > shortest or (high is not None and (longest is None or high < longest)):
        contents.append(Times(ANY, low, None if high is None else min(high, MAX_LENGTH)))
    return [quoted(content) for content in contents] or [FREE]


def _lengths(trees: list[Expression]) -> tuple[int, int | None]:
    """Bounds (fewest, most characters) on texts that match all of the expressions."""
    found = [lengths(tree) for tree in trees]
    return max((low for low, _ in found), default=0), min((high for _, high in found if high is not None), default=None)


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("format is a text")
    return names


@functools.cache
def _format(pattern: str) -> Expression:
    return parse(pattern)


def quoted(content: Expression) -> Expression:
    """The JSON text of strings that match an expression."""
    return Concat((_QUOTE, _escaped(content), _QUOTE))


def _escaped(tree: Expression) -> Expression:
    if isinstance(tree, Chars):
        options: list[Expression] = [Chars(common(tree.ranges, _PLAIN.ranges))]
        signs = [ord(sign) for char, sign in _ESCAPES.items() if common(tree.ranges, ((ord(char), ord(char)),))]
        options += [Concat((literal("\\"), chars((sign, sign) for sign in signs)))] if signs else []
        options = [option for option in options if option != Chars(())]
        return options[0] if len(options) == 1 else Either(tuple(options))
    if isinstance(tree, Concat):
        return Concat(tuple(map(_escaped, tree.parts)))
    if isinstance(tree, Either):
        return Either(tuple(map(_escaped, tree.options)))
    if isinstance(tree, Times):
        return Times(_escaped(tree.part), tree.low, tree.high)
    raise ValueError("^ or $ in the middle of an expression is not supported")


def text_of(value: str) -> str:
    """A string's JSON text."""
    return json.dumps(value, ensure_ascii=False)
