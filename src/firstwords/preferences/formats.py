"""Reads preferences in common formats, and writes them.

Two answers to one prompt, one of them better:

    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}                           TRL, plain
    {"prompt": [messages], "chosen": [messages], "rejected": [messages]}                TRL, conversational
    {"chosen": [messages], "rejected": [messages]}                                      the same, prompt implied
    {"prompt": "Hi", "chosen": [the whole chat], "rejected": [the whole chat]}          UltraFeedback, orpo-dpo-mix
    {"conversations": [...], "chosen": {"from", "value"}, "rejected": {...}}            LLaMA-Factory, ShareGPT
    {"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello!", "rejected": ...}                   hh-rlhf transcripts
    {"instruction": "Say hi", "input": "", "chosen": "Hello!", "rejected": "What?"}     Alpaca with two answers
    {"conversation_a": [...], "conversation_b": [...], "winner": "model_a"}             Chatbot Arena
    and SHP, PKU-SafeRLHF, StackExchange (response_j, response_k), WebGPT, HelpSteer3   (`_verdict`)

Several answers with ratings; the best is paired with every worse one:

    {"instruction": "Hi", "generations": [...], "ratings": [...]}                       distilabel, Argilla
    {"instruction": "Hi", "completions": [{"response", "overall_score"}, ...]}          UltraFeedback
    OpenAssistant trees with ranked replies

One answer with a verdict (KTO: prompt, completion, label; HelpSteer's helpfulness): rows with the same prompt are
paired.

Columns `system` and `history` go before the prompt. An unusable row (no prompt, an empty answer, two equal answers,
different prompts) is skipped, counted and reported with its file and line; ties are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers, trees
from firstwords.data.folders import from_path
from firstwords.data.messages import add_context, as_messages, from_json, read_messages, text_of, with_context
from firstwords.data.row_kinds import (
    ANSWER_RATINGS,
    HELPFULNESS,
    LABELS,
    chat_column,
    columns_of,
    each_row,
    filled,
    question_answer,
    rated_list,
    refusal,
    score_of_answer,
    two_answers,
)
from firstwords.data.source_stats import SourceStats, UnusableRowError, usable
from firstwords.data.sources import spec_names
from firstwords.plain_text import counted, without_surrogates
from firstwords.preferences.ratings import RatedAnswer, against_the_best, margin_of, number, pairs_of_rows
from firstwords.preferences.records import Preference
from firstwords.tokenizer.chat import Message

PROMPT_COLUMNS = (
    "prompt", "instruction", "question", "query", "input", "history", "context", "post", "conversations", "messages",
    "conversation",
)  # fmt: skip
_ANSWER_TEXTS = ("response", "text", "generation", "completion", "answer", "content", "value")
_SCORE_COLUMNS = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
    ("chosen-rating", "rejected-rating"),
)

Messages = list[Message]


def read_preferences(specs: Iterable[str | Path], stats: SourceStats | None = None) -> Iterator[Preference]:
    """Stream the preferences of files, folders and `hf:NAME[:SPLIT]`.

    Raises UserError for an unreadable source and for one without any preference.
    """
    stats = stats if stats is not None else SourceStats()
    for spec in spec_names(specs, "no preferences were given: use files, folders or hf:NAME"):
        if spec.startswith("hf:"):
            found = _of_rows(readers.hub_rows(spec, stats)[0], spec, spec, "", stats)
        else:
            path = Path(spec).expanduser()
            _refuse_text(path)
            found = from_path(path, readers.TABLE_SUFFIXES, stats, lambda file: _of_file(file, stats))
        for preference in found:
            stats.documents += 1
            yield preference


def summary(count: int, stats: SourceStats, verb: str = "read") -> str:
    """One line on what was read: `read 1,204 preferences; left out 3 rows; skipped 12 ties`."""
    line = f"{verb} {counted(count, 'preference')}; left out {counted(stats.skipped_rows, 'row')}"
    if stats.ties:
        line += f"; skipped {counted(stats.ties, 'tie')}"
    if stats.unpaired:
        line += f"; answers without a better or worse one to the same prompt: {stats.unpaired:,}"
    return line


def _refuse_text(path: Path) -> None:
    is_text = path.name.lower().endswith(readers.TEXT_SUFFIXES) and not path.name.lower().endswith(
        readers.TABLE_SUFFIXES
    )
    if is_text and path.is_file():
        raise UserError(
            f"{path} contains text, not preferences: give it to --text, or write JSON lines with prompt, "
            "chosen and rejected"
        )


def _of_file(file: Path, stats: SourceStats) -> Iterator[Preference]:
    name = without_surrogates(file.name)  # stored in the log; a file name may contain any bytes
    yield from _of_rows(readers.file_rows(file, stats), str(file), name, readers.file_hash(file), stats)


def _of_rows(
    rows: Iterator[tuple[str, Any]], place: str, name: str, content: str, stats: SourceStats
) -> Iterator[Preference]:
    """The preferences of one source; those combined from several rows come last."""
    single: list[RatedAnswer] = []
    num_pairs = 0
    rows = trees.joined_trees(each_row(rows))
    for parsed in usable(rows, lambda row: parse_row(row, name, content, stats), stats, place):
        for each in parsed:
            if isinstance(each, RatedAnswer):
                single.append(each)
            else:
                num_pairs += 1
                yield each
    if not single:
        if not num_pairs:
            raise UserError(f"{place} contains only ties, which teach nothing: add pairs with a better answer")
        return
    together = list(pairs_of_rows(single, name, content, stats))
    if not together and not num_pairs:
        what = "a label (KTO)" if all(each.is_verdict for each in single) else "a rating"
        raise UserError(
            f"{place} contains single answers with {what}, and no prompt has both a better and a worse one: stage "
            "three learns from two answers to one prompt; add the other answers, or give the good ones, without that "
            "column, to --chats"
        )
    yield from together


def parse_row(
    row: Any, source: str = "", source_hash: str = "", stats: SourceStats | None = None
) -> list[Preference | RatedAnswer]:
    """The preferences of one row in any format; none for a tie, which `stats` counts. Raises UnusableRowError with the
    reason if the row is not a usable preference."""
    stats = stats if stats is not None else SourceStats()
    if trees.is_tree(row):
        found = [
            pair
            for prompt, rated in trees.ranked_replies(row)
            for pair in against_the_best(prompt, rated, source, source_hash, stats)
        ]
        if not found:
            raise UnusableRowError("the tree has no message with two differently ranked replies")
        return list(found)
    if not isinstance(row, Mapping):
        raise UnusableRowError(refusal(row, "preference"))
    columns = columns_of(row)
    if names := two_answers(columns):
        return _of_two(columns, names, source, source_hash, stats)
    for name in ("chosen", "rejected"):
        if columns.get("rejected" if name == "chosen" else "chosen") is not None:
            raise UnusableRowError(f"a preference needs the column {name}")
    if rated := rated_list(columns):
        prompt, answers = _checked(_prompt(columns)), list(_rated(columns, *rated))
        if len(answers) < 2:
            raise UnusableRowError(f"fewer than two of its {rated[0]} have a text and a rating")
        return list(against_the_best(prompt, answers, source, source_hash, stats))
    score = score_of_answer(columns)
    if score is not None:
        return [_single(columns, score)]
    raise UnusableRowError(refusal(row, "preference"))


# ---- two answers -----------------------------------------------------------------------------------------------------


def _of_two(
    columns: Mapping[str, Any], names: tuple[str, str], source: str, source_hash: str, stats: SourceStats
) -> list[Preference | RatedAnswer]:
    verdict = _verdict(columns, names)
    if verdict == "tie":
        stats.ties += 1
        return []
    better, worse = names if verdict == "left" else names[::-1]
    prompt, (chosen, rejected) = _split(columns, _side(columns[better]), _side(columns[worse]))
    prompt = _checked(prompt)
    if not chosen or not rejected:
        raise UnusableRowError("one of the two answers is empty")
    if chosen == rejected:
        raise UnusableRowError("the two answers are equal")
    return [Preference(tuple(prompt), chosen, rejected, _margin(columns), source, source_hash)]


def _verdict(columns: Mapping[str, Any], names: tuple[str, str]) -> str:
    """left, right or tie. Raises UnusableRowError if the row has no verdict."""
    if names[0] in ("chosen", "response_j"):
        return "left"
    if (winner := filled(columns, "winner", "better_response_id", "safer_response_id")) is not None:
        return _named(columns[winner], names, columns)
    for name, others in (("labels", 0), ("preference", 2)):  # SHP and AlpacaFarm: 1 if the first is better
        if number(columns.get(name)) in (1, others):
            return "left" if number(columns[name]) == 1 else "right"
    for name, meaning in (("winner_model_a", "left"), ("winner_model_b", "right"), ("winner_tie", "tie")):
        if columns.get(name) is True or number(columns.get(name)) == 1:
            return meaning
    strength = number(columns.get("overall_preference"))  # HelpSteer3: negative if the first is better
    if strength is None:
        left, right = (number(columns.get(f"score_{name[-1]}")) for name in names)
        if left is None or right is None:
            raise UnusableRowError(f"no column says which of {names[0]} and {names[1]} is better, e.g. winner")
        strength = right - left
    return "tie" if strength == 0 else "left" if strength < 0 else "right"


def _named(winner: Any, names: tuple[str, str], columns: Mapping[str, Any]) -> str:
    text = str(winner).strip().lower()
    text = next((f"model_{end}" for end in "ab" if str(columns.get(f"model_{end}")).lower() == text), text)
    if text.startswith("tie") or "both" in text:
        return "tie"
    ends = {names[0][-1]: "left", names[1][-1]: "right"}
    text = text.removesuffix(".0")
    if text in (*names, *ends, *(f"model_{end}" for end in ends)):
        return ends[text[-1]]
    raise UnusableRowError(f"the winner {winner!r} is unknown: use model_{names[0][-1]}, model_{names[1][-1]} or tie")


def _side(value: Any) -> Messages:
    """An answer, or the whole conversation that ends with it."""
    parsed = from_json(value) if isinstance(value, str) else value
    if isinstance(parsed, list) and isinstance(value, str) and len(parsed) == 1 and isinstance(parsed[0], str):
        value = parsed[0]  # lmsys/arena-55k: '["The answer"]'
    messages = _plain(as_messages(value, "assistant"))
    if isinstance(value, list) and not messages:
        raise UnusableRowError("one of the two answers is empty")
    return messages


def _plain(messages: Iterable[Mapping[str, Any]]) -> Messages:
    return [{"role": m["role"], "content": m["content"].strip()} for m in messages]


def _split(columns: Mapping[str, Any], better: Messages, worse: Messages) -> tuple[Messages, tuple[str, str]]:
    """The prompt, which the two sides may repeat before their last turn, and the two last turns."""
    for side in (better, worse):
        if not side or side[-1]["role"] != "assistant":
            raise UnusableRowError("an answer must end with the assistant's turn")
    before = better[:-1] or worse[:-1]
    if better[:-1] and worse[:-1] and better[:-1] != worse[:-1]:
        raise UnusableRowError("the two conversations differ before their last turn")
    answers = (better[-1]["content"], worse[-1]["content"])
    has_own = filled(columns, *PROMPT_COLUMNS[:-3]) is not None
    if not before:
        return _prompt(columns), answers
    if not has_own:
        return _plain(with_context(columns, before)), answers
    return _joined(_plain(_prompt(columns)), before), answers


def _joined(prompt: Messages, before: Messages) -> Messages:
    """The prompt of a row joined with the messages before both answers, which usually repeat it."""
    if prompt[-len(before) :] == before:
        return prompt
    if prompt[0]["role"] == "system" and before[0]["role"] != "system":
        return [prompt[0], *_joined(prompt[1:], before)]
    if prompt[-1]["role"] == "assistant" and before[0]["role"] == "user":
        return prompt + before
    if before[-1]["role"] == "user" and any(m["content"] == prompt[-1]["content"] for m in before):
        return before
    raise UnusableRowError("the prompt differs from the conversation that both answers continue")


def _margin(columns: Mapping[str, Any]) -> float:
    if (known := number(columns.get("margin"))) is not None:
        return known
    for names in _SCORE_COLUMNS:
        better, worse = (number(columns.get(name)) for name in names)
        if better is not None and worse is not None:
            return margin_of(better, worse, (better, worse))
    return 0.0


# ---- rated answers ---------------------------------------------------------------------------------------------------


def _rated(columns: Mapping[str, Any], answers: str, ratings: str | None) -> Iterator[tuple[str, float]]:
    """(answer, rating) of each answer that has both."""
    texts, values = _list(columns[answers]), None if ratings is None else _list(columns[ratings])
    if values is not None and len(values) != len(texts):
        raise UnusableRowError(f"{len(texts)} {answers} have {len(values)} {ratings}")
    for place, each in enumerate(texts):
        if isinstance(each, Mapping):
            name = next((name for name in _ANSWER_TEXTS if each.get(name)), None)
            text = text_of(each[name]) if name else ""
            own = next((name for name in ANSWER_RATINGS if number(each.get(name)) is not None), "")
        else:
            text, own = _plain(as_messages(each, "assistant"))[-1]["content"] if each else "", ""
        rating = number(values[place]) if values is not None else number(each[own]) if own else None
        if values is None and not isinstance(each, Mapping):  # LLaMA-Factory's older form: [better, worse]
            rating = float(-place)
        if text.strip() and rating is not None:
            is_rank = (ratings or own).startswith("rank")
            yield text.strip(), -rating if is_rank else rating


def _list(value: Any) -> list[Any]:
    return from_json(value) if isinstance(value, str) else value


def _single(columns: Mapping[str, Any], score: float) -> RatedAnswer:
    is_verdict = columns.get(HELPFULNESS) is None or filled(columns, *LABELS) is not None
    if pair := question_answer(columns):
        prompt, side = _prompt(columns), _side(columns[pair[1]])
        prompt, answer = [*prompt, *side[:-1]], side[-1]
    else:
        messages = _plain(with_context(columns, read_messages(columns[str(chat_column(columns))])))
        prompt, answer = messages[:-1], messages[-1]
    if answer["role"] != "assistant":
        raise UnusableRowError("the conversation does not end with the assistant's answer")
    return RatedAnswer(tuple(_checked(prompt)), answer["content"], score, is_verdict)


# ---- prompts ---------------------------------------------------------------------------------------------------------


def _prompt(columns: Mapping[str, Any]) -> Messages:
    """The prompt of a row, preceded by its columns `system` and `history`."""
    name = filled(columns, *PROMPT_COLUMNS)
    if name is None:
        raise UnusableRowError(f"a preference needs a prompt, in one of the columns {', '.join(PROMPT_COLUMNS[:5])}")
    messages = as_messages(_single_text(columns[name]), "user")
    if name == "instruction":
        add_context(columns, messages)
    if name == "history":  # SHP: the text of a post, not earlier turns
        columns = {key: value for key, value in columns.items() if key != "history"}
    return _plain(with_context(columns, messages))


def _single_text(value: Any) -> Any:
    parsed = from_json(value) if isinstance(value, str) else value
    return parsed[0] if isinstance(parsed, list) and len(parsed) == 1 and isinstance(parsed[0], str) else value


def _checked(prompt: Iterable[Mapping[str, Any]]) -> Messages:
    messages = _plain(prompt)
    if not messages or messages[-1]["role"] != "user":
        raise UnusableRowError("there is no prompt that ends with a user's turn")
    if not all(message["content"] for message in messages):
        raise UnusableRowError("a message of the prompt is empty")
    return messages


def write_jsonl(preferences: Iterable[Preference], path: Path, conversational: bool = True) -> int:
    """Write preferences in TRL's format; returns their number. Raises UserError for a prompt of several turns if
    `conversational` is off, since the plain format cannot represent it.
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
                raise UserError("a prompt of several turns does not fit the plain form: export the conversational")
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
