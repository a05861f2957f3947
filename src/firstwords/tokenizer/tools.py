"""How tools and calls are written in a chat: the model's own template if it knows tools, else a plain form.

The plain form lists the tools in the system message, a line for each, short enough for a small context. A call is a
line of the assistant's turn, and its result a turn of the role `tool`:

    system     Tools:
               calculator(expression: string): Calculate a sum.
               To call one, write {"name": "...", "arguments": {...}}.
    assistant  {"name": "calculator", "arguments": {"expression": "17 * 23"}}
    tool       391
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from firstwords.tokenizer.chat import fit, render, written_ids
from firstwords.tokenizer.template import ChatTemplate

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

HOW_TO_CALL = 'To call one, write {"name": "...", "arguments": {...}}.'
TAG = "<tool_call>"
_PLAIN = frozenset(("type", "properties", "required", "additionalProperties", "title", "$schema"))  # of an object


def tools_text(functions: Sequence[Mapping[str, Any]]) -> str:
    """The plain form's list of tools, for the system message."""
    return "\n".join(["Tools:", *map(_line, functions), HOW_TO_CALL])


def _line(function: Mapping[str, Any]) -> str:
    """Example: "clock(zone?: string): The date and the time." What is not a simple type is written as JSON Schema."""
    schema, about = function.get("parameters") or {}, " ".join(str(function.get("description") or "").split())
    required = schema.get("required") or ()
    if set(schema) <= _PLAIN:
        given = (schema.get("properties") or {}).items()
        inside = ", ".join(f"{name}{'' if name in required else '?'}: {_kind(each)}" for name, each in given)
    else:
        inside = json.dumps(schema, ensure_ascii=False)
    return f"{function['name']}({inside})" + (f": {about}" if about else "")


def _kind(schema: Any) -> str:
    """The type of a parameter if that is all the schema says, otherwise the schema."""
    is_simple = isinstance(schema, Mapping) and set(schema) == {"type"} and isinstance(schema["type"], str)
    return schema["type"] if is_simple else json.dumps(schema, ensure_ascii=False)


def call_text(name: str, arguments: Any) -> str:
    """The plain form of a call. Example: call_text("clock", {}) -> '{"name": "clock", "arguments": {}}'"""
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def uses_tags(tokenizer: Tokenizer) -> bool:
    """Whether this model's template writes a call between <tool_call> and </tool_call>."""
    template = tool_template(tokenizer)
    return template is not None and TAG in template.source


def tool_template(tokenizer: Tokenizer) -> ChatTemplate | None:
    """The model's own chat template if it knows tools: the one named tool_use if it has several."""
    template = tokenizer.template
    several = (tokenizer.config or {}).get("chat_template")
    if isinstance(several, list):
        named = {each.get("name"): each.get("template") for each in several if isinstance(each, Mapping)}
        if isinstance(source := named.get("tool_use"), str):
            template = ChatTemplate(source, template.variables if template is not None else {})
    return template if template is not None and re.search(r"\btools\b", template.source) else None


def fit_with_tools(
    turns: Sequence[Any], functions: Sequence[Mapping[str, Any]], tokenizer: Tokenizer, room: int
) -> tuple[list[int], int]:
    """As `chat.fit`, with tools that the answer may call. Where the model's own template lists them, nothing is left
    out. Raises UserError if that template refuses the chat.
    """
    template = tool_template(tokenizer) if functions else None
    if template is not None:
        return template_ids(tokenizer, template, turns, functions), 0
    return fit(with_tools(turns, functions) if functions else turns, tokenizer, room)


def plain_ids(tokenizer: Tokenizer, turns: Sequence[Any], functions: Sequence[Mapping[str, Any]]) -> list[int]:
    """Ids of a chat with an open turn, with the tools in its system message."""
    return render(with_tools(turns, functions), tokenizer, add_generation_prompt=True)[0]


def with_tools(turns: Sequence[Any], functions: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The turns of a chat with the tools in its system message."""
    turns, listed = list(turns), tools_text(functions)
    if turns and turns[0]["role"] == "system":
        return [{**turns[0], "content": f"{turns[0]['content'].strip()}\n\n{listed}"}, *turns[1:]]
    return [{"role": "system", "content": listed}, *turns]


def template_ids(
    tokenizer: Tokenizer,
    template: ChatTemplate,
    messages: Sequence[Mapping[str, Any]],
    functions: Sequence[Mapping[str, Any]],
) -> list[int]:
    """Ids of a chat with an open turn, as the model's own template writes it with tools.

    messages: OpenAI's, with the arguments of calls as objects. Text that contains a special token's name stays text.
    Raises UserError if the template refuses the chat.
    """
    tools = [{"type": "function", "function": each} for each in functions]
    given = {"messages": messages, "tools": tools}
    return written_ids(tokenizer, given, lambda safe: template.written(safe["messages"], True, safe["tools"]))[0]
