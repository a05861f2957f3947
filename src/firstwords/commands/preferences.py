"""The preference log: list, add, export, import and count judgements.

firstwords preferences stats
firstwords preferences export mine.jsonl
firstwords preferences import their.jsonl --model mine
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.preferences.store import Judgement, PreferenceStore, import_preferences
from firstwords.preferences.taste import tastes
from firstwords.runlog import say
from firstwords.tokenizer.chat import Message


@dataclass
class PreferencesAdd:
    """Add one preference by hand."""

    prompt: str
    """The question."""
    chosen: str
    """The better answer."""
    rejected: str
    """The worse one."""
    reason: list[str] = field(default_factory=list)
    """The reason, in a word or two."""
    model: str = ""
    """Name of the model it is for."""


@dataclass
class PreferencesList(JsonFlag):
    """List the judgements, newest first."""

    model: str | None = None
    """Only judgements for this model."""
    limit: int = 20
    """Maximum number of judgements to list."""


@dataclass
class PreferencesExport:
    """Write the usable preferences as JSON lines with prompt, chosen and rejected, which TRL can read."""

    file: Positional[str]
    """File to write."""
    model: str | None = None
    """Only preferences for this model."""
    plain: bool = False
    """Write strings instead of messages, for single-turn prompts."""


@dataclass
class PreferencesImport:
    """Import preferences from files into the log."""

    files: Positional[list[str]]
    """JSON lines, JSON or parquet: chosen and rejected (TRL, hh-rlhf, UltraFeedback, ShareGPT, Alpaca), answers with
    ratings (Argilla, distilabel), winners (Chatbot Arena), labels (KTO); folders; hf:NAME."""
    model: str = ""
    """Name of the model they are for."""


@dataclass
class PreferencesStats(JsonFlag):
    """Count the judgements, show how consistent the judge was, and say what the choices have in common."""

    model: str | None = None
    """Only judgements for this model."""


def main(config: Any) -> None:
    """Run the subcommand."""
    actions: dict[type, Callable[[Any], None]] = {
        PreferencesAdd: add,
        PreferencesList: show,
        PreferencesExport: export,
        PreferencesImport: bring_in,
        PreferencesStats: stats,
    }
    actions[type(config)](config)


def add(config: PreferencesAdd) -> None:
    """Append one judgement."""
    prompt: tuple[Message] = ({"role": "user", "content": config.prompt.strip()},)
    if not config.prompt.strip():
        raise UserError("--prompt is empty: give the question")
    judgement = Judgement(
        prompt,
        config.chosen,
        config.rejected,
        "left",
        reasons=tuple(config.reason),
        model=config.model,
        selection="import",
    )
    say(f"saved as judgement {PreferenceStore().add(judgement)}")


def show(config: PreferencesList) -> None:
    """Print the newest judgements."""
    rows = PreferenceStore().all(config.model)[::-1][: config.limit]
    if config.json:
        shared.emit({"judgements": [vars(row) for row in rows]})
    elif not rows:
        say("there are no judgements yet")
    for row in rows if not config.json else ():
        print(f"{row.id:>5}  {row.created}  {row.verdict:<8}  {row.prompt[-1]['content']}")
        print(f"       left   {row.left}\n       right  {row.right}")


def export(config: PreferencesExport) -> None:
    """Write the usable preferences to a file."""
    from firstwords.preferences.formats import write_jsonl

    found, left_over = PreferenceStore().usable(config.model)
    if not found:
        raise UserError("the log holds no preferences to export: judge some pairs with `firstwords teach NAME`")
    say(f"wrote {counted(write_jsonl(found, Path(config.file), not config.plain), 'preference')} to {config.file}")
    if left_over:
        say(unpaired(left_over))


def bring_in(config: PreferencesImport) -> None:
    """Append the preferences that the log does not hold yet."""
    from firstwords.data.source_stats import SourceStats
    from firstwords.preferences.formats import read_preferences, summary

    stats = SourceStats()
    count = import_preferences(PreferenceStore(), read_preferences(config.files, stats), config.model)
    for line in stats.lines():
        say(line)
    there = f"; {count.already_there:,} were already in the log" if count.already_there else ""
    say(summary(count.added, stats, "added") + there)


def stats(config: PreferencesStats) -> None:
    """Print counts and rates."""
    store = PreferenceStore()
    found = tastes(store.all(config.model))
    result = store.stats(config.model) | {"tastes": [vars(taste) | {"sentence": taste.sentence} for taste in found]}
    if config.json:
        shared.emit(result)
        return
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result["verdicts"].items() if count)
    print(f"{counted(result['judgements'], 'judgement')} ({counts or 'none'}), {result['usable']} usable for training")
    for name, text in (("left", "the left side won"), ("consistency", "same verdict on a hidden repeat")):
        if (figures := result[name])["n"]:
            print(f"{text}: {shown(figures)}")
    for taste in found:
        print(taste.sentence)
    if result["unpaired_thumbs"]:
        print(unpaired(result["unpaired_thumbs"]))


def shown(figures: dict[str, Any]) -> str:
    """A rate with its interval, and Cohen's kappa if there is one."""
    kappa = f", kappa {figures['kappa']:.2f}" if figures.get("kappa") is not None else ""
    return f"{figures['rate']:.0%} ({figures['low']:.0%}-{figures['high']:.0%}, n = {figures['n']}){kappa}"


def unpaired(count: int) -> str:
    """Why some thumbs cannot be used."""
    thumbs = "1 thumb is" if count == 1 else f"{count} thumbs are"
    return f"{thumbs} unpaired: each thumbs up needs a thumbs down on the same prompt, and vice versa"
