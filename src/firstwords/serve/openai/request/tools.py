"""The tools of a chat request, and what tool_choice makes of them.

tools: [{"type": "function", "function": {"name": "weather", "parameters": {...}}}]
tool_choice: "auto" | "none" | "required" | {"type": "function", "function": {"name": "weather"}}
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords.engine.constraints import Constraint
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.serve.openai.request.schemas import ChatRequest

MAX_TOOLS = 128  # as OpenAI's
MAX_CALLS = 4  # of one answer that must call; a small model would never stop
_CHOICES = 'tool_choice must be "auto", "none", "required" or {"type": "function", "function": {"name": ...}}'


@dataclass(frozen=True)
class Tools:
    """The functions of a request as their JSON, those that must be called, and how many calls an answer may have."""

    functions: tuple[dict[str, Any], ...]
    required: tuple[dict[str, Any], ...] = ()
    is_parallel: bool = True

    @property
    def names(self) -> frozenset[str]:
        return frozenset(each["name"] for each in self.functions)

    def constraint(self, is_tagged: bool) -> Constraint | None:
        """What an answer that must call looks like; None where it may do as it likes. Raises ApiError 400."""
        from firstwords.engine.grammar import calls, schema

        if not self.required:
            return None
        for each in self.required:
            try:
                schema.shape_of(calls.parameters(each))
            except ValueError as error:
                reason = f"the parameters of the tool {each['name']} are not a supported schema: {error}"
                raise ApiError(400, reason, "tools") from None
        try:
            found = Constraint.calls(self.required, is_tagged, MAX_CALLS if self.is_parallel else 1)
        except ValueError as error:
            raise ApiError(400, f"the tools are too large to be enforced: {error}", "tools") from None
        return dataclasses.replace(found, origin="tools")


def tools_of(body: ChatRequest) -> Tools | None:
    """The tools that an answer may call; None if there are none. Raises ApiError 400 in one sentence."""
    choice = body.tool_choice
    given = body.tools or []
    if not isinstance(given, list):
        raise ApiError(400, 'tools must be a list of {"type": "function", "function": {...}}', "tools")
    if choice in (None, "auto", "none") and (not given or choice == "none"):
        return None
    if not given:
        raise ApiError(400, "tool_choice needs tools: send them, or leave it out", "tool_choice")
    if len(given) > MAX_TOOLS:
        raise ApiError(400, f"tools has {len(given)} tools, but the limit is {MAX_TOOLS}", "tools")
    functions = tuple(_function(each, place) for place, each in enumerate(given))
    names = [each["name"] for each in functions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ApiError(400, f"tools has two tools with the name {twice}", "tools")
    required = _required(choice, functions)
    if required and _has_form(body):
        reason = "a tool_choice that requires a call cannot be used together with rules or a form: send one of them"
        raise ApiError(400, reason, "tool_choice")
    return Tools(functions, required, body.parallel_tool_calls is not False and not isinstance(choice, dict))


def _has_form(body: ChatRequest) -> bool:
    from firstwords.serve.openai.request.forms import constraint

    return constraint(body) is not None


def _function(given: Any, place: int) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("type", "function") != "function":
        raise ApiError(400, f'tools[{place}] must be {{"type": "function", "function": {{...}}}}', "tools")
    function = given.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise ApiError(400, f'tools[{place}] has no name: send {{"function": {{"name": ...}}}}', "tools")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        reason = "a name has letters, digits, _ and - only, 64 at most"
        raise ApiError(400, f"tools[{place}] has the name {name[:70]!r}: {reason}", "tools")
    parameters, description = function.get("parameters"), function.get("description")
    if not isinstance(parameters or {}, dict) or (parameters or {}).get("type", "object") != "object":
        raise ApiError(400, f"the parameters of the tool {name} must be a JSON schema of type object", "tools")
    if description is not None and not isinstance(description, str):
        raise ApiError(400, f"the description of the tool {name} must be text", "tools")
    return function


def _required(choice: Any, functions: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The functions one of which must be called; none for "auto"."""
    if choice in (None, "auto"):
        return ()
    if choice == "required":
        return functions
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise ApiError(400, _CHOICES, "tool_choice")
    named = tuple(each for each in functions if each["name"] == name)
    if not named:
        raise ApiError(400, f"tool_choice names {name[:64]}, which is not one of the tools", "tool_choice")
    return named


def as_template_messages(body: ChatRequest, turns: list[Any]) -> list[dict[str, Any]]:
    """OpenAI's messages as chat templates expect them: text as text, the arguments of calls as objects."""
    found: list[dict[str, Any]] = []
    for message, turn in zip(body.messages, turns, strict=False):
        extra = message.model_extra or {}
        calls = extra.get("tool_calls")
        row = {"role": turn["role"], "content": turn["content"]}
        if turn["role"] == "assistant" and isinstance(calls, list) and calls:
            text = message.content if isinstance(message.content, str) else ""
            row = {"role": "assistant", "content": text, "tool_calls": [_call(call) for call in calls]}
        found.append(row | {name: extra[name] for name in ("name", "tool_call_id") if name in extra})
    return found


def _call(call: Any) -> dict[str, Any]:
    function = call["function"]
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {}
    return {"type": "function", "id": call.get("id"), "function": {"name": function["name"], "arguments": arguments}}
