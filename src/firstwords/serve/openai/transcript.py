"""Maps tokens to the characters they produce. A token's text may be delayed (it might begin a stop text), cut, or
empty; the concatenated entries of a transcript equal the returned text, in a stream too.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords.tokenizer.fast import StreamDecoder

if TYPE_CHECKING:
    from firstwords.engine.request import Token
    from firstwords.tokenizer.fast import Tokenizer


@dataclass
class Entry:
    """A token, the characters it produces, and their bytes. is_hidden: the token is not part of the answer, because it
    ended the answer or was cut off.

    If a token ends inside a character, those bytes belong to the token that completes it.
    """

    id: int
    text: str
    logprob: float
    top: list[tuple[int, float]]
    is_hidden: bool = False
    data: bytes = b""


class Transcript:
    """One choice, with entries only if log-probabilities were requested."""

    def __init__(self, tokenizer: Tokenizer, wants_entries: bool) -> None:
        self._tokenizer, self.wants_entries = tokenizer, wants_entries
        self._decoder = StreamDecoder(tokenizer)
        self._waiting: deque[Entry] = deque()
        self._begun = b""  # bytes of an incomplete character, not yet in an entry
        self._num_shown = 0  # characters returned but not yet in an entry
        self.num_tokens = 0
        self.finish_reason: str | None = None
        self.logprob_lost: float | None = None  # to a rule, so far

    def push(self, tokens: Iterable[Token]) -> tuple[str, list[Entry]]:
        """The text that the tokens produce, and the entries that it completes."""
        text = ""
        for token in tokens:
            self.num_tokens += 1
            text += token.text
            self.finish_reason = token.finish_reason
            if token.logprob_lost is not None:
                self.logprob_lost = (self.logprob_lost or 0.0) + token.logprob_lost
            if self.wants_entries:
                self._waiting.append(self._entry(token))
        if not self.wants_entries:
            return text, []
        self._num_shown += len(text)
        return text, self._complete()

    @property
    def extension(self) -> dict[str, float]:
        """What a finished choice says about its rules, as a field that OpenAI's form lacks."""
        lost = self.logprob_lost if self.finish_reason is not None else None
        return {} if lost is None else {"logprob_lost": lost}

    def _entry(self, token: Token) -> Entry:
        is_known = token.id < self._tokenizer.vocab_size
        text = self._decoder.push(token.id) if is_known else ""
        if token.id in self._tokenizer.special_ids:  # ends the answer, or has no text
            return Entry(token.id, text, token.logprob or 0.0, token.top, is_hidden=True)
        data = self._begun + piece(self._tokenizer, token.id)
        size = len(data) - _unfinished(data) if text else len(data)
        self._begun = data[size:]
        return Entry(token.id, text, token.logprob or 0.0, token.top, data=data[:size])

    def _complete(self) -> list[Entry]:
        """Entries whose characters have all been returned. One without characters waits for the character it is part
        of."""
        if self.finish_reason is not None:
            return self._rest()
        total, num_complete = 0, 0
        for count, entry in enumerate(self._waiting, 1):
            total += len(entry.text)
            if total > self._num_shown:
                break
            if entry.text:
                num_complete = count
        entries = [self._waiting.popleft() for _ in range(num_complete)]
        self._num_shown -= sum(len(entry.text) for entry in entries)
        return entries

    def _rest(self) -> list[Entry]:
        """At the end: text cut by a stop text is removed, and an unfinished character belongs to its last token."""
        entries = list(self._waiting)
        self._waiting.clear()
        begun: list[Entry] = []  # entries with bytes only, whose character is incomplete
        for entry in entries:
            size = min(len(entry.text), self._num_shown)
            if size < len(entry.text):
                num_before = sum(len(each.data) for each in begun)
                entry.text = entry.text[:size]
                entry.data, entry.is_hidden = entry.text.encode()[num_before:], size == 0
            self._num_shown -= size
            if entry.text:
                begun = []
            elif not entry.is_hidden:
                begun.append(entry)
        said = [entry for entry in entries if not entry.is_hidden]
        if self._num_shown and said:
            said[-1].text += "\ufffd" * self._num_shown
            said[-1].data += self._begun
        else:
            for entry in begun:
                entry.is_hidden = True
        return entries


def _unfinished(data: bytes) -> int:
    """Number of bytes of an incomplete character at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    decoder.decode(data)
    return len(decoder.getstate()[0])


def piece(tokenizer: Tokenizer, token: int) -> bytes:
    """The bytes of a token; none for a padding id of the model's table."""
    return tokenizer.token_bytes(token) if token < tokenizer.vocab_size else b""


def key(tokenizer: Tokenizer, token: int) -> str:
    """A name for a token among alternatives: its text, or its bytes if it is not valid text alone."""
    data = piece(tokenizer, token)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def chat_logprobs(tokenizer: Tokenizer, entries: Iterable[Entry]) -> dict[str, Any]:
    """OpenAI's format for chats; tokens that are not part of the answer are left out."""
    content = []
    for entry in entries:
        if entry.is_hidden:
            continue
        row = {"token": entry.text, "logprob": entry.logprob, "bytes": list(entry.data)}
        content.append(row | {"top_logprobs": [_alternative(tokenizer, *each) for each in entry.top]})
    return {"content": content, "refusal": None}


def _alternative(tokenizer: Tokenizer, token: int, logprob: float) -> dict[str, Any]:
    data = piece(tokenizer, token)
    return {"token": data.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(data)}


class CompletionLogprobs:
    """OpenAI's older format, four parallel lists, including the token that ended the answer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._offset = tokenizer, 0

    def of(self, entries: Iterable[Entry], has_past: bool = True) -> dict[str, list[Any]]:
        """The lists for the next tokens. has_past False: the first token has no context, so it has no logprob."""
        lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for number, entry in enumerate(entries):
            is_first = number == 0 and not has_past
            lists["tokens"].append(entry.text)
            lists["token_logprobs"].append(None if is_first else entry.logprob)
            lists["top_logprobs"].append(None if is_first else self._top(entry))
            lists["text_offset"].append(self._offset)
            self._offset += len(entry.text)
        return lists

    def _top(self, entry: Entry) -> dict[str, float]:
        """name -> logprob. lm-eval calls a token greedy when its logprob *equals* the largest one here, so both come
        unrounded from the same source, and of two tokens with the same name the likelier is kept.
        """
        found: dict[str, float] = {}
        for token, logprob in [*entry.top, (entry.id, entry.logprob)]:
            name = key(self._tokenizer, token)
            found[name] = max(found.get(name, logprob), logprob)
        return found
