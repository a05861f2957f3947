"""Converts a JSON schema to the shape of the JSON texts that satisfy it. Unsupported keywords are refused by name.

The texts have no white space, keys are in the order of `properties`, and strings and numbers have a single form. The
shape may be narrower than the schema but never wider: without an explicit `additionalProperties` there are no others,
as in llama.cpp's grammars and OpenAI's strict mode, and free values nest at most MAX_FREE_DEPTH levels.
"""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import unquote

from firstwords.engine.grammar import merging, numbers, regular, strings, unique
from firstwords.engine.grammar.counts import count
from firstwords.engine.grammar.shape import NOTHING, Choice, Node, Reference, Repeat, Sequence, Shape, Text

MAX_FREE_DEPTH = 8
MAX_NODES = 8_000  # built in half a second
MAX_ITEMS = 10_000  # of an array; a larger maxItems is lowered to it
Member = tuple[str, Node, bool]  # name, value, is required


def shape_of(schema: Any, conditions: tuple[regular.Expression, ...] = ()) -> Shape:
    """The shape of the JSON texts that satisfy a schema. Raises ValueError with a one-sentence message.

    conditions: expressions that each string which the schema leaves open must match too.
    """
    builder = _Builder(schema, conditions)
    try:
        start = builder.value(schema)
        shape = Shape(start, builder.rules, builder.has_unique)
        if shape.shortest is None:
            raise ValueError("no value can satisfy it")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return shape


class _Builder:
    """Builds the nodes of one schema, and a rule for each value used in several places."""

    def __init__(self, root: Any, conditions: tuple[regular.Expression, ...] = ()) -> None:
        self._root, self._conditions = root, conditions
        self.rules: dict[str, Node] = {}
        self._of_pointer: dict[str, Reference] = {}
        self._free: dict[int, Reference] = {}
        self._texts: dict[Any, Text] = {}
        self._num_nodes = 0
        self.has_unique = False

    # -- values --------------------------------------------------------------------------------------------------------

    def value(self, schema: Any) -> Node:
        """The node of any schema."""
        self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise ValueError("it is too large: use fewer alternatives, or fewer levels")
        if schema is False:
            return NOTHING
        merging.check(schema)
        if isinstance(schema, dict) and "$ref" in schema and not merging.constrains(schema, besides="$ref"):
            return self._referred(schema["$ref"])
        base, groups = merging.flatten(schema, self._resolve)
        if not groups:
            return self._plain(base)
        (kind, options), *others = groups
        if kind == "oneOf" and not merging.are_disjoint(options, self._resolve):
            raise ValueError("oneOf is only supported if no value can satisfy two of its options: use anyOf")
        if not others and not merging.constrains(base):
            return Choice(tuple(self.value(option) for option in options))
        rest = [base, *({name: given} for name, given in others)]
        return Choice(tuple(self.value({"allOf": [*rest, option]}) for option in options))

    def _referred(self, pointer: Any) -> Reference:
        target = self._resolve(pointer)
        if pointer not in self._of_pointer:
            reference = self._of_pointer[pointer] = self._rule(NOTHING)  # set before its value, which may refer to it
            self.rules[reference.name] = self.value(target)
        return self._of_pointer[pointer]

    def _resolve(self, pointer: Any) -> Any:
        if not isinstance(pointer, str) or (pointer != "#" and not pointer.startswith("#/")):
            raise ValueError(f"$ref {str(pointer)[:60]!r} must point into the schema itself, such as #/$defs/Name")
        found = self._root
        for part in pointer.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise ValueError(f"$ref {pointer[:60]!r} points to nothing")
        return found

    def _rule(self, node: Node) -> Reference:
        reference = Reference(f"r{len(self.rules)}")
        self.rules[reference.name] = node
        return reference

    def _shared(self, node: Node) -> Node:
        """A node used in several places, which then appears in the grammar once."""
        return node if isinstance(node, Text | Reference) or node is NOTHING else self._rule(node)

    def _text(self, *expressions: regular.Expression, **more: Any) -> Text:
        key = (expressions, *more.values())
        if key not in self._texts:
            self._texts[key] = Text(expressions, **more)
        return self._texts[key]

    def _literal(self, text: str) -> Text:
        if text not in self._texts:
            self._texts[text] = Text.literal(text)
        return self._texts[text]

    # -- values without references and alternatives --------------------------------------------------------------------

    def _plain(self, schema: dict[str, Any]) -> Node:
        if "enum" in schema:
            return self._enum(schema)
        kinds = merging.kinds(schema)
        if kinds is None:
            return self._any(MAX_FREE_DEPTH)
        return _choice([self._of(kind, schema) for kind in kinds])

    def _of(self, kind: str, schema: dict[str, Any]) -> Node:
        if kind == "null":
            return self._literal("null")
        if kind == "boolean":
            return self._text(regular.any_of(("true", "false")))
        if kind == "string":
            return self._text(*strings.string(schema, self._conditions))
        if kind == "array":
            return self._array(schema)
        if kind == "object":
            return self._object(schema)
        return self._number(schema, is_whole=kind == "integer")

    def _number(self, schema: dict[str, Any], is_whole: bool) -> Node:
        within, step = numbers.Range.of(schema), numbers.step_of(schema)
        if within.is_empty:
            return NOTHING
        if step is None or numbers.has_suffixes(step):
            return self._text(*numbers.number(within, is_whole, step))
        if step != int(step) or step > numbers.MAX_DIVISOR:
            raise ValueError(
                f"multipleOf is supported for whole numbers up to {numbers.MAX_DIVISOR:,}"
                " and for steps such as 0.01 and 0.25"
            )
        lark = numbers.multiples_lark(within, int(step))
        return self._text(*numbers.number(within, True), divisor=int(step), lark=lark)

    def _enum(self, schema: dict[str, Any]) -> Node:
        values = [value for value in schema["enum"] if merging.fits(value, schema)]
        if any(name in schema for name in merging.OF_KIND["string"]):
            text = self._text(*strings.string(schema))
            values = [v for v in values if not isinstance(v, str) or text.matches(strings.text_of(v))]
        scalars = [json.dumps(value, ensure_ascii=False) for value in values if not isinstance(value, list | dict)]
        nodes: list[Node] = [self._exactly(value) for value in values if isinstance(value, list | dict)]
        if scalars:
            nodes.append(self._text(regular.any_of(dict.fromkeys(scalars))))
        return _choice(nodes)

    def _exactly(self, value: Any) -> Node:
        """One value, in small parts: equal beginnings of several values must be the same text."""
        self._num_nodes += 1
        parts: list[tuple[Node, ...]]
        if isinstance(value, dict):
            colon = self._literal(":")
            parts = [(self._literal(strings.text_of(key)), colon, self._exactly(value[key])) for key in value]
        elif isinstance(value, list):
            parts = [(self._exactly(item),) for item in value]
        else:
            return self._literal(json.dumps(value, ensure_ascii=False))
        comma = self._literal(",")
        inside = itertools.chain.from_iterable((comma, *part) if index else part for index, part in enumerate(parts))
        brackets = "{}" if isinstance(value, dict) else "[]"
        return self._within(brackets, Sequence(tuple(inside)))

    def _within(self, brackets: str, body: Node, is_unique: bool = False) -> Node:
        return Sequence((self._literal(brackets[0]), body, self._literal(brackets[1])), True, is_unique)

    def _any(self, depth: int) -> Reference:
        """Any value of at most this nesting depth."""
        if depth not in self._free:
            names = self._text(regular.any_of(("true", "false", "null")))
            scalars = self._of("string", {}), self._of("number", {}), names
            reference = self._free[depth] = self._rule(Choice(scalars))
            if depth:
                inner = self._any(depth - 1)
                nested = self._free_object(inner), self._array_of([], inner, 0, None)
                self.rules[reference.name] = Choice((*scalars, *nested))
        return self._free[depth]

    def _free_object(self, inner: Node) -> Node:
        return self._members([], 0, None, [(self._text(strings.FREE), inner)])

    # -- arrays --------------------------------------------------------------------------------------------------------

    def _array(self, schema: dict[str, Any]) -> Node:
        low, high = count(schema, "minItems", 0), count(schema, "maxItems", None)
        items, prefix = schema.get("items", True), schema.get("prefixItems", [])
        if low > MAX_ITEMS:
            raise ValueError(f"minItems is {low:,}, but the limit is {MAX_ITEMS:,}")
        first = [self._shared(self.value(item)) for item in prefix]
        other = NOTHING if items is False else self._shared(self._value_of(items))
        is_unique = bool(schema.get("uniqueItems")) and (high is None or high > 1)
        self.has_unique |= is_unique
        if is_unique and low > unique.MAX_MIN_ITEMS:
            raise ValueError(f"minItems is {low:,}, but with uniqueItems the limit is {unique.MAX_MIN_ITEMS}")
        return self._array_of(first, other, low, None if high is None else min(high, MAX_ITEMS), is_unique)

    def _value_of(self, schema: Any) -> Node:
        """The node of a value inside another; for free values, one level less deep."""
        is_free = schema is True or schema == {}
        return self._any(MAX_FREE_DEPTH - 1) if is_free else self.value(schema)

    def _array_of(self, first: list[Node], other: Node, low: int, high: int | None, is_unique: bool = False) -> Node:
        comma = self._literal(",")
        first = first if high is None else first[:high]
        if other is NOTHING:
            high = len(first) if high is None else min(high, len(first))
        if high is not None and low > high:
            return NOTHING
        num_before = max(1, len(first))
        most = None if high is None else max(0, high - num_before)
        tail: Node = Repeat(Sequence((comma, other)), max(0, low - num_before), most)
        for place in range(len(first) - 1, 0, -1):
            item = Sequence((comma, first[place], tail))
            tail = item if place < low else Repeat(item, 0, 1)
        if high == 0:
            return self._within("[]", Sequence(()))
        inside: Node = Sequence((first[0] if first else other, tail))
        return self._within("[]", inside if low else Repeat(inside, 0, 1), is_unique)

    # -- objects -------------------------------------------------------------------------------------------------------

    def _object(self, schema: dict[str, Any]) -> Node:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        additional, patterns = schema.get("additionalProperties"), schema.get("patternProperties", {})
        is_free = additional is None and not properties and not patterns
        names = [*properties, *(name for name in required if name not in properties)]
        keys = self._keys(schema.get("propertyNames"))
        members = []
        for name in names:
            value = properties.get(name, True if additional is None else additional)
            text = strings.text_of(name)
            others = [patterns[pattern] for pattern in patterns if self._pattern_key(pattern).matches(text)]
            if others:
                value = {"allOf": [value, *others]}
            members.append((name, self._shared(self._value_of(value)), name in required))
        extra = self._extra(names, patterns, True if is_free else additional, keys)
        low, high = count(schema, "minProperties", 0), count(schema, "maxProperties", None)
        if low > unique.MAX_MIN_ITEMS:
            raise ValueError(f"minProperties is {low:,}, but the limit is {unique.MAX_MIN_ITEMS}")
        counted = _counted(members, low, high, bool(extra))
        return NOTHING if counted is None else self._members(*counted, extra, bool(extra) and not (is_free and low < 2))

    def _keys(self, schema: Any) -> list[regular.Expression]:
        """Expressions that unnamed keys must match."""
        if schema is None or schema is True:
            return [strings.FREE]
        base, groups = merging.flatten(schema, self._resolve)
        if groups or base.get("type", ["string"]) != ["string"]:
            raise ValueError("propertyNames may only use type, enum, pattern, format, minLength and maxLength")
        if "enum" in base:
            return [regular.any_of(strings.text_of(name) for name in base["enum"] if isinstance(name, str))]
        return strings.string(base)

    def _pattern_key(self, expression: str) -> Text:
        return self._text(*strings.string({"pattern": expression}))

    def _extra(
        self, names: list[str], patterns: dict[str, Any], additional: Any, keys: list[regular.Expression]
    ) -> list[tuple[Text, Node]]:
        """(Key, value) of unnamed members."""
        if len(patterns) > 1:
            raise ValueError("patternProperties may only have one pattern")
        excluded = tuple(strings.text_of(name) for name in names)
        if patterns:
            ((expression, value),) = patterns.items()
            key = self._text(*strings.string({"pattern": expression}), *keys, excluded=excluded)
        elif additional is None or additional is False:
            return []
        else:
            value, key = additional, self._text(*keys, excluded=excluded)
        node = self._shared(self._value_of(value))
        return [] if node is NOTHING else [(key, node)]

    def _members(
        self,
        named: list[Member],
        fewest: int,
        most: int | None,
        extra: list[tuple[Text, Node]],
        is_unique: bool = False,
    ) -> Node:
        """An object: named members in their order, then between `fewest` and `most` others."""
        self.has_unique |= is_unique
        comma, colon = self._literal(","), self._literal(":")
        items = [Sequence((self._literal(strings.text_of(name)), colon, node)) for name, node, _ in named]
        others = [Sequence((key, colon, node)) for key, node in extra if most != 0]
        # what may follow the members up to each place
        tails: list[Node] = [Sequence(tuple(Repeat(Sequence((comma, item)), fewest, most) for item in others))]
        for item, (_, _, is_required) in zip(reversed(items), reversed(named), strict=True):
            each = Sequence((comma, item))
            tails.append(self._rule(Sequence((each if is_required else Repeat(each, 0, 1), tails[-1]))))
        tails.reverse()  # tails[k]: after the first k members have had their turn
        begins: list[Node] = []
        for place, (_, _, is_required) in enumerate(named):
            begins.append(Sequence((items[place], tails[place + 1])))
            if is_required:
                break
        else:
            more = max(0, fewest - 1), None if most is None else most - 1
            begins += [Sequence((item, Repeat(Sequence((comma, item)), *more))) for item in others]
            begins += [] if fewest else [Sequence(())]
        return self._within("{}", Choice(tuple(begins)), is_unique)


def _choice(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Choice(tuple(nodes)) if nodes else NOTHING


def _counted(
    members: list[Member], low: int, high: int | None, has_extra: bool
) -> tuple[list[Member], int, int | None] | None:
    """(Members that keep to minProperties and maxProperties, the fewest and the most others); None: no object can."""
    found = []
    missing = low - sum(is_required for _, _, is_required in members)
    for name, node, is_required in members:
        is_needed = missing > 0 and not is_required and node is not NOTHING
        missing -= is_needed
        found.append((name, node, is_required or is_needed))
    fewest = max(0, missing)
    if fewest and not has_extra:
        return None
    if high is None:
        return found, fewest, None
    room = high - sum(is_required for _, _, is_required in found)
    if room < fewest:
        return None
    kept = []
    for member in found:
        if member[2] or room > 0:
            kept.append(member)
            room -= not member[2]
    return kept, fewest, room
