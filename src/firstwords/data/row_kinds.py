"""Classifies a row of a table by its columns: a chat, a preference, or text. Each kind has its own flag, and a row
given to the wrong flag is refused by `refusal`, so that a rejected answer is never learned as a good one.

Column names are case-insensitive; null and empty cells count as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from firstwords.data.messages import from_json, is_message, read_transcript
from firstwords.data.readers import TEXT_COLUMNS
from firstwords.data.source_stats import UnusableRowError

Columns = Mapping[str, Any]

CHAT_COLUMNS = (
    "messages",
    "conversations",
    "conversation",
    "chat_messages",
    "dialogue",
    "dialog",
    "turns",
    "chat",
    "data",
)
QUESTION_ANSWER = (  # the first pair whose cells are both filled
    ("instruction", "output"),
    ("instruction", "response"),
    ("instruction", "completion"),
    ("instruction", "answer"),
    ("prompt", "response"),
    ("prompt", "completion"),
    ("prompt", "output"),
    ("prompt", "answer"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("problem", "solution"),
    ("input", "output"),
    ("input", "target"),
    ("user", "assistant"),
    ("human", "assistant"),
)
TWO_ANSWERS = (
    ("chosen", "rejected"),
    ("response_j", "response_k"),
    ("response_0", "response_1"),
    ("human_ref_a", "human_ref_b"),
    ("conversation_a", "conversation_b"),
    ("response_a", "response_b"),
    ("answer_0", "answer_1"),
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("output_1", "output_2"),
)
ANSWER_LISTS = ("generations", "completions", "responses", "answers", "outputs", "candidates", "output")
RATING_LISTS = ("ratings", "rating", "scores", "score", "rewards", "ranks", "rank")
ANSWER_RATINGS = ("overall_score", "rating", "score", "pm_score", "rank")  # in the objects of a list of answers
LABELS = ("label", "kto_tag")  # true: a good answer
HELPFULNESS = "helpfulness"

CHAT_FORMS = (
    "messages, conversations, instruction/output, instruction/response, prompt/response, prompt/completion or "
    "question/answer"
)
PREFERENCE_FORMS = (
    "prompt/chosen/rejected, prompt/generations/ratings, conversation_a/conversation_b/winner or "
    "prompt/completion/label"
)
_NAMES = {"chat": "a chat", "preference": "a preference", "text": "text"}
_FLAGS = {"chat": "--chats", "preference": "--preferences", "text": "--text"}


def columns_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The cells of a row by their column names in lower case."""
    return {str(name).strip().lower(): value for name, value in row.items()}


def is_filled(value: Any) -> bool:
    """Whether a cell has a value: null, blank text and empty lists do not count."""
    return value is not None and value != [] and value != {} and not (isinstance(value, str) and not value.strip())


def filled(columns: Columns, *names: str) -> str | None:
    """The first of these columns that is filled."""
    return next((name for name in names if is_filled(columns.get(name))), None)


def chat_column(columns: Columns) -> str | None:
    """The column that holds a conversation: a list, the JSON text of one, or a transcript."""
    for name in CHAT_COLUMNS:
        value = columns.get(name)
        if isinstance(value, list) and value:
            return name
        if isinstance(value, str) and (isinstance(from_json(value), list) or is_transcript(value)):
            return name
    return None


def is_transcript(text: str) -> bool:
    """Whether a text is a transcript, usable or not."""
    try:
        return bool(read_transcript(text))
    except UnusableRowError:
        return True


def question_answer(columns: Columns) -> tuple[str, str] | None:
    """The two columns that hold a question and its answer."""
    return next((pair for pair in QUESTION_ANSWER if all(is_filled(columns.get(name)) for name in pair)), None)


def two_answers(columns: Columns) -> tuple[str, str] | None:
    """The two columns that hold two answers to one prompt."""
    return next((pair for pair in TWO_ANSWERS if all(columns.get(name) is not None for name in pair)), None)


def rated_list(columns: Columns) -> tuple[str, str | None] | None:
    """(column of several answers, column of their ratings; None where each answer carries its own)."""
    for name in ANSWER_LISTS:
        answers = columns.get(name)
        answers = from_json(answers) if isinstance(answers, str) else answers
        if not isinstance(answers, list) or not answers:
            continue
        if all(isinstance(each, Mapping) and any(key in each for key in ANSWER_RATINGS) for each in answers):
            return name, None
        for ratings in RATING_LISTS:
            value = columns.get(ratings)
            if isinstance(from_json(value) if isinstance(value, str) else value, list):
                return name, ratings
        if name == "output" and len(answers) == 2 and all(isinstance(each, str) for each in answers):
            return name, None  # LLaMA-Factory's older form: [better, worse]
    return None


def score_of_answer(columns: Columns) -> float | None:
    """The score of a row's single answer: 1 or 0 for a label, a number for helpfulness; None if it has no score."""
    if not question_answer(columns) and not chat_column(columns):
        return None
    for name in LABELS:
        value = columns.get(name)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return float(value.strip().lower() == "true")
        if isinstance(value, bool):
            return float(value)
        is_kto = name == "kto_tag" or question_answer(columns) == ("prompt", "completion")
        if is_kto and isinstance(value, int | float) and value in (0, 1):
            return float(value)
    value = columns.get(HELPFULNESS)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def kind_of(row: Any) -> tuple[str, str]:
    """("chat" | "preference" | "text" | "", the columns that identify it). Preferences are checked first: many of them
    would pass for chats."""
    if isinstance(row, str):
        return "text", ""
    if isinstance(row, list):
        return ("chat", "a list of messages") if row else ("", "")
    if not isinstance(row, Mapping):
        return "", ""
    columns = columns_of(row)
    if pair := two_answers(columns):
        return "preference", ", ".join(pair)
    if rated := rated_list(columns):
        return "preference", ", ".join(name for name in rated if name)
    if score_of_answer(columns) is not None:
        return "preference", next(name for name in (*LABELS, HELPFULNESS) if columns.get(name) is not None)
    if name := chat_column(columns):
        return "chat", name
    if "mapping" in columns:
        return "chat", "mapping"
    if pair := question_answer(columns):
        return "chat", ", ".join(pair)
    if isinstance(columns.get("text"), str) and is_transcript(columns["text"]):
        return "chat", "text"
    texts = [name for name in TEXT_COLUMNS if name in columns and isinstance(columns[name], str | None)]
    return ("text", texts[0]) if texts else ("", "")


def refusal(row: Any, wanted: str) -> str:
    """Why a row is not a `wanted` ("chat" or "preference"): the right flag, and the columns that are accepted."""
    forms = CHAT_FORMS if wanted == "chat" else PREFERENCE_FORMS
    kind, _ = kind_of(row)
    flag = _FLAGS.get(kind) if kind != wanted else None
    if not isinstance(row, Mapping):
        return f"a row must be an object, not {type(row).__name__}" + (f": give the file to {flag}" if flag else "")
    names = ", ".join(map(str, row)) or "(none)"
    if flag:
        return (
            f"no {wanted} in the columns {names}: they contain {_NAMES[kind]}, so give the file to {flag} "
            f"({wanted}s have {forms})"
        )
    return f"no {wanted} in the columns {names}; use {forms}"


def each_row(rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """All rows; a row that is a list of rows is expanded."""
    for where, row in rows:
        if isinstance(row, list) and row and all(isinstance(one, Mapping) and not is_message(one) for one in row):
            yield from ((f"{where}, row {number}", one) for number, one in enumerate(row, 1))
        else:
            yield where, row
