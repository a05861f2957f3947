"""A readable byte-pair encoder: the same tokenizer as `fast.py`, in plain Python.

    bpe = BPE.train(["low lower lowest"], vocab_size=270)
    bpe.encode("low low")   -> [262, 263]      bpe.decode([262, 263])   -> "low low"

Sennrich et al. 2016, on bytes as in GPT-2. To learn: split the text into words, start from single bytes, and repeatedly
merge the most frequent pair of neighbours. To encode a word: apply the merges in the order in which they were learned.
Tests check that merges and ids equal those of the `tokenizers` library, ties and corner cases included."""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import regex

from firstwords.tokenizer.fast import PATTERN, SPECIAL_TOKENS, byte_of_char, char_of_byte
from firstwords.tokenizer.sample import longest_token

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
Pair = tuple[int, int]


class BPE:
    """`tokens[i]` is the bytes of id i; `merges` maps a pair of ids to the id of the merged token, in the order
    learned."""

    def __init__(self, tokens: dict[int, bytes], merges: dict[Pair, int], pattern: str = PATTERN) -> None:
        self.tokens, self.merges = tokens, merges
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._byte_ids = {token[0]: i for i, token in tokens.items() if len(token) == 1}
        self._find_words = regex.compile(pattern).findall

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, min_frequency: int = 2) -> BPE:
        """Learn merges until there are `vocab_size` ids (specials and bytes included) or no pair occurs often enough;
        no token is longer than 16 letters of these texts."""
        texts = list(texts)
        # Ids: specials first, then the bytes in the order of the characters that stand for them, then merges.
        tokens = {i: name.encode() for i, name in enumerate(SPECIAL_TOKENS)}
        for byte, _ in sorted(char_of_byte().items(), key=lambda item: item[1]):
            tokens[len(tokens)] = bytes([byte])
        id_of = {token: i for i, token in tokens.items()}
        find_words = regex.compile(PATTERN).findall
        frequency = Counter(word for text in texts for word in find_words(text))
        words = [[id_of[bytes([b])] for b in word.encode()] for word in frequency]
        merges: dict[Pair, int] = {}
        counts, longest = list(frequency.values()), longest_token(texts)
        for pair, joined in _learn(words, counts, tokens, id_of, vocab_size, min_frequency, longest):
            merges.pop(pair, None)  # learned twice (rare): the later position counts, as in the library
            merges[pair] = joined
        return cls(tokens, merges)

    @classmethod
    def from_gpt2(cls, encoder_json: Path | str, vocab_bpe: Path | str) -> BPE:
        """Read GPT-2's published vocabulary and merges."""
        from_char = byte_of_char()
        vocab: dict[str, int] = json.loads(Path(encoder_json).read_text(encoding="utf-8"))
        tokens = {i: bytes(from_char[c] for c in text) for text, i in vocab.items() if text not in SPECIAL_TOKENS}
        merges = {}
        for line in Path(vocab_bpe).read_text(encoding="utf-8").split("\n")[1:]:  # the first line is a version
            left, _, right = line.partition(" ")
            if right:
                merges[vocab[left], vocab[right]] = vocab[left + right]
        return cls(tokens, merges, GPT2_PATTERN)

    def encode(self, text: str) -> list[int]:
        """Ids of a text."""
        return [i for word in self._find_words(text) for i in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        ids = [self._byte_ids[b] for b in word.encode()]
        while len(ids) > 1:
            ranks = [self._rank.get(pair, len(self._rank)) for pair in itertools.pairwise(ids)]
            first = min(range(len(ranks)), key=ranks.__getitem__)  # earliest learned; leftmost on ties
            if ranks[first] == len(self._rank):
                break
            ids[first : first + 2] = [self.merges[ids[first], ids[first + 1]]]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self.tokens[i] for i in ids).decode("utf-8", "replace")


def _learn(
    words: list[list[int]],
    frequency: list[int],
    tokens: dict[int, bytes],
    id_of: dict[bytes, int],
    vocab_size: int,
    min_frequency: int,
    longest: int,
) -> Iterator[tuple[Pair, int]]:
    """Yield merges, the most frequent pair first and the smaller ids on ties; extends `tokens` and `id_of`. Pairs that
    together exceed `longest` bytes are not merged.

    Counts are kept up to date word by word instead of recounted: a heap holds (-count, pair), whose counts
    may be out of date; a pair popped with a stale count is pushed back with the current one."""
    count: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for w, word in enumerate(words):
        for pair in itertools.pairwise(word):
            count[pair] += frequency[w]
            where[pair].add(w)
    heap = [(-n, pair) for pair, n in count.items()]
    heapq.heapify(heap)
    while heap and len(tokens) < vocab_size:
        negative, pair = heapq.heappop(heap)
        if -negative != count[pair]:
            heapq.heappush(heap, (-count[pair], pair))
            continue
        if -negative < max(min_frequency, 1):
            return
        text = tokens[pair[0]] + tokens[pair[1]]
        joined = id_of.setdefault(text, len(tokens))  # two merges may produce the same bytes: one id
        tokens[joined] = text
        yield pair, joined
        grown: set[Pair] = set()
        for w in where.pop(pair, ()):
            words[w], changes = _join(words[w], pair, joined)
            for changed, by in changes:
                if sum(len(tokens[i]) for i in changed) > longest:
                    continue
                count[changed] += by * frequency[w]
                if by > 0:
                    where[changed].add(w)
                    grown.add(changed)
        for changed in grown:
            if count[changed] > 0:
                heapq.heappush(heap, (-count[changed], changed))


def _join(word: list[int], pair: Pair, joined: int) -> tuple[list[int], list[tuple[Pair, int]]]:
    """Merge every `pair` in a word, left to right; also returns the neighbour pairs this removes (-1) and adds (+1)."""
    out: list[int] = []
    changes: list[tuple[Pair, int]] = []
    at = 0
    while at < len(word):
        if tuple(word[at : at + 2]) != pair:
            out.append(word[at])
            at += 1
            continue
        if out:
            changes += [((out[-1], pair[0]), -1), ((out[-1], joined), 1)]
        if at + 2 < len(word):
            changes += [((pair[1], word[at + 2]), -1), ((joined, word[at + 2]), 1)]
        out.append(joined)
        at += 2
    return out, changes
