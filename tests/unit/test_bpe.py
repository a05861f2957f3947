"""The readable tokenizer equals the fast one: merges, vocabulary and ids, and both equal GPT-2."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords.tokenizer.bpe import BPE
from firstwords.tokenizer.fast import Tokenizer, char_of_byte

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
GPT2 = DATA / "tokenizer"
needs_gpt2 = pytest.mark.skipif(not GPT2.is_dir(), reason=f"GPT-2's files are not in {GPT2}")

# Few letters make ties, overlaps ("aaa") and tokens that are reached by two ways; the rest is for the word
# pattern.
small_texts = st.text(alphabet="aab b\n's1é", max_size=120)
any_texts = st.one_of(small_texts, st.text(alphabet=st.characters(codec="utf-8"), max_size=60))


def _fast_merges(tokenizer: Tokenizer, directory: Path) -> tuple[list[tuple[str, str]], dict[str, int]]:
    tokenizer.save(directory)
    model = json.loads((directory / "tokenizer.json").read_text())["model"]
    return [tuple(pair) for pair in model["merges"]], model["vocab"]


def _readable_merges(bpe: BPE) -> tuple[list[tuple[str, str]], dict[str, int]]:
    chars = char_of_byte()
    # specials are written by their names, which the mapping leaves as they are
    text = {i: "".join(chars[b] for b in token) for i, token in bpe.tokens.items()}
    return [(text[a], text[b]) for a, b in bpe.merges], {name: i for i, name in text.items()}


@settings(max_examples=150, deadline=None)
@given(st.lists(small_texts, min_size=1, max_size=6), st.integers(0, 60), any_texts)
def test_training_and_encoding_equal_the_library(tmp_path_factory, texts, num_merges, probe):
    texts = [*texts, "ab"]
    fast, readable = Tokenizer.train(texts, 259 + num_merges), BPE.train(texts, 259 + num_merges)
    assert _readable_merges(readable) == _fast_merges(fast, tmp_path_factory.mktemp("bpe"))
    for text in [*texts, probe, "".join(texts)]:
        ids = readable.encode(text)
        assert ids == fast.encode(text)
        assert readable.decode(ids) == text


@pytest.mark.parametrize("alphabet", ["ab", "ав", "中文", "aé中"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_long_words_are_limited_in_both(tmp_path_factory, alphabet, data):
    """Runs without a blank, far longer than the longest token."""
    texts = data.draw(st.lists(st.text(alphabet=alphabet, min_size=20, max_size=120), min_size=1, max_size=3)) * 3
    fast, readable = Tokenizer.train(texts, 500), BPE.train(texts, 500)
    assert _readable_merges(readable) == _fast_merges(fast, tmp_path_factory.mktemp("bpe"))
    assert max(len(token) for token in readable.tokens.values()) <= 48


def test_ties_go_to_the_smaller_ids():
    bpe = BPE.train(["ab cd ab cd"], 260)  # "ab" and "cd" are equally frequent
    (pair,) = bpe.merges
    assert bpe.tokens[pair[0]] + bpe.tokens[pair[1]] == b"ab"


def test_a_merge_must_occur_twice():
    assert BPE.train(["xyz"], 300).merges == {}


def test_real_text_gives_equal_merges(tmp_path):
    path = DATA / "text" / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    texts = path.read_text()[:300_000].split("\n\n")
    fast, readable = Tokenizer.train(texts, 1024), BPE.train(texts, 1024)
    assert fast.vocab_size == 1024
    assert _readable_merges(readable) == _fast_merges(fast, tmp_path)
    assert readable.encode("".join(texts[:200])) == fast.encode("".join(texts[:200]))


@needs_gpt2
@pytest.mark.parametrize("kind", [BPE, Tokenizer])
def test_gpt2_vectors(kind):
    tokenizer = kind.from_gpt2(GPT2 / "gpt2_encoder.json", GPT2 / "gpt2_vocab.bpe")
    rows = [json.loads(line) for line in (GPT2 / "tokenizer_test_vectors.jsonl").read_text().splitlines()]
    assert len(rows) == 43
    for row in rows:
        assert tokenizer.encode(row["text"]) == row["gpt2"], row["text"]
        assert tokenizer.decode(row["gpt2"]) == row["text"]
