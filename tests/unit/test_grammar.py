"""The parts of constraints: expressions, numbers, strings, schemas, and the shortest way to the end of a text."""

from __future__ import annotations

import decimal
import itertools
import json
import math
import random
import re

import pytest
import random_schemas

from firstwords.engine.grammar import numbers, strings
from firstwords.engine.grammar.automaton import MAX_MEMBERS, Automaton, State, build
from firstwords.engine.grammar.closing import MAX_NESTING, Follower, Place
from firstwords.engine.grammar.pattern import parse
from firstwords.engine.grammar.regular import searching, whole
from firstwords.engine.grammar.schema import shape_of


def matches(automaton: Automaton, text: str) -> bool:
    state: State | None = automaton.start
    for char in text:
        state = None if state is None else automaton.move(state, char)
    return state is not None and state.is_end


PATTERNS = [
    r"a|bc*",
    r"(ab|c)*d",
    r"[a-c]{2,3}",
    r"[^a-c]",
    r"\d+\.\d{2}",
    r"(?:a|b)?c{0}",
    r"[a\-z]",
    r".b",
    r"(?i)aB",
    r"\w\s",
    r"(?P<x>a)b",
    r"a+?b*?",
    r"^a$",
    r"^ab|c$",
    r"(^a|b$)",
    r"[\d_]",
    r"\.\*",
    r"\x61é\u0062",
    r"",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("as_search", [False, True])
def test_an_expression_matches_what_python_says(pattern, as_search) -> None:
    automaton = build([(searching if as_search else whole)(parse(pattern))])
    theirs = re.compile(pattern, re.ASCII)
    for size in range(4):
        for text in map("".join, itertools.product("abcdAB1. é-z]_", repeat=size)):
            found = theirs.search(text) if as_search else theirs.fullmatch(text)
            assert matches(automaton, text) == bool(found), text


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("(?=a)b", "look-around"),
        (r"(a)\1", "back references"),
        (r"\bx", "boundaries"),
        ("(", "closed"),
        ("*a", "repeat"),
        ("a)", "opened"),
        ("a{3,2}", "3 to 2"),
        ("a{99999}", "repeats"),
        (r"\p{Klingon}", "Klingon"),
        ("[b-a]", "range"),
        ("[a&&b]", "operations"),
        ("[]a]", "empty set"),
        ("[[:alpha:]]", "alpha"),
        (r"\xZZ", "ZZ"),
        ("(?x)a", "(?x"),
        ("(" * 200, "nested"),
        ("a^b", "middle"),
        (r"a\q", "\\q"),
        ("a\\", "ends"),
    ],
)
def test_what_no_expression_can_say_is_refused_by_name(pattern, word) -> None:
    with pytest.raises(ValueError, match=re.escape(word)):
        searching(parse(pattern))


def test_the_shortest_way_is_the_shortest() -> None:
    for pattern in [r"a{3}|b{2}c?", r"(ab|c)*d", r"é|日{2}|zzz", r"[a-c]{2,}x"]:
        automaton = build([whole(parse(pattern))])
        texts = ["".join(letters) for size in range(5) for letters in itertools.product("abcdxzé日", repeat=size)]
        full = [text for text in texts if matches(automaton, text)]
        for begun in texts:
            state: State | None = automaton.start
            for char in begun:
                state = None if state is None else automaton.move(state, char)
            rests = [len(text[len(begun) :].encode()) for text in full if text.startswith(begun)]
            if state is not None and len(begun) < 2:
                assert state.length == min(rests) == len(automaton.shortest(state).encode())
                assert matches(automaton, begun + automaton.shortest(state))


NUMBER_TEXTS = [
    sign + digits + fraction
    for sign in ("", "-")
    for digits in ("0", "1", "2", "9", "10", "12", "19", "99", "100", "105", "120", "999", "1000", "007", "12345")
    for fraction in ("", ".0", ".00", ".5", ".05", ".25", ".250", ".3", ".49", ".99", ".12345")
]


@pytest.mark.parametrize("seed", range(60))
def test_a_range_of_numbers_holds_its_numbers(seed) -> None:
    dice = random.Random(seed)
    bounds = ["0", "1", "-1", "10", "12", "99", "100", "0.25", "-0.25", "12.3", "-12.3", "0.05", "105", "1000.5"]
    low, high = (decimal.Decimal(dice.choice(bounds)) if dice.random() < 0.8 else None for _ in range(2))
    schema = {}
    if low is not None:
        schema[dice.choice(["minimum", "exclusiveMinimum"])] = float(low)
    if high is not None:
        schema[dice.choice(["maximum", "exclusiveMaximum"])] = float(high)
    is_whole, step = dice.random() < 0.5, dice.choice([None, None, "0.5", "0.25", "5", "0.01", "10", "2", "100"])
    if step is not None:
        schema["multipleOf"] = float(step)
    automaton = build(numbers.number(numbers.Range.of(schema), is_whole, numbers.step_of(schema)))
    for text in NUMBER_TEXTS:
        value = decimal.Decimal(text)
        fits = not re.match(r"-?0\d", text) and not (is_whole and "." in text)
        for name, holds in (
            ("minimum", value.__ge__),
            ("maximum", value.__le__),
            ("exclusiveMinimum", value.__gt__),
            ("exclusiveMaximum", value.__lt__),
        ):
            fits = fits and (name not in schema or bool(holds(decimal.Decimal(repr(schema[name])))))
        fits = fits and (step is None or value % decimal.Decimal(step) == 0)
        if value or not text.startswith("-"):  # minus zero is left out where there are bounds
            assert matches(automaton, text) == fits, (schema, is_whole, text)


def test_numbers_have_at_most_sixteen_digits_on_each_side() -> None:
    automaton = build(numbers.number(numbers.Range(), is_whole=False))
    assert matches(automaton, f"-{'1' * 16}.{'1' * 16}") and not matches(automaton, "1" * 17)
    assert not matches(automaton, f"0.{'1' * 17}") and not matches(automaton, "1e5") and not matches(automaton, "1.")
    beyond = build(numbers.number(numbers.Range.of({"minimum": 1e20}), is_whole=True))
    assert matches(beyond, "1" + "0" * 20) and not matches(beyond, "9" * 20)


@pytest.mark.parametrize("pattern", [r'^["\\\n]+$', r"^[^a]$", r"^.$", r"^\w+/é$"])
def test_a_pattern_is_of_the_string_and_not_of_its_json(pattern) -> None:
    automaton = build(strings.string({"pattern": pattern}))
    for text in ['"', "\\", "\n", '"\\', "a", "b", "é", "a/é", "\t", "\u2028", "😀"]:
        expected = re.search(pattern, text) and not (pattern == "^.$" and text == "\u2028")
        assert matches(automaton, json.dumps(text, ensure_ascii=False)) == bool(expected), text


def test_every_format_says_what_validators_accept() -> None:
    import jsonschema

    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    for name in strings.FORMATS:
        automaton = build(strings.string({"format": name}))
        for seed in range(200):
            dice, state, text = random.Random(seed), automaton.start, ""
            while not (state.is_end and dice.random() < 0.3) and len(text) < 60:
                chars = [c for c in map(chr, range(32, 127)) if automaton.move(state, c) is not None]
                if not chars:
                    break
                text += dice.choice(chars)
                state = automaton.move(state, text[-1])
            checker.check(json.loads(text + automaton.shortest(state)), name)


def places(schema: object, text: str) -> Place | None:
    return Follower(shape_of(schema)).start().after(text.encode())


# (schema, texts that have its shape, texts that do not)
SCHEMAS = [
    (
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}, "required": ["b"]},
        ['{"a":1,"b":null}', '{"b":null}'],
        ['{"a":1}', '{"b":null,"a":1}', '{"b":null,"c":1}', '{ "b":null}', "{}"],
    ),
    (
        {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "boolean"}},
        ["{}", '{"b":true}', '{"a":[1],"b":true,"c":false}'],
        ['{"b":1}', '{"b":true,"a":1}', '{"b":true,"a":true}'],
    ),
    ({"type": "object", "properties": {}, "additionalProperties": False}, ["{}"], ['{"a":1}']),
    ({"type": "object"}, ["{}", '{"a":{"b":[1,"c",null,{}]}}'], ["[]", '{"a"}']),
    (
        {"type": "array", "items": {"enum": ["a", 1]}, "minItems": 1, "maxItems": 2},
        ['["a"]', '[1,"a"]'],
        ["[]", "[1,1,1]", '["b"]', "[1 ,1]"],
    ),
    (
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        ["[]", "[1]", '[1,"x"]'],
        ['[1,"x",2]', '["x"]'],
    ),
    (
        {"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "null"}},
        ["[1,null,null]"],
        ["[1,1]"],
    ),
    ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, ["1", "[1]"], ['"1"', "[[]]"]),
    (
        {
            "allOf": [
                {"properties": {"a": {"type": "number"}}, "required": ["a"]},
                {"properties": {"a": {"type": "integer", "minimum": 3}}},
            ]
        },
        ['{"a":3}'],
        ['{"a":2}', '{"a":3.5}', "{}"],
    ),
    (
        {"$defs": {"T": {"type": "array", "items": {"$ref": "#/$defs/T"}}}, "$ref": "#/$defs/T"},
        ["[]", "[[],[[]]]"],
        ["[1]"],
    ),
    ({"properties": {"a": {"$ref": "#"}}}, ['{"a":{"a":{}}}'], ['{"a":1}']),
    (
        {
            "oneOf": [
                {"properties": {"k": {"const": "x"}}, "required": ["k"]},
                {"properties": {"k": {"const": "y"}, "n": {"type": "integer"}}, "required": ["k", "n"]},
            ]
        },
        ['{"k":"x"}', '{"k":"y","n":1}'],
        ['{"k":"y"}', '{"k":"x","n":1}'],
    ),
    ({"type": ["string", "null"], "maxLength": 1}, ['"a"', "null", '""', '"\\n"'], ['"ab"', '"\\/"']),
    ({"const": {"b": [1.5, None], "a": "é"}}, ['{"b":[1.5,null],"a":"é"}'], ['{"a":"é","b":[1.5,null]}']),
    ({"enum": [1, "1", None, 2.5], "type": ["integer", "null"]}, ["1", "null"], ['"1"', "2.5"]),
    (
        {"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "properties": {"xa": {"maximum": 3}}},
        ['{"xa":3,"xb":9}'],
        ['{"xa":4}', '{"y":1}'],
    ),
    (
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}},
        ['{"a":1}', '{"b":1,"a":2}'],
        ['{"c":1}'],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "minProperties": 1,
            "maxProperties": 1,
        },
        ['{"a":1}'],
        ["{}", '{"a":1,"b":1}'],
    ),
    ({"type": "integer", "multipleOf": 7, "minimum": 10}, ["14", "700"], ["7", "15", "-14"]),
]


@pytest.mark.parametrize(("schema", "right", "wrong"), SCHEMAS)
def test_a_schema_has_its_texts(schema, right, wrong) -> None:
    for text in right:
        place = places(schema, text)
        assert place is not None and place.length == 0, text
        for size in range(len(text)):
            begun = places(schema, text[:size])
            assert begun is not None and begun.length <= len(text[size:].encode()), text[:size]
            ended = begun.after(begun.rest)
            assert ended is not None and ended.length == 0 and len(begun.rest) == begun.length
    for text in wrong:
        place = places(schema, text)
        assert place is None or place.length > 0, text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"not": {"type": "null"}}, "not is not supported"),
        ({"type": "array", "uniqueItems": 1}, "uniqueItems must be true or false"),
        ({"$ref": "http://x/y"}, "#/$defs/Name"),
        ({"$ref": "#/nowhere"}, "points to nothing"),
        ({"$ref": "#"}, "no value can"),
        ({"allOf": [{"$ref": "#"}]}, "refers to itself"),
        ({"properties": {"a": 3}}, "a schema must be an object"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no value can satisfy"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "use anyOf"),
        ({"enum": []}, "no value can satisfy"),
        ({"type": "string", "format": "runes"}, "runes"),
        ({"type": "string", "pattern": "(?!a)b"}, "look-around"),
        ({"type": "number", "multipleOf": 0.3}, "multipleOf"),
        ({"type": "object", "required": "a"}, "must be a list"),
        ({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 99}, "minProperties"),
        ({"type": "string", "minLength": 9999}, "minLength"),
        ({"type": "integer", "minimum": "3"}, "must be a number"),
        ({"type": []}, "type must be one"),
        ({"anyOf": []}, "at least one option"),
        ({"minLength": -1}, "whole number"),
        ({"allOf": [{"anyOf": [{"minimum": i} for i in range(12)]} for _ in range(6)]}, "too large"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(schema, words) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        shape_of(schema)
    assert "\n" not in str(refused.value)


def can_be_finished(place: Place | None) -> bool:
    return place is not None and place.length < math.inf


@pytest.mark.parametrize("seed", range(40))
def test_from_everywhere_the_shortest_way_leads_to_a_valid_text(seed) -> None:
    import jsonschema

    dice = random.Random(seed)
    schema = random_schemas.schema(dice)
    place = Follower(shape_of(schema)).start()
    data = b""
    alphabet = [bytes([byte]) for byte in b'abcxyz0159.-"{}[],:\\nultrfse @T\xe6\xf0']
    alphabet += ["é".encode(), "日".encode()]
    for _ in range(120):
        rest = place.rest
        ended = place.after(rest)
        assert ended is not None and ended.length == 0 and len(rest) == place.length
        jsonschema.Draft202012Validator(schema).validate(json.loads(data + rest))
        options = [*dice.sample(alphabet, len(alphabet)), rest[:1]]
        step = next(option for option in options if option and can_be_finished(place.after(option))) if rest else b""
        if not step:
            break
        place, data = place.after(step), data + step


def test_nesting_has_an_end_that_readers_of_json_stand() -> None:
    schema = {"type": "array", "items": {"$ref": "#"}}
    assert places(schema, "[" * MAX_NESTING) is not None and places(schema, "[" * (MAX_NESTING + 1)) is None
    deep: dict = {"type": "integer"}
    for _ in range(MAX_NESTING + 1):
        deep = {"type": "array", "items": deep, "minItems": 1}
    with pytest.raises(ValueError, match="levels deep"):
        Follower(shape_of(deep))


def test_what_has_more_states_than_memory_is_followed_all_the_same() -> None:
    automaton = build([whole(parse(".*a.{900}"))])
    dice, state, text = random.Random(0), automaton.start, ""
    for _ in range(2500):
        text += dice.choice("ab")
        following = automaton.move(state, text[-1])
        assert following is not None
        state = following
        assert state.is_end == (text[-901:-900] == "a")
    known = automaton._known
    assert sum(len(members) for members in known) <= MAX_MEMBERS + 901 and len(known) < 2500
