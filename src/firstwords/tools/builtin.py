"""The built-in tools by name: what a model reads about each, and what a call gives.

functions(["calculator"])                            -> OpenAI's description of it
run("calculator", '{"expression": "17*23"}')         -> "391"
run("calculator", '{"expression": "9**9**9"}')       -> "error: the result of a power is too large"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstwords.config import UserError, unknown
from firstwords.tools.calculator import calculate
from firstwords.tools.units import convert

MAX_ROUNDS = 4  # of calls for one question
MAX_PASSAGES, MAX_CHARS = 3, 800  # of documents, so that a small context holds them


@dataclass(frozen=True)
class Tool:
    """A tool: what the model reads, and the function that gets the arguments and returns text."""

    name: str
    description: str
    parameters: dict[str, Any]
    required: tuple[str, ...]
    run: Callable[[dict[str, Any]], str]

    @property
    def function(self) -> dict[str, Any]:
        """OpenAI's description."""
        schema = {"type": "object", "properties": self.parameters, "required": list(self.required)}
        return {"name": self.name, "description": self.description, "parameters": schema}


def _clock(given: dict[str, Any]) -> str:
    from zoneinfo import ZoneInfo

    zone = given.get("zone") or ""
    try:
        now = datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()
    except (ValueError, OSError, LookupError):
        raise ValueError(f"the time zone {str(zone)[:40]!r} is unknown: use a name such as Europe/Oslo") from None
    return f"{now:%A}, {now.day} {now:%B %Y}, {now:%H:%M}"


def _documents(given: dict[str, Any], owner: str | None = None) -> str:
    from firstwords.retrieval.evidence import gather
    from firstwords.retrieval.records import OWNER

    passages = gather(str(given["query"]), owner=owner or OWNER).passages[:MAX_PASSAGES]
    if not passages:
        return "Nothing was found."
    return "\n".join(f"[{number}] {each.chunk.text}"[:MAX_CHARS] for number, each in enumerate(passages, 1))


def _units(given: dict[str, Any]) -> str:
    return convert(float(given["value"]), str(given["from"]), str(given["to"]))


_TEXT = {"type": "string"}
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "calculator",
            "Calculate a sum.",
            {"expression": _TEXT},
            ("expression",),
            lambda given: calculate(str(given["expression"])),
        ),
        Tool("clock", "The date and the time.", {"zone": _TEXT}, (), _clock),
        Tool(
            "units",
            "Convert a value to another unit.",
            {"value": {"type": "number"}, "from": _TEXT, "to": _TEXT},
            ("value", "from", "to"),
            _units,
        ),
        Tool("documents", "Search the stored documents.", {"query": _TEXT}, ("query",), _documents),
    )
}


def chosen(names: Iterable[str]) -> list[Tool]:
    """The tools of these names. Raises UserError for an unknown one."""
    found = []
    for name in names:
        if name not in TOOLS:
            raise unknown("tool", name, TOOLS, f"the tools are {', '.join(TOOLS)}")
        found.append(TOOLS[name])
    return found


def run(name: str, arguments: str, owner: str | None = None) -> str:
    """The result of a call, or "error: " and one sentence, which the model reads as well.

    owner: whose documents are searched, where a server has several users.
    """
    if name not in TOOLS:
        return f"error: there is no tool {name[:40]}"
    tool = TOOLS[name]
    try:
        given = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return "error: the arguments are not valid JSON"
    if not isinstance(given, dict):
        return "error: the arguments must be an object"
    missing = next((each for each in tool.required if given.get(each) in (None, "")), None)
    if missing is not None:
        return f"error: {name} needs {missing}"
    try:
        return _documents(given, owner) if name == "documents" else tool.run(given)
    except (ValueError, TypeError, UserError) as error:
        return f"error: {error}"
