"""Measure a model: bits per byte on held-out text, the exam about the built-in world, a first visitor's questions, or
tasks that it was not trained for.

firstwords eval pip/base --bpb held-out.txt
firstwords eval pip --exam --json
firstwords eval pip --visitor --half work --answers
firstwords eval pip --tasks arc-easy.jsonl.gz lambada-test.jsonl.gz --limit 200
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.evaluation import zero_shot
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.runlog import Progress, say

EXAM_SLOTS = 32  # answers generated at a time


@dataclass
class Evaluate(JsonFlag):
    """Measure a model. Examples: firstwords eval pip/base --bpb held-out.txt; firstwords eval pip --exam"""

    model: Positional[str]
    """NAME, NAME/STAGE or the path of a model directory."""
    bpb: list[str] = field(default_factory=list)
    """Measure bits per byte on these: files, folders, FILE:COLUMN, or - for stdin (every byte is scored)."""
    context: int = 0
    """Sliding window for --bpb, in tokens (0 = the context the model was trained on)."""
    exam: bool = False
    """Ask the exam's questions about the built-in world."""
    visitor: bool = False
    """Type what first-time visitors type (greetings, sums, a joke, nonsense ...) and count the sensible replies."""
    half: str = ""
    """Half of the visitor's list: work (to improve a model with) or final (to measure it at the end); default: both."""
    answers: bool = False
    """Print every reply to the visitor with its verdict; with both halves, only those of work."""
    samples: int = 0
    """Ask the visitor's list this many times at the chat's temperature (0 = once, always the likeliest token)."""
    tasks: list[str] = field(default_factory=list)
    """Measure what it was not trained for on these files: multiple choice, minimal pairs, last words, labels,
    translation, arithmetic, questions. The fields of a file's rows say which; a folder stands for the tables in it."""
    shots: int = 0
    """Solved rows of the same file in front of every prompt of --tasks; the first ones, which are not measured."""
    as_chat: bool = False
    """Ask --tasks as messages of a chat (default: as plain text, which is comparable across all stages)."""
    all_stages: bool = False
    """Measure --tasks on every stage of the model, and what each stage changed."""
    save: bool = False
    """Keep the figures of --exam or --tasks with the model, for `models`, `report` and the page to show."""
    limit: int = 0
    """Questions per part of the exam, and rows per file of --tasks, evenly spaced (0 = all)."""


def main(config: Evaluate) -> None:
    """Run the requested measurements and print the figures."""
    check(config)
    if config.tasks:
        zero_shot.main(config)
        return
    loaded = api.load(config.model, weights="fp32")
    result: dict[str, Any] = {"model": loaded.label}
    if config.bpb:
        result |= measure_bpb(loaded, config)
    if config.exam:
        exam = measure_exam(loaded, config.limit)
        result |= exam
        if config.save:
            from firstwords.eval.exam import put_on_card

            put_on_card(loaded.directory, exam)
    if config.visitor:
        result |= measure_visitor(loaded, config)
    if config.json:
        shared.emit(result)
    else:
        show(result)


def check(config: Evaluate) -> None:
    """Raise UserError for flags that contradict each other."""
    if not config.bpb and not config.exam and not config.visitor and not config.tasks:
        raise UserError("say what to measure: --bpb FILES, --exam, --visitor or --tasks FILES")
    if config.tasks and (config.bpb or config.exam or config.visitor):
        raise UserError("--tasks cannot be combined with --bpb, --exam or --visitor: run them one after the other")
    if config.shots < 0:
        raise UserError(f"--shots is {config.shots}: use a positive number, or 0 for none")
    for flag in ("shots", "as_chat", "all_stages"):
        if getattr(config, flag) and not config.tasks:
            raise UserError(f"--{flag.replace('_', '-')} is about --tasks: give files of tasks too")
    if config.save and not config.tasks and (not config.exam or config.limit):
        raise UserError("--save needs the figures of a complete exam: give --exam, and no --limit")
    if config.limit < 0:
        raise UserError(f"--limit is {config.limit}: use a positive number, or 0 for all questions")
    if "world" in config.bpb:
        raise UserError("--bpb cannot score the built-in world because it has no end; name files or folders")
    if config.half not in ("", "work", "final"):
        raise UserError(f"--half is {config.half}: use work or final, or leave it out for both")
    if config.samples < 0:
        raise UserError(f"--samples is {config.samples}: use a positive number, or 0 for the likeliest tokens")
    for flag in ("half", "answers", "samples"):
        if getattr(config, flag) and not config.visitor:
            raise UserError(f"--{flag} is about the visitor's list: give --visitor too")


def measure_bpb(loaded: api.Model, config: Evaluate) -> dict[str, Any]:
    """{bits_per_byte, bytes, tokens, ...} on the documents of the named files."""
    from firstwords.data.source_stats import SourceStats
    from firstwords.data.sources import documents
    from firstwords.eval.bpb import bits_per_byte
    from firstwords.model.hub import trained_context

    stats = SourceStats()
    context = config.context or trained_context(loaded.directory) or loaded.context
    result = bits_per_byte(loaded.model, loaded.tokenizer, documents(config.bpb, stats), context)
    for line in stats.lines():
        say(line)
    return result.asdict()


def measure_exam(loaded: api.Model, limit: int) -> dict[str, Any]:
    """The exam's rates with intervals and counts."""
    from firstwords.eval.exam import run_exam
    from firstwords.model.card import town_size

    engine, size = loaded.engine(EXAM_SLOTS), town_size(loaded.directory)
    with Progress(f"{loaded.label}: exam") as progress:
        return run_exam(engine, loaded.tokenizer, limit or None, progress.update, size=size)


def measure_visitor(loaded: api.Model, config: Evaluate) -> dict[str, Any]:
    """The visitor's rates with intervals and counts, and the replies if they were asked for."""
    from firstwords.eval.visitor import GREEDY, ask_visitors

    loaded.check_can_chat()
    params = GREEDY
    if config.samples:
        how = loaded.chat_sampling()
        params = shared.sampling(temperature=how.temperature, top_p=how.top_p)
    engine, seeds = loaded.engine(EXAM_SLOTS), config.samples or 1
    with Progress(f"{loaded.label}: visitors") as progress:
        result = ask_visitors(engine, loaded.tokenizer, config.half, params, seeds, progress.update)
    if not config.answers:
        del result["answers"]
    return result


def show(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(result["model"])
    if "bits_per_byte" in result:
        print(f"  {result['bits_per_byte']:.4f} bits per byte ({result['bytes']:,} bytes, {result['tokens']:,} tokens)")
    for row in result.get("answers", ()):
        mark = "  " if row["sensible"] else "x "
        print(f"  {mark}{row['input']}\n      {' '.join(row['answer'].split())}")
    for name, part in (result | result.get("kinds", {})).items():
        if isinstance(part, dict) and "rate" in part:
            interval = f" ({part['low']:.1%} to {part['high']:.1%})" if "low" in part else ""
            print(f"  {name.replace('_', ' '):<24} {part['rate']:6.1%}{interval}, n = {part.get('n', '?')}")
