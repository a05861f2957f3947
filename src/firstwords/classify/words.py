"""Words become numbers: skip-gram with negative sampling (Mikolov et al. 2013), in NumPy.

    vocabulary = Vocabulary.of(texts)
    vectors_VD = skipgram(texts, vocabulary)           words in similar contexts get similar vectors
    nearest(vectors_VD, vocabulary, "soup")            [("stew", 0.83), ...]

The objective is a simpler form of a language model's: given a word, tell its neighbours from random words. Axes: V
words of the vocabulary, D dimensions, P pairs per batch, K random words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from threadpoolctl import threadpool_limits

from firstwords.classify.descent import sigmoid
from firstwords.config import UserError
from firstwords.config import nearest as nearest_name

DIMENSIONS = 64
WINDOW = 5  # words to the left and right that count as neighbours; the window is 1 to 5, so near words count more often
NEGATIVES = 5.0  # weight of the random words against one true neighbour, as in the paper
DRAWN = 48  # random words shared by a batch: one product instead of many small ones
BATCH = 2048  # pairs
EPOCHS = 6
RATE = 0.1  # Adagrad's, one step size per word: rare words learn as fast as common ones
OFTEN = 1e-3  # a word more frequent than this is randomly left out (the paper's subsampling)
MAX_PAIRS = 3_000_000  # in total; a longer text gets fewer epochs, so that training takes seconds
_WORD = re.compile(r"n't\b|'\w+|\w+|[!?]")
_NOT = re.compile(r"(?<=\w)n't\b")


def split(text: str) -> list[str]:
    """The words of a text, in lower case: "It isn't bad!" -> ["it", "is", "n't", "bad", "!"]."""
    return _WORD.findall(_NOT.sub(" n't", text.lower().replace("’", "'")))


@dataclass(frozen=True)
class Vocabulary:
    """Known words, the most frequent first, and how often each was seen."""

    words: tuple[str, ...]
    counts_V: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str], min_count: int = 2) -> Vocabulary:
        """The words that occur at least `min_count` times; UserError if there are none."""
        counts = Counter(word for text in texts for word in split(text))
        kept = [(word, n) for word, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n >= min_count]
        if not kept:
            raise UserError(f"no word occurs {min_count} times in this text; give more text")
        return cls(tuple(word for word, _ in kept), np.array([n for _, n in kept], dtype=float))

    @cached_property
    def ids(self) -> dict[str, int]:
        """{word: index}."""
        return {word: i for i, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """Indices of the known words of a text; unknown ones are left out."""
        return [self.ids[word] for word in split(text) if word in self.ids]


def skipgram(
    texts: Sequence[str], vocabulary: Vocabulary, dimensions: int = DIMENSIONS, epochs: int = EPOCHS, seed: int = 0
) -> np.ndarray:
    """vectors_VD, float32, learned from the texts alone; the same seed gives the same vectors."""
    rng = np.random.default_rng(seed)
    size = len(vocabulary.words)
    vectors_VD = rng.normal(0, 0.3 / dimensions**0.5, (size, dimensions)).astype(np.float32)
    context_VD = np.zeros_like(vectors_VD)
    seen = [np.full((size, 1), 1e-6, np.float32) for _ in range(2)]  # Adagrad's sums of squares
    chance_V = np.cumsum(vocabulary.counts_V**0.75)  # the paper's exponent for drawing words
    ids, sentence = _concatenate(texts, vocabulary)
    with threadpool_limits(1, user_api="blas"):  # synchronising threads makes small products slower
        done = 0
        for _ in range(epochs):
            for centres_P, others_P in _batches(ids, sentence, vocabulary.counts_V, rng):
                drawn_K = np.searchsorted(chance_V, rng.random(DRAWN) * chance_V[-1])
                _, gradients = loss_and_gradients(
                    vectors_VD[centres_P], context_VD[others_P], context_VD[drawn_K], NEGATIVES / DRAWN
                )
                _step(vectors_VD, seen[0], centres_P, gradients[0])
                _step(context_VD, seen[1], np.concatenate([others_P, drawn_K]), np.concatenate(gradients[1:]))
                done += len(centres_P)
            if done >= MAX_PAIRS:
                break
    return vectors_VD


def loss_and_gradients(
    centres_PD: np.ndarray, others_PD: np.ndarray, drawn_KD: np.ndarray, weight: float
) -> tuple[float, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Equation 4 of the paper, summed over pairs: -log s(c.o) - weight * sum over drawn words of log s(-c.d).

    s is the sigmoid: true neighbours should point in the same direction, random words should not. Returns the loss and
    its gradients for the three arguments.
    """
    true_P = np.einsum("pd,pd->p", centres_PD, others_PD)
    false_PK = centres_PD @ drawn_KD.T
    loss = np.logaddexp(0, -true_P).sum() + weight * np.logaddexp(0, false_PK).sum()
    off_P = -sigmoid(-true_P)[:, None]
    off_PK = weight * sigmoid(false_PK)
    return float(loss), (off_P * others_PD + off_PK @ drawn_KD, off_P * centres_PD, off_PK.T @ centres_PD)


def _step(table_VD: np.ndarray, seen_V1: np.ndarray, rows_P: np.ndarray, gradient_PD: np.ndarray) -> None:
    """Adagrad on the rows that a batch touched; gradients of a word that occurs twice are summed first."""
    from scipy.sparse import csr_matrix

    rows, place_P = np.unique(rows_P, return_inverse=True)
    gather = csr_matrix((np.ones(len(rows_P), np.float32), (place_P, np.arange(len(rows_P)))), (len(rows), len(rows_P)))
    summed = gather @ gradient_PD.astype(np.float32)
    seen_V1[rows] += np.square(summed).mean(1, keepdims=True)
    table_VD[rows] -= RATE * summed / np.sqrt(seen_V1[rows])


def _concatenate(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """(ids of all words, index of the text that contains each)."""
    encoded = [vocabulary.encode(text) for text in texts]
    lengths = [len(ids) for ids in encoded]
    ids = np.array([i for row in encoded for i in row], dtype=np.int64)
    return ids, np.repeat(np.arange(len(encoded)), lengths)


def _batches(
    ids: np.ndarray, sentence: np.ndarray, counts_V: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Shuffled (word, neighbour) pairs of one pass over the text, in batches."""
    ratio_V = OFTEN * counts_V.sum() / counts_V
    kept = rng.random(len(ids)) < (np.sqrt(ratio_V) + ratio_V)[ids]
    ids, sentence = ids[kept], sentence[kept]
    reach = rng.integers(1, WINDOW + 1, len(ids))
    centres, others = [], []
    for distance in range(1, min(WINDOW, len(ids) - 1) + 1):
        left, right = ids[:-distance], ids[distance:]
        same = sentence[:-distance] == sentence[distance:]
        for centre, other, far in ((left, right, reach[:-distance]), (right, left, reach[distance:])):
            near = same & (far >= distance)
            centres.append(centre[near])
            others.append(other[near])
    if not centres:
        return
    order = rng.permutation(sum(map(len, centres)))
    all_centres, all_others = np.concatenate(centres)[order], np.concatenate(others)[order]
    for start in range(0, len(order), BATCH):
        yield all_centres[start : start + BATCH], all_others[start : start + BATCH]


def nearest(vectors_VD: np.ndarray, words: Sequence[str], word: str, num: int = 8) -> list[tuple[str, float]]:
    """The words with the most similar vectors and their cosine; UserError for an unknown word."""
    place = {w: i for i, w in enumerate(words)}
    if word not in place:
        close = nearest_name(word, words)
        hint = f"did you mean {close}?" if close else "choose one of the words it was trained on"
        raise UserError(f"{word!r} is not in the vocabulary; {hint}")
    centred = vectors_VD - vectors_VD.mean(0)  # what all words share says nothing about any of them
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    cosine_V = unit @ unit[place[word]]
    order = [i for i in np.argsort(-cosine_V) if words[i] != word][:num]
    return [(words[i], float(cosine_V[i])) for i in order]


def plane_map(vectors_ND: np.ndarray, seed: int = 0) -> np.ndarray:
    """Two coordinates per word, (N, 2), that preserve neighbourhoods (t-SNE, van der Maaten & Hinton 2008)."""
    from sklearn.manifold import TSNE

    perplexity = max(1.0, min(15.0, (len(vectors_ND) - 1) / 3))
    if len(vectors_ND) < 4:  # too few for neighbourhoods
        return np.stack([np.arange(len(vectors_ND)), np.zeros(len(vectors_ND))], 1).astype(float)
    with threadpool_limits(1):
        return TSNE(2, perplexity=perplexity, metric="cosine", init="pca", random_state=seed).fit_transform(vectors_ND)
