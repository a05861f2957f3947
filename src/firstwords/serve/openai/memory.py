"""The latest answers of /v1/responses, so that a client may refer to them by id instead of sending them again.

    memory.keep("owner", answer)      memory.conversation("owner", "resp_1")      memory.message("owner", "msg_1")

Only in memory, only the latest, and each user's own: nothing of it is written to disk, and it ends with the server.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

MAX_RESPONSES = 1000
MAX_CHARS = 8_000_000  # of all conversations together: some 10 MB

ChatMessage = dict[str, Any]
Ids = tuple[str, str]  # of a user, and of a response or message


@dataclass(frozen=True)
class Answered:
    """A response as it was sent, and the chat before and with its answer, without instructions."""

    response: dict[str, Any]
    item_ids: tuple[str, ...]
    messages: list[ChatMessage]

    @property
    def num_chars(self) -> int:
        """About how much it takes."""
        return 1000 + sum(len(str(message.get("content"))) for message in self.messages)


class Memory:
    """What was answered lately. Used from the event loop only."""

    def __init__(self) -> None:
        self._answered: OrderedDict[Ids, Answered] = OrderedDict()
        self._of_item: dict[Ids, Ids] = {}
        self._num_chars = 0

    def keep(self, user: str, answered: Answered) -> None:
        """Remember an answer; the oldest are forgotten where there are too many."""
        ids = (user, answered.response["id"])
        self._answered[ids] = answered
        for item_id in answered.item_ids:
            self._of_item[user, item_id] = ids
        self._num_chars += answered.num_chars
        while self._answered and (len(self._answered) > MAX_RESPONSES or self._num_chars > MAX_CHARS):
            self._forget(next(iter(self._answered)))

    def response(self, user: str, response_id: str) -> dict[str, Any] | None:
        """A response as it was sent; None for an unknown one."""
        answered = self._answered.get((user, response_id))
        return answered.response if answered is not None else None

    def conversation(self, user: str, response_id: str) -> list[ChatMessage] | None:
        """The chat up to the answer of a response; None for an unknown one."""
        answered = self._answered.get((user, response_id))
        return list(answered.messages) if answered is not None else None

    def message(self, user: str, item_id: str) -> ChatMessage | None:
        """The assistant's message of an output item; None for an unknown one."""
        ids = self._of_item.get((user, item_id))
        return self._answered[ids].messages[-1] if ids is not None else None

    def delete(self, user: str, response_id: str) -> bool:
        """Forget a response; whether there was one."""
        is_known = (user, response_id) in self._answered
        if is_known:
            self._forget((user, response_id))
        return is_known

    def _forget(self, ids: Ids) -> None:
        answered = self._answered.pop(ids)
        for item_id in answered.item_ids:
            self._of_item.pop((ids[0], item_id), None)
        self._num_chars -= answered.num_chars
