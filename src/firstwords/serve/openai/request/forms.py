"""The form that a request asks for: OpenAI's response_format, and the fields of vLLM and llama.cpp.

{"response_format": {"type": "json_schema", "json_schema": {"schema": {...}}}}
{"structured_outputs": {"choice": ["yes", "no"]}}    {"guided_regex": "[0-9]+"}    {"grammar": "root ::= ..."}
{"rules": {"only_words_with": "b", "words": "5-12"}}    an extension, which combines with all of these except grammars
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from firstwords.engine.constraints import Constraint
from firstwords.engine.rules.rules import Rules
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.serve.openai.request.schemas import Sampling

FIELDS = (
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "json_schema",
    "grammar",
)
# of structured_outputs: these are about white space, which there is none of, and about vLLM's own ways
_NEUTRAL = (
    "disable_any_whitespace",
    "disable_additional_properties",
    "disable_fallback",
    "whitespace_pattern",
    "_backend",
    "_backend_was_auto",
)
_STRUCTURED = ("json", "json_object", "regex", "choice", "grammar")


# the names of constraints whose source a rule can hold -> the rule
_AS_RULES = {"schema": "json_schema", "expression": "regex", "choice": "choice"}


def constraint(body: Sampling, after: str = "") -> Constraint | None:
    """What the answer must look like; None for text. after: the text that it continues. Raises ApiError 400, also for
    two forms at once.
    """
    form = _form(body)
    try:
        rules = rules_of(body.rules)
        if not rules:
            return form
        if form is not None:
            if form.name not in _AS_RULES:
                raise ValueError(f"rules cannot be used together with {form.origin} of this kind: send one of them")
            name = _AS_RULES[form.name]
            if getattr(rules, name):
                raise ValueError(f"rules.{name} cannot be used together with {form.origin}: send one of them")
            value: Any = tuple(json.loads(form.source)) if name == "choice" else form.source
            rules = dataclasses.replace(rules, **{name: value})
        return dataclasses.replace(Constraint.rules(rules, after), origin="rules")
    except ValueError as error:
        raise ApiError(400, str(error), "rules") from None


def rules_of(given: Any) -> Rules:
    """The rules of a request. Raises ValueError in one sentence."""
    if not isinstance(given or {}, dict):
        raise ValueError('rules must be an object such as {"only_words_with": "b", "words": "5-12"}')
    return Rules.of(given or {})


def _form(body: Sampling) -> Constraint | None:
    """What response_format or one of its relatives asks for."""
    found: list[tuple[str, Constraint]] = []
    for name in FIELDS:
        value = getattr(body, name)
        if value is None or (name != "response_format" and value in ("", {}, [])):
            continue
        try:
            wanted = _of_field(name, value)
        except ValueError as error:
            raise ApiError(400, str(error), name) from None
        if wanted is not None:
            found.append((name, dataclasses.replace(wanted, origin=name)))
    if len(found) > 1:
        names = " and ".join(name for name, _ in found)
        raise ApiError(400, f"{names} cannot be used together: send only one of them", found[1][0])
    return found[0][1] if found else None


def _of_field(name: str, value: Any) -> Constraint | None:
    if name == "response_format":
        return _response_format(value)
    if name == "structured_outputs":
        return _structured(value)
    return _KINDS[name.removeprefix("guided_")](value, name)


def _response_format(value: Any) -> Constraint | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":  # llama.cpp and others take a schema here too
        return Constraint.json_object() if value.get("schema") is None else _json(value["schema"], "schema")
    if kind == "json_schema":
        holder = value.get("json_schema", value)
        schema = holder.get("schema") if isinstance(holder, dict) else None
        if not isinstance(schema, dict):
            form = '{"type": "json_schema", "json_schema": {"schema": ...}}'
            raise ValueError(f"response_format has no schema: send {form}")
        return Constraint.json_schema(schema)
    if kind == "regex":
        pattern = value.get("regex")
        if not isinstance(pattern, str) or not pattern:
            raise ValueError('response_format has no regular expression: send {"type": "regex", "regex": "..."}')
        return Constraint.regex(pattern)
    raise ValueError("response_format.type must be text, json_object, json_schema or regex")


def _structured(value: Any) -> Constraint | None:
    """vLLM's structured_outputs: one of json, json_object, regex, choice and grammar."""
    if not isinstance(value, dict):
        raise ValueError(f"structured_outputs must be an object with one of these keys: {', '.join(_STRUCTURED)}")
    given = {name: one for name, one in value.items() if one not in (None, False) and name not in _NEUTRAL}
    unknown = next((name for name in given if name not in _STRUCTURED), None)
    if unknown is not None or len(given) > 1:
        shown = f", not {unknown[:40]}" if unknown is not None else ""
        raise ValueError(f"structured_outputs must have exactly one of these keys: {', '.join(_STRUCTURED)}{shown}")
    if not given:
        return None
    ((name, one),) = given.items()
    return Constraint.json_object() if name == "json_object" else _KINDS[name](one, f"structured_outputs.{name}")


def _json(value: Any, name: str) -> Constraint:
    """A schema, or its JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{name} is not valid JSON") from None
    if not isinstance(value, dict | bool):
        raise ValueError(f"{name} must be a JSON schema, which is an object")
    return Constraint.json_schema(value)


def _text(make: Callable[[str], Constraint], what: str) -> Callable[[Any, str], Constraint]:
    def of(value: Any, name: str) -> Constraint:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be {what}, as a string")
        return make(value)

    return of


def _choice(value: Any, name: str) -> Constraint:
    if not isinstance(value, list) or not value or not all(isinstance(option, str) and option for option in value):
        raise ValueError(f"{name} must be a list of strings, none of them empty")
    return Constraint.choice(value)


_KINDS: dict[str, Callable[[Any, str], Constraint]] = {
    "json": _json,
    "json_schema": _json,
    "regex": _text(Constraint.regex, "a regular expression"),
    "choice": _choice,
    "grammar": _text(Constraint.lark, "a grammar in GBNF or Lark"),
}
