"""Reads messages: how chats, preferences and the API interpret role, content and weight.

    read_messages([{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}])
    -> [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]

A conversation may be a list of messages, of `[question, answer]` pairs, of `{"input", "output"}` objects, or of
alternating plain texts; the JSON text of any of these; or a transcript ("Human: ... Assistant: ...").

In a message, null and empty count as absent, so that the next name is tried: {"content": null, "value": "Hi"} says
"Hi". A user's or assistant's message without text is unusable (UnusableRowError); a system message or tool result
without text is left out. `weight` 0 marks an answer that the model reads but does not learn; every weight above 0
counts as 1. Function calls and tool results are read and never learned.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from firstwords.data.source_stats import UnusableRowError
from firstwords.plain_text import clean_text
from firstwords.tokenizer import tools
from firstwords.tokenizer.chat import Message

ROLE_NAMES = ("role", "from", "speaker", "sender", "author")
CONTENT_NAMES = ("content", "value", "text", "parts", "message", "utterance")
SYSTEM_COLUMNS = ("system", "system_prompt", "system_message")
CONTEXT_COLUMNS = ("input", "context")
_CALL = "call"  # a function call: the assistant's, read and never learned
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "customer": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "ai": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "function response": "tool",
    "tool_result": "tool",
    "ipython": "tool",
    "function_call": _CALL,
    "tool_call": _CALL,
    "functioncall": _CALL,
}
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal", None)  # None: a part without a type
_PART_TEXTS = ("text", "value", "content", "parts", "refusal", "full_text")
_SILENT_PARTS = ("thinking", "redacted_thinking", "reasoning")  # reasoning is not part of the answer
_PAIRS = (
    ("input", "output"),
    ("user", "assistant"),
    ("human", "assistant"),
    ("question", "answer"),
    ("instruction", "output"),
    ("prompt", "response"),
    ("query", "response"),
)
_TRANSCRIPTS = (  # (how a turn begins, which also identifies a transcript)
    re.compile(r"\n\n(Human|Assistant): ?"),  # hh-rlhf
    re.compile(r"(?:^|\n)\s*(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE): ?"),  # glaive, vicuna
    re.compile(r"\s*###\s*(System|Human|User|Assistant): ?"),  # guanaco
    re.compile(r"(?:^|\n)<(human|user|bot|assistant)>: ?"),  # OIG
)
_GLAIVE_CALL = "<functioncall>"


# ---- text ------------------------------------------------------------------------------------------------------------


def text_of(content: Any) -> str:
    """The text of a message's content, which may be a text, a number, absent ("") or a list of text parts.

    Raises UnusableRowError for anything else, say an image.
    """
    return clean_text(_raw_text(content))


def _raw_text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content)
    if isinstance(content, dict):
        kind = content.get("type", content.get("content_type"))
        if kind in _SILENT_PARTS:
            return ""
        if kind in _TEXT_PARTS or kind == "multimodal_text":
            for name in _PART_TEXTS:
                if content.get(name) is not None:
                    return _raw_text(content[name])
        raise UnusableRowError(f"a message contains something other than text ({kind or ', '.join(map(str, content))})")
    if isinstance(content, list):
        return "".join(map(_raw_text, content))
    raise UnusableRowError(f"a message contains something other than text ({type(content).__name__})")


# ---- one message -----------------------------------------------------------------------------------------------------


def read_message(turn: Any, place: int = 0) -> Message | None:
    """One message; None for a system message or tool result without text. `place` (1, 2, ...) is for error messages.

    Raises UnusableRowError for an unknown role, for content that is not text, and for missing text.
    """
    if not isinstance(turn, Mapping):
        raise UnusableRowError("a message must be an object with role and content")
    name = next((turn[key] for key in ROLE_NAMES if turn.get(key) not in (None, "")), None)
    role = role_of(name)
    content = content_of(turn)
    is_call = role == _CALL
    role = "assistant" if is_call else role
    if role == "assistant" and (call := call_text(turn)):
        content = f"{content.strip()}\n\n{call}" if content.strip() else call
        is_call = True
    if not content.strip():
        if role in ("system", "tool"):
            return None
        where = f"message {place}" if place else "a message"
        raise UnusableRowError(f"{where} ({name}) has no text in {', '.join(CONTENT_NAMES[:3])} or {CONTENT_NAMES[3]}")
    message = Message(role=role, content=content)
    if role == "assistant" and (is_call or not _is_learned(turn)):
        message["weight"] = 0
    return message


def role_of(name: Any) -> str:
    """The role that a name means: system, user, assistant, tool, or `call`. Raises UnusableRowError."""
    if isinstance(name, Mapping):  # ChatGPT's export: {"author": {"role": "user"}}
        name = name.get("role")
    role = _ROLES.get(str(name).strip().lower())
    if role is None:
        raise UnusableRowError(f"a message has the unknown role {name!r}; use system, user, assistant or tool")
    return role


def content_of(turn: Mapping[str, Any]) -> str:
    """The first of CONTENT_NAMES that holds text, or "". Raises UnusableRowError where there is only other content."""
    problem = None
    for name in CONTENT_NAMES:
        try:
            text = text_of(turn.get(name))
        except UnusableRowError as error:
            problem = problem or error
            continue
        if text.strip():
            return text
    if problem is not None:
        raise problem
    return ""


def call_text(turn: Mapping[str, Any]) -> str:
    """OpenAI's `tool_calls` or `function_call` as text: one JSON object with name and arguments per line."""
    calls = turn.get("tool_calls")
    calls = list(calls) if isinstance(calls, list) else []
    if isinstance(turn.get("function_call"), Mapping):
        calls.append(turn["function_call"])
    lines = []
    for call in calls:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not function.get("name"):
            raise UnusableRowError("a message's tool_calls must contain functions with a name")
        arguments = function.get("arguments", {})
        arguments = from_json(arguments) if isinstance(arguments, str) else arguments
        lines.append(tools.call_text(function["name"], arguments))
    return clean_text("\n".join(lines))


def _is_learned(turn: Mapping[str, Any]) -> bool:
    weight = turn.get("weight")
    if weight in (None, ""):
        return True
    try:
        number = float(weight)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise UnusableRowError(f"a message has the weight {weight!r}: use 0 (read, not learned) or 1")
    return number > 0


# ---- conversations ---------------------------------------------------------------------------------------------------


def read_messages(turns: Any, take_texts: bool = True) -> list[Message]:
    """A conversation in any of the formats above, as messages in order; nothing is merged or moved.

    take_texts: whether a list of plain texts is read as alternating turns, the user first.
    """
    if isinstance(turns, str):
        parsed = from_json(turns)
        if isinstance(parsed, list):
            return read_messages(parsed, take_texts)
        if transcript := read_transcript(turns):
            return transcript
        raise UnusableRowError("a conversation must be a list of messages, its JSON text, or a transcript")
    if isinstance(turns, Mapping):
        turns = [turns]
    if not isinstance(turns, list | tuple):
        raise UnusableRowError(f"a conversation must be a list of messages, not {type(turns).__name__}")
    if turns and take_texts and all(isinstance(turn, str) for turn in turns):
        turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(turns)]
    elif turns and all(_pair(turn) for turn in turns):
        turns = [message for turn in turns for message in _pair(turn)]
    messages = (read_message(turn, place) for place, turn in enumerate(turns, 1))
    return [message for message in messages if message is not None]


def _pair(turn: Any) -> list[dict[str, Any]]:
    """A question with its answer, as two messages; [] for anything else."""
    if isinstance(turn, list | tuple) and len(turn) == 2 and all(isinstance(text, str) for text in turn):
        question, answer = turn
    elif isinstance(turn, Mapping) and not is_message(turn):
        names = next((names for names in _PAIRS if all(name in turn for name in names)), None)
        if names is None:
            return []
        question, answer = (turn[name] for name in names)
    else:
        return []
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def read_transcript(text: str) -> list[Message]:
    """The messages of "Human: ... Assistant: ..." in one of the four known formats; [] for any other text.

    An empty last turn ("Assistant:" with no text after it) is left out.
    """
    for mark in _TRANSCRIPTS:
        if not mark.match(text):
            continue
        pieces = mark.split(text.replace("<|endoftext|>", "\n"))
        turns = [{"role": who, "content": said.strip()} for who, said in zip(pieces[1::2], pieces[2::2], strict=True)]
        while turns and not turns[-1]["content"]:
            turns.pop()
        for turn in turns:
            if turn["content"].startswith(_GLAIVE_CALL):
                turn |= {"role": "function_call", "content": turn["content"].removeprefix(_GLAIVE_CALL)}
        return read_messages(turns)
    return []


def as_messages(value: Any, role: str) -> list[Message]:
    """A cell as messages: a conversation, or the plain text of one message with that role."""
    if isinstance(value, str):
        parsed = from_json(value)
        if not _is_conversation(parsed):
            return read_transcript(value) or [Message(role=role, content=clean_text(value))]
        value = parsed
    if isinstance(value, list | tuple):
        return read_messages(value, take_texts=False)
    if isinstance(value, Mapping) and is_message(value):
        return read_messages([value])
    return [Message(role=role, content=text_of(value))]


def _is_conversation(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and is_message(each) for each in value)
    )


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether an object names a role, and so is a message."""
    return any(value.get(name) for name in ROLE_NAMES)


def from_json(text: str) -> Any:
    """The value of a JSON text, or of a Python literal (as pandas writes lists to CSV); otherwise the text itself."""
    stripped = text.strip()
    if not stripped or stripped[0] not in "[{" or stripped[-1] not in "]}":
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(stripped)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return text


def add_context(columns: Mapping[str, Any], messages: Sequence[Message]) -> None:
    """Append a row's `input` or `context` column, which an instruction refers to, to its last message."""
    for name in CONTEXT_COLUMNS:
        extra = columns.get(name)
        if messages and isinstance(extra, str) and extra.strip():
            messages[-1]["content"] = f"{messages[-1]['content'].rstrip()}\n\n{clean_text(extra).strip()}"
            return


def with_context(columns: Mapping[str, Any], messages: Sequence[Message]) -> list[Message]:
    """The messages of a row, preceded by those of its columns `system` and `history` (earlier turns)."""
    found = list(messages)
    history = columns.get("history")
    if history not in (None, "", [], "[]"):
        found = [*read_messages(history), *found]
    if found and found[0]["role"] != "system":
        for name in SYSTEM_COLUMNS:
            text = text_of(columns.get(name)).strip().removeprefix("SYSTEM:").strip()
            if text:
                return [Message(role="system", content=text), *found]
    return found
