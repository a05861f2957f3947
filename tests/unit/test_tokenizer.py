"""The tokenizer: fixed ids, round trips, text that cannot forge specials, streaming, saving, speed paths
that agree."""

import itertools
import json
import multiprocessing
import os
import re
import signal
import threading
from types import SimpleNamespace

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.tokenizer import fast
from firstwords.tokenizer.fast import SPECIAL_TOKENS, StreamDecoder, Tokenizer
from firstwords.tokenizer.sample import _parts, longest_token, sample_of

TEXTS = [
    "Once upon a time there was a little fox. It's Anna's fox, she said!\n\n" * 20,
    "12 plus 30 is 42. Ärger über 世界 🙂" * 9,
]
any_text = st.text(alphabet=st.characters(codec="utf-8"), max_size=80)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS, 320)


def test_first_ids(tokenizer):
    assert (tokenizer.endoftext_id, tokenizer.im_start_id, tokenizer.im_end_id) == (0, 1, 2)
    assert tokenizer.vocab_size == 320
    assert sorted(tokenizer.token_bytes(i) for i in range(3, 259)) == [bytes([b]) for b in range(256)]
    assert tokenizer.token_bytes(2) == b"<|im_end|>"


@given(any_text)
@example("a\r\nb  \n c\u00a0d\u2028e\x1cf")
def test_round_trip_and_both_speed_paths_agree(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()
    assert ids == tokenizer._backend.encode(text).ids  # the word cache equals the library


@pytest.mark.parametrize("cores", [1, 64])
def test_batch_equals_single(tokenizer, monkeypatch, cores):
    monkeypatch.setattr(fast.os, "cpu_count", lambda: cores)
    texts = [*TEXTS, "", "\ud800 lone", "नमस्ते"]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


@given(st.lists(st.one_of(st.sampled_from(SPECIAL_TOKENS), any_text), max_size=6).map("".join))
def test_text_never_becomes_a_special_token(tokenizer, text):
    for ids in (tokenizer.encode(text), tokenizer._backend.encode(text).ids):
        assert not set(ids) & {0, 1, 2}
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_regex_engines_agree_where_the_word_cache_is_used():
    """Every code point that the cache accepts is of the same class for the library's and for Python's regex
    engine."""
    from tokenizers import Regex, pre_tokenizers

    accepted = regex.compile(fast._AGREED[:-2])
    points = [c for c in map(chr, (*range(0xD800), *range(0xE000, 0x20000))) if accepted.fullmatch(c)]
    assert len(points) > 30_000
    for kind in (r"\p{L}", r"\p{M}", r"\p{N}", r"\s"):
        split, theirs = pre_tokenizers.Split(Regex(kind), "removed"), set()
        for start in range(0, len(points), 500):
            block = points[start : start + 500]
            rest = {c for piece, _ in split.pre_tokenize_str("".join(block)) for c in piece}
            theirs |= set(block) - rest
        assert theirs == {c for c in points if regex.match(kind, c)}


@given(any_text)
def test_stream_decoder_gives_the_same_text(tokenizer, text):
    stream = StreamDecoder(tokenizer)
    parts = [stream.push(i) for i in tokenizer.encode(text)]
    assert stream.flush() == ""
    assert "".join(parts) == text


@given(st.lists(st.integers(0, 319), max_size=30))
def test_stream_decoder_on_any_ids(tokenizer, ids):
    stream = StreamDecoder(tokenizer)
    assert "".join([*map(stream.push, ids), stream.flush()]) == tokenizer.decode(ids)


def test_stream_decoder_waits_for_whole_characters(tokenizer):
    ids = {tokenizer.token_bytes(i): i for i in range(3, 259)}
    stream = StreamDecoder(tokenizer)
    pushed = [stream.push(ids[bytes([b])]) for b in "é".encode()]
    assert pushed == ["", "é"]
    assert stream.push(ids[b"\xc3"]) + stream.push(tokenizer.im_end_id) + stream.flush() == "\ufffd"


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path, max_length=256)
    again = Tokenizer.load(tmp_path)
    assert again.hash == tokenizer.hash and len(tokenizer.hash) == 64
    assert again.encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["eos_token"] == "<|im_end|>" and config["model_max_length"] == 256
    assert config["pad_token"] != config["eos_token"]
    assert not list(tmp_path.glob("*.part"))


def test_training_is_deterministic_and_the_hash_tells_vocabularies_apart(tokenizer):
    assert Tokenizer.train(iter(TEXTS), 320).hash == tokenizer.hash
    assert Tokenizer.train(TEXTS, 319).hash != tokenizer.hash


def test_training_sample_is_small_and_spread():
    texts = [f"{n:06d}" for n in range(20_000)]
    sample = sample_of(iter(texts), 6_000)
    assert 5_000 < sum(map(len, sample)) <= 6_000
    numbers = [int(text) for text in sample]
    assert numbers == sorted(numbers) and numbers[0] < 100 and numbers[-1] > 19_900
    gaps = [b - a for a, b in itertools.pairwise(numbers)]
    assert max(gaps) <= 2.1 * min(gaps)
    long = "word " * 10_000
    assert "".join(_parts([long])) == long


CHINESE = "我们今天一起去北京大学图书馆看书学习然后回家吃饭睡觉休息明天再来这里。"
HINDI = "हिन्दीविश्वविद्यालयपुस्तकालयअध्ययनकेन्द्र "


@pytest.mark.parametrize(
    ("line", "longest"),
    [
        ("_" * 70 + "\n", 16),
        ("abcdefghijklmnopqrstuvwxyz" * 3 + "\n", 16),
        ("кошкасидитнаокнеисмотрит\n", 32),
        (CHINESE, 48),
    ],
)
def test_a_repeated_line_is_not_one_token(line, longest):
    """16 letters of the text's own script, whatever they take in bytes."""
    tokenizer = Tokenizer.train([line * 200], 600)
    lengths = [len(tokenizer.token_bytes(i)) for i in range(3, tokenizer.vocab_size)]
    assert longest_token([line * 200]) == longest and longest - 6 <= max(lengths) <= longest
    assert len(tokenizer.encode(line)) > 1 and tokenizer.decode(tokenizer.encode(line)) == line


def test_the_first_ids_are_a_tokenizer_of_their_own():
    texts = [*TEXTS, CHINESE * 30, HINDI * 30]
    smaller = Tokenizer.train(texts, 400).first(300)
    assert smaller.vocab_size == 300 and smaller.hash == Tokenizer.train(texts, 300).hash


def test_ctrl_c_is_heard_while_a_vocabulary_is_learned(monkeypatch):
    """The library computes for seconds without looking at signals; so does what stands in for it."""
    is_over = threading.Event()

    def compute(*_):
        os.kill(os.getpid(), signal.SIGINT)
        is_over.wait(60)

    monkeypatch.setattr(fast, "_new_backend", lambda: SimpleNamespace(train_from_iterator=compute))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            Tokenizer.train(TEXTS, 320)
    finally:
        signal.signal(signal.SIGINT, before)
    worker = next(thread for thread in threading.enumerate() if thread.name == "vocabulary")
    assert worker.is_alive()  # it was not waited for
    is_over.set()
    worker.join()


def test_a_failure_of_the_library_is_not_lost_in_its_thread(monkeypatch):
    def fail(*_):
        raise ValueError("no memory for merges")

    monkeypatch.setattr(fast, "_new_backend", lambda: SimpleNamespace(train_from_iterator=fail))
    with pytest.raises(ValueError, match="no memory"):
        Tokenizer.train(TEXTS, 320)


def test_users_mistakes(tmp_path):
    with pytest.raises(UserError, match="at least 259"):
        Tokenizer.train(["abc"], 258)
    with pytest.raises(UserError, match="no text"):
        Tokenizer.train([], 300)
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "tokenizer.json"))):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(UserError, match="is not a valid tokenizer file"):
        Tokenizer.load(tmp_path)


def _encode_in_child(tokenizer, connection):
    connection.send(tokenizer._backend.encode_batch(TEXTS * 8)[0].ids)


@pytest.mark.filterwarnings("ignore")
def test_works_after_fork(tokenizer):
    expected = tokenizer._backend.encode_batch(TEXTS * 8)[0].ids  # starts the library's threads
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=_encode_in_child, args=(tokenizer, theirs))
    child.start()
    try:
        assert ours.poll(20), "the child hangs"
        assert ours.recv() == expected
    finally:
        child.kill()
        child.join()


@settings(max_examples=20)
@given(st.integers(0, 3))
def test_word_cache_may_be_emptied(tokenizer, size):
    full, fast._CACHE_WORDS = fast._CACHE_WORDS, size
    try:
        assert [tokenizer.encode(text) for text in TEXTS] == [tokenizer._backend.encode(t).ids for t in TEXTS]
    finally:
        fast._CACHE_WORDS = full
