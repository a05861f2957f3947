"""Conversations from the forms in which people share them, as lists of messages for `tokenizer.chat.render`.

    {"messages": [{"role": "user", "content": ...}, ...]}         OpenAI; also a bare list of such messages
    {"conversations": [{"from": "human", "value": ...}, ...]}     ShareGPT
    {"instruction": ..., "input": ..., "output": ...}             Alpaca
    {"instruction": ..., "context": ..., "response": ...}         Dolly
    {"prompt": ..., "response": ...}                              pairs; also completion, question/answer

What comes out always has the order [system] user assistant ... assistant: blank messages go, neighbours with
the same role become one message, a greeting by the assistant before anybody spoke goes (nobody asked for it,
so it would teach a model to speak first), and what the user said after the last answer goes (nothing in it is
learned). `SourceStats.trimmed_turns` counts the messages that went. A row without an answer is skipped and
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.sources import SourceStats, UnusableRowError, from_path, usable
from firstwords.tokenizer.chat import Message

_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "ai": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip
_LISTS = ("messages", "conversations", "conversation", "dialogue", "turns")
_CONTEXTS = ("input", "context")
_PAIRS = (  # columns of question and answer, the first pair whose columns are both there
    ("instruction", "output"), ("instruction", "response"), ("instruction", "completion"),
    ("prompt", "response"), ("prompt", "completion"), ("prompt", "output"),
    ("question", "answer"), ("question", "response"), ("query", "response"), ("query", "answer"),
    ("input", "output"),
)  # fmt: skip
_FORMS = (
    "messages, conversations, instruction/output, instruction/response, prompt/response, prompt/completion "
    "and question/answer"
)


def conversations(specs: Iterable[str | Path], stats: SourceStats | None = None) -> Iterator[list[Message]]:
    """Stream the conversations of all specs: files, folders, `hf:NAME[:SPLIT]`, or `world` (endless).

    Raises UserError for what cannot be read and for a source none of whose rows is a usable chat.
    """
    stats = stats if stats is not None else SourceStats()
    names = [str(spec) for spec in specs]
    if not names:
        raise UserError('no chats were named: give files, folders, hf:NAME or "world"')
    for name in names:
        for chat in _of_spec(name, stats):
            stats.documents += 1
            stats.bytes += sum(len(message["content"].encode("utf-8", "replace")) for message in chat)
            yield chat


def _of_spec(spec: str, stats: SourceStats) -> Iterator[list[Message]]:
    def parse(row: Any) -> list[Message]:
        return parse_row(row, stats)

    if spec == "world":
        from firstwords.world.chats import conversations as world_conversations

        yield from world_conversations()
    elif spec.startswith("hf:"):
        yield from usable(readers.hub_rows(spec, stats)[0], parse, stats, spec)
    else:
        path = Path(spec).expanduser()
        yield from from_path(
            path,
            readers.TABLE_SUFFIXES,
            stats,
            lambda file: usable(readers.file_rows(file, stats), parse, stats, str(file)),
        )


def parse_row(row: Any, stats: SourceStats | None = None) -> list[Message]:
    """One row, whatever its form, as messages; raises an exception that says why if it has no usable
    conversation."""
    if isinstance(row, list):
        return _clean(_from_list(row), stats)
    if not isinstance(row, dict):
        raise UnusableRowError(f"a row must be an object, not {type(row).__name__}")
    for name in _LISTS:
        if isinstance(row.get(name), list):
            return _clean(_with_system(row, _from_list(row[name])), stats)
    for ask, answer in _PAIRS:
        if row.get(ask) is not None and row.get(answer) is not None:
            return _clean(_with_system(row, _from_pair(row, ask, answer)), stats)
    if "chosen" in row and "rejected" in row:
        raise UnusableRowError(
            "the row is a preference (chosen, rejected), not a chat: give the file to --preferences"
        )
    raise UnusableRowError(f"no chat in the columns {', '.join(map(str, row)) or '(none)'}; known are {_FORMS}")


def _with_system(row: dict[str, Any], messages: list[Message]) -> list[Message]:
    for name in ("system", "system_prompt"):
        if isinstance(row.get(name), str) and messages and messages[0]["role"] != "system":
            return [{"role": "system", "content": row[name]}, *messages]
    return messages


def _from_list(turns: list[Any]) -> list[Message]:
    messages: list[Message] = []
    for turn in turns:
        if not isinstance(turn, dict):
            raise UnusableRowError("a message must be an object with role and content")
        name = turn.get("role", turn.get("from"))
        role = _ROLES.get(str(name).strip().lower())
        if role is None:
            raise UnusableRowError(f"a message has the role {name!r}; known are system, user and assistant")
        messages.append({"role": role, "content": _text(turn.get("content", turn.get("value")))})
    return messages


def _from_pair(row: dict[str, Any], ask: str, answer: str) -> list[Message]:
    asked, answered = row[ask], row[answer]
    before = _from_list(asked) if isinstance(asked, list) else [Message(role="user", content=_text(asked))]
    after = (
        _from_list(answered)
        if isinstance(answered, list)
        else [Message(role="assistant", content=_text(answered))]
    )
    if ask == "instruction":
        for name in _CONTEXTS:
            extra = row.get(name)
            if isinstance(extra, str) and extra.strip():
                before[-1]["content"] = before[-1]["content"].rstrip() + "\n\n" + extra.strip()
                break
    return before + after


def _text(content: Any) -> str:
    """Content is a text, nothing, or OpenAI's list of parts of which only text can be used."""
    if content is None:
        return ""
    if isinstance(content, str):
        return (
            content if content.isascii() else content.encode("utf-8", "replace").decode()
        )  # no lone surrogates
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    ):
        return "".join(str(part.get("text", "")) for part in content)
    if isinstance(content, (int, float)):
        return str(content)
    raise UnusableRowError("a message holds something else than text")


def _clean(messages: list[Message], stats: SourceStats | None) -> list[Message]:
    """Blank messages out, neighbours merged, assistant never first, assistant always last."""
    chat: list[Message] = []
    for message in messages:
        content = message["content"].strip()
        if not content:
            continue
        if message["role"] == "assistant" and not any(m["role"] == "user" for m in chat):
            continue
        if chat and chat[-1]["role"] == message["role"]:
            chat[-1]["content"] += "\n\n" + content
        else:
            chat.append({"role": message["role"], "content": content})
    while chat and chat[-1]["role"] != "assistant":
        chat.pop()
    if not chat:
        has_answer = any(m["role"] == "assistant" and m["content"].strip() for m in messages)
        raise UnusableRowError(
            "the chat has no user turn before its answer" if has_answer else "the chat has no assistant turn"
        )
    if stats is not None:
        stats.trimmed_turns += max(0, len(messages) - len(chat))
    return chat
