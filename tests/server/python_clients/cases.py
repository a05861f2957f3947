"""Runs a client's cases and prints one JSON object: {name: {"value": ...} or {"error": ..., "kind": ...}}."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel

BASE_URL, QUESTION = sys.argv[1:3]


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    legs: Literal["two", "four"]


class Age(BaseModel):
    age: int


def run(cases: dict[str, Callable[[], Any]]) -> None:
    results = {}
    for name, work in cases.items():
        try:
            results[name] = {"value": work()}
        except Exception as error:
            results[name] = {"error": str(error), "kind": type(error).__name__}
    print("\n" + json.dumps(results))
