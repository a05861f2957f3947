"""What pydantic, zod and OpenAI's structured outputs write: the answer validates, or the schema is refused by name.

cases/zod-schemas.json holds what `z.toJSONSchema(z.object({v: ...}))` of zod 4.4 writes for each of its types.
"""

from __future__ import annotations

import collections
import datetime
import enum
import ipaddress
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pydantic
import pytest
from pydantic import Field
from test_schema_answers import LEANINGS, check, say, tokenizer  # noqa: F401 (a fixture)

from firstwords.engine.constraints import Constraint, Constraints
from firstwords.engine.grammar import strings
from firstwords.engine.grammar.closing import Follower
from firstwords.engine.grammar.pattern import parse
from firstwords.engine.grammar.schema import shape_of
from firstwords.engine.grammar.shape import Shape, Text

ZOD = json.loads((Path(__file__).parent.parent / "cases" / "zod-schemas.json").read_text(encoding="utf-8"))


class Color(enum.Enum):
    red, blue = "red", "blue"


class Level(enum.IntEnum):
    low, high = 1, 2


class Point(NamedTuple):
    x: int
    label: str = ""


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    mice: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    walks: set[Color]


class Tree(pydantic.BaseModel):
    value: int
    kids: list[Tree] = []


PYDANTIC = {
    "set of strings": set[str],
    "frozenset": frozenset[int],
    "set of literals": set[Literal["a", "b", "c"]],
    "set of booleans": set[bool],
    "set of an enum": set[Color],
    "set of unions": set[int | str | None],
    "set of tuples": set[tuple[int, Color]],
    "set with bounds": Annotated[set[str], Field(min_length=2, max_length=3)],
    "sets in sets": list[set[bool]],
    "decimal": Annotated[float, Field(multiple_of=0.25, ge=0)],
    "integer": Annotated[int, Field(ge=3, lt=90, multiple_of=7)],
    "open": Annotated[float, Field(gt=0, lt=1)],
    "date": datetime.date,
    "time": datetime.time,
    "datetime": datetime.datetime,
    "span": datetime.timedelta,
    "uuid": uuid.UUID,
    "url": pydantic.HttpUrl,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "any address": pydantic.IPvAnyAddress,
    "network": ipaddress.IPv4Network,
    "network 6": ipaddress.IPv6Network,
    "interface": ipaddress.IPv6Interface,
    "base64": pydantic.Base64Str,
    "expression": re.Pattern,
    "path": Path,
    "bytes": bytes,
    "secret": pydantic.SecretStr,
    "enum": Color,
    "whole enum": Level,
    "named tuple": Point,
    "literals": Literal[1, "a", True, None],
    "pattern": Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$")],
    "lengths": Annotated[str, Field(min_length=2, max_length=5)],
    "dict": dict[str, int],
    "free dict": dict,
    "dict of an enum": dict[Color, float],
    "dict of literals": dict[Literal["a", "b"], int],
    "dict with a key pattern": dict[Annotated[str, Field(pattern="^[a-z]+$", max_length=4)], int],
    "dict with bounds": Annotated[dict[str, int], Field(min_length=2, max_length=3)],
    "counter": collections.Counter,
    "any": Any,
    "list": list,
    "open tuple": tuple[int, ...],
    "tuple": tuple[int, str],
    "optional": int | None,
    "union": int | str | None,
    "bounded list": Annotated[list[int], Field(min_length=1, max_length=3)],
    "tree": Tree,
    "pets": list[Annotated[Cat | Dog, Field(discriminator="kind")]],
    "json": pydantic.JsonValue,
}
# The JSON schema of these says less than Python does: its own validator may refuse what satisfies it.
LOOSE = ("expression", "base64")


@pytest.fixture(scope="module")
def constraints(tokenizer) -> Iterator[Constraints]:  # noqa: F811
    yield Constraints(tokenizer, tokenizer.vocab_size, [0, 2])


def answers(constraints: Constraints, tokenizer, schema: dict) -> Iterator[str]:  # noqa: F811
    constraint = Constraint.json_schema(schema)
    for number, leaning in enumerate(("even", "letters", "brackets", "commas", "digits")):
        for more in (0, 6, 60):
            matcher = constraints.matcher(constraint, frozenset([0]))
            room = matcher.min_tokens + more
            yield say(tokenizer, matcher, LEANINGS[leaning](tokenizer), room, np.random.default_rng(more + number))


@pytest.mark.parametrize("name", PYDANTIC)
def test_pydantic(constraints, tokenizer, name) -> None:  # noqa: F811
    model = pydantic.create_model("Model", value=(PYDANTIC[name], ...), note=(str, "none"))
    for text in answers(constraints, tokenizer, model.model_json_schema()):
        check(model.model_json_schema(), text)
        assert no_key_twice(text)
        if name not in LOOSE:
            model.model_validate_json(text)


@pytest.mark.parametrize("name", ZOD)
def test_zod(constraints, tokenizer, name) -> None:  # noqa: F811
    for text in answers(constraints, tokenizer, ZOD[name]):
        check(ZOD[name], text)
        assert no_key_twice(text)


def no_key_twice(text: str) -> bool:
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([key for key, _ in found]) or dict(found))
    return all(len(keys) == len(set(keys)) for keys in pairs)


# As OpenAI's strict mode asks for them: all required, no others; descriptions and defaults are no conditions
STRICT = {
    "type": "object",
    "title": "Step",
    "description": "One step",
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "const": "step", "default": "step", "examples": ["step"]},
        "note": {"type": ["string", "null"], "description": "A note", "nullable": True},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "unit": {"$ref": "#/$defs/unit", "description": "Beside a reference"},
    },
    "required": ["kind", "note", "next", "unit"],
    "$defs": {"unit": {"type": "string", "enum": ["m", "s"]}},
}


def test_openai_strict(constraints, tokenizer) -> None:  # noqa: F811
    for text in answers(constraints, tokenizer, STRICT):
        check(STRICT, text)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "jwt"}, "the format 'jwt' is unknown"),
        ({"type": "string", "pattern": "^(?=a)b"}, "look-around"),
        ({"not": {"type": "string"}}, "not is not supported"),
        ({"if": {}, "then": {}}, "if is not supported"),
        ({"contains": {}}, "contains is not supported"),
        ({"type": "array", "uniqueItems": True, "minItems": 65}, "the limit is 64"),
        ({"type": "array", "uniqueItems": True, "minItems": 3, "items": {"type": "boolean"}}, "no value can satisfy"),
        ({"type": "array", "uniqueItems": True, "minItems": 2, "items": {"enum": [1, 1.0]}}, "no value can satisfy it"),
        ({"dependentRequired": {"a": ["b"]}}, "dependentRequired is not supported"),
        (
            {"type": "object", "propertyNames": {"enum": ["a"]}, "additionalProperties": True, "minProperties": 2},
            "too many different items or keys",
        ),
    ],
)
def test_what_is_refused_by_name(schema, words) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        Follower(shape_of(schema))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", strings._IMPLIED)
def test_formats_match_the_patterns_that_zod_writes_beside_them(name) -> None:
    expression = re.compile(strings._IMPLIED[name])
    text = Text((parse(strings.FORMATS[name]),))
    dice = np.random.default_rng(4)
    for _ in range(300):
        place, chars = text.automaton.start, ""
        while not (place.is_end and dice.random() < 0.2) and len(chars) < 60:
            options = [c for c in "abz09AZ.-_@+PTWYMDHS" if text.automaton.move(place, c) is not None]
            if not options:
                break
            chars += dice.choice(options)
            place = text.automaton.move(place, chars[-1])
        whole = chars + text.automaton.shortest(place)
        assert text.matches(whole) and expression.search(whole), whole


def test_a_pattern_counts_where_no_text_is_of_its_format() -> None:
    time = {"type": "string", "format": "time", "pattern": r"^\d\d:\d\d$"}
    place = Follower(shape_of(time)).start().after(b'"12:34"')
    assert place is not None and place.length == 0


def test_every_order_of_different_items_is_possible() -> None:
    follower = Follower(shape_of({"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True}))
    assert isinstance(follower.shape, Shape)

    def is_answer(text: str) -> bool:
        place = follower.start().after(text.encode())
        return place is not None and place.length == 0

    for text in ('["a","b","c"]', '["c","a","b"]', '["b"]', "[]"):
        assert is_answer(text)
    for text in ('["a","a"]', '["a","b","a"]', '["c","b","b"]'):
        assert not is_answer(text)


@pytest.mark.parametrize(
    ("items", "text", "other"),
    [
        ({"type": "number"}, "[1,1.0]", "[1,1.5]"),
        ({"type": "number"}, "[0,-0.0]", "[0,-0.5]"),
        ({}, '[{"a":1,"b":[2]},{"b":[2.0],"a":1}]', '[{"a":1,"b":[2]},{"b":[2,2],"a":1}]'),
        ({}, "[true,true]", "[1,true]"),
        ({}, '["1","1"]', '["1",1]'),
        ({}, "[[1],[1]]", "[[1],[true]]"),
        ({}, '["é\\n","é\\n"]', '["é\\n","é\\t"]'),
        ({}, '["a,b]","a,b]"]', '["a,b]","a,b"]'),
        ({}, '[["x"],["x"]]', '[["x","x"],["x"]]'),
    ],
)
def test_items_differ_as_json_does(items, text, other) -> None:
    follower = Follower(shape_of({"type": "array", "items": items, "uniqueItems": True}))
    assert follower.start().after(text.encode()) is None
    place = follower.start().after(other.encode())
    assert place is not None and place.length == 0


def test_only_the_array_that_asks_for_it_has_different_items() -> None:
    either = {
        "anyOf": [
            {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True},
            {"type": "array", "items": {"enum": [1, 3]}},
        ]
    }
    follower = Follower(shape_of({"type": "array", "items": either}))
    for text in ("[[1,2],[1,2]]", "[[1,1,3],[1]]"):
        place = follower.start().after(text.encode())
        assert place is not None and place.length == 0
    assert follower.start().after(b"[[2,1,1]") is None
