"""Messages to ids and loss mask, in ChatML: `<|im_start|>role\\ncontent<|im_end|>\\n`.

    ids, mask = render([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
    tokenizer)

The mask is 1 on what the model must learn to say: the assistant's content *and the stop token after it* (without the
stop token a model never learns to end its answer). Answers of weight 0 and tool results (role `tool`) are read but not
learned. Ids equal `transformers`' `apply_chat_template` with CHAT_TEMPLATE token by token, with one intended
difference: where a text contains a special token's name, say "<|im_end|>", a template sees the special token, which
would let a text forge turns; here it stays ordinary characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NotRequired, TypedDict

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

ROLES = ("system", "user", "assistant", "tool")


class Message(TypedDict):
    """One turn of a chat; `role` is one of ROLES. An assistant's turn of weight 0 is context: it is not learned."""

    role: str
    content: str
    weight: NotRequired[float]


def is_learned(message: Message) -> bool:
    """Whether training teaches a model to say this."""
    return message["role"] == "assistant" and message.get("weight", 1) != 0


def render(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool = False
) -> tuple[list[int], list[int]]:
    """Ids of a chat and its mask (1 = supervised), both of the same length.

    `add_generation_prompt` opens an assistant turn at the end for the model to fill. A prompt's ids are
    always a prefix of the ids of the chat that continues it. Raises UserError for an unknown role or a
    tokenizer without ChatML's tokens.
    """
    start, end = tokenizer.im_start_id, tokenizer.im_end_id
    newline = _encoded(tokenizer, "\n")
    ids: list[int] = []
    mask: list[int] = []

    def add(piece: list[int], supervised: bool = False) -> None:
        ids.extend(piece)
        mask.extend([int(supervised)] * len(piece))

    for message in messages:
        role = message["role"]
        if role not in ROLES:
            raise UserError(f"a chat message has the role {role!r}: use one of {', '.join(ROLES)}")
        # Header and content are encoded separately: stripped content never shares a token with the preceding line end.
        add([start, *_encoded(tokenizer, role + "\n")])
        add([*tokenizer.encode(message["content"].strip()), end], supervised=is_learned(message))
        add(newline)
    if add_generation_prompt:
        add([start, *_encoded(tokenizer, "assistant\n")])
    return ids, mask


@lru_cache(maxsize=16)
def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of what stands in every chat."""
    return tokenizer.encode(text)


def fit(
    messages: Sequence[Message], tokenizer: Tokenizer, room: int, add_generation_prompt: bool = True
) -> tuple[list[int], int]:
    """(Ids of a chat of at most `room` tokens where possible, how many of its oldest turns were left out).

    System messages stay. The rest begins with a user's turn, and the newest user turn is never left out: if it alone is
    too long, the ids exceed `room`.
    """
    turns = [message for message in messages if message["role"] != "system"]
    ids = render([message for message in messages if message["role"] == "system"], tokenizer)[0]
    opened = render([], tokenizer, add_generation_prompt)[0]
    total = len(ids) + len(opened)
    # each turn is encoded at most once, newest first; turns that cannot fit are never encoded
    kept: list[list[int]] = []
    first = len(turns)
    for place in range(len(turns) - 1, -1, -1):
        kept.append(render([turns[place]], tokenizer)[0])
        total += len(kept[-1])
        if total > room and first < len(turns):
            break
        if turns[place]["role"] == "user":
            first = place
    for piece in kept[::-1][-(len(turns) - first) :] if first < len(turns) else []:
        ids += piece
    return ids + opened, first
