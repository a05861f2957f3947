"""Finds calls of tools in a text as it is generated, in either form: a line of JSON, or JSON between <tool_call> tags.

    reader = CallReader({"weather"})
    reader.push('{"name": "weather", "arguments": {"ci')  -> [Part(0, name="weather"), Part(0, arguments='{"ci')]
    reader.push('ty": "Oslo"}}')                          -> [Part(0, arguments='ty": "Oslo"}')]

What looks like a call but names no known function, or is not one in the end, is text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,64})"\s*,\s*"arguments"\s*:\s*(?=\{)')
_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_START = re.compile(r"<tool_call>\s*|(?:^|(?<=\n))[ \t]*(?=\{)")
MAX_HEAD = 400  # characters before the arguments; what is longer is text


@dataclass(frozen=True)
class Part:
    """A part of an answer: text, the name with which call `index` begins, or more of its arguments."""

    index: int | None = None
    name: str = ""
    arguments: str = ""
    text: str = ""


@dataclass
class Call:
    """A call that was found."""

    name: str
    arguments: str = ""
    id: str = field(default_factory=lambda: f"call_{secrets.token_hex(12)}")

    def to_json(self) -> dict[str, Any]:
        """OpenAI's form."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class CallReader:
    """Reads one answer. `calls` are those found so far, `text` is the rest."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._held = ""  # not yet known to be text or a call
        self._state = "text"  # or "head", "arguments", "end"
        self._depth, self._in_string, self._is_escaped = 0, False, False
        self._is_line_start = True
        self.calls: list[Call] = []
        self.text = ""

    def push(self, text: str, is_last: bool = False) -> list[Part]:
        """The parts that more text completes."""
        self._held += text
        found: list[Part] = []
        while True:
            state, size = self._state, len(self._held)
            steps = {"text": self._text, "head": self._head, "arguments": self._arguments, "end": self._end}
            part = steps[state](is_last)
            if part is not None:
                found.append(part)
            if (state, size) == (self._state, len(self._held)):
                return found

    def _say(self, size: int) -> Part | None:
        said, self._held = self._held[:size], self._held[size:]
        self._is_line_start = said.endswith("\n") if said else self._is_line_start
        if self.calls and not said.strip():
            return None  # line ends between calls
        self.text += said
        return Part(text=said) if said else None

    def _text(self, is_last: bool) -> Part | None:
        held = self._held
        starts = _START.finditer(held)
        start = next((m for m in starts if m.start() or self._is_line_start or m[0].startswith("<")), None)
        if start is not None:
            if start.start():
                return self._say(start.start())
            self._state = "head"
            return None
        if is_last:
            return self._say(len(held))
        # what may become the beginning of a call is held back
        keep = next((n for n in range(min(len(_OPEN) - 1, len(held)), 0, -1) if _OPEN.startswith(held[-n:])), 0)
        blank = len(held) - len(held.rstrip())
        return self._say(len(held) - max(keep, blank))

    def _head(self, is_last: bool) -> Part | None:
        body = re.sub(r"^\s*<tool_call>", "", self._held)
        match = _HEAD.match(body)
        if match and match[1] in self._names:
            self._held, self._state = body[match.end() :], "arguments"
            self._depth, self._in_string, self._is_escaped = 0, False, False
            self.calls.append(Call(match[1]))
            return Part(len(self.calls) - 1, name=match[1])
        if match or is_last or len(body) > MAX_HEAD or not _may_become_head(body):
            self._state = "text"
            line_end = self._held.find("\n", len(self._held) - len(self._held.lstrip())) + 1
            return self._say(line_end or len(self._held))
        return None

    def _arguments(self, is_last: bool) -> Part | None:
        size = 0
        for char in self._held:
            size += 1
            if self._is_escaped:
                self._is_escaped = False
            elif self._in_string:
                self._is_escaped, self._in_string = char == "\\", char != '"'
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if not self._depth:
                    self._state = "end"
                    break
        data, self._held = self._held[:size], self._held[size:]
        self.calls[-1].arguments += data
        return Part(len(self.calls) - 1, arguments=data) if data else None

    def _end(self, is_last: bool) -> Part | None:
        match = re.match(r"\s*\}(?:\s*</tool_call>)?", self._held)
        rest = self._held[match.end() :] if match else self._held
        waits = match is None or (not match[0].endswith(_CLOSE) and _CLOSE.startswith(rest.strip()))
        if waits and not is_last and len(self._held) < MAX_HEAD:
            return None
        self._held, self._state, self._is_line_start = rest, "text", True
        return None


def _may_become_head(text: str) -> bool:
    """Whether more text could make a call of this."""
    compact = re.sub(r"\s+", "", text)
    wanted = '{"name":"'
    return wanted.startswith(compact) or (compact.startswith(wanted) and _may_continue(compact[len(wanted) :]))


def _may_continue(rest: str) -> bool:
    name, quote, after = rest.partition('"')
    if not quote:
        return re.fullmatch(r"[A-Za-z0-9_.-]*", name) is not None
    return ',"arguments":{'.startswith(after) or after.startswith(',"arguments":{')


def calls_in(text: str, functions: Collection[str]) -> list[Call]:
    """The calls of these functions in a whole text."""
    reader = CallReader(functions)
    reader.push(text, is_last=True)
    return reader.calls
