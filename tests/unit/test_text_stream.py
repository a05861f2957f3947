"""Text that is streamed: whole characters only, and nothing at or after a stop text."""

from __future__ import annotations

from random import Random

import pytest

from firstwords.engine.text import TextStream, text_of
from firstwords.tokenizer.fast import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the cat sat on the mat and the dog ate the cat's hat. "] * 20, vocab_size=307)


def test_stop_texts_end_the_answer_across_tokens(tokenizer):
    text = "the cat sat on the mat. Très bien, 猫 stops here"
    ids = tokenizer.encode(text)
    for stop in ("mat", " on th", "è", "猫", ". T", "t. Trè", "here", "zzz"):
        stream, shown = TextStream(tokenizer, (stop, "never")), ""
        for token in ids:
            shown += stream.push(token)
            assert stop not in shown and text.startswith(shown)
            if stream.stopped:
                break
        shown += stream.flush()
        assert shown == stream.text == text.partition(stop)[0]
        assert stream.stopped == (stop in text)


def test_text_is_held_back_only_as_long_as_it_may_begin_a_stop_text(tokenizer):
    stream = TextStream(tokenizer, ("END",))
    pieces = [stream.push(token) for character in "aENEND!" for token in tokenizer.encode(character)]
    assert pieces == ["a", "", "", "EN", "", "", ""] and stream.stopped
    assert stream.flush() == "" and stream.text == "aEN"


def test_a_whole_text_is_what_a_stream_shows(tokenizer):
    """Any ids: parts of characters, special tokens, and ids beyond the vocabulary."""
    rng = Random(1)
    for _ in range(300):
        ids = [rng.randrange(tokenizer.vocab_size + 3) for _ in range(rng.randint(0, 12))]
        stream = TextStream(tokenizer)
        shown = "".join([stream.push(token) for token in ids] + [stream.flush()])
        assert shown == stream.text == text_of(tokenizer, ids)
    assert text_of(None, [1, 2]) == ""
