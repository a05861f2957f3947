"""Calls of built-in tools in a chat: an answer that calls is followed by results, and then by another answer.

All three are messages of the tree, so that a person may change a call or a result, and the chat continues from there.
"""

from __future__ import annotations

from collections.abc import Sequence

from firstwords.serve.chats.records import Message
from firstwords.tokenizer.calls import calls_in
from firstwords.tools import builtin


def results(content: str, tools: Sequence[str], owner: str) -> list[str]:
    """What the tools give that an answer calls; none if it calls none."""
    return [builtin.run(call.name, call.arguments, owner) for call in calls_in(content, tools)]


def num_rounds(path: Sequence[Message]) -> int:
    """How often tools were called since the last question."""
    rounds = 0
    for message, before in zip(path[::-1], [*path[-2::-1], None], strict=True):
        if message.role == "user":
            break
        rounds += message.role == "tool" and before is not None and before.role == "assistant"
    return rounds
