"""How a model's chats are sampled if a request doesn't say: the one place for the order of precedence.

1. what the request, the flag or the argument names;
2. what the model's `generation_config.json` names (`temperature`, `top_p`), which travels with the model;
3. the default of the program that was asked.

Each value is looked up by itself. Completions skip the second step, since they sample from the model's own
distribution, and evaluation doesn't ask here: it takes the likeliest token, or the same settings for both sides. No
torch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P
from firstwords.runlog import read_json

FILE = "generation_config.json"
MAX_TEMPERATURE = 10.0  # of a file: more is noise, and a mistake


class ChatSampling(NamedTuple):
    """Temperature (0 takes the likeliest token) and top-p of a chat."""

    temperature: float
    top_p: float


IN_CHATS = ChatSampling(CHAT_TEMPERATURE, CHAT_TOP_P)  # of `chat`, the page and Python
IN_API = ChatSampling(1.0, 1.0)  # of OpenAI's API


def chat_sampling(
    directory: str | Path | None,
    temperature: float | None = None,
    top_p: float | None = None,
    otherwise: ChatSampling = IN_CHATS,
) -> ChatSampling:
    """The sampling of a chat with the model in `directory`: the given values, then the model's, then `otherwise`.

    directory None: no model's file counts.

    Example: chat_sampling(directory, temperature=0) -> ChatSampling(0, 0.95)
    """
    own = saved_sampling(directory) if directory is not None else {}
    return ChatSampling(
        own.get("temperature", otherwise.temperature) if temperature is None else temperature,
        own.get("top_p", otherwise.top_p) if top_p is None else top_p,
    )


def saved_sampling(directory: str | Path) -> dict[str, float]:
    """{"temperature", "top_p"} as far as the model's `generation_config.json` has usable values.

    Nothing from a file that turns sampling off (`"do_sample": false`): its values, if any, were never used.
    """
    found = read_json(Path(directory) / FILE) or {}
    if found.get("do_sample") is False:
        return {}
    limits = {"temperature": (0.0, MAX_TEMPERATURE), "top_p": (1e-6, 1.0)}
    return {
        name: float(found[name])
        for name, (low, high) in limits.items()
        if type(found.get(name)) in (int, float) and low <= found[name] <= high  # True is no number
    }


def to_save(parent: str | Path) -> dict[str, Any]:
    """The sampling entries of `generation_config.json` for a stage that chats: its parent's, or a chat's defaults."""
    return {"do_sample": True, **chat_sampling(parent)._asdict()}
