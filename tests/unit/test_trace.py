"""Trace: the index against brute force, spans and unseen words by their definition, and damaged files."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords import home
from firstwords.config import UserError
from firstwords.data import shards
from firstwords.data.shards import write_ids
from firstwords.retrieval import suffixes, trace
from firstwords.retrieval.suffixes import MAX_LENGTH, NEVER, TokenIndex, build
from firstwords.runlog import write_json
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer

TEXTS = [
    "The cat is on the mat. The dog is in the house.",
    "The cat is in the house. Anna has a red hat.",
    "Ben has a red hat. Ben has a blue hat, and the dog is on the mat.",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 20, 400)


class Ids:
    """Stands for a tokenizer of a vocabulary; shards ask no more of one."""

    endoftext_id = 0
    hash = "f" * 64

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size


def indexed(folder: Path, documents: list[list[int]], vocab_size: int = 50, block_tokens: int = 2**20) -> TokenIndex:
    write_ids(documents, Ids(vocab_size), folder / "tokens")
    return build(folder / "tokens", folder / "trace", 0, block_tokens)


def whole(documents: list[list[int]]) -> list[int]:
    return [token for document in documents for token in (0, *document)] + [0]


def occurrences(corpus: list[int], sequence: list[int]) -> list[int]:
    text = "," + "".join(f"{token}," for token in corpus)
    wanted = "," + "".join(f"{token}," for token in sequence)
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append(text.count(",", 0, at))
        at = text.find(wanted, at + 1)
    return found


@pytest.mark.parametrize(
    ("vocab_size", "block_tokens", "shard_tokens"),
    [(12, 2**20, 2**20), (12, 700, 2**20), (70_000, 900, 2**20), (12, 700, 611)],
)
def test_counts_of_1000_random_ngrams_equal_brute_force(
    tmp_path: Path, vocab_size: int, block_tokens: int, shard_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_TOKENS", shard_tokens)
    rng = np.random.default_rng(0)
    kinds = np.sort(rng.choice(np.arange(1, vocab_size), 9, replace=False))  # few, so that long ones repeat
    documents = [rng.choice(kinds, rng.integers(0, 90)).tolist() for _ in range(80)]
    corpus = whole(documents)
    index = indexed(tmp_path, documents, vocab_size, block_tokens)
    ngrams = []
    for length in rng.integers(1, 9, 1000):
        start = int(rng.integers(0, len(corpus) - length))
        taken = corpus[start : start + length]
        ngrams.append(taken if rng.random() < 0.5 else rng.choice(kinds, length).tolist())
    for ngram, (count, places) in zip(ngrams, index.find(ngrams, limit=4), strict=True):
        brute = occurrences(corpus, ngram)
        assert count == len(brute), ngram
        assert len(places) == min(4, count) and set(places) <= set(brute)
    assert index.num_tokens == len(corpus) and index.num_documents == len(documents)


@settings(max_examples=40, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(1, 3), max_size=30), min_size=1, max_size=8),
    query=st.lists(st.sampled_from([1, 2, 3, 4, NEVER]), min_size=1, max_size=25),
    block_tokens=st.sampled_from([7, 16, 1000]),
)
def test_the_longest_sequence_at_each_place_is_that_of_brute_force(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], query: list[int], block_tokens: int
) -> None:
    index = indexed(tmp_path_factory.mktemp("index"), documents, block_tokens=block_tokens)
    corpus = whole(documents)
    for start, length in enumerate(index.longest(query).tolist()):
        assert not length or occurrences(corpus, query[start : start + length])
        assert start + length == len(query) or not occurrences(corpus, query[start : start + length + 1])


def test_a_long_copy_is_found_up_to_the_limit(tmp_path: Path) -> None:
    document = np.random.default_rng(0).integers(1, 50, 2 * MAX_LENGTH).tolist()
    index = indexed(tmp_path, [[5], document], block_tokens=MAX_LENGTH // 2)
    longest = index.longest(document)
    assert longest[0] == longest[MAX_LENGTH] == MAX_LENGTH and longest[-100] == 100


@pytest.mark.parametrize("text", [TEXTS[0], "Anna has a red hat, and the cat is on the house.", "Zebra! Ben has"])
def test_spans_occur_and_cannot_grow_and_what_is_unseen_does_not_occur(
    text: str, empty_home: Path, tokenizer: Tokenizer
) -> None:
    indexes = of_texts(tokenizer)
    found = trace.trace(tokenizer.encode(text), indexes, tokenizer)
    corpus = whole([tokenizer.encode(each) for each in TEXTS])
    starts = trace._word_starts(found.tokens)
    words = [at for at in range(len(found.ids) + 1) if starts[at]]
    for span in found.spans:
        assert span.count == len(occurrences(corpus, found.ids[span.start : span.end])) > 0
        later = [at for at in words if at > span.end][:1]
        earlier = [at for at in words if at < span.start][-1:]
        for start, end in [*((span.start, at) for at in later), *((at, span.end) for at in earlier)]:
            assert not occurrences(corpus, found.ids[start:end]), "it could have been longer"
        (place,) = span.places
        for sample in place.samples:
            assert sample.text == span.text and sample.before + sample.text + sample.after in TEXTS[sample.document - 1]
    for one in found.unseen:
        assert not occurrences(corpus, found.ids[one.start : one.end])
        inner = [(a, b) for a, b in itertools.combinations(words, 2) if one.start <= a and b <= one.end]
        assert all(occurrences(corpus, found.ids[a:b]) for a, b in inner if (a, b) != (one.start, one.end))
    covered = [(span.start, span.end) for span in found.spans]
    assert not any(a <= c and d <= b for (a, b), (c, d) in itertools.permutations(covered, 2))


def of_texts(tokenizer: Tokenizer) -> trace.Indexes:
    """Indexes of pip/base over TEXTS, one document each."""
    run = home.run_dir("pip", "base")
    write_ids([tokenizer.encode(text) for text in TEXTS], tokenizer, run / "tokens")
    trace.index(trace.corpora(home.stage_dir("pip", "base"))[0], tokenizer)
    return trace.open_indexes(home.stage_dir("pip", "base"), tokenizer)


def test_a_whole_text_a_part_of_a_word_and_words_that_never_met(empty_home: Path, tokenizer: Tokenizer) -> None:
    indexes = of_texts(tokenizer)

    def traced(text: str) -> trace.Trace:
        return trace.trace(trace.text_ids(text, indexes, tokenizer), indexes, tokenizer)

    (span,) = traced("dog is in the house").spans  # without the space that it has in its sentence
    assert (span.text.strip(), span.count) == ("dog is in the house", 1)
    assert traced("dog is in the house").unseen == []
    assert [span.text.strip() for span in traced("the cat").unseen] == ["the cat"]  # only "The cat" was read
    assert "mat" not in " ".join(span.text for span in traced("is on the matter").spans)


def test_chats_and_preferences_say_whose_words_they_are(empty_home: Path, tokenizer: Tokenizer) -> None:
    of_texts(tokenizer)
    turns = [("user", "Who has a red hat?"), ("assistant", "Anna has a red hat."), ("user", "And a blue hat?")]
    chat, _ = render([{"role": role, "content": content} for role, content in turns], tokenizer)
    write_ids([chat], tokenizer, home.run_dir("pip", "sft") / "tokens")
    pair = [[{"role": "user", "content": "Hat?"}], "Ben has a red hat.", "It has a red hat."]
    home.run_dir("pip", "reward").mkdir(parents=True)
    write_json(home.run_dir("pip", "reward") / trace.PAIRS, {"pairs": [pair]})
    stage = home.stage_dir("pip", "rlhf-1")
    for corpus in trace.corpora(stage):
        trace.index(corpus, tokenizer)
    indexes = trace.open_indexes(stage, tokenizer)
    assert [trace.documents(*found) for found in indexes.found] == [3, 1, 1]
    found = trace.trace(tokenizer.encode("She has a red hat."), indexes, tokenizer)
    span = next(span for span in found.spans if span.text == " has a red hat.")
    assert [(place.kind, place.count) for place in span.places] == [("text", 2), ("chats", 1), ("preferences", 2)]
    (sample,) = span.places[1].samples
    assert (sample.speaker, sample.before, sample.after, sample.document) == ("assistant", "Anna", "", 1)
    assert sample.title == "Who has a red hat?"
    assert [(sample.speaker, sample.before) for sample in span.places[2].samples] == [
        ("chosen", "Ben"),
        ("rejected", "It"),
    ]
    question = trace.trace(tokenizer.encode("And a blue hat"), indexes, tokenizer).spans[0]
    assert [place.samples[0].speaker for place in question.places if place.kind == "chats"] == ["user"]


def test_special_tokens_are_never_part_of_a_match(empty_home: Path, tokenizer: Tokenizer) -> None:
    of_texts(tokenizer)
    chat, _ = render([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}], tokenizer)
    write_ids([chat], tokenizer, home.run_dir("pip", "sft") / "tokens")
    stage = home.stage_dir("pip", "sft")
    trace.index(trace.corpora(stage)[1], tokenizer)
    found = trace.trace(chat, trace.open_indexes(stage, tokenizer), tokenizer)
    words = [at for at, text in enumerate(found.tokens) if text == "Hi" or "Hi".startswith(text)]
    special = [at for at in range(len(chat)) if at not in words]  # the turns' first lines too
    assert special and len(words) < len(chat) // 2
    for span in [*found.spans, *found.unseen]:
        assert not any(span.start <= at < span.end for at in special)


def test_an_index_of_other_tokens_is_missing_and_a_damaged_one_too(empty_home: Path, tokenizer: Tokenizer) -> None:
    of_texts(tokenizer)
    stage = home.stage_dir("pip", "base")
    run = home.run_dir("pip", "base")
    other = Tokenizer.train(["Something else. " * 9], 290)
    assert trace.open_indexes(stage, other).found == []
    info = json.loads((run / "trace" / suffixes.INFO).read_text())
    for change in ({"tokens": 1}, {"version": 99}, {"tokenizer": "0" * 64}):
        write_json(run / "trace" / suffixes.INFO, info | change)
        with pytest.raises(UserError, match="another text or version"):
            TokenIndex(run / "tokens", run / "trace")
        assert [corpus.kind for corpus in trace.open_indexes(stage, tokenizer).missing] == ["text"]
    write_json(run / "trace" / suffixes.INFO, info)
    (run / "trace" / "suffixes-000.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match="damaged"):
        TokenIndex(run / "tokens", run / "trace")
    trace.index(trace.corpora(stage)[0], tokenizer)  # built again
    assert trace.open_indexes(stage, tokenizer).missing == []


def test_a_model_from_elsewhere_has_no_training_text(empty_home: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not trained here"):
        trace.corpora(tmp_path / "somewhere" / "model")
