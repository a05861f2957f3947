"""How well are your own questions answered from your own documents?

    result = evaluate(read_questions([Path("questions.jsonl")]), Extractive())
    result["found"]["recall@5"]         -> {"rate": 0.94, "low": 0.87, "high": 0.97, "n": 80}

    {"question": "When was the mill built?", "answer": "1832", "document": "house.md"}
    {"question": "Who is the president of Mars?", "answer": null}

A passage is right if it contains the answer, word for word, in the document that is named, if one is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers as data_readers
from firstwords.data.source_stats import SourceStats
from firstwords.retrieval import store
from firstwords.retrieval.evidence import NUM_PASSAGES, judged
from firstwords.retrieval.readers import Extractive
from firstwords.retrieval.records import Passage
from firstwords.retrieval.words import grams
from firstwords.stats import cluster_interval, rate_of

DEPTH = 10  # passages per question
CUTS = (1, 5, DEPTH)
MAX_RIGHT = 200  # passages that may hold one answer
WAYS: tuple[store.How, ...] = ("words", "dense", "fused")
MAX_CHANCE = 0.05  # that vectors help only by chance
RANDOMISED = 5000  # draws of the randomisation test
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Question:
    """A question with its valid answers, none if the documents don't say. place: file and line."""

    text: str
    answers: tuple[str, ...]
    document: str
    place: str


@dataclass(frozen=True)
class Case:
    """A question with what was found. right: ids of the passages that hold an answer."""

    question: Question
    passages: list[Passage]
    right: frozenset[int]

    @property
    def hits(self) -> list[bool]:
        """Whether each passage is right."""
        return [passage.chunk.id in self.right for passage in self.passages]


def read_questions(files: Sequence[Path]) -> list[Question]:
    """Questions of JSON lines, JSON or tables. Raises UserError for a row that is not a labelled question."""
    found = []
    for file in files:
        if not file.is_file():
            raise UserError(f"there is no file {file}: give questions as .jsonl, .json or .csv")
        found += [_question(row, place) for place, row in data_readers.file_rows(file, SourceStats())]
    if not found:
        raise UserError("no questions were found: give rows with a question and an answer")
    return found


def _question(row: Any, place: str) -> Question:
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        example = '{"question": "...", "answer": "..."}'
        raise UserError(f"{place}: a row needs a question and an answer, such as {example}")
    if not ("answer" in row or "answers" in row):
        raise UserError(f"{place}: the answer is missing; give null if the documents don't say")
    given = row.get("answers", row.get("answer"))
    answers = given if isinstance(given, list) else [given]
    if not all(answer is None or isinstance(answer, str | int | float) for answer in answers):
        raise UserError(f"{place}: an answer must be a text, or null")
    texts = tuple(text for answer in answers if answer is not None and _words(text := str(answer)))
    document = row.get("document")
    return Question(row["question"], texts, str(document) if document else "", place)


def evaluate(questions: Sequence[Question], reader: Extractive, collection: str | None = None) -> dict[str, Any]:
    """Rates with their intervals: what was found, what was quoted, what was left unanswered.

    missing: questions whose answer is in no document, which count in no rate; missed: those whose passage is not among
    the first DEPTH. Raises UserError for an unknown collection or document.
    """
    cases = [_case(question, collection) for question in questions]
    labelled = [case for case in cases if case.right]
    unanswerable = [case for case in cases if not case.question.answers]
    answers = {id(case): _answer(case, reader) for case in [*labelled, *unanswerable]}
    missed = [case.question for case in labelled if not any(case.hits)]
    result: dict[str, Any] = {
        "questions": len(cases),
        "found": {f"recall@{k}": rate_of([any(case.hits[:k]) for case in labelled]) for k in CUTS},
        "quoted": rate_of([answers[id(case)][1] for case in labelled]),
        "refused": rate_of([not answers[id(case)][0] for case in labelled]),
        "unanswerable_refused": rate_of([not answers[id(case)][0] for case in unanswerable]),
        "missed": [_named(question) for question in missed],
        "missing": [_named(case.question) for case in cases if case.question.answers and not case.right],
    }
    result["found"][f"nDCG@{DEPTH}"] = _mean([_ndcg(case) for case in labelled])
    return result


def compare(questions: Sequence[Question], collection: str | None = None) -> dict[str, Any] | None:
    """nDCG@10 of searches by words, by vectors and by both, on the questions whose answer is in a document.

    gain: of both over words alone; p: how probable such a gain is if both are equally good, by a paired randomisation
    test (Smucker, Allan and Carterette 2007). None if no question has its answer in a document. Raises UserError for an
    unknown collection or document.
    """
    store.documents(collection=collection)  # for its UserError, also if no question has an answer
    labelled = [(question, right) for question in questions if (right := _right(question, collection))]
    if not labelled:
        return None
    values: dict[str, list[float]] = {}
    for how in WAYS:
        values[how] = [
            _ndcg(Case(question, store.search(question.text, DEPTH, collection=collection, how=how), right))
            for question, right in labelled
        ]
    gains = [both - words for both, words in zip(values["fused"], values["words"], strict=True)]
    gain, p = sum(gains) / len(gains), chance(gains)
    rates = {how: _mean(some) for how, some in values.items()}
    return {f"nDCG@{DEPTH}": rates, "gain": gain, "p": p, "is_better": gain > 0 and p < MAX_CHANCE}


def chance(gains: Sequence[float]) -> float:
    """The probability of such a mean or a higher one if the sign of each gain were random."""
    import numpy as np

    generator, gains_N = np.random.default_rng(0), np.array(gains)
    signs = (generator.choice((-1.0, 1.0), size=len(gains)) for _ in range(RANDOMISED))
    return (1 + sum(bool(sign @ gains_N >= gains_N.sum() - 1e-9) for sign in signs)) / (1 + RANDOMISED)


def _named(question: Question) -> dict[str, str]:
    return {"question": question.text, "place": question.place}


def _case(question: Question, collection: str | None) -> Case:
    """Search for a question, and find the passages that hold its answer."""
    return Case(question, store.search(question.text, DEPTH, collection=collection), _right(question, collection))


def _right(question: Question, collection: str | None) -> frozenset[int]:
    """The ids of the passages that hold its answer. Raises UserError for an unknown collection or document."""
    numbers = {d.id for d in store.named(question.document, collection=collection)} if question.document else None
    right: set[int] = set()
    for answer in question.answers:
        for passage in store.search(answer, MAX_RIGHT, collection=collection, every=True):
            is_there = numbers is None or passage.document.id in numbers
            if is_there and _contains(passage.chunk.text, (answer,)):
                right.add(passage.chunk.id)
    return frozenset(right)


def _answer(case: Case, reader: Extractive) -> tuple[bool, bool]:
    """(whether the gate lets it answer, whether the best sentence is the right one)."""
    evidence = judged(case.question.text, case.passages[:NUM_PASSAGES], store.rarity(case.question.text))
    best = reader.best(evidence)
    if best is None:
        return False, False
    is_right = evidence.passages[best.passage].chunk.id in case.right and _contains(best.text, case.question.answers)
    return evidence.is_enough, is_right


def _ndcg(case: Case) -> float:
    """Normalised discounted cumulative gain: 1 if all right passages come first (Järvelin & Kekäläinen 2002, eq. 2)."""
    ideal = sum(1 / math.log2(place + 2) for place in range(min(DEPTH, len(case.right))))
    return sum(1 / math.log2(place + 2) for place, is_right in enumerate(case.hits) if is_right) / ideal


def _mean(values: Sequence[float]) -> dict[str, float]:
    low, high = cluster_interval([[value] for value in values])
    return {"rate": sum(values) / len(values) if values else 0.0, "low": low, "high": high, "n": len(values)}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _contains(text: str, answers: Iterable[str]) -> bool:
    """Whether a text contains one of the answers, word for word; in scripts without spaces, letter for letter."""
    ours = f" {' '.join(_words(text))} "
    for answer in answers:
        wanted = " ".join(_words(answer))
        if (wanted if grams(answer) else f" {wanted} ") in ours:
            return True
    return False
