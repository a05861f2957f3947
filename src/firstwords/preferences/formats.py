"""Preferences from the forms in which people share them, and back.

    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}                           TRL, plain
    {"prompt": [messages], "chosen": [messages], "rejected": [messages]}                TRL, conversational
    {"chosen": [messages], "rejected": [messages]}                                      the same, prompt implied
    {"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello!", "rejected": ...}                   hh-rlhf transcripts
    {"instruction": "Say hi", "input": "", "chosen": "Hello!", "rejected": "What?"}     Alpaca with two answers

A row that cannot be used (no prompt, an empty answer, two equal answers, prompts that differ) is skipped, counted and
noted with its file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.sources import SourceStats, UnusableRowError, from_path, usable
from firstwords.preferences.records import Preference

_TURN = re.compile(r"\n\n(Human|Assistant): ?")
_ROLES = {"Human": "user", "Assistant": "assistant"}

Messages = list[dict[str, str]]


def read_preferences(specs: Iterable[str | Path], stats: SourceStats | None = None) -> Iterator[Preference]:
    """Stream the preferences of files, folders and `hf:NAME[:SPLIT]`.

    Raises UserError for what cannot be read and for a source none of whose rows is a preference.
    """
    stats = stats if stats is not None else SourceStats()
    for spec in map(str, specs):
        if spec.startswith("hf:"):
            found = _of_hub(spec, stats)
        else:
            found = from_path(
                Path(spec).expanduser(), readers.TABLE_SUFFIXES, stats, lambda file: _of_file(file, stats)
            )
        for preference in found:
            stats.documents += 1
            yield preference


def _of_hub(spec: str, stats: SourceStats) -> Iterator[Preference]:
    return usable(readers.hub_rows(spec, stats)[0], lambda row: parse_row(row, spec), stats, spec)


def _of_file(file: Path, stats: SourceStats) -> Iterator[Preference]:
    rows = readers.file_rows(file, stats)
    content = readers.file_hash(file)
    yield from usable(rows, lambda row: parse_row(row, file.name, content), stats, str(file))


def parse_row(row: Any, source: str = "", source_hash: str = "") -> Preference:
    """One row, whatever its form; raises an exception that says why if it is no usable preference."""
    if not isinstance(row, dict):
        raise UnusableRowError(f"a row must be an object, not {type(row).__name__}")
    for name in ("chosen", "rejected"):
        if row.get(name) is None:
            raise UnusableRowError(f"a preference needs the column {name}")
    if isinstance(row["chosen"], list) or isinstance(row["rejected"], list):
        prompt, chosen, rejected = _conversational(row)
    elif isinstance(row["chosen"], str) and _TURN.match(row["chosen"]):
        prompt, chosen, rejected = _transcripts(row)
    else:
        prompt, chosen, rejected = _prompt(row), _text(row["chosen"]), _text(row["rejected"])
    _check(prompt, chosen, rejected)
    margin = row.get("margin")
    known = float(margin) if isinstance(margin, int | float) else 0.0
    return Preference(tuple(prompt), chosen, rejected, known, source, source_hash)


def _check(prompt: Messages, chosen: str, rejected: str) -> None:
    if not prompt or prompt[-1]["role"] != "user":
        raise UnusableRowError("there is no prompt that ends with a user's turn")
    if not all(message["content"] for message in prompt):
        raise UnusableRowError("a message of the prompt is empty")
    if not chosen or not rejected:
        raise UnusableRowError("one of the two answers is empty")
    if chosen == rejected:
        raise UnusableRowError("the two answers are equal")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnusableRowError(f"an answer must be text, not {type(value).__name__}")
    return value.strip()


def _messages(value: Any) -> Messages:
    if not isinstance(value, list):
        raise UnusableRowError("one answer is a list of messages and the other is not")
    found = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise UnusableRowError("a message must be an object with role and content")
        if message.get("role") not in ("system", "user", "assistant"):
            raise UnusableRowError(f"a message has the role {message.get('role')!r}; known are system, user, assistant")
        found.append({"role": message["role"], "content": message["content"].strip()})
    return found


def _conversational(row: dict[str, Any]) -> tuple[Messages, str, str]:
    chosen, rejected = _messages(row["chosen"]), _messages(row["rejected"])
    prompt = _prompt(row) if row.get("prompt") else []
    if not prompt:  # the turns that both have
        while chosen and rejected and chosen[0] == rejected[0]:
            prompt.append(chosen.pop(0))
            rejected.pop(0)
    return prompt, _one_answer(chosen), _one_answer(rejected)


def _one_answer(messages: Messages) -> str:
    if [message["role"] for message in messages] != ["assistant"]:
        raise UnusableRowError("after the prompt each side must be one turn of the assistant")
    return messages[0]["content"]


def _transcripts(row: dict[str, Any]) -> tuple[Messages, str, str]:
    sides = []
    for name in ("chosen", "rejected"):
        pieces = _TURN.split(_text_kept(row[name]))
        turns = [{"role": _ROLES[who], "content": what.strip()} for who, what in zip(pieces[1::2], pieces[2::2])]
        if not turns or turns[-1]["role"] != "assistant":
            raise UnusableRowError(f"the transcript {name} does not end with the assistant's turn")
        sides.append(turns)
    (chosen, rejected) = sides
    if chosen[:-1] != rejected[:-1]:
        raise UnusableRowError("the two transcripts differ before their last turn")
    return chosen[:-1], chosen[-1]["content"], rejected[-1]["content"]


def _text_kept(value: Any) -> str:
    if not isinstance(value, str):
        raise UnusableRowError(f"a transcript must be text, not {type(value).__name__}")
    return value


def _prompt(row: dict[str, Any]) -> Messages:
    for name in ("prompt", "instruction", "question"):
        value = row.get(name)
        if isinstance(value, list):
            return _messages(value)
        if isinstance(value, str) and value.strip():
            text, extra = value.strip(), row.get("input") if name == "instruction" else None
            if _TURN.match(value):
                pieces = _TURN.split(value)
                turns = zip(pieces[1::2], pieces[2::2])
                return [{"role": _ROLES[who], "content": what.strip()} for who, what in turns if what.strip()]
            if isinstance(extra, str) and extra.strip():
                text = f"{text}\n\n{extra.strip()}"
            return [{"role": "user", "content": text}]
    raise UnusableRowError("a preference needs a prompt")


def write_jsonl(preferences: Iterable[Preference], path: Path, conversational: bool = True) -> int:
    """Write preferences in the form that TRL reads; returns how many. Raises UserError for a prompt of several turns
    when `conversational` is off, which the plain form cannot hold.
    """
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for p in preferences:
            if conversational:
                row: dict[str, Any] = {"prompt": list(p.prompt)}
                row |= {n: [{"role": "assistant", "content": getattr(p, n)}] for n in ("chosen", "rejected")}
            elif len(p.prompt) == 1:
                row = {"prompt": p.prompt[0]["content"], "chosen": p.chosen, "rejected": p.rejected}
            else:
                raise UserError("a prompt of several turns does not fit into the plain form: export the conversational")
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
