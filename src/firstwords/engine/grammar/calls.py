"""The shape of calls of tools: {"name":"...","arguments":{...}}, one or several, with arguments of a schema each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from firstwords.engine.grammar import schema
from firstwords.engine.grammar.shape import Repeat, Shape, Text
from firstwords.engine.grammar.shape import Sequence as Parts


def shape_of(functions: Sequence[Mapping[str, Any]], is_tagged: bool, most: int) -> Shape:
    """The shape of one to `most` calls, a line each. is_tagged: between <tool_call> and </tool_call>.

    Raises ValueError for a schema that is not supported.
    """
    body = schema.shape_of(call_schema(functions))
    before, after = ("<tool_call>\n", "\n</tool_call>") if is_tagged else ("", "")
    call = Parts((Text.literal(before), body.start, Text.literal(after)))
    more = Repeat(Parts((Text.literal("\n"), call)), 0, most - 1)
    return Shape(Parts((call, more)) if most > 1 else call, body.rules, body.has_unique)


def call_schema(functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A schema of one call of any of the functions; each function's own references keep pointing into its schema."""
    calls, definitions = [], {}
    for place, each in enumerate(functions):
        name = f"tool{place}"
        definitions[name] = _moved(parameters(each), f"#/$defs/{name}")
        arguments = {"$ref": f"#/$defs/{name}"}
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": each["name"]}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    return {"anyOf": calls, "$defs": definitions}


def parameters(function: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a function's arguments. One that names no argument has none, as OpenAI has it."""
    given = dict(function.get("parameters") or {"type": "object"})
    is_open = any(given.get(name) for name in ("properties", "patternProperties", "additionalProperties"))
    combines = any(name in given for name in ("$ref", "anyOf", "oneOf", "allOf", "enum", "const"))
    return given if is_open or combines else given | {"additionalProperties": False}


def _moved(value: Any, place: str) -> Any:
    """A schema as it is written at another place: its references begin there."""
    if isinstance(value, Mapping):
        return {
            key: place + inner[1:]
            if key == "$ref" and isinstance(inner, str) and inner.startswith("#")
            else _moved(inner, place)
            for key, inner in value.items()
        }
    return [_moved(inner, place) for inner in value] if isinstance(value, list) else value
