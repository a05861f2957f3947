"""JSON's strings as regular expressions over JSON text: bounds, patterns and formats.

Every string has a single form: only characters that must be escaped are.
"""

from __future__ import annotations

import functools
import json
import math
from typing import Any

from firstwords.engine.grammar.automaton import build
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
)

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
_LABEL = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}"  # "--" would announce an international name
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,3}}"
_SITE = (
    rf"(?:{_LABEL}\.){{0,3}}[A-Za-z](?:-?[A-Za-z0-9]){{0,23}}"  # not an address: its last label begins with a letter
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_ATOM = r"[A-Za-z0-9_+-]{1,32}"
_H16 = r"[0-9a-fA-F]{1,4}"
_IPV6 = rf"(?:{_H16}:){{7}}{_H16}|::1|::"
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
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "ipv4network": f"{_IPV4}/32",  # a shorter prefix would ask for zeros at the end
    "ipv6network": f"(?:{_IPV6})/128",
    "ipv4interface": rf"{_IPV4}/(?:[12]?\d|3[0-2])",
    "ipv6interface": rf"(?:{_IPV6})/(?:1[01]\d|12[0-8]|[1-9]?\d)",
    "uuid": r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
    "uri": rf"https?://{_SITE}(?::[1-9]\d{{0,3}})?(?:/{_PATH})?",
    "base64": r"(?:[A-Za-z0-9+/]{4}){0,64}",
    "regex": r"[A-Za-z0-9 _-]{1,64}",
}
# These only describe a string's purpose; any string is valid.
FREE_FORMATS = {
    "binary", "byte", "password", "unknown", "textarea", "color", "string", "markdown", "html", "file-path", "path",
    "directory-path", "base64url",
}  # fmt: skip
_ALIASES = {
    "uri-reference": "uri",
    "url": "uri",
    "iri": "uri",
    "iri-reference": "uri",
    "idn-email": "email",
    "idn-hostname": "hostname",
    "datetime": "date-time",
    "uuid4": "uuid",
    "guid": "uuid",
    "cidrv4": "ipv4interface",
    "cidrv6": "ipv6interface",
    "ipvanyaddress": "ipv4",
    "ipvanynetwork": "ipv4network",
    "ipvanyinterface": "ipv4interface",
}
# Patterns with look-around that zod adds to a format. Every text that FORMATS allows matches them.
_IMPLIED = {
    "email": r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
    "hostname": (
        r"^(?=.{1,253}\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
        r"(?:\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\.?$"
    ),
    "duration": (
        r"^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?"
        r"(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$"
    ),
}


def string(schema: dict[str, Any], conditions: tuple[Expression, ...] = ()) -> list[Expression]:
    """Expressions that a string's JSON text must all match, for minLength, maxLength, pattern and format.

    conditions: expressions that the string itself must match too. Raises ValueError for unsupported values.
    """
    names, patterns = _texts(schema, "format"), _texts(schema, "pattern")
    patterns = [pattern for pattern in patterns if not any(_IMPLIED.get(name) == pattern for name in names)]
    contents = [searching(parse(pattern)) for pattern in patterns]
    formats = []
    for name in names:
        known = FORMATS.get(_ALIASES.get(name, name))
        if known is not None:
            formats.append(_format(known))
        elif name not in FREE_FORMATS and not patterns:  # with a pattern, the pattern says what it means
            raise ValueError(f"the format {name[:40]!r} is unknown: use one of {', '.join(FORMATS)}, or a pattern")
    if not (formats and contents) or build([*contents, *formats]).start.length < math.inf:
        contents += formats  # if no text satisfies both, only the pattern counts, as in a "time" without a zone
    low, high = count(schema, "minLength", 0), count(schema, "maxLength", None)
    if low > MAX_LENGTH:
        raise ValueError(f"minLength is {low:,}, but the limit is {MAX_LENGTH:,}")
    if high is not None and high < low:
        return [Either(())]
    contents += conditions
    shortest, longest = _lengths(contents)
    if low > shortest or (high is not None and (longest is None or high < longest)):
        contents.append(Times(ANY, low, None if high is None else min(high, MAX_LENGTH)))
    return [quoted(content) for content in contents] or [FREE]


def _lengths(trees: list[Expression]) -> tuple[int, int | None]:
    """Bounds (fewest, most characters) on texts that match all of the expressions."""
    found = [lengths(tree) for tree in trees]
    return max((low for low, _ in found), default=0), min((high for _, high in found if high is not None), default=None)


def _texts(schema: dict[str, Any], name: str) -> list[str]:
    value = schema.get(name, [])
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} must be a string")
    return texts


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
