"""How tools and calls are written in a chat: the model's own template if it knows tools, else a plain form.

The plain form lists the tools in the system message, one JSON object per line. A call is a line of the assistant's
turn, and its result a turn of the role `tool`:

    system     Tools:
               {"name": "calculator", "description": "...", "parameters": {...}}
               To call a tool, write a line like {"name": "...", "arguments": {...}}.
    assistant  {"name": "calculator", "arguments": {"expression": "17*23"}}
    tool       391
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from firstwords.tokenizer.chat import render, written_ids
from firstwords.tokenizer.template import ChatTemplate

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

HOW_TO_CALL = 'To call a tool, write a line like {"name": "...", "arguments": {...}}.'
TAG = "<tool_call>"


def tools_text(functions: Sequence[Mapping[str, Any]]) -> str:
    """The plain form's list of tools, for the system message."""
    names = ("name", "description", "parameters")
    rows = [{name: each[name] for name in names if each.get(name)} for each in functions]
    return "\n".join(["Tools:", *(json.dumps(row, ensure_ascii=False) for row in rows), HOW_TO_CALL])


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
