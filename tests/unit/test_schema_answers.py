"""Whatever the schema, the model and the budget: an answer that follows a schema parses and satisfies it.

FIRSTWORDS_SCHEMAS=500 tries 500 schemas; by default a seeded sample of them runs.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import uuid
from collections.abc import Callable
from typing import Literal

import numpy as np
import pydantic
import pytest
import random_schemas
import torch

from firstwords.engine.constraints import Constraint, Constraints, Matcher
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.tokenizer.fast import Tokenizer

NUM_SCHEMAS = int(os.environ.get("FIRSTWORDS_SCHEMAS", "40"))
TEXT = 'The cat sat on the mat. Pip is 7 years old, said Ben. {"name": "Pip", "age": 7} café 日本 <b>12.5</b>\n'


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 330)


def schemas(count: int) -> list[dict]:
    return [random_schemas.schema(random.Random(seed)) for seed in range(count)]


def check(schema: dict, text: str) -> None:
    """The text is JSON, satisfies the schema, and has no key that was not named."""
    import jsonschema

    value = json.loads(text)
    validator = jsonschema.Draft202012Validator
    validator(schema, format_checker=validator.FORMAT_CHECKER).validate(value)
    if "additionalProperties" not in schema and "properties" in schema:
        assert not set(value) - set(schema["properties"]), (schema, text)


def _ids(tokenizer: Tokenizer) -> range:
    return range(tokenizer.vocab_size)


# What a model may be like: weights for each token, (V,), at every step. A constraint must hold against all of them.
def _likes(tokenizer: Tokenizer, signs: str) -> np.ndarray:
    texts = [tokenizer.token_bytes(i).decode("utf-8", "replace") for i in _ids(tokenizer)]
    return np.array([1000.0 if text and set(text) <= set(signs) else 1.0 for text in texts])


LEANINGS: dict[str, Callable[[Tokenizer], np.ndarray]] = {
    "even": lambda tokenizer: np.ones(tokenizer.vocab_size),
    "digits": lambda tokenizer: _likes(tokenizer, "0123456789.-"),
    "letters": lambda tokenizer: _likes(tokenizer, "abcdefghijklmnopqrstuvwxyz ABCDE"),
    "brackets": lambda tokenizer: _likes(tokenizer, '[{"'),
    "commas": lambda tokenizer: _likes(tokenizer, ',[{":'),
    "half characters": lambda tokenizer: _likes(tokenizer, "\ufffd"),
    "long tokens": lambda tokenizer: np.array([4.0 ** len(tokenizer.token_bytes(i)) for i in _ids(tokenizer)]),
}


def say(
    tokenizer: Tokenizer, matcher: Matcher, weights_V: np.ndarray, room: int, dice: np.random.Generator, end: int = 0
) -> str:
    """What a model with these weights says in at most `room` tokens; `end` ends it."""
    ids: list[int] = []
    while len(ids) < room and not matcher.is_complete:
        allowed_V = matcher.allowed()
        assert not matcher.has_failed, tokenizer.decode(ids)
        possible_V = weights_V * allowed_V
        token = matcher.settle(int(dice.choice(len(possible_V), p=possible_V / possible_V.sum())), room - len(ids))
        assert allowed_V[token] or matcher.has_ended, "a token that the grammar rules out was taken"
        if token == end or matcher.has_ended:
            break
        matcher.advance(token)
        assert not matcher.has_failed, tokenizer.decode([*ids, token])
        ids.append(token)
    assert matcher.may_end or matcher.is_complete, f"cut off: {tokenizer.decode(ids)}"
    return tokenizer.decode(ids)


@pytest.mark.parametrize("leaning", LEANINGS)
def test_every_answer_parses_and_satisfies_its_schema(tokenizer, leaning) -> None:
    weights_V = LEANINGS[leaning](tokenizer)
    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0, 2])
    for seed, schema in enumerate(schemas(NUM_SCHEMAS)):
        dice = np.random.default_rng(seed)
        constraint = Constraint.json_schema(schema)
        fewest = constraints.matcher(constraint, frozenset([0])).min_tokens
        for room in (fewest, fewest + 1, fewest + int(dice.integers(2, 40)), fewest + 150):
            matcher = constraints.matcher(constraint, frozenset([0] if seed % 2 else []))
            check(schema, say(tokenizer, matcher, weights_V, room, dice))


class Leg(pydantic.BaseModel):
    length: float = pydantic.Field(gt=0, le=2.5)
    is_left: bool = True


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    mice: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    walks: int


class Animal(pydantic.BaseModel):
    """An ordinary model: no bounds, defaults, a reference to itself."""

    name: str
    age: int
    weight: float
    nick: str | None = None
    tags: list[str]
    legs: list[Leg] = pydantic.Field(max_length=4)
    born: datetime.date
    seen: datetime.datetime | None = None
    number: uuid.UUID
    scores: dict[str, int]
    place: tuple[int, float]
    size: Literal["small", "large"]
    mother: Animal | None = None
    code: str = pydantic.Field(pattern=r"^[A-Z]{2}\d{3}$")
    rank: int | str
    pet: Cat | Dog = pydantic.Field(discriminator="kind")


# As zod 4 writes an object of strings, whole and other numbers, nullable and optional fields, an enum and a record
ZOD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
        "height": {"type": "number"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "pet": {
            "type": "object",
            "properties": {"kind": {"type": "string", "enum": ["cat", "dog"]}},
            "required": ["kind"],
            "additionalProperties": False,
        },
        "nick": {"type": ["string", "null"]},
        "day": {
            "anyOf": [
                {
                    "type": "string",
                    "format": "date",
                    "pattern": (
                        r"^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-"
                        r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|"
                        r"(?:02)-(?:0[1-9]|1\d|2[0-8])))$"
                    ),
                },
                {"type": "null"},
            ]
        },
        "positive": {"type": "number", "exclusiveMinimum": 0},
        "either": {"type": ["string", "number"]},
        "counts": {
            "type": "object",
            "propertyNames": {"type": "string"},
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
        },
    },
    "required": ["name", "age", "height", "score", "tags", "pet", "nick", "day", "positive", "either"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("leaning", ["even", "digits", "brackets"])
def test_what_pydantic_and_zod_write(tokenizer, leaning) -> None:
    weights_V = LEANINGS[leaning](tokenizer)
    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0, 2])
    for schema in (Animal.model_json_schema(), ZOD):
        constraint = Constraint.json_schema(schema)
        fewest = constraints.matcher(constraint, frozenset([0])).min_tokens
        for more in (0, 3, 20, 60, 200):
            matcher = constraints.matcher(constraint, frozenset([0]))
            text = say(tokenizer, matcher, weights_V, fewest + more, np.random.default_rng(more))
            check(schema, text)
            if schema is not ZOD:
                Animal.model_validate_json(text)


@pytest.mark.parametrize("kind", ["flat", "spread", "trained"])
def test_every_answer_of_the_engine_too(tokenizer, tiny_policy, one_thread, kind) -> None:
    model = tiny_policy(tokenizer.vocab_size, 1, context=256)
    if kind == "spread":
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15)
    if kind == "trained":
        train(model, tokenizer.encode(TEXT))
    engine = Engine(model, tokenizer, num_slots=8)
    params, asked = [], []
    for seed, schema in enumerate(schemas(NUM_SCHEMAS)):
        constraint = Constraint.json_schema(schema)
        fewest = engine.constraints.matcher(constraint, frozenset([0])).min_tokens
        for more in (0, 12, 120):
            temperature = (0.0, 0.7, 1.0, 1.5)[(seed + more) % 4]
            max_tokens = min(fewest + more, 240)
            asked.append(schema)
            sampling = {"temperature": temperature, "seed": seed, "constraint": constraint}
            params.append(SamplingParams(max_tokens=max_tokens, **sampling))
    answers = engine.generate([[0, 5, 6]] * len(params), params)
    for schema, answer in zip(asked, answers, strict=True):
        assert answer.finish_reason == "stop", (schema, answer.text)
        check(schema, answer.text)


def train(model, ids: list[int]) -> None:
    """A few steps on one text, after which a model prefers words to brackets."""
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    ids_BT = torch.tensor([ids])
    for _ in range(60):
        logits_BTV = model(ids_BT[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits_BTV[0], ids_BT[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 2


def test_a_string_without_end_leaves_room_for_the_next_ones(tokenizer) -> None:
    names = ["a", "b", "c"]
    schema = {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": names}
    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0, 2])
    for kind, last in (({"type": "string"}, 10), ({"type": "integer"}, 0)):
        schema["properties"]["c"] = kind
        matcher = constraints.matcher(Constraint.json_schema(schema), frozenset([0]))
        weights_V = _likes(tokenizer, "abcdefghijklmnopqrstuvwxyz")
        value = json.loads(say(tokenizer, matcher, weights_V, 120, np.random.default_rng(1)))
        sizes = [len(tokenizer.encode(str(value[name]))) for name in names]
        assert 40 < sizes[0] < 65 and sizes[1] > 15 and sizes[2] > last, value
    only = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
    matcher = constraints.matcher(Constraint.json_schema(only), frozenset([0]))
    value = json.loads(say(tokenizer, matcher, weights_V, 120, np.random.default_rng(1)))
    assert len(tokenizer.encode(value["a"])) > 80, value  # nothing long comes after it: it may have all
