"""Turns a path of messages into the ids that a model continues, and its tokens into their stored form.

Both need the loaded model: `prepare` runs on the worker's thread, between two steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords.serve.chats.records import Message, dump
from firstwords.tokenizer.prompts import check_fits, cleaned, text_ids
from firstwords.tools import builtin

if TYPE_CHECKING:
    from torch import Tensor

    from firstwords.engine.request import Token
    from firstwords.serve.models import Held
    from firstwords.tokenizer.fast import Tokenizer

ALTERNATIVES = 8  # likeliest tokens stored at every position
DIGITS = 6  # of log-probabilities and entropies: displayed shares still add up to 1 to five digits


@dataclass(frozen=True)
class Branch:
    """The required beginning of an answer: stored tokens of another answer, then a different token."""

    kept: list[dict[str, Any]]
    token_id: int
    stage_hash: str | None

    @property
    def ids(self) -> list[int]:
        return [token["id"] for token in self.kept]


@dataclass
class Prepared:
    """Input for the engine: ids (of prompt and branch), the maximum number of new tokens, and the writer."""

    ids: list[int]
    max_tokens: int  # of the whole answer, including a branch's beginning
    stage_hash: str
    writer: TokenWriter
    beginning: list[str]  # tokens of the branch, as stored
    finish_reason: str | None = None  # of an answer that ends with the branch
    after: str = ""  # the text that a base model continues

    @property
    def room(self) -> int:
        return self.max_tokens - len(self.beginning)


def prepare(
    held: Held, path: Sequence[Message], max_tokens: int, branch: Branch | None, tools: Sequence[str] = ()
) -> Prepared:
    """Prepare an answer with the loaded model. tools: names of built-in ones that it may call. Raises UserError if the
    message is too long for it."""
    loaded = held.loaded
    max_tokens = _answer_room(held, max_tokens)
    ids = fitted(held, path, max_tokens, tools).ids
    check_fits(ids, loaded.context, "the message")
    writer = TokenWriter(loaded.tokenizer)
    prepared = Prepared(ids, max_tokens, loaded.hash, writer, [], after=path[-1].content if held.is_base else "")
    if branch is not None:
        _begin(held, prepared, branch)
    return prepared


@dataclass(frozen=True)
class Fitted:
    """The prompt that a path of messages becomes: its ids, and the messages that did not fit in."""

    ids: list[int]
    left_out: list[str]  # ids of messages, the oldest first


def fitted(held: Held, path: Sequence[Message], max_tokens: int, tools: Sequence[str] = ()) -> Fitted:
    """The newest part of a chat that leaves room for an answer of `max_tokens`; a base model gets its plain text.

    The last question stays in, even if it alone is longer than the context: see `check_fits`.
    """
    tokenizer, room = held.loaded.tokenizer, held.loaded.context - _answer_room(held, max_tokens)
    said = [m for m in path if m.role != "assistant" or m.content.strip()]  # an answer that failed says nothing
    turns = [m for m in said if m.role != "system"]
    has_turns = not held.is_base and tokenizer.has_chat_tokens
    if has_turns:
        from firstwords.tokenizer.tools import fit_with_tools

        functions = [tool.function for tool in builtin.chosen(tools)]
        ids, first = fit_with_tools(cleaned(m.turn for m in said), functions, tokenizer, room)
    else:
        ids, first = _fit_text([m.content for m in turns], tokenizer, room)
    start = next((place for place, m in enumerate(path) if first < len(turns) and m is turns[first]), len(path))
    # a base model reads no instruction; what has turns reads it wherever the rest begins
    left_out = [m.id for place, m in enumerate(path) if (not has_turns if m.role == "system" else place < start)]
    return Fitted(ids, left_out)


def _answer_room(held: Held, max_tokens: int) -> int:
    """Tokens that an answer may have: never more than half of the context."""
    return min(max_tokens, max(1, held.loaded.context // 2))


def _fit_text(texts: Sequence[str], tokenizer: Tokenizer, room: int) -> tuple[list[int], int]:
    """(Ids of the newest texts, one per line, of at most `room` tokens where that can be; how many were left out)."""
    ids = text_ids(tokenizer, "\n".join(texts))
    lengths = [len(tokenizer.encode(text)) + 1 for text in texts] if len(ids) > room else []
    first = 0
    while len(ids) > room and len(texts) - first > 1:
        first += 1
        if sum(lengths[first:]) <= room or len(texts) - first == 1:
            ids = text_ids(tokenizer, "\n".join(texts[first:]))
    return ids, first


class TokenWriter:
    """push(token) -> the token in its stored form, as JSON; `text` is the answer so far.

    The texts of the tokens add up to the answer: a character shared by several tokens belongs to the last of them.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        from firstwords.engine.text import TextStream

        self.tokenizer = tokenizer
        self.end_ids = tokenizer.end_ids
        self._stream = TextStream(tokenizer)
        self._labels: dict[int, str] = {}

    @property
    def text(self) -> str:
        return self._stream.text

    def push(self, token: Token) -> str:
        text = "" if token.id in self.end_ids else self._stream.push(token.id)
        if token.finish_reason is not None:
            text += self._stream.flush()
        lost = {} if token.logprob_lost is None else {"lost": _rounded(token.logprob_lost)}
        return self.record(token.id, text, token.logprob, token.rank, token.entropy, token.top, lost)

    def close(self) -> str:
        """The text held back if an answer ends within a character."""
        return self._stream.flush()

    def resume(self, ids: Sequence[int]) -> None:
        """Continue after tokens that are already stored."""
        for token_id in ids:
            self._stream.push(token_id)

    def force(self, token_id: int, logprobs_V: Tensor) -> str:
        """Record a token chosen by the user instead of the sampler."""
        from torch import tensor

        from firstwords.engine.sampling import rank_and_entropy

        values, ids = logprobs_V.topk(min(ALTERNATIVES, len(logprobs_V)))
        rank, entropy = (float(x) for x in rank_and_entropy(logprobs_V[None], tensor([token_id])))
        top = list(zip(ids.tolist(), values.tolist(), strict=True))
        text = "" if token_id in self.end_ids else self._stream.push(token_id)
        return self.record(token_id, text, float(logprobs_V[token_id]), int(rank), entropy, top)

    def record(
        self,
        token_id: int,
        text: str,
        logprob: float | None,
        rank: int | None,
        entropy: float | None,
        top: Sequence[tuple[int, float]],
        more: dict[str, Any] | None = None,
    ) -> str:
        """A token in its stored form: {"id", "text", "logprob", "rank", "entropy", "top": [[id, text, logprob]]}, and
        "lost" with the log-probability lost to rules.
        """
        return dump(
            {
                "id": token_id,
                "text": text,
                "logprob": _rounded(logprob),
                "rank": rank,
                "entropy": _rounded(entropy),
                "top": [[i, self.label(i), _rounded(value)] for i, value in top],
                **(more or {}),
            }
        )

    def label(self, token_id: int) -> str:
        """The text of a single token; a special token's name."""
        found = self._labels.get(token_id)
        if found is None:
            from firstwords.engine.tokens import label

            found = self._labels[token_id] = label(self.tokenizer, token_id)
        return found


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, DIGITS)


def _begin(held: Held, prepared: Prepared, branch: Branch) -> None:
    """Append the beginning of a branch to the prompt."""
    from firstwords.config import UserError

    if branch.stage_hash != prepared.stage_hash:
        raise UserError("the model was retrained after that answer, so its tokens may mean something else: ask again")
    V = held.loaded.model.config.vocab_size
    if not 0 <= branch.token_id < V:
        raise UserError(f"token {branch.token_id} is not one of this model's {V:,} tokens")
    writer = prepared.writer
    prepared.ids += branch.ids
    check_fits([*prepared.ids, branch.token_id], held.loaded.context, "the answer so far")
    writer.resume(branch.ids)
    prepared.beginning = [dump(token) for token in branch.kept]
    prepared.beginning.append(writer.force(branch.token_id, held.engine.next_logprobs(prepared.ids)))
    prepared.ids.append(branch.token_id)
    if branch.token_id in writer.end_ids:
        prepared.finish_reason = "stop"
    elif prepared.room <= 0:
        prepared.finish_reason = "length"


def with_text(token: str, more: str) -> str:
    """A stored token with text appended."""
    fields = json.loads(token)
    return dump(fields | {"text": fields["text"] + more})
