"""Sentences labelled with one of two feelings, from the user's files or the built-in world.

    train, test = read_files(["sst2-train.jsonl.gz"]).split()         a fifth is held out
    train, test = world()

Files: .jsonl .json .parquet .csv and .tsv (also compressed), with a column `text` or `sentence` and a column `label`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.formats.opening import plain_name
from firstwords.data.source_stats import SourceStats
from firstwords.world import feelings

TEXT_COLUMNS, LABEL_COLUMNS = ("text", "sentence"), ("label", "sentiment", "feeling", "class")
NUMBERED = {"0": "negative", "1": "positive"}  # the meaning of the numbers in SST-2 and most other datasets
GLAD = ("positive", "pos", "happy", "good", "glad", "1")  # these labels become the second class
HELD_OUT = 0.2
MAX_NOTES = 5
MIN_OF_A_CLASS = 2
WORLD_SENTENCES = 4000
WORLD_DOCUMENTS = 600  # from which words are learned in addition to the sentences


@dataclass(frozen=True)
class Sentences:
    """Texts and y_N, 0 or 1 (the index in `classes`); `notes` name the first rows that were left out."""

    texts: tuple[str, ...]
    y_N: np.ndarray
    classes: tuple[str, str]
    source: str
    bad: int = 0
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Sentences of each class."""
        return {name: int((self.y_N == number).sum()) for number, name in enumerate(self.classes)}

    def where(self, is_chosen_N: np.ndarray, source: str) -> Sentences:
        """Only the chosen sentences."""
        texts = tuple(text for text, chosen in zip(self.texts, is_chosen_N, strict=True) if chosen)
        return Sentences(texts, self.y_N[is_chosen_N], self.classes, source)

    def split(self) -> tuple[Sentences, Sentences]:
        """(training, held out): the split depends only on the sentence itself, so copies stay together."""
        is_held_N = np.array([_number(text) < HELD_OUT for text in self.texts])
        train, test = self.where(~is_held_N, self.source), self.where(is_held_N, f"a fifth of {self.source}, held out")
        check(train)
        check(test)
        return train, test


def check(sentences: Sentences) -> None:
    """Raise UserError unless both classes occur often enough."""
    for name, count in sentences.counts.items():
        if count < MIN_OF_A_CLASS:
            raise UserError(
                f"{sentences.source} has {count} sentences labelled {name}; each class needs at least {MIN_OF_A_CLASS}"
            )


def world(num: int = WORLD_SENTENCES) -> tuple[Sentences, Sentences]:
    """(training, test) of the built-in world; the test sentences use constructions that do not occur in training."""
    sets = (list(islice(feelings.sentences(0), num)), feelings.held_out())
    sources = ("the built-in world", "other phrasings of the built-in world")
    classes = (feelings.SAD, feelings.HAPPY)
    train, test = (
        Sentences(tuple(text for text, _ in rows), np.array([classes.index(f) for _, f in rows]), classes, source)
        for rows, source in zip(sets, sources, strict=True)
    )
    return train, test


def world_texts() -> list[str]:
    """Texts of the built-in world without labels, from which words can be learned in addition to its sentences."""
    from firstwords.world.texts.documents import documents

    return list(islice(documents(0), WORLD_DOCUMENTS))


def read_files(paths: Sequence[str | Path], classes: tuple[str, str] | None = None) -> Sentences:
    """All sentences of the files; `classes`: the classes of the training set, which a test set must share.

    Raises UserError for a missing file, missing columns, mostly broken rows, or a number of labels other than two.
    """
    texts: list[str] = []
    labels: list[str] = []
    notes: list[str] = []
    bad = 0
    source = ", ".join(Path(path).name for path in paths)
    for path in paths:
        for where, row in _rows(Path(path).expanduser()):
            text, label = _taken(where, row)
            if text and label:
                texts.append(text)
                labels.append(NUMBERED.get(label, label))
                continue
            bad += 1
            if len(notes) < MAX_NOTES:
                notes.append(f"{where}: there is no {'label' if text else 'text'}")
    if not texts or bad > len(texts):
        raise UserError(
            f"{notes[0]}; in all, {bad} of {bad + len(texts)} rows are unusable"
            if notes
            else f"{source} contains no rows"
        )
    names = _two_classes(labels, source, classes)
    y_N = np.array([names.index(label) for label in labels])
    found = Sentences(tuple(texts), y_N, names, source, bad, tuple(notes))
    check(found)
    return found


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """(file:line, row) of every row of one file."""
    if not path.is_file():
        raise UserError(f"{path} does not exist: check the spelling")
    if not plain_name(path).endswith(readers.TABLE_SUFFIXES):
        raise UserError(f"{path} has an unsupported type: use {' '.join(readers.TABLE_SUFFIXES)}")
    for where, row in readers.file_rows(path, SourceStats()):
        yield where.replace(str(path), path.name, 1), row


def _taken(where: str, row: Any) -> tuple[str, str]:
    """(text, label) of a row, "" for an empty cell; UserError if a column is missing altogether."""
    if not isinstance(row, dict):
        raise UserError(f'{where}: a row must have a text and a label, as in {{"text": ..., "label": 1}}')
    found = []
    for what, columns in (("text", TEXT_COLUMNS), ("label", LABEL_COLUMNS)):
        column = next((name for name in columns if name in row), None)
        if column is None:
            raise UserError(
                f"{where}: there is no column for the {what} ({' or '.join(columns)}); "
                f"the row has {', '.join(map(str, row))}"
            )
        value = row[column]
        found.append("" if value is None else str(value).strip())
    return found[0], found[1]


def _two_classes(labels: Sequence[str], source: str, wanted: tuple[str, str] | None) -> tuple[str, str]:
    present = Counter(labels)
    if wanted:
        if other := next((label for label in present if label not in wanted), None):
            raise UserError(f"{source} has the label {other}, but the training data have {wanted[0]} and {wanted[1]}")
        return wanted
    if len(present) == 1:
        raise UserError(f"every sentence of {source} is labelled {labels[0]}; two classes are needed")
    if len(present) > 2:
        some = ", ".join(name for name, _ in present.most_common(3))
        raise UserError(f"{source} has {len(present)} labels ({some} ...); exactly two are needed")
    first, second = sorted(present, key=lambda label: (label.lower() in GLAD, label))
    return first, second


def _number(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    digest = hashlib.blake2b(text.lower().encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
