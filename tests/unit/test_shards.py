"""Token shards: what is written is read back, windows cross borders, damage is recognised, a full disk
leaves no trace."""

import errno
import resource
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.data import shards as shards_module
from firstwords.data.shards import TokenShards, write_shards
from firstwords.tokenizer.fast import Tokenizer

TOKENIZER = Tokenizer.train(["one two three four five six seven\n" * 20], 300)
DOCS = ["one two three", "four <|endoftext|> five", "", "é世🙂", "six seven " * 30]


def _expected(docs):
    ids = [i for doc in docs for i in (0, *TOKENIZER.encode(doc))]
    return np.array([*ids, 0])


def _all(shards):
    return shards.gather(np.array([0]), shards.num_tokens)[0]


@pytest.mark.parametrize("shard_tokens", [7, 64, 2**20])
def test_read_back(tmp_path, shard_tokens):
    stats = write_shards(iter(DOCS), TOKENIZER, tmp_path / "s", shard_tokens=shard_tokens)
    shards = TokenShards(tmp_path / "s", TOKENIZER)
    np.testing.assert_array_equal(_all(shards), _expected(DOCS))
    assert stats.tokens == shards.num_tokens == len(_expected(DOCS))
    assert stats.bytes == shards.num_bytes == sum(len(doc.encode()) for doc in DOCS)
    assert stats.documents == len(DOCS) and shards.tokenizer_hash == TOKENIZER.hash
    assert stats.shards == -(-stats.tokens // shard_tokens) == len(list((tmp_path / "s").iterdir()))
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 60), st.randoms())
def test_gather_equals_slicing(tmp_path_factory, shard_tokens, length, random):
    directory = tmp_path_factory.mktemp("shards") / "s"
    write_shards(DOCS, TOKENIZER, directory, shard_tokens=shard_tokens)
    shards, expected = TokenShards(directory), _expected(DOCS)
    starts = np.array([random.randint(0, len(expected) - length) for _ in range(9)])
    windows = shards.gather(starts, length)
    assert windows.dtype == np.int64
    np.testing.assert_array_equal(windows, [expected[s : s + length] for s in starts])
    for outside in (-1, len(expected) - length + 1):
        with pytest.raises(IndexError):
            shards.gather(np.array([outside]), length)


def test_uint16_until_the_vocabulary_needs_more(tmp_path, monkeypatch):
    write_shards(DOCS, TOKENIZER, tmp_path / "small")
    monkeypatch.setattr(Tokenizer, "vocab_size", property(lambda self: 2**16))
    write_shards(DOCS, TOKENIZER, tmp_path / "large")
    small, large = (next((tmp_path / name).iterdir()).stat().st_size - 128 for name in ("small", "large"))
    assert large == 2 * small
    np.testing.assert_array_equal(_all(TokenShards(tmp_path / "large")), _expected(DOCS))


def test_max_tokens_stops_after_a_whole_document(tmp_path):
    def endless():
        while True:
            yield "one two three"

    stats = write_shards(endless(), TOKENIZER, tmp_path / "s", max_tokens=100)
    per_document = 1 + len(TOKENIZER.encode("one two three"))
    assert 100 <= stats.tokens <= 100 + per_document
    assert stats.bytes == stats.documents * len("one two three")


def test_many_batches_equal_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "BATCH_CHARS", 10)
    write_shards(DOCS, TOKENIZER, tmp_path / "s")
    np.testing.assert_array_equal(_all(TokenShards(tmp_path / "s")), _expected(DOCS))


def _damage(path, kind):
    data = bytearray(path.read_bytes())
    if kind == "truncated":
        data = data[:-2]
    elif kind == "longer":
        data += b"\0\0"
    elif kind == "no header":
        data = data[:50]
    elif kind == "magic":
        data[0] ^= 1
    elif kind == "header":
        data[30] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["truncated", "longer", "no header", "magic", "header"])
def test_damage_is_named(tmp_path, kind):
    write_shards(DOCS, TOKENIZER, tmp_path / "s", shard_tokens=50)
    _damage(tmp_path / "s" / "shard-00001.bin", kind)
    with pytest.raises(UserError, match=r"shard-00001\.bin"):
        TokenShards(tmp_path / "s")


def test_missing_shard_and_missing_directory(tmp_path):
    write_shards(DOCS, TOKENIZER, tmp_path / "s", shard_tokens=50)
    (tmp_path / "s" / "shard-00001.bin").unlink()
    with pytest.raises(UserError, match="shard 1 of"):
        TokenShards(tmp_path / "s")
    with pytest.raises(UserError, match="no token shards"):
        TokenShards(tmp_path / "other")


def test_another_tokenizer(tmp_path):
    write_shards(DOCS, TOKENIZER, tmp_path / "s")
    with pytest.raises(UserError, match="another tokenizer"):
        TokenShards(tmp_path / "s", Tokenizer.train(["other words, other words"], 262))


def test_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "VERSION", 2)
    write_shards(DOCS, TOKENIZER, tmp_path / "s")
    monkeypatch.undo()
    with pytest.raises(UserError, match="format 2"):
        TokenShards(tmp_path / "s")


def test_full_disk_leaves_the_old_shards_and_no_partial_file(tmp_path):
    """A real limit on the size of files stands in for the full disk: the kernel refuses the write
    half-way."""
    write_shards(DOCS, TOKENIZER, tmp_path / "s")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
    try:
        with pytest.raises(UserError, match="disk is full"):
            write_shards(("é" * 1_000_000 for _ in range(4)), TOKENIZER, tmp_path / "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    np.testing.assert_array_equal(_all(TokenShards(tmp_path / "s", TOKENIZER)), _expected(DOCS))


def test_no_space_at_the_very_end(tmp_path, monkeypatch):
    def no_space(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards_module.os, "fsync", no_space)
    with pytest.raises(UserError, match="disk is full"):
        write_shards(DOCS, TOKENIZER, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_source_leaves_nothing(tmp_path):
    def broken():
        yield from DOCS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(broken(), TOKENIZER, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_and_nowhere_to_write(tmp_path):
    with pytest.raises(UserError, match="no text"):
        write_shards([], TOKENIZER, tmp_path / "s")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_shards(DOCS, TOKENIZER, tmp_path / "file" / "s")


def test_header_is_as_documented(tmp_path):
    write_shards(DOCS, TOKENIZER, tmp_path / "s")
    data = (tmp_path / "s" / "shard-00000.bin").read_bytes()
    assert data[:8] == b"1STWORDS" and struct.unpack("<II", data[8:16]) == (1, 2)
    assert data[44:108] == TOKENIZER.hash.encode()
    np.testing.assert_array_equal(np.frombuffer(data[128:], "<u2"), _expected(DOCS))
