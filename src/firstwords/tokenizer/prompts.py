"""Turns text and chats into the ids that a model continues: the one place where prompts are built.

text_ids(tokenizer, "Once upon")       -> [0, 300, 412]    as a document begins in training
chat_ids(tokenizer, [{"role": "user", "content": "Hi"}])   with an open turn for the assistant
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.plain_text import clean_text
from firstwords.tokenizer.chat import ids_of

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer


def text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text as at the start of a training document: after the separator, with training's line ends."""
    return [tokenizer.endoftext_id, *tokenizer.encode(clean_text(text))]


def cleaned(messages: Iterable[Any]) -> list[Any]:
    """Messages with their line ends normalised as in training text (`plain_text.py`)."""
    return [{**message, "content": clean_text(message["content"])} for message in messages]


def chat_ids(tokenizer: Tokenizer, messages: Sequence[Any], prefill: str = "") -> list[int]:
    """Ids of a chat with an open turn for the assistant, which begins with `prefill`."""
    return ids_of(cleaned(messages), tokenizer, add_generation_prompt=True) + prefill_ids(tokenizer, prefill)


def prefill_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of the beginning of an answer; none for an empty one. No turn begins with white space."""
    text = clean_text(text).lstrip()
    return tokenizer.encode(text) if text else []


def opening(tokenizer: Tokenizer, is_base: bool, text: str) -> tuple[str, list[int]]:
    """A prompt as this stage reads it: ("text", ids to continue) for a base model, ("chat", ids to answer)
    otherwise."""
    if is_base:
        return "text", text_ids(tokenizer, text)
    return "chat", chat_ids(tokenizer, [{"role": "user", "content": text}])


def check_fits(ids: list[int], context: int, what: str = "the text") -> None:
    """Raise UserError when a prompt leaves no room for an answer."""
    if len(ids) >= context:
        raise UserError(f"{what} has {len(ids):,} tokens, but this model reads at most {context:,}; shorten it")
