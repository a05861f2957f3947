"""SQuAD 2.0 for documents.py: its paragraphs as documents, its questions with the places of their answers."""

from __future__ import annotations

import collections
import gzip
import json
import re
import string
from dataclasses import dataclass
from pathlib import Path

FILE = "eval/squad2-dev-half.json.gz"


@dataclass(frozen=True)
class Question:
    """A question about a paragraph of an article. answers: the valid ones, none if it can't be answered."""

    text: str
    answers: tuple[str, ...]
    article: int
    paragraph: int


@dataclass(frozen=True)
class Article:
    """A title and its paragraphs."""

    title: str
    paragraphs: list[str]


def read(data: Path) -> tuple[list[Article], list[Question]]:
    """The articles and questions of the file in the folder of test data."""
    with gzip.open(data / FILE, "rt", encoding="utf-8") as file:
        rows = json.load(file)["data"]
    articles = [Article(row["title"].replace("_", " "), [p["context"] for p in row["paragraphs"]]) for row in rows]
    questions = [
        Question(q["question"], tuple(dict.fromkeys(a["text"] for a in q["answers"])), a, p)
        for a, row in enumerate(rows)
        for p, paragraph in enumerate(row["paragraphs"])
        for q in paragraph["qas"]
    ]
    return articles, questions


def write_markdown(article: Article, folder: Path) -> Path:
    """The article as a Markdown file."""
    path = folder / f"{re.sub('[^A-Za-z0-9]+', '_', article.title)}.md"
    path.write_text(f"# {article.title}\n\n" + "\n\n".join(article.paragraphs) + "\n", encoding="utf-8")
    return path


def normalised(text: str) -> list[str]:
    """Words as SQuAD's evaluation compares them: lower case, without punctuation and articles."""
    plain = "".join(" " if c in string.punctuation else c for c in text.lower())
    return [word for word in plain.split() if word not in ("a", "an", "the")]


def exact(answer: str, gold: tuple[str, ...]) -> float:
    """1 if an answer equals one of the valid ones."""
    return float(any(normalised(answer) == normalised(each) for each in gold))


def f1(answer: str, gold: tuple[str, ...]) -> float:
    """The best overlap in words with one of the valid answers: 0 to 1."""
    return max((_f1(normalised(answer), normalised(each)) for each in gold), default=0.0)


def _f1(ours: list[str], theirs: list[str]) -> float:
    common = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def contains(text: str, gold: tuple[str, ...]) -> bool:
    """Whether a text contains one of the valid answers, word for word."""
    ours = f" {' '.join(normalised(text))} "
    return any(f" {' '.join(normalised(each))} " in ours for each in gold)
