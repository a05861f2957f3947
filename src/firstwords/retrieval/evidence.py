"""What the documents hold on a question: passages, their sentences in the order of how well they fit, and whether that
is enough to answer.

    evidence = gather("Who repairs the bell?")
    evidence.candidates[0].text      -> "The bell is repaired by Anna Berger."
    evidence.probability             -> 0.83, evidence.is_enough -> True

Sentences and the gate are judged by a logistic regression each, on features that compare words. Their weights and the
gate's threshold are in `fitted.json`, written by `benchmarks/documents.py --fit`, which also says what they were fitted
on. No language model takes part, so that the gate is the same for every model.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstwords.retrieval import store, words
from firstwords.retrieval.passages import sentences
from firstwords.retrieval.records import OWNER, Passage

NUM_PASSAGES = 8  # that are searched for an answer, and shown
MAX_QUESTION_CHARS = 2000
FITTED = Path(__file__).with_name("fitted.json")
SENTENCE_FEATURES = ("coverage", "passage_coverage", "before", "relevance", "is_first", "phrases", "type", "length")
GATE_FEATURES = ("best", "margin", "coverage", "passage_coverage", "missing_names", "missing_rarest", "type")
_DEGREE = re.compile(r"\bhow (?:long|far|old|large|big|tall|high|often|deep|fast)\b", re.IGNORECASE)
_YEAR = re.compile(
    r"\d|centur|decade|\bago\b|januar|februar|march|märz|april|\bma[iy]\b|jun|jul|august|sept|o[ck]t|nov|de[cz]"
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|half|third|several|"
    r"zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|hundert|tausend)\b"
)
_NAME = re.compile(r"(?<![.!?“\"] )(?<!^)\b[A-ZÄÖÜ][\w'’-]+|\d[\d.,]*\d|\d")
_REASON = re.compile(
    r"\b(?:because|since|due|so that|in order|result|caused?|reason|therefore|weil|da|wegen|damit|denn)\b"
)


@dataclass(frozen=True)
class Candidate:
    """A sentence that may answer: passage counts from 0, start and end are offsets in the passage's text."""

    passage: int
    start: int
    end: int
    text: str
    features: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class Evidence:
    """What was found on a question. probability: that the passages hold an answer, by the gate."""

    question: str
    passages: list[Passage]
    candidates: list[Candidate] = field(default_factory=list)
    probability: float = 0.0
    gate_features: tuple[float, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether the gate lets the question be answered."""
        return bool(self.candidates) and self.probability >= fitted()["threshold"]


@functools.lru_cache(maxsize=1)
def fitted() -> dict[str, Any]:
    """The weights of sentences and gate, the threshold, and what they were fitted on."""
    data: dict[str, Any] = json.loads(FITTED.read_text(encoding="utf-8"))
    return data


def gather(question: str, k: int = NUM_PASSAGES, owner: str = OWNER, collection: str | None = None) -> Evidence:
    """Search for a question, and judge what was found. Raises UserError for an unknown collection."""
    question = question[:MAX_QUESTION_CHARS]
    passages = store.search(question, k, owner, collection)
    return judged(question, passages, store.rarity(question))


def judged(question: str, passages: list[Passage], rarity: Mapping[str, float]) -> Evidence:
    """The evidence in these passages. rarity: of the question's stems, higher for rarer ones."""
    weights = fitted()["sentences"]
    found = []
    for number, start, end, text, features in described(question, passages, rarity):
        score = sum(weights[name] * value for name, value in zip(SENTENCE_FEATURES, features, strict=True))
        found.append(Candidate(number, start, end, text, features, score))
    found.sort(key=lambda candidate: -candidate.score)
    if not found:
        return Evidence(question, passages)
    features = gate_features(question, passages, found, rarity)
    gate = fitted()["gate"]
    logit = gate["bias"] + sum(gate[name] * value for name, value in zip(GATE_FEATURES, features, strict=True))
    return Evidence(question, passages, found, 1 / (1 + math.exp(-max(-50.0, min(50.0, logit)))), features)


Described = tuple[int, int, int, str, tuple[float, ...]]


def described(question: str, passages: Sequence[Passage], rarity: Mapping[str, float]) -> list[Described]:
    """(passage, start, end, sentence, SENTENCE_FEATURES) of every sentence in the passages."""
    wanted = question_stems(question)
    pairs = set(itertools.pairwise(wanted))
    found: list[Described] = []
    best = max((passage.score for passage in passages), default=0.0) or 1.0
    for number, passage in enumerate(passages):
        text = passage.chunk.text
        of_passage = coverage(wanted, _stems_of(f"{passage.chunk.title} {text}"), rarity)
        before: frozenset[str] = frozenset()
        for start, end, neighbours, present in _sentences_of(text):
            sentence = text[start:end]
            if sentence.startswith("#"):  # a heading says what follows, and answers nothing
                before = present
                continue
            features = (
                coverage(wanted, present, rarity),
                of_passage,
                coverage(wanted, before, rarity),
                passage.score / best,
                float(number == 0),
                len(pairs & neighbours) / max(1, len(pairs)),
                fits_type(question, sentence, set(wanted)),
                math.log(1 + len(present)) / 4,
            )
            found.append((number, start, end, sentence, features))
            before = present
    return found


@functools.lru_cache(maxsize=1024)  # questions in a row often find the same passages
def _sentences_of(text: str) -> list[tuple[int, int, frozenset[tuple[str, str]], frozenset[str]]]:
    """(start, end, pairs of neighbouring stems, stems) of each sentence."""
    found = []
    for start, end in sentences(text):
        stems = words.stems(text[start:end])
        found.append((start, end, frozenset(itertools.pairwise(stems)), frozenset(stems)))
    return found


@functools.lru_cache(maxsize=1024)
def _stems_of(text: str) -> frozenset[str]:
    return frozenset(words.stems(text))


def gate_features(
    question: str, passages: Sequence[Passage], found: Sequence[Candidate], rarity: Mapping[str, float]
) -> tuple[float, ...]:
    """GATE_FEATURES: how well the best sentence and its passage fit the question, and what is missing there."""
    best = found[0]
    other = next((candidate.score for candidate in found if candidate.passage != best.passage), 0.0)
    passage = passages[best.passage]
    everything = _stems_of(f"{passage.chunk.title} {passage.chunk.text}")
    names = {words.stem(name) for name in _NAME.findall(question)} - words.stop_words(words.all_words(question))
    rarest = max(question_stems(question), key=lambda stem: rarity.get(stem, 0.0), default="")
    values = dict(zip(SENTENCE_FEATURES, best.features, strict=True))
    return (
        best.score,
        best.score - other,
        values["coverage"],
        values["passage_coverage"],
        len(names - everything) / max(1, len(names)),
        float(rarest not in everything),
        values["type"],
    )


def question_stems(question: str) -> list[str]:
    """The stems that passages should contain, each once; the adverb of "how long" is not one of them."""
    return list(dict.fromkeys(words.stems(_DEGREE.sub("how", question))))


def coverage(wanted: Sequence[str], present: Set[str], rarity: Mapping[str, float]) -> float:
    """The share of the question's words, weighted by rarity, that occur in a text: 0 to 1."""
    total = sum(rarity.get(stem, 1.0) for stem in wanted)
    return sum(rarity.get(stem, 1.0) for stem in wanted if stem in present) / total if total else 0.0


def fits_type(question: str, sentence: str, wanted: set[str]) -> float:
    """Whether a sentence has what the question word asks for (1), has not (0), or the question asks for anything (0.5).

    Example: 1.0 for "When ...?" and "In 1066 ..."
    """
    asked, plain = question.lower(), sentence.lower()
    if re.search(r"\bwhen\b|\bwann\b|what (?:year|date|day|century|decade)|which (?:year|century)", asked):
        return float(bool(_YEAR.search(plain)))
    if re.search(r"\bhow (?:many|much|long|old|far|large|big|tall|high|often)\b|\bwie ?viele?\b|percent", asked):
        return float(bool(_NUMBER.search(plain)))
    if re.search(
        r"\bwho(?:se|m)?\b|\bw[eo]r\b|\bwhere\b|\bwo\b|wh(?:at|ich) (?:city|country|person|state|company)", asked
    ):
        return float(any(words.stem(name) not in wanted for name in _NAME.findall(sentence)))
    if re.search(r"\bwhy\b|\bwarum\b", asked):
        return float(bool(_REASON.search(plain)))
    return 0.5
