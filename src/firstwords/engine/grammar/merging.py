"""Flattens a JSON schema at one place: references and allOf become one set of keywords, alternatives stay separate.

flatten({"allOf": [{"type": "integer"}, {"minimum": 3}], "anyOf": [...]}, resolve)
    -> {"type": ["integer"], "minimum": 3}, [("anyOf", [...])]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from firstwords.engine.grammar import numbers

UNSUPPORTED = (
    "not", "if", "then", "else", "contains", "minContains", "maxContains", "dependentRequired", "dependentSchemas",
    "dependencies", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
SUPPORTED = (
    "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
    "minProperties", "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems",
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "$ref", "allOf", "anyOf", "oneOf",
)  # fmt: skip
OF_KIND = {
    "object": (
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
    ),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
Resolve = Callable[[Any], Any]
Group = tuple[str, list[Any]]


def check(schema: Any) -> None:
    """Raise ValueError for an invalid or unsupported schema."""
    if schema is True:
        return
    if not isinstance(schema, dict):
        raise ValueError(f"a schema must be an object, true or false, not {str(schema)[:40]!r}")
    for name in UNSUPPORTED:
        if name in schema and not _is_void(name, schema[name]):
            raise ValueError(f"{name} is not supported")
    if not isinstance(schema.get("uniqueItems", False), bool | None):
        raise ValueError("uniqueItems must be true or false")
    shapes = {
        "properties": dict,
        "patternProperties": dict,
        "required": list,
        "enum": list,
        "prefixItems": list,
        "allOf": list,
        "anyOf": list,
        "oneOf": list,
    }
    for name, kind in shapes.items():
        if name in schema and not isinstance(schema[name], kind):
            raise ValueError(f"{name} must be {'an object' if kind is dict else 'a list'}")
    if not all(isinstance(name, str) for name in schema.get("required", [])):
        raise ValueError("required must be a list of names")


def _is_void(name: str, value: Any) -> bool:
    """Whether a keyword adds nothing, or only says that no value is possible, as zod's `never` does: {"not": {}}."""
    return value is False if name.startswith("unevaluated") else name == "not" and value in ({}, True)


def constrains(schema: dict[str, Any], besides: str = "") -> bool:
    """Whether any keyword but one says something about values; a description does not."""
    return any(name in schema for name in (*SUPPORTED, "not") if name != besides)


def flatten(schema: Any, resolve: Resolve) -> tuple[dict[str, Any], list[Group]]:
    """(The keywords of a schema and of everything it refers to, its groups of alternatives). Raises ValueError."""
    merged: dict[str, Any] = {}
    groups: list[Group] = []

    def add(part: Any, seen: tuple[Any, ...]) -> None:
        nonlocal merged
        if part is False:
            merged = _merge(merged, {"enum": []})
            return
        check(part)
        if part is True:
            return
        merged = _merge(merged, _normal(part))
        groups.extend((name, part[name]) for name in ("anyOf", "oneOf") if name in part)
        if "$ref" in part:
            if part["$ref"] in seen:
                raise ValueError(f"$ref {str(part['$ref'])[:60]!r} refers to itself")
            add(resolve(part["$ref"]), (*seen, part["$ref"]))
        for each in part.get("allOf", []):
            add(each, seen)

    add(schema, ())
    if any(not options for _, options in groups):
        raise ValueError("anyOf and oneOf need at least one option")
    return merged, groups


def _normal(schema: dict[str, Any]) -> dict[str, Any]:
    """The constraining keywords in normal form."""
    found = {name: schema[name] for name in SUPPORTED if name in schema}
    for name in ("$ref", "allOf", "anyOf", "oneOf"):
        found.pop(name, None)
    if "not" in schema:
        found["enum"] = []
    if "type" in found:
        given = found["type"] if isinstance(found["type"], list) else [found["type"]]
        if not given or any(kind not in _KINDS for kind in given):
            raise ValueError(f"type must be one or several of {', '.join(_KINDS)}, not {str(found['type'])[:40]!r}")
        found["type"] = [kind for kind in dict.fromkeys(given) if kind != "integer" or "number" not in given]
        if "format" in found and "string" not in given:
            del found["format"]  # e.g. int32 for an integer
    if "const" in found:
        found["enum"] = [value for value in found.get("enum", [found["const"]]) if same(value, found["const"])]
        del found["const"]
    if isinstance(found.get("items"), list):  # before draft 2020
        found["prefixItems"] = found.pop("items")
        found["items"] = found.get("additionalItems", True)
    found.pop("additionalItems", None)
    if not found.get("uniqueItems"):
        found.pop("uniqueItems", None)
    return found


def _merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The keywords that satisfy both."""
    merged = one | other
    for name in one.keys() & other.keys():
        merged[name] = _both(name, one[name], other[name])
    if "properties" in merged or "patternProperties" in merged:
        _merge_properties(merged, one, other)
    if "prefixItems" in one and "prefixItems" in other:
        merged["prefixItems"] = _merge_prefixes(one, other)
    return merged


def _both(name: str, one: Any, other: Any) -> Any:
    if name == "type":
        narrower = {"integer": "number", "number": "integer"}
        found = [kind if kind in other else "integer" for kind in one if kind in other or narrower.get(kind) in other]
        return list(dict.fromkeys(found))
    if name == "enum":
        return [value for value in one if any(same(value, each) for each in other)]
    if name in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        return max(one, other)
    if name in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        return min(one, other)
    if name == "required":
        return [*one, *(each for each in other if each not in one)]
    if name in ("pattern", "format"):
        both = [*(one if isinstance(one, list) else [one]), *(other if isinstance(other, list) else [other])]
        return list(dict.fromkeys(both))
    if name in ("additionalProperties", "items", "propertyNames"):
        return one if one == other else {"allOf": [one, other]}
    if name == "multipleOf" and one != other:
        raise ValueError("two values of multipleOf for the same number are not supported")
    return other


def _merge_properties(merged: dict[str, Any], one: dict[str, Any], other: dict[str, Any]) -> None:
    """A property named by one side must also satisfy the other side's rules for unnamed properties."""
    names = dict.fromkeys([*one.get("properties", {}), *other.get("properties", {})])
    sides = (one, other)
    if "patternProperties" in one and "patternProperties" in other:
        merged["patternProperties"] = _both_patterns(one["patternProperties"], other["patternProperties"])
    properties = {}
    for name in names:
        given = [
            side["properties"][name] if name in side.get("properties", {}) else side.get("additionalProperties", True)
            for side in sides
        ]
        parts = [part for part in given if part is not True]
        properties[name] = parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True
    merged["properties"] = properties


def _both_patterns(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"allOf": [one[name], other[name]]} if name in one and name in other else one.get(name, other.get(name))
        for name in one | other
    }


def _merge_prefixes(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    size = max(len(one["prefixItems"]), len(other["prefixItems"]))

    def item(side: dict[str, Any], place: int) -> Any:
        prefix = side["prefixItems"]
        return prefix[place] if place < len(prefix) else side.get("items", True)

    return [{"allOf": [item(one, place), item(other, place)]} for place in range(size)]


def same(one: Any, other: Any) -> bool:
    """Equality in JSON: 1 equals 1.0 but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def kind_of(value: Any) -> str:
    """The narrowest type of a value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "integer" if math.isfinite(value) and value == int(value) else "number"
    names: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return names[type(value)]


def kinds(schema: dict[str, Any]) -> list[str] | None:
    """The types that keywords allow; without a type, those that the keywords apply to; None for any."""
    if "type" in schema:
        types: list[str] = schema["type"]
        return types
    return [kind for kind, names in OF_KIND.items() if any(name in schema for name in names)] or None


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value of an enum satisfies the accompanying type and numeric bounds."""
    kind = kind_of(value)
    given = schema.get("type")
    if given is not None and kind not in given and not (kind == "integer" and "number" in given):
        return False
    if kind in ("integer", "number"):
        if not math.isfinite(value):
            return False
        step = numbers.step_of(schema)
        return numbers.Range.of(schema).holds(value) and (step is None or value % float(step) == 0)
    return True


def are_disjoint(options: list[Any], resolve: Resolve) -> bool:
    """Whether no value can satisfy two of the options: different types, or a required property with different
    values."""
    flat = [_closed(option, resolve, 0) for option in options]
    return all(_differ(one, other) for place, one in enumerate(flat) for other in flat[:place])


def _closed(schema: Any, resolve: Resolve, depth: int) -> dict[str, Any] | None:
    """The keywords that distinguish an option from others; None if they cannot be determined."""
    base, groups = flatten(schema, resolve)
    if groups or depth > 1:
        return None
    needed = {name: base["properties"][name] for name in base.get("required", []) if name in base.get("properties", {})}
    inner = {name: _closed(value, resolve, depth + 1) for name, value in needed.items()} if depth == 0 else {}
    return {"type": kinds(base), "enum": base.get("enum"), "properties": inner}


def _differ(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None:
        return False
    ours, theirs = _kinds(one), _kinds(other)
    if ours is not None and theirs is not None and not ours & theirs:
        return True
    if one["enum"] is not None and other["enum"] is not None:
        return not any(same(a, b) for a in one["enum"] for b in other["enum"])
    if ours == theirs == {"object"}:
        ours, theirs = one["properties"], other["properties"]
        return any(_differ(ours[name], theirs[name]) for name in ours.keys() & theirs.keys())
    return False


def _kinds(side: dict[str, Any]) -> set[str] | None:
    if side["enum"] is not None:
        return {kind_of(value) for value in side["enum"]} | (
            {"number"} if any(kind_of(value) == "integer" for value in side["enum"]) else set()
        )
    if side["type"] is None:
        return None
    return {*side["type"], *(["integer"] if "number" in side["type"] else [])}
