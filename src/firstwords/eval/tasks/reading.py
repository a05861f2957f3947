"""Reads tasks from files; the fields of a file's rows say what kind of task it is.

| fields | kind |
|---|---|
| `good, bad` (or `sentence_good, sentence_bad`) | minimal pairs: which sentence is likelier |
| `query, choices, gold` (or `question`, `ctx`; `endings`; `answer`, `label`, `answerKey`) | multiple choice |
| `Question, Best Answer, Correct Answers, Incorrect Answers` | true answers (TruthfulQA) |
| `question, answer` with a number, or GSM8K's solutions with `####` | arithmetic |
| `question, answers` (or `answer`, `aliases`), SQuAD's articles | questions with accepted answers |
| `text, label` (or `sentence`) | labels; 0 and 1 are negative and positive |
| `en, fr` (two codes of languages), `source, target` | translation from the first to the second |
| `text` alone | last words (LAMBADA) |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from firstwords.config import UserError
from firstwords.data.formats.kinds import suffix
from firstwords.data.formats.opening import COMPRESSIONS
from firstwords.data.formats.tables import TABLE_SUFFIXES, file_rows
from firstwords.data.source_stats import SourceStats, UnusableRowError, usable
from firstwords.eval.tasks.grading import number_in
from firstwords.eval.tasks.task import (
    CHOICE,
    CLOZE,
    LABELS,
    PAIRS,
    QUESTIONS,
    SUMS,
    TRANSLATION,
    TRUTH,
    Item,
    Kind,
    Task,
)

Row = Mapping[str, Any]

FIELDS = (
    "query, choices, gold; good, bad; question, answer; text, label; text; or two languages such as en, fr "
    "(docs/guides/tasks.md lists all)"
)
MAX_LABELS = 30  # different ones; more are probably not labels
SENTIMENT = ("negative", "positive")
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "la": "Latin", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def read_tasks(specs: Sequence[str], stats: SourceStats) -> list[Task]:
    """A task for each file; a folder stands for the tables in it. Names are those of the files, without extensions.

    Raises UserError for a file that is missing or unreadable, or whose rows are of no known kind.
    """
    paths = [path for spec in specs for path in _files(Path(spec).expanduser())]
    tasks = [read_task(path, stats) for path in paths]
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two of the files are called {name}: rename one, so that their figures can be told apart")
    return tasks


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [p for p in sorted(path.iterdir()) if p.is_file() and suffix(p) in TABLE_SUFFIXES]
        if not found:
            raise UserError(f"{path} has no tables ({' '.join(TABLE_SUFFIXES)}): name a folder of tasks, or files")
        return found
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path")
    if suffix(path) not in TABLE_SUFFIXES:
        raise UserError(f"{path} is not a table: --tasks reads {' '.join(TABLE_SUFFIXES)}, plain or compressed")
    return [path]


def read_task(path: Path, stats: SourceStats) -> Task:
    """The task in one file. Rows that lack a field are counted and left out."""
    rows = _flattened(file_rows(path, stats))
    reader: Reader | None = None

    def parse(row: Any) -> Item:
        nonlocal reader
        if not isinstance(row, dict):
            raise UnusableRowError(f"the row is not an object with fields such as {FIELDS}")
        if reader is None:
            reader = reader_of(row)
        return reader.parse(row)

    items = list(usable(rows, parse, stats, str(path)))
    assert reader is not None  # `usable` raises where nothing was
    name = path.name
    for ending in (*COMPRESSIONS, *TABLE_SUFFIXES):
        name = name.removesuffix(ending)
    return Task(name, reader.kind, _with_labels(items, path) if reader.kind is LABELS else tuple(items))


def _flattened(rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """SQuAD's articles as one row per answerable question; other rows as they are."""
    for where, row in rows:
        if not (isinstance(row, dict) and isinstance(row.get("paragraphs"), list)):
            yield where, row
            continue
        for paragraph in row["paragraphs"]:
            for asked in paragraph.get("qas", []):
                answers = [answer.get("text", "") for answer in asked.get("answers", [])]
                if answers and not asked.get("is_impossible"):
                    title = str(row.get("title", "")).replace("_", " ")
                    background = f"Title: {title}\n\nBackground: {paragraph.get('context', '')}\n\n"
                    yield where, {"background": background, "question": asked.get("question"), "answers": answers}


# ---- kinds -----------------------------------------------------------------------------------------------------------


class Reader(NamedTuple):
    """How the rows of a file become items."""

    kind: Kind
    parse: Callable[[Row], Item]


def reader_of(row: Row) -> Reader:
    """The kind of task that has this row's fields. Raises UnusableRowError for none."""
    names = {name.lower() for name in row}
    languages = [name for name in row if name.lower() in LANGUAGES and isinstance(row[name], str)]
    nested = row.get("translation")
    if isinstance(nested, dict) and len(nested) == 2:
        first, second = nested
        return Reader(TRANSLATION, lambda row: _translation(row.get("translation") or {}, first, second))
    if names & {"good", "sentence_good"} and names & {"bad", "sentence_bad"}:
        return Reader(PAIRS, _pair)
    if {"best answer", "incorrect answers"} <= names:
        return Reader(TRUTH, _truth)
    if names & {"choices", "endings", "options"}:
        return Reader(CHOICE, _choice)
    if "question" in names and names & {"answer", "answers", "aliases"}:
        return Reader(SUMS, _sum) if _is_sum(row) else Reader(QUESTIONS, _question)
    if names & {"text", "sentence"} and "label" in names:
        return Reader(LABELS, _label)
    if len(languages) == 2:
        first, second = languages
        return Reader(TRANSLATION, lambda row: _translation(row, first, second))
    if {"source", "target"} <= names:
        return Reader(TRANSLATION, lambda row: _translation(row, "source", "target"))
    if "text" in names:
        return Reader(CLOZE, _last_word)
    shown = ", ".join(list(row)[:8]) or "none"
    raise UnusableRowError(f"a row with the fields {shown} is of no known kind of task: use {FIELDS}")


def _value(row: Row, *names: str) -> Any:
    """The first of these fields that the row has, whatever its case."""
    lower = {name.lower(): value for name, value in row.items()}
    return next((lower[name] for name in names if lower.get(name) is not None), None)


def _text(row: Row, *names: str) -> str:
    value = _value(row, *names)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise UnusableRowError(f"{names[0]} is missing, or is not a text")
    return value


def _texts(value: Any, name: str) -> list[str]:
    """A list of texts; a cell of a table separates them by semicolons."""
    parts = [part.strip() for part in value.split(";")] if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UnusableRowError(f"{name} is missing, or is not a list of texts")
    return [part for part in parts if part.strip()]


def _group(row: Row) -> str:
    value = _value(row, "uid", "group", "subject", "category")
    return value if isinstance(value, str) else ""


def _pair(row: Row) -> Item:
    good, bad = _text(row, "good", "sentence_good"), _text(row, "bad", "sentence_bad")
    return Item("", (good, bad), (0,), _group(row))


def _choice(row: Row) -> Item:
    query = _text(row, "query", "question", "ctx", "goal")
    choices: Any = _value(row, "choices", "endings", "options")
    labels: Any = None
    if isinstance(choices, dict):  # the hub's ARC: {"text": [...], "label": ["A", "B", ...]}
        choices, labels = choices.get("text"), choices.get("label")
    texts = _texts(choices, "choices")
    if len(texts) < 2:
        raise UnusableRowError("choices has fewer than two texts")
    right = _place(_value(row, "gold", "answerkey", "answer", "label"), texts, labels)
    asks = re.match(r"question:", query, re.I) or (_value(row, "query", "ctx") is None)
    if asks and not re.search(r"answer:\s*$", query, re.I):
        query = ("" if re.match(r"question:", query, re.I) else "Question: ") + query.rstrip() + "\nAnswer:"
    return Item(query, tuple(texts), (right,), _group(row))


def _place(gold: Any, choices: list[str], labels: Any) -> int:
    """The place of the right choice, given as a number from 0, as its text, or as its letter."""
    if isinstance(gold, bool) or gold is None:
        raise UnusableRowError("gold is missing: give the place of the right choice, counted from 0")
    if isinstance(labels, list) and gold in labels:
        return labels.index(gold)
    if isinstance(gold, str) and gold in choices:
        return choices.index(gold)
    if isinstance(gold, str) and len(gold) == 1 and gold.isalpha() and gold.isascii():
        gold = ord(gold.upper()) - ord("A")
    if isinstance(gold, str) and gold.strip().isdecimal():
        gold = int(gold)
    if not isinstance(gold, int) or not 0 <= gold < len(choices):
        raise UnusableRowError(f"gold is {gold!r}, which is not one of the places 0 to {len(choices) - 1}")
    return gold


def _truth(row: Row) -> Item:
    best, correct = _text(row, "best answer").strip(), _texts(_value(row, "correct answers"), "Correct Answers")
    wrong = _texts(_value(row, "incorrect answers"), "Incorrect Answers")
    true = list(dict.fromkeys([best, *correct]))
    if not wrong:
        raise UnusableRowError("Incorrect Answers is empty")
    prompt = f"Q: {_text(row, 'question').strip()}\nA:"
    return Item(prompt, (*true, *wrong), tuple(range(len(true))), _group(row))


def _is_sum(row: Row) -> bool:
    answer = _value(row, "answer")
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return True
    return isinstance(answer, str) and re.search(r"####|^\s*-?\$?[\d,]*\.?\d+\s*$", answer) is not None


def _sum(row: Row) -> Item:
    answer = _text(row, "answer")
    if number_in(answer) is None:
        raise UnusableRowError("answer has no number")
    return Item(f"Question: {_text(row, 'question')}\nAnswer:", (answer,), (0,), _group(row))


def _question(row: Row) -> Item:
    value = _value(row, "answers", "answer")
    if isinstance(value, dict):  # {"value": ..., "aliases": [...]}, {"text": [...]}
        value = _value(value, "aliases", "text")
    answers = [value] if isinstance(value, str) and _value(row, "answers") is None else _texts(value, "answers")
    answers += _texts(_value(row, "aliases") or [], "aliases")
    answers = list(dict.fromkeys(answer for answer in answers if answer.strip()))
    if not answers:
        raise UnusableRowError("answers has no text")
    background = _value(row, "background") or ""
    between = "\n\n" if background else "\n"
    prompt = f"{background}Question: {_text(row, 'question')}{between}Answer:"
    return Item(prompt, tuple(answers), tuple(range(len(answers))), _group(row))


def _label(row: Row) -> Item:
    """The label alone; `_with_labels` puts the others in front once the whole file is known."""
    label = _value(row, "label_text", "label")
    if isinstance(label, bool) or not isinstance(label, int | str) or not str(label).strip():
        raise UnusableRowError("label is missing: give a word, or 0 for negative and 1 for positive")
    return Item(_text(row, "text", "sentence"), (str(label).strip(),), (0,), _group(row))


def _with_labels(items: Sequence[Item], path: Path) -> tuple[Item, ...]:
    labels = sorted({item.solution for item in items})
    if len(labels) > MAX_LABELS:
        raise UserError(f"{path} has {len(labels):,} different labels, but at most {MAX_LABELS} can be compared")
    is_sentiment = set(labels) <= {"0", "1"}
    if not is_sentiment and any(label.lstrip("-").isdecimal() for label in labels):
        shown = ", ".join(labels[:6])
        raise UserError(f"{path} has the labels {shown}: only 0 (negative) and 1 (positive) have words, so write words")
    words = SENTIMENT if is_sentiment else tuple(labels)
    if len(words) < 2:
        raise UserError(f"{path} has only the label {words[0]}: rows of at least two are needed")
    asked = "Is this sentence positive or negative?" if is_sentiment else f"Is this {_listed(words)}?"

    def item_of(item: Item) -> Item:
        right = int(item.solution) if is_sentiment else words.index(item.solution)
        return Item(f"{item.prompt}\nQuestion: {asked}\nAnswer:", words, (right,), item.group)

    return tuple(map(item_of, items))


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _translation(row: Row, first: str, second: str) -> Item:
    one, other = _text(row, first.lower()), _text(row, second.lower())
    source, target = (LANGUAGES.get(code.lower(), code.capitalize()) for code in (first, second))
    return Item(f"{source}: {one.strip()}\n{target}:", (other.strip(),), (0,), _group(row))


def _last_word(row: Row) -> Item:
    before, space, word = _text(row, "text").rstrip().rpartition(" ")
    if not space or not before.strip():
        raise UnusableRowError("text has only one word, so that nothing comes before the last one")
    return Item(before, (word,), (0,), _group(row))
