"""Texts to ids for scoring and generating, exactly as lm-evaluation-harness encodes them for a causal model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firstwords.engine.continuations import Continuation
from firstwords.eval.tasks.task import BEFORE_ANSWER, Item, Task
from firstwords.tokenizer.prompts import chat_ids

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer


def encoded(tokenizer: Tokenizer, context: str, continuation: str) -> Continuation:
    """A context and its continuation, encoded together: the tokens beyond those of the context alone are scored.

    White space at the end of the context belongs to the continuation. Without a context, the token that begins texts
    is the context.
    """
    bare = context.rstrip()
    continuation, context = context[len(bare) :] + continuation, bare
    if not context:
        return Continuation([tokenizer.before_all_id], tokenizer.encode(continuation))
    given = text_ids(tokenizer, context)
    return Continuation(given, text_ids(tokenizer, context + continuation)[len(given) :])


def text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text with the beginning that this tokenizer gives to texts, if any."""
    return [*tokenizer.beginning, *tokenizer.encode(text)]


def answers(tokenizer: Tokenizer, task: Task, item: Item, as_chat: bool) -> list[Continuation]:
    """Every answer of a row after its prompt; a sentence of a minimal pair has nothing before it."""
    if as_chat:
        given = chat_ids(tokenizer, task.messages(item))
        return [Continuation(given, tokenizer.encode(answer)) for answer in item.answers]
    context = task.context(item)
    return [encoded(tokenizer, context, BEFORE_ANSWER + answer) for answer in item.answers]


def prompt(tokenizer: Tokenizer, task: Task, item: Item, as_chat: bool, room: int) -> Sequence[int]:
    """The ids to continue freely: at most the last `room` of them."""
    ids = chat_ids(tokenizer, task.messages(item)) if as_chat else text_ids(tokenizer, task.context(item))
    return ids[-room:]
