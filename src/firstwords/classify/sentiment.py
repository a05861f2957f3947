"""The second step: words become numbers, and a line between them separates the two feelings.

    train, test = sentences.world()
    words = learn_words(train, more_texts)             skip-gram, then fine-tuned on the labels
    model = fit(train, words)                          mean of the words -> logistic regression
    explain(model, "What a lovely day!")               {"probability": 0.97, "words": [{"word": "what", "push": 0.1} ...

A sentence is the mean of its words, so its log-odds are a sum: each word's push is exactly its contribution to the
answer. Axes: N sentences, T words of one, V words of the vocabulary, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from firstwords.classify import measure, network, songs, words
from firstwords.classify.descent import Adam, sigmoid
from firstwords.classify.sentences import Sentences
from firstwords.classify.table import Table
from firstwords.classify.words import Vocabulary
from firstwords.config import UserError

TUNE_EPOCHS, TUNE_BATCH, TUNE_RATE = 12, 128, 2e-3
TUNE_MIN_STEPS = 200  # a few dozen sentences need more epochs to have an effect
TUNE_DROPPED = 0.5  # share of words hidden per sentence while tuning, so that the model relies on no single word
TUNE_HELD_OUT = 0.1  # share of the training sentences used to choose the epoch
MIN_HELD_OUT = 200  # with fewer sentences, nothing is held out and the last epoch is kept
TUNED_FREEDOM = 5.0  # C of the line times the number of sentences; larger values are overconfident on tuned vectors
MLP_WIDTH, MLP_STEPS = 32, 150
MAP_WORDS = 140
MIN_MAP_COUNT = 4  # the vector of a rarer word is mostly noise


class Embedder(Protocol):
    """Anything that gives vectors for the pieces of a text: word vectors, or a language model's hidden states."""

    @property
    def name(self) -> str: ...

    def pieces(self, texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
        """For each text, its words and their vectors (T, D); no words if none is known."""


@dataclass(frozen=True)
class WordVectors:
    """One vector per word, whatever its context."""

    vocabulary: Vocabulary
    vectors_VD: np.ndarray
    name: str = "words"

    def pieces(self, texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
        """Known words of each text and their vectors."""
        found = []
        for text in texts:
            ids = self.vocabulary.encode(text)
            found.append(([self.vocabulary.words[i] for i in ids], self.vectors_VD[ids]))
        return found


def sentence_vectors(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Mean of the pieces of each text, (N, D) in float64; zeros if no piece is known."""
    pieces = embedder.pieces(texts)
    width = max((vectors.shape[1] for _, vectors in pieces if vectors.ndim == 2), default=0)
    x_ND = np.zeros((len(texts), width))
    for row, (_, vectors_TD) in zip(x_ND, pieces, strict=True):
        if len(vectors_TD):
            row[:] = vectors_TD.mean(0)
    return x_ND


def as_table(embedder: Embedder, sentences: Sentences) -> Table:
    """The sentences as rows of numbers, from which the line and the network of the other steps can learn."""
    x_ND = sentence_vectors(embedder, sentences.texts)
    features = tuple(f"dimension {i}" for i in range(x_ND.shape[1]))
    return Table(features, sentences.classes, x_ND, sentences.y_N)


# ---- learning ------------------------------------------------------------------------------------------------------


def learn_words(train: Sentences, more_texts: Sequence[str] = (), seed: int = 0) -> WordVectors:
    """Skip-gram vectors from the training sentences and from other texts, without using labels."""
    texts = [*train.texts, *more_texts]
    vocabulary = Vocabulary.of(texts)
    return WordVectors(vocabulary, words.skipgram(texts, vocabulary, seed=seed))


def tune(start: WordVectors, train: Sentences, seed: int = 0) -> WordVectors:
    """Fine-tune the vectors so that a line separates the labels: stage two, where skip-gram is stage one.

    Line and vectors are trained together (Adam); half of the words are hidden at each step. The epoch that is best on a
    held-out tenth of the sentences is kept.
    """
    rng = np.random.default_rng(seed)
    is_held_N = rng.random(len(train.y_N)) < (TUNE_HELD_OUT if len(train.y_N) >= MIN_HELD_OUT else 0.0)
    bags = bag_of_words(start.vocabulary, train.texts)
    learn, held_out = (bags[~is_held_N], train.y_N[~is_held_N]), (bags[is_held_N], train.y_N[is_held_N])
    dimensions = start.vectors_VD.shape[1]
    vectors_VD, weights_D, bias_1 = start.vectors_VD.copy(), np.zeros(dimensions, np.float32), np.zeros(1, np.float32)
    adam = Adam([vectors_VD, weights_D, bias_1])
    best, kept = float("inf"), vectors_VD
    batches = -(-len(learn[1]) // TUNE_BATCH)
    for _ in range(max(TUNE_EPOCHS, TUNE_MIN_STEPS // batches)):
        order = rng.permutation(len(learn[1]))
        for begin in range(0, len(order), TUNE_BATCH):
            chosen = order[begin : begin + TUNE_BATCH]
            shown = learn[0][chosen]
            shown.data = shown.data * (rng.random(len(shown.data)) >= TUNE_DROPPED) / np.float32(1 - TUNE_DROPPED)
            _, gradients = bag_loss_and_gradients(vectors_VD, weights_D, bias_1, shown, learn[1][chosen])
            adam.step(gradients, TUNE_RATE)
        if held_out[1].size:
            loss, _ = bag_loss_and_gradients(vectors_VD, weights_D, bias_1, *held_out)
            if loss < best:
                best, kept = loss, vectors_VD.copy()
    return WordVectors(start.vocabulary, kept, start.name)


def bag_of_words(vocabulary: Vocabulary, texts: Sequence[str]) -> Any:
    """Sparse (N, V): each row has 1/T at the words of a text, so that bag @ vectors is the mean of its vectors."""
    from scipy.sparse import csr_matrix

    rows = [vocabulary.encode(text) for text in texts]
    lengths = np.array([len(row) for row in rows])
    ids = np.array([i for row in rows for i in row], dtype=np.int64)
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    return csr_matrix((shares, ids, np.concatenate([[0], np.cumsum(lengths)])), (len(rows), len(vocabulary.words)))


def bag_loss_and_gradients(
    vectors_VD: np.ndarray, weights_D: np.ndarray, bias_1: np.ndarray, bags_NV: Any, y_N: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """Mean cross-entropy of the line on the means, and its gradients for vectors, weights and bias."""
    means_ND = bags_NV @ vectors_VD
    logits_N = means_ND @ weights_D + bias_1
    loss = float(np.logaddexp(0, np.where(y_N > 0, -logits_N, logits_N)).mean())
    error_N = ((sigmoid(logits_N) - y_N) / len(y_N)).astype(vectors_VD.dtype)
    return loss, [bags_NV.T @ np.outer(error_N, weights_D), means_ND.T @ error_N, error_N.sum(keepdims=True)]


@dataclass(frozen=True)
class Model:
    """log-odds of the second class = bias + mean over the words of weights_D . (vector - centre_D)."""

    embedder: Embedder
    classes: tuple[str, str]
    weights_D: np.ndarray
    centre_D: np.ndarray
    bias: float

    def loudness(self, vectors_ND: np.ndarray) -> np.ndarray:
        """How far each vector alone would move the log-odds, (N,); positive towards the second class."""
        return (vectors_ND - self.centre_D) @ self.weights_D

    def probability(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of the second class for each text, (N,)."""
        return sigmoid(self.loudness(sentence_vectors(self.embedder, texts)) + self.bias)


def fit(train: Sentences, embedder: Embedder, freedom: float = 1.0) -> Model:
    """The same line as for songs (songs.fit), fitted to the means of the words."""
    table = as_table(embedder, train)
    with threadpool_limits(1, user_api="blas"):
        line = songs.fit(table, freedom)
    centre_D = table.x_NF.mean(0)
    return Model(embedder, train.classes, line.weights_F, centre_D, float(line.bias + centre_D @ line.weights_F))


# ---- answers and explanations ----------------------------------------------------------------------------------------


def explain(model: Model, text: str) -> dict[str, Any]:
    """{text, probability, class, start, words: [{word, push}], unknown: [...]}; start + all pushes = log-odds.

    Raises UserError for an empty sentence and for one without a single known word.
    """
    if not text.strip():
        raise UserError('the sentence is empty; write some words, as in "What a lovely day!"')
    known, vectors_TD = model.embedder.pieces([text])[0]
    all_words = words.split(text)
    if not known:
        raise UserError(f'no word of "{text}" occurs in the training text; use other words')
    pushes_T = model.loudness(vectors_TD) / len(known)
    p = float(sigmoid(np.array(pushes_T.sum() + model.bias)))
    unknown = []
    if isinstance(model.embedder, WordVectors):
        unknown = [word for word in all_words if word not in model.embedder.vocabulary.ids]
    return {
        "text": text,
        "probability": p,
        "class": model.classes[int(p > 0.5)],
        "start": model.bias,
        "words": [{"word": w, "push": float(push)} for w, push in zip(known, pushes_T, strict=True)],
        "unknown": unknown,
    }


def vectors_of_words(embedder: Embedder, chosen: Sequence[str]) -> np.ndarray:
    """One vector for each word on its own, (N, D)."""
    return sentence_vectors(embedder, chosen)


def neighbours(embedder: Embedder, vocabulary: Vocabulary, word: str, num: int = 8) -> list[tuple[str, float]]:
    """The words most like a word, with their cosine; UserError for a word that is not in the vocabulary."""
    chosen = [w for w, n in zip(vocabulary.words, vocabulary.counts_V, strict=True) if n >= MIN_MAP_COUNT or w == word]
    return words.nearest(vectors_of_words(embedder, chosen), chosen, word, num)


def telling_words(model: Model, vocabulary: Vocabulary, num: int = MAP_WORDS) -> list[dict[str, Any]]:
    """The words with the largest weights and the most frequent ones, half each: [{word, weight}], largest first."""
    counted = zip(vocabulary.words, vocabulary.counts_V, strict=True)
    chosen = [w for w, n in counted if n >= MIN_MAP_COUNT and w.isalpha()]
    weights = model.loudness(vectors_of_words(model.embedder, chosen))
    loud = np.argsort(-np.abs(weights))[: num // 2].tolist()
    frequent = [i for i in range(len(chosen)) if i not in set(loud) and len(chosen[i]) > 2][: num - len(loud)]
    found = [{"word": chosen[i], "weight": float(weights[i])} for i in loud + frequent]
    return sorted(found, key=lambda entry: -abs(entry["weight"]))


def word_map(embedder: Embedder, told: Sequence[dict[str, Any]], seed: int = 0) -> list[dict[str, Any]]:
    """Words on a plane, with similar vectors close together: [{word, weight, x, y}]."""
    places = words.plane_map(vectors_of_words(embedder, [entry["word"] for entry in told]), seed)
    return [{**entry, "x": float(x), "y": float(y)} for entry, (x, y) in zip(told, places, strict=True)]


# ---- evaluation ------------------------------------------------------------------------------------------------------


def figures_of(p_N: np.ndarray, test: Sentences) -> dict[str, Any]:
    """measure.figures, and the accuracy on sentences with and without a "not"."""
    has_not_N = np.array([bool({"not", "n't", "never", "no"} & set(words.split(text))) for text in test.texts])
    right_N = (p_N > 0.5) == test.y_N
    result: dict[str, Any] = measure.figures(p_N, test.y_N)
    for name, chosen_N in (("with_not", has_not_N), ("without_not", ~has_not_N)):
        if chosen_N.any():
            result[name] = measure.rate(right_N[chosen_N])
    return result


def mlp_probability(embedder: Embedder, train: Sentences, test: Sentences, seed: int = 0) -> np.ndarray:
    """The third step on the same vectors: a network with one hidden layer, for p_N of the test sentences."""
    table = as_table(embedder, train)
    learned = network.fit(table, layers=1, width=MLP_WIDTH, steps=MLP_STEPS, seed=seed)
    return learned.probability(sentence_vectors(embedder, test.texts))


# ---- the whole lesson ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What was learned from which sentences. `frozen`: the word vectors before fine-tuning."""

    train: Sentences
    test: Sentences
    vocabulary: Vocabulary
    model: Model
    frozen: WordVectors | None


def learn(
    train: Sentences,
    test: Sentences,
    more_texts: Sequence[str] = (),
    embedder: Embedder | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Lesson:
    """Learn words from the sentences and `more_texts` (or take `embedder`'s), and fit the line to their means."""
    say = progress or (lambda _: None)
    if embedder is not None:
        return Lesson(train, test, Vocabulary.of(train.texts), fit(train, embedder), None)
    say("learning word vectors from their contexts (skip-gram)")
    frozen = learn_words(train, more_texts, seed)
    say("fine-tuning the vectors on the labels, and fitting the line")
    model = fit(train, tune(frozen, train, seed), TUNED_FREEDOM / len(train.y_N))
    return Lesson(train, test, frozen.vocabulary, model, frozen)


def measured(lesson: Lesson) -> dict[str, Any]:
    """Figures on the test sentences: {majority, line, network (the third step on the same vectors), frozen?}."""
    test, embedder = lesson.test, lesson.model.embedder
    result = {
        "majority": measure.majority(test.y_N),
        "line": figures_of(lesson.model.probability(test.texts), test),
        "network": figures_of(mlp_probability(embedder, lesson.train, test), test),
    }
    if lesson.frozen is not None:
        result["frozen"] = figures_of(fit(lesson.train, lesson.frozen).probability(test.texts), test)
    return result


def report(lesson: Lesson, texts: Sequence[str] = (), near: Sequence[str] = ()) -> dict[str, Any]:
    """Everything about a lesson as plain data.

    {classes, train, test: {source, counts}, vocabulary, embeddings, measured, answers: [explain(text)], neighbours:
    {word: {now: [[word, cosine]], before?: ...}}}
    """
    model, vocabulary = lesson.model, lesson.vocabulary
    answers = [explain(model, text) for text in texts]
    found: dict[str, Any] = {}
    for word in near:
        found[word] = {"now": neighbours(model.embedder, vocabulary, word)}
        if lesson.frozen is not None:
            found[word]["before"] = neighbours(lesson.frozen, vocabulary, word)
    sides = {
        name: {"source": s.source, "counts": s.counts, "bad": s.bad, "notes": list(s.notes)}
        for name, s in (("train", lesson.train), ("test", lesson.test))
    }
    return {
        "classes": list(model.classes),
        **sides,
        "vocabulary": len(vocabulary.words),
        "embeddings": {"name": model.embedder.name, "dimensions": len(model.weights_D)},
        "measured": measured(lesson),
        "answers": answers,
        "neighbours": found,
    }


def maps(lesson: Lesson) -> list[tuple[str, list[dict[str, Any]]]]:
    """(title, words on a plane) before and after fine-tuning on the labels; one map if there was none."""
    told = telling_words(lesson.model, lesson.vocabulary)
    now = word_map(lesson.model.embedder, told)
    if lesson.frozen is None:
        return [(f"words as {lesson.model.embedder.name} sees them", now)]
    before = word_map(lesson.frozen, told)
    return [("by context (skip-gram)", before), ("after fine-tuning on the labels", now)]
