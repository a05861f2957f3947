"""What every answer of this group begins with, and how it counts tokens."""

from __future__ import annotations

import secrets
import time
from typing import Any

from firstwords.serve.errors import ApiError
from firstwords.serve.openai.choices import Choices
from firstwords.serve.openai.sse import event


class Reply:
    """The fields that all parts of one reply share, and its events."""

    def __init__(self, prefix: str, kind: str, model: str, with_usage: bool = False) -> None:
        self.fields = {
            "id": f"{prefix}-{secrets.token_hex(12)}",
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }
        self._with_usage = with_usage

    def event(self, choice: dict[str, Any]) -> bytes:
        """A part of a stream."""
        fields = self.fields | {"choices": [choice]}
        return event(fields | {"usage": None} if self._with_usage else fields)

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        """A reply that is not streamed; for a stream with usage, its last part."""
        return self.fields | {"choices": choices, "usage": usage}


def usage(num_prompt: int, num_generated: int, running: Choices | None = None) -> dict[str, Any]:
    """Tokens as OpenAI counts them."""
    cached = sum(running.num_cached.values()) if running is not None else 0
    return {
        "prompt_tokens": num_prompt,
        "completion_tokens": num_generated,
        "total_tokens": num_prompt + num_generated,
        "prompt_tokens_details": {"cached_tokens": min(cached, num_prompt)},
    }


def check_reason(reason: str | None) -> str | None:
    """A finish_reason as clients know it. Raises ApiError for an answer whose constraint became too complex."""
    if reason == "failed":
        raise ApiError(400, "the constraint became too complex: simplify it", "response_format")
    return reason
