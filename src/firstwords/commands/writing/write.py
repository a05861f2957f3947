"""Write a story, an essay, a poem or a letter: an outline, then each paragraph as the best of several.

firstwords write "a dog"
firstwords write "a lost dog" --ending happy --with boat,moon --best 8
firstwords write "why the sea is salty" --form essay --model smol --draft sea.json
firstwords write --draft sea.json --again 2
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, WeightsFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.runlog import say
from firstwords.writing.brief import Brief, Ending, Form, Length
from firstwords.writing.draft import Piece, read, save
from firstwords.writing.plan import OutlineKind
from firstwords.writing.writer import TEMPERATURE, By, Choice, Writer


@dataclass(kw_only=True)
class Write(WeightsFlag, JsonFlag):
    """Write a text about a topic. Example: firstwords write "a lost dog" --ending happy --with boat"""

    topic: Positional[str] = ""
    """What to write about, in quotes: "a dog", "why the sea is salty"."""
    form: Form = "story"
    """story, essay, poem or letter."""
    length: Length = "short"
    """short, medium or long: 3, 4 or 6 paragraphs."""
    ending: Ending = ""
    """How a story ends: happy or sad."""
    with_: str = ""
    """Words that have to occur, separated by commas."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the newest model."""
    outline: OutlineKind = "auto"
    """Who writes the outline: model, program, none, or auto: the model if it is large enough to follow one."""
    best: int = 4
    """Candidates per paragraph; the best one is kept."""
    by: By = "model"
    """What is best: model (mean log-probability per token) or reward (the model's reward model)."""
    temperature: float = TEMPERATURE
    """0 always takes the most likely token, 1 samples from the model's own distribution."""
    top_p: float = 0.95
    """Sample from the most likely tokens whose probabilities add up to this."""
    seed: int | None = None
    """The same seed gives the same text."""
    draft: str = ""
    """File (.json) that keeps the text with its outline, so that paragraphs can be edited and written again."""
    again: int = 0
    """Write only this paragraph of the --draft again."""


def main(config: Write) -> None:
    """Print the paragraphs as they are chosen, then what is measured."""
    if config.again or not config.topic:
        _again(config)
        return
    if config.draft and Path(config.draft).expanduser().exists():
        raise UserError(f"--draft: {config.draft} exists: name another file, or write a paragraph again with --again")
    words = tuple(config.with_.replace(";", ",").split(","))
    brief = Brief(config.topic, config.form, config.length, config.ending, words)
    loaded = api.load(config.model, weights=config.weights)
    writer = _writer(config, loaded)
    plan = writer.plan(brief, config.outline)
    _show_outline(config, plan.note, plan.outline)
    piece = Piece(plan, loaded.label, writer.seed)
    for paragraph in writer.paragraphs(plan):
        piece = piece.with_paragraph(paragraph.text, [each.to_json() for each in paragraph.candidates])
        if not config.json:
            print(paragraph.text if len(piece.paragraphs) == 1 else f"\n{paragraph.text}", flush=True)
    _finish(config, piece)


def _again(config: Write) -> None:
    if not config.draft:
        wanted = "--again needs --draft FILE" if config.again else "say what to write about"
        raise UserError(f'{wanted}: firstwords write "a lost dog" --draft dog.json')
    if not config.again:
        raise UserError("--draft without a topic: give the topic, or the number of a paragraph with --again")
    path = Path(config.draft).expanduser()
    piece = read(path)
    count, number = len(piece.paragraphs), config.again
    if not 1 <= number <= count:
        raise UserError(f"--again is {number}, but {config.draft} has {counted(count, 'paragraph')}")
    loaded = api.load(config.model or piece.model, weights=config.weights)
    writer = _writer(config, loaded)
    plan = piece.plan_for(loaded)
    paragraph = writer.paragraph(plan, piece.paragraphs[: number - 1])
    if paragraph is None:
        raise UserError(f"{loaded.label} ends the text before paragraph {number}: try another --seed")
    candidates = [each.to_json() for each in paragraph.candidates]
    piece = piece.with_paragraph(paragraph.text, candidates, number - 1)
    if not config.json:
        print(paragraph.text)
    _finish(config, piece)


def _writer(config: Write, loaded: api.Model) -> Writer:
    shared.sampling(temperature=config.temperature, top_p=config.top_p, seed=config.seed)
    try:
        choice = Choice(config.best, config.by, config.temperature, config.top_p)
    except UserError as error:
        raise UserError(f"--{error}") from None
    return Writer(loaded, choice, config.seed)


def _show_outline(config: Write, note: str, outline: tuple[str, ...]) -> None:
    if not config.json:
        say(f"({note})")
        for number, point in enumerate(outline, 1):
            say(f"{number}. {point}")
        say("")


def _finish(config: Write, piece: Piece) -> None:
    if config.draft:
        save(piece, Path(config.draft).expanduser())
    report = piece.report()
    if config.json:
        shared.emit(report)
        return
    say("\n" + remark(report, config.by))
    if config.draft:
        say(f"(saved in {config.draft}: edit it there, or write a paragraph again with --again NUMBER)")


def remark(report: dict[str, Any], by: str) -> str:
    """What is measured, in a sentence or two."""
    measured, (low, high) = report["measures"], report["asked_words"]
    number = measured["words"]
    size = "fewer than" if number < low else "more than" if number > high else "within"
    parts = [f"{counted(number, 'word')}, {size} the {low} to {high} asked for"]
    parts.append(f"{measured['repetition']:.0%} of its 4-word sequences are repeated")
    if measured["used"] or measured["missing"]:
        lacking = measured["missing"]
        parts.append(f"missing words: {', '.join(lacking)}" if lacking else "all required words occur")
    scores = [each for each in report["scores"] if each is not None]
    if scores:
        parts.append(f"{sum(scores) / len(scores):.2f} log-probability per token")
    rewards = [each for each in report["rewards"] if each is not None]
    if by == "reward" and rewards:
        parts.append(f"reward {sum(rewards) / len(rewards):.2f}")
    return f"({'; '.join(parts)})"
