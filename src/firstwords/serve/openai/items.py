"""The items of a response's output, a message or a function's call, and the events that tell of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from firstwords.tokenizer.calls import Call

Told = tuple[str, dict[str, Any]]  # an event's type and its fields


@dataclass
class Item:
    """An item that grows. call: None for a message, whose text is `text`."""

    place: int  # in the output
    call: Call | None = None
    text: str = ""
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    id: str = ""

    def __post_init__(self) -> None:
        self.id = self.id or f"{'msg' if self.call is None else 'fc'}_{secrets.token_hex(16)}"

    @property
    def _where(self) -> dict[str, Any]:
        where = {"item_id": self.id, "output_index": self.place}
        return where | {"content_index": 0} if self.call is None else where

    def to_json(self, status: str) -> dict[str, Any]:
        """The item as an object. status: "in_progress" has no content yet."""
        is_empty = status == "in_progress"
        if self.call is not None:
            row = {"id": self.id, "type": "function_call", "status": status, "call_id": self.call.id}
            return row | {"name": self.call.name, "arguments": "" if is_empty else self.call.arguments}
        content = [] if is_empty else [self._part(self.text, self.logprobs)]
        return {"id": self.id, "type": "message", "role": "assistant", "status": status, "content": content}

    def begun(self) -> list[Told]:
        """The events of its beginning."""
        added: list[Told] = [
            ("response.output_item.added", {"output_index": self.place, "item": self.to_json("in_progress")})
        ]
        if self.call is None:
            added.append(("response.content_part.added", self._where | {"part": self._part("", [])}))
        return added

    def grown(self, delta: str, logprobs: list[dict[str, Any]]) -> Told:
        """The event of more text, or of more arguments."""
        if self.call is not None:
            return "response.function_call_arguments.delta", self._where | {"delta": delta}
        return "response.output_text.delta", self._where | {"delta": delta, "logprobs": logprobs}

    def ended(self, status: str) -> list[Told]:
        """The events of its end."""
        done: list[Told] = [("response.output_item.done", {"output_index": self.place, "item": self.to_json(status)})]
        if self.call is not None:
            whole = {"name": self.call.name, "arguments": self.call.arguments}
            return [("response.function_call_arguments.done", self._where | whole), *done]
        part = self._part(self.text, self.logprobs)
        said = self._where | {"text": self.text, "logprobs": self.logprobs}
        return [
            ("response.output_text.done", said),
            ("response.content_part.done", self._where | {"part": part}),
            *done,
        ]

    @staticmethod
    def _part(text: str, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}
