"""Conversations from common chat formats, as lists of messages for `tokenizer.chat.render`.

    {"messages": [{"role": "user", "content": ...}, ...]}         OpenAI; also a plain list of such messages
    {"conversations": [{"from": "human", "value": ...}, ...]}     ShareGPT; also alternating texts or pairs
    {"instruction": ..., "input": ..., "output": ...}             Alpaca, with system and history
    {"instruction": ..., "context": ..., "response": ...}         Dolly
    {"prompt": ..., "response": ...}                              pairs; also completion, question/answer
    {"title": ..., "mapping": {...}}                              ChatGPT's export; trees of OpenAssistant
    31/12/2023, 22:15 - Anna: Are you there?                      WhatsApp's export, as FILE:NAME (`whatsapp.py`)

`messages.py` defines how a message is read, and `row_kinds.py` which rows are not chats (preferences, text): those are
refused.

The result always has the order [system] user assistant ... assistant: consecutive messages of one role are merged, a
greeting by the assistant before the user's first message is dropped (it would teach a model to speak first), and so is
everything after the last learned answer. `SourceStats.trimmed_turns` counts the messages that were dropped or merged
(`merged_turns`), `context_turns` those that are read but not learned: tool calls, tool results, answers of weight 0. A
row without an answer, or with a message without text, is skipped and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from firstwords.config import UserError
from firstwords.data import exports, readers, trees
from firstwords.data.folders import from_path
from firstwords.data.messages import add_context, as_messages, read_messages, read_transcript, with_context
from firstwords.data.row_kinds import (
    CHAT_COLUMNS,
    QUESTION_ANSWER,
    chat_column,
    columns_of,
    each_row,
    is_filled,
    kind_of,
    question_answer,
    refusal,
)
from firstwords.data.source_stats import SourceStats, UnusableRowError, usable
from firstwords.data.sources import in_turn, spec_names, split_column
from firstwords.plain_text import counted
from firstwords.tokenizer.chat import Message, is_learned
from firstwords.world.town.plumwick import Size


def conversations(
    specs: Iterable[str | Path], stats: SourceStats | None = None, town: Size = "whole", writers: str = "careful"
) -> Iterator[list[Message]]:
    """Stream the conversations of all specs in turn (see `in_turn`): files, folders, `hf:NAME[:SPLIT]`, WhatsApp
    exports as FILE:NAME, or `world` (endless, about its `town` of that size, by these `writers`: see world/writers.py).

    Raises UserError for an unreadable source and for one without any usable chat.
    """
    stats = stats if stats is not None else SourceStats()
    names = spec_names(specs, 'no chats were given: give files, folders, hf:NAME or "world"')
    for chat in in_turn([_of_spec(name, stats, town, writers) for name in names], _length):
        stats.documents += 1
        stats.bytes += sum(len(message["content"].encode("utf-8", "replace")) for message in chat)
        yield chat


def _length(chat: list[Message]) -> int:
    """Characters of all messages."""
    return sum(len(message["content"]) for message in chat)


def summary(count: int, stats: SourceStats) -> str:
    """One line on what was read: `read 907 chats; left out 3 rows; trimmed 12 messages (...)`."""
    line = f"read {counted(count, 'chat')}; left out {counted(stats.skipped_rows, 'row')}"
    if stats.skipped_files:
        line += f" and {counted(stats.skipped_files, 'file')}"
    if trimmed := stats.trimmed_turns - stats.merged_turns:
        line += f"; trimmed {counted(trimmed, 'message')} (before the first question or after the last answer)"
    if stats.context_turns:
        line += f"; read but did not learn {counted(stats.context_turns, 'message')} (tools, weight 0)"
    return line


def _of_spec(spec: str, stats: SourceStats, town: Size, writers: str) -> Iterator[list[Message]]:
    def parse(row: Any) -> list[Message]:
        return parse_row(row, stats)

    if spec == "world":
        from firstwords.world.chats.conversations import conversations as world_conversations

        chats = world_conversations(size=town, writers=writers)
        yield from cast("Iterator[list[Message]]", chats)  # the world's own type is a plain dict
    elif spec.startswith("hf:"):
        yield from usable(_joined(readers.hub_rows(spec, stats)[0]), parse, stats, spec)
    else:
        path, name = split_column(spec)
        yield from from_path(
            path,
            (*readers.TABLE_SUFFIXES, *exports.SUFFIXES),
            stats,
            lambda file: usable(_file_rows(file, name, stats), parse, stats, str(file)),
        )


def _file_rows(file: Path, name: str | None, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    if file.name.lower().endswith(exports.SUFFIXES):
        return exports.rows_of(file, name, stats)
    if name:
        raise UserError(f"{file}:{name}: only a WhatsApp export (.txt, .zip) takes a name; give the file alone")
    return _joined(readers.file_rows(file, stats))


def _joined(rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    return trees.joined_trees(each_row(rows))


def parse_row(row: Any, stats: SourceStats | None = None) -> list[Message]:
    """One row in any format as messages. Raises UnusableRowError with the reason if it has no usable conversation."""
    if isinstance(row, list):
        return _clean(read_messages(row, take_texts=False), stats)
    if not isinstance(row, Mapping):
        raise UnusableRowError(refusal(row, "chat"))
    if trees.is_tree(row):
        return _clean(trees.best_path(row), stats)
    if kind_of(row)[0] == "preference":
        raise UnusableRowError(refusal(row, "chat"))
    columns = columns_of(row)
    return _clean(with_context(columns, _from_columns(columns, row)), stats)


def _from_columns(columns: Mapping[str, Any], row: Mapping[str, Any]) -> list[Message]:
    if name := chat_column(columns):
        return read_messages(columns[name], take_texts=name != "messages")
    if columns.get("mapping"):
        return trees.exported_messages(columns)
    if pair := question_answer(columns):
        return _from_pair(columns, *pair)
    if isinstance(columns.get("text"), str) and (transcript := read_transcript(columns["text"])):
        return transcript
    if any(columns.get(name) == [] for name in CHAT_COLUMNS):
        return []
    for pair in QUESTION_ANSWER:
        if all(name in columns for name in pair):
            blank = next(name for name in pair if not is_filled(columns[name]))
            raise UnusableRowError(f"the column {blank} is empty")
    raise UnusableRowError(refusal(row, "chat"))


def _from_pair(columns: Mapping[str, Any], ask: str, answer: str) -> list[Message]:
    before, after = as_messages(columns[ask], "user"), as_messages(columns[answer], "assistant")
    if ask == "instruction":
        add_context(columns, before)
    return before + after


def _clean(messages: list[Message], stats: SourceStats | None) -> list[Message]:
    """Messages with neighbours merged, the assistant never first and a learned answer always last."""
    chat: list[Message] = []
    num_merged = 0
    for message in messages:
        content = message["content"].strip()
        if message["role"] in ("assistant", "tool") and not any(m["role"] == "user" for m in chat):
            continue
        if chat and chat[-1]["role"] == message["role"] and is_learned(chat[-1]) == is_learned(message):
            chat[-1]["content"] += "\n\n" + content
            num_merged += 1
        else:
            chat.append(message | {"content": content})
    while chat and not is_learned(chat[-1]):
        chat.pop()
    if not chat:
        raise UnusableRowError(_why_empty(messages))
    if stats is not None:
        stats.trimmed_turns += max(0, len(messages) - len(chat))
        stats.merged_turns += num_merged
        stats.context_turns += sum(m["role"] == "tool" or m.get("weight") == 0 for m in chat)
    return chat


def _why_empty(messages: list[Message]) -> str:
    answers = [m for m in messages if m["role"] == "assistant"]
    if not answers:
        return "the chat has no assistant turn"
    if not any(map(is_learned, answers)):
        return "the chat has no assistant turn to learn from: all have weight 0 or are function calls"
    return "the chat has no user turn before its answer"
