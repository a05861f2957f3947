"""Entries of a transcript, joined, are the text that was shown: for every way in which an answer can end."""

from __future__ import annotations

import random

import pytest

from firstwords.engine.request import Token
from firstwords.engine.text import TextStream
from firstwords.serve.openai.transcript import CompletionLogprobs, Entry, Transcript, chat_logprobs, key
from firstwords.tokenizer.fast import Tokenizer

TEXT = "The END is near, caf\u00e9 \u65e5\u672c \U0001f600. "


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 290)


def spoken(tokenizer: Tokenizer, ids: list[int], stop: tuple[str, ...] = (), has_end: bool = False) -> list[Token]:
    """The tokens as the engine reports them."""
    stream, tokens = TextStream(tokenizer, stop), []
    for index, token in enumerate(ids):
        is_last = index == len(ids) - 1
        text = "" if is_last and has_end else stream.push(token)
        reason = "stop" if stream.stopped or (is_last and has_end) else "length" if is_last else None
        text += stream.flush() if reason else ""
        tokens.append(Token(0, index, token, text, -float(index + 1), [(token, -0.5)], reason))
        if reason:
            break
    return tokens


@pytest.mark.parametrize("stop", [(), ("END",), ("\u00e9", "ne"), ("zzz",), ("\u672c",), ("\U0001f600",)])
@pytest.mark.parametrize("has_end", [False, True])
def test_the_entries_are_the_text_however_it_is_cut(tokenizer, stop, has_end) -> None:
    dice = random.Random(0)
    for _ in range(200):
        ids = tokenizer.encode(TEXT * 2)
        ids = ids[: dice.randrange(1, len(ids))]
        ids += [dice.randrange(3, 259) for _ in range(dice.randrange(3))]  # bytes that are no text
        tokens = spoken(tokenizer, ids + [2] * has_end, stop, has_end)
        whole = "".join(token.text for token in tokens)
        transcript, text, entries = Transcript(tokenizer, True), "", []
        while tokens:
            size = dice.randrange(1, 6)
            part, complete = transcript.push(tokens[:size])
            tokens = tokens[size:]
            text += part
            entries += complete
        rows = chat_logprobs(tokenizer, entries)["content"]
        assert text == whole == "".join(row["token"] for row in rows)
        data = b"".join(bytes(row["bytes"]) for row in rows)
        assert data.decode("utf-8", "replace") == whole
        if "\ufffd" not in whole:
            assert data == whole.encode()
        lists = CompletionLogprobs(tokenizer).of(entries)
        assert "".join(lists["tokens"]) == whole and len(lists["tokens"]) == transcript.num_tokens
        assert lists["token_logprobs"] == [-float(n + 1) for n in range(transcript.num_tokens)]
        assert all(entry.is_hidden for entry in entries if entry.id == 2)


def test_two_tokens_of_one_name_keep_the_likelier(tokenizer) -> None:
    lists = CompletionLogprobs(tokenizer).of([Entry(70, "a", -3.0, [(70, -3.0), (299, -1.0), (300, -2.0)])])
    assert lists["top_logprobs"] == [{key(tokenizer, 70): -3.0, "": -1.0}]  # ids beyond the vocabulary have no text


def test_bytes_that_are_no_text_have_names_of_their_own(tokenizer) -> None:
    names = [key(tokenizer, token) for token in range(tokenizer.vocab_size)]
    assert len(set(names)) == tokenizer.vocab_size and "bytes:\\xe6" in names and "<|im_end|>" in names


@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_stop_text_that_is_cut_off_leaves_no_bytes_behind(tokenizer, size) -> None:
    """Every way of cutting " a\U0001f600" and more into two tokens of bytes: nothing of the stop is told."""
    data = " a\U0001f600b".encode()
    for first in range(1, len(data)):
        for second in range(first + 1, len(data) + 1):
            pieces = [data[:first], data[first:second], data[second:]]
            words = _Bytes([piece for piece in pieces if piece])
            tokens = spoken(words, list(range(len(words.pieces))), ("\U0001f600",))  # type: ignore[arg-type]
            transcript, entries = Transcript(words, True), []  # type: ignore[arg-type]
            while tokens:
                entries += transcript.push(tokens[:size])[1]
                tokens = tokens[size:]
            rows = chat_logprobs(words, entries)["content"]  # type: ignore[arg-type]
            assert b"".join(bytes(row["bytes"]) for row in rows) == b" a" == "".join(r["token"] for r in rows).encode()


class _Bytes:
    """A vocabulary of given bytes."""

    special_ids: frozenset[int] = frozenset()

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.vocab_size = pieces, len(pieces)

    def token_bytes(self, token: int) -> bytes:
        return self.pieces[token]
