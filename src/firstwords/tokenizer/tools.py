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

from firstwords.config import UserError
from firstwords.tokenizer.chat import render

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

HOW_TO_CALL = 'To call a tool, write a line like {"name": "...", "arguments": {...}}.'
TAG = "<tool_call>"
_FIRST_MARK = 0xE000  # private characters, which stand for special tokens' names in messages while a template runs


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
    return TAG in tool_template(tokenizer)


def tool_template(tokenizer: Tokenizer) -> str:
    """The model's own chat template if it knows tools, else an empty text."""
    template = (tokenizer.config or {}).get("chat_template")
    if isinstance(template, list):  # several, by name
        named = {each.get("name"): each.get("template") for each in template if isinstance(each, Mapping)}
        template = named.get("tool_use") or named.get("default")
    return template if isinstance(template, str) and re.search(r"\btools\b", template) else ""


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
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Ids of a chat with an open turn, as the model's own template writes it with tools.

    messages: OpenAI's, with the arguments of calls as objects. Text that contains a special token's name stays text.
    Raises UserError if the template refuses the chat.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    special = {tokenizer.token_bytes(i).decode("utf-8", "replace"): i for i in tokenizer.special_ids}
    names = sorted(special, key=len, reverse=True)
    marks = {name: chr(_FIRST_MARK + place) for place, name in enumerate(names)}

    def marked(value: Any) -> Any:
        if isinstance(value, str):
            for name in names:
                value = value.replace(name, marks[name])
            return value
        if isinstance(value, Mapping):
            return {key: marked(each) for key, each in value.items()}
        return [marked(each) for each in value] if isinstance(value, list | tuple) else value

    def refuse(message: str) -> None:
        raise UserError(f"the model's chat template refuses this chat: {message}")

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False, **how)
    environment.globals["raise_exception"] = refuse
    tools = [{"type": "function", "function": marked(each)} for each in functions]
    try:
        template = environment.from_string(tool_template(tokenizer))
        text = template.render(messages=marked(messages), tools=tools, add_generation_prompt=True)
    except jinja2.TemplateError as error:
        raise UserError(f"the model's chat template cannot write this chat: {error}") from None
    ids: list[int] = []
    for part in re.split("(" + "|".join(map(re.escape, names)) + ")", text):
        if part in special:
            ids.append(special[part])
            continue
        for name in names:
            part = part.replace(marks[name], name)
        ids += tokenizer.encode(part)
    return ids
