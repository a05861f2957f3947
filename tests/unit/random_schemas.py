"""Random schemas, of the kinds that people and their libraries write."""

from __future__ import annotations

import random
from typing import Any

WORDS = ("name", "age", "kind", "items", "size", "tags", "note", "café", "who", "is open", "a/b", 'q"q')
PATTERNS = (
    r"^[a-z]{2,5}$",
    r"^\d{3}-\d{4}$",
    r"^(cat|dog)s?$",
    r"[A-Z]",
    r"^[^0-9]*$",
    r"^(ab|c)*d$",
    r"^\w+@\w+\.(org|com)$",
    r"^.{3}$",
    r"^é+[a-c]?$",
)
FORMATS = ("date", "time", "date-time", "uuid", "ipv4", "email", "hostname", "uri", "duration", "ipv6")


def schema(dice: random.Random, depth: int = 3) -> dict[str, Any]:
    """An object with up to five properties, nested up to `depth` levels, sometimes with $defs."""
    found = _object(dice, depth)
    if dice.random() < 0.3:
        found["$defs"] = {"Pet": _object(dice, 1), "Kind": {"enum": ["cat", "dog", "ox"]}, "Tree": _tree()}
        found["properties"] |= {"pet": {"$ref": "#/$defs/Pet"}, "sort": {"$ref": "#/$defs/Kind"}}
        if dice.random() < 0.5:
            found["properties"]["tree"] = {"$ref": "#/$defs/Tree"}
        found["required"] = [*found.get("required", []), dice.choice(["pet", "sort"])]
    return found


def _tree() -> dict[str, Any]:
    kids = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
    return {"type": "object", "properties": {"value": {"type": "integer"}, "kids": kids}, "required": ["value", "kids"]}


def _object(dice: random.Random, depth: int) -> dict[str, Any]:
    names = dice.sample(WORDS, dice.randint(1, 5))
    found: dict[str, Any] = {"type": "object", "properties": {name: _value(dice, depth - 1) for name in names}}
    found["required"] = [name for name in names if dice.random() < 0.6]
    if dice.random() < 0.3:
        others = [False, True, {"type": "integer"}, {"type": "string", "maxLength": 3}]
        found["additionalProperties"] = dice.choice(others)
    if dice.random() < 0.2:
        found["title"] = "Thing"
    return found


def _value(dice: random.Random, depth: int) -> dict[str, Any]:
    kinds = ["string", "string", "number", "integer", "integer", "boolean", "null", "enum", "const", "optional"]
    kinds += ["object", "array", "array", "anyOf", "tuple", "set"] if depth > 0 else []
    kind = dice.choice(kinds)
    if kind == "string":
        return _string(dice)
    if kind in ("number", "integer"):
        return _number(dice, kind)
    if kind == "enum":
        values = ["cat", "dog", "a\nb", "", "é", 7, 2.5, True, None, {"a": [1, "x"]}, "9" * 30]
        return {"enum": dice.sample(values, dice.randint(1, 4))}
    if kind == "const":
        return {"const": dice.choice(["cat", 3, -1.5, None, False, ["a", 1], {"k": "v"}])}
    if kind == "optional":
        return {"anyOf": [_value(dice, depth - 1), {"type": "null"}], "default": None}
    if kind == "object":
        return _object(dice, depth)
    if kind == "anyOf":
        return {"anyOf": [_value(dice, depth - 1) for _ in range(dice.randint(2, 3))]}
    if kind == "tuple":
        items = [_value(dice, depth - 1) for _ in range(dice.randint(1, 3))]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if kind == "array":
        low = dice.choice([0, 0, 1, 3])
        bounds = {"minItems": low} | ({"maxItems": low + dice.randint(0, 4)} if dice.random() < 0.5 else {})
        return {"type": "array", "items": _value(dice, depth - 1)} | (bounds if dice.random() < 0.7 else {})
    if kind == "set":
        return _set(dice, depth)
    return {"type": kind}


def _set(dice: random.Random, depth: int) -> dict[str, Any]:
    """An array whose items differ, of which there are enough."""
    items, num_values = dice.choice(
        [
            ({"enum": ["cat", "cow", "dog", "a\nb", 7]}, 5),
            ({"type": "boolean"}, 2),
            ({"type": "string"}, 9),
            ({"type": "integer", "minimum": 8, "maximum": 11}, 4),
            ({"type": "string", "maxLength": 1}, 9),
            ({"type": "integer"}, 9),
            ({"type": "number"}, 9),
            (_object(dice, depth - 1), 1),
            ({}, 9),
        ]
    )
    low = dice.randint(0, min(num_values, 4))
    found = {"type": "array", "items": items, "uniqueItems": True, "minItems": low}
    return found | ({"maxItems": low + dice.randint(0, 6)} if dice.random() < 0.5 else {})


def _string(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    choice = dice.random()
    if choice < 0.3:
        found["minLength"] = dice.randint(0, 6)
    if choice < 0.2 or choice > 0.9:
        found["maxLength"] = found.get("minLength", 0) + dice.randint(0, 9)
    if 0.4 < choice < 0.6:
        found["pattern"] = dice.choice(PATTERNS)
    if 0.6 < choice < 0.75:
        found["format"] = dice.choice(FORMATS)
    return found


def _number(dice: random.Random, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind}
    places = 0 if kind == "integer" else dice.randint(0, 3)
    low = round(dice.uniform(-1, 1) * 10 ** dice.randint(0, 6), places)
    high = low + round(dice.random() * 10 ** dice.randint(1, 6), places) + 1
    low, high = (int(low), int(high)) if kind == "integer" else (low, round(high, 3))
    choice = dice.random()
    if choice < 0.5:
        found[dice.choice(["minimum", "exclusiveMinimum"])] = low
    if 0.3 < choice < 0.7:
        found[dice.choice(["maximum", "exclusiveMaximum"])] = high + 1
    if choice > 0.85:
        found["multipleOf"] = dice.choice([5, 7, 100] if kind == "integer" else [0.5, 0.25, 3])
    return found
