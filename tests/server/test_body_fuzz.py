"""Good bodies with faults of every kind: cut off, swapped, of another type, far too large. No answer is a 5xx or late.

FIRSTWORDS_FUZZ=1000 sends so many instead of the default, FIRSTWORDS_FUZZ_SEED=7 others.
"""

from __future__ import annotations

import copy
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

COUNT, SEED = int(os.environ.get("FIRSTWORDS_FUZZ", "400")), int(os.environ.get("FIRSTWORDS_FUZZ_SEED", "0"))
MAX_SECONDS = 10  # of an answer, with nothing else running
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
        "age": {"type": "integer", "minimum": 0, "multipleOf": 3},
        "tags": {"type": "array", "items": {"enum": ["a", "b", 1]}, "uniqueItems": True},
    },
    "required": ["name", "age"],
    "$defs": {"Pet": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
SAMPLING = {
    "model": "pip",
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": 5,
    "min_p": 0.1,
    "seed": 1,
    "stop": ["x"],
    "repetition_penalty": 1.1,
    "max_tokens": 9,
    "n": 2,
    "stream": False,
    "logprobs": True,
}
JSON_FORM = {"type": "json_schema", "json_schema": {"name": "pet", "strict": True, "schema": SCHEMA}}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", SAMPLING | {"messages": MESSAGES, "top_logprobs": 3}),
    ("/v1/chat/completions", {"messages": MESSAGES, "response_format": JSON_FORM, "max_tokens": 90}),
    ("/v1/chat/completions", {"messages": MESSAGES, "structured_outputs": {"choice": ["yes", "no"]}}),
    ("/v1/chat/completions", {"messages": MESSAGES, "guided_regex": "^(a|b)+[0-9]{2,4}$", "stream": True}),
    ("/v1/chat/completions", {"messages": MESSAGES, "tools": [{"type": "function", "function": {"name": "f"}}]}),
    (
        "/v1/responses",
        {
            "model": "pip",
            "input": MESSAGES,
            "instructions": "Be brief.",
            "max_output_tokens": 9,
            "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}},
        },
    ),
    (
        "/v1/responses",
        {
            "input": [{"type": "message", "role": "user", "content": "Hi"}, {"type": "item_reference", "id": "msg_1"}],
            "store": True,
            "stream": True,
            "max_output_tokens": 9,
            "include": ["message.output_text.logprobs"],
        },
    ),
    ("/v1/completions", SAMPLING | {"prompt": ["The cat", "A dog"], "logprobs": 2, "echo": True}),
    ("/v1/completions", {"model": "pip/base", "prompt": [[1, 2, 3]], "max_tokens": 4}),
    ("/v1/embeddings", {"model": "pip", "input": ["a cat", "a dog"], "encoding_format": "float"}),
    ("/tokenize", {"model": "pip", "prompt": "a cat", "add_special_tokens": True}),
    ("/tokenize", {"model": "pip", "messages": MESSAGES}),
    ("/detokenize", {"model": "pip", "tokens": [1, 2, 3]}),
]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    3.5,
    -0.0,
    1e308,
    10**30,
    -(10**30),
    "",
    " ",
    "\x00",
    "é\u202e",
    "\ud800",
    "a" * 5000,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"type": "object"},
    {"": ""},
    ["a", 1, None],
    "pip",
    "user",
    "$ref",
    "#/$defs/Nope",
    "(",
    "[z-a]",
    "(a{1000}){1000}",
    float("inf"),
    float("nan"),
    {"type": "array", "minItems": 10**6},
    {"anyOf": [{}] * 50},
]


def damaged(dice: random.Random, body: dict[str, Any]) -> bytes:
    """A body with one to three faults in its values, and sometimes one in its bytes."""
    body = copy.deepcopy(body)
    for _ in range(dice.choice([1, 1, 2, 3])):
        holder, place = _somewhere(dice, body)
        kind = dice.choice(["odd", "odd", "odd", "remove", "nest", "double", "rename"])
        value = holder[place]
        if kind == "odd":
            holder[place] = copy.deepcopy(dice.choice(ODD))
        elif kind == "remove":
            del holder[place]
        elif kind == "nest":
            for _ in range(dice.choice([1, 3, 60, 400])):
                value = dice.choice([[value], {"allOf": [value]}, {"items": value, "type": "array"}])
            holder[place] = value
        elif kind == "double" and isinstance(value, list | str):
            holder[place] = value * dice.choice([2, 30, 3000 if len(value) < 50 else 30])
        elif isinstance(holder, dict):
            names = [f"{place}s", str(place).upper(), "uniqueItems", "enum", "$ref"]
            holder[dice.choice(names)] = holder.pop(place)
        if not body:
            break
    try:
        data = json.dumps(body).encode()
    except RecursionError:
        data = b"[" * 5000
    if dice.random() < 0.1:
        at = dice.randrange(len(data))
        data = dice.choice([data[:at], data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :], data + data])
    return data if len(data) < 1_000_000 else data[:999_999]  # what is larger is refused before it is read


def _somewhere(dice: random.Random, body: Any) -> tuple[Any, Any]:
    """A container in a body, and a key or index of it."""
    places: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting:
        holder = waiting.pop()
        for place in list(holder) if isinstance(holder, dict) else range(len(holder)):
            places.append((holder, place))
            if isinstance(holder[place], dict | list) and len(places) < 500:
                waiting.append(holder[place])
    return dice.choice(places)


def test_no_damaged_body_makes_the_server_fail(server) -> None:
    statuses: Counter[int] = Counter()
    slowest = 0.0
    until = time.monotonic() + 560
    for number in range(COUNT):
        dice = random.Random(f"{SEED}-{number}")
        path, body = dice.choice(BODIES)
        data = damaged(dice, body)
        request = urllib.request.Request(server.base_url + path, data, {"content-type": "application/json"})
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
            assert json.loads(text)["error"]["message"], (path, data[:2000], text)
        seconds = time.monotonic() - begun
        statuses[status] += 1
        slowest = max(slowest, seconds)
        assert status < 500 and "defect" not in text, (number, path, data[:2000], text[:500])
        assert seconds < MAX_SECONDS, (number, path, data[:2000], seconds)
        if begun > until:
            break
    print(f"{sum(statuses.values())} bodies: {dict(statuses)}; the slowest took {slowest:.1f} seconds")
    assert statuses[200] > COUNT / 50 and statuses[400] > COUNT / 4, statuses
    server.wait_until_idle()
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
