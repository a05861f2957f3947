"""The log of preferences: look at it, take it elsewhere, bring others in.

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
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.preferences.store import Judgement, PreferenceStore, import_preferences
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
    """Why, in a word or two."""
    model: str = ""
    """Name of the model that it is meant for."""


@dataclass
class PreferencesList:
    """List the judgements, the newest first."""

    model: str | None = None
    """Only those of this model."""
    limit: int = 20
    """At most so many."""
    json: bool = False
    """Print one JSON object."""


@dataclass
class PreferencesExport:
    """Write what can be learned from as JSON lines with prompt, chosen and rejected, which TRL reads too."""

    file: Positional[str]
    """Where to write."""
    model: str | None = None
    """Only those of this model."""
    plain: bool = False
    """Strings in place of messages, for prompts of one turn."""


@dataclass
class PreferencesImport:
    """Read preferences of files into the log."""

    files: Positional[list[str]]
    """JSON lines, JSON or parquet: chosen and rejected (TRL, hh-rlhf, UltraFeedback, ShareGPT, Alpaca), answers with
    ratings (Argilla, distilabel), winners (Chatbot Arena), labels (KTO); folders; hf:NAME."""
    model: str = ""
    """Name of the model that they are meant for."""


@dataclass
class PreferencesStats:
    """Count the judgements; how often the left side won, and how consistent the judge was."""

    model: str | None = None
    """Only those of this model."""
    json: bool = False
    """Print one JSON object."""


def main(config: Any) -> None:
    """Do what the subcommand says."""
    actions: dict[type, Callable[[Any], None]] = {
        PreferencesAdd: add, PreferencesList: show, PreferencesExport: export, PreferencesImport: bring_in,
        PreferencesStats: stats,
    }  # fmt: skip
    actions[type(config)](config)


def add(config: PreferencesAdd) -> None:
    """Append one judgement."""
    prompt: tuple[Message] = ({"role": "user", "content": config.prompt.strip()},)
    if not config.prompt.strip():
        raise UserError("--prompt is empty: say what was asked")
    judgement = Judgement(
        prompt, config.chosen, config.rejected, "left", reasons=tuple(config.reason), model=config.model,
        selection="import",
    )  # fmt: skip
    say(f"saved as judgement {PreferenceStore().add(judgement)}")


def show(config: PreferencesList) -> None:
    """The newest judgements."""
    rows = PreferenceStore().all(config.model)[::-1][: config.limit]
    if config.json:
        shared.emit({"judgements": [vars(row) for row in rows]})
    elif not rows:
        say("nobody has judged anything yet")
    for row in rows if not config.json else ():
        print(f"{row.id:>5}  {row.created}  {row.verdict:<8}  {row.prompt[-1]['content']}")
        print(f"       left   {row.left}\n       right  {row.right}")


def export(config: PreferencesExport) -> None:
    """Write the usable ones to a file."""
    from firstwords.preferences.formats import write_jsonl

    found, left_over = PreferenceStore().usable(config.model)
    if not found:
        raise UserError("the log holds no preference to export: judge some pairs with `firstwords teach NAME`")
    say(f"wrote {write_jsonl(found, Path(config.file), not config.plain):,} preferences to {config.file}")
    if left_over:
        say(unpaired(left_over))


def bring_in(config: PreferencesImport) -> None:
    """Append those of files that the log does not hold yet."""
    from firstwords.data.source_stats import SourceStats
    from firstwords.preferences.formats import read_preferences, summary

    stats = SourceStats()
    count = import_preferences(PreferenceStore(), read_preferences(config.files, stats), config.model)
    for line in stats.lines():
        say(line)
    there = f"; {count.already_there:,} were already there" if count.already_there else ""
    say(summary(count.added, stats, "added") + there)


def stats(config: PreferencesStats) -> None:
    """Counts and rates."""
    result = PreferenceStore().stats(config.model)
    if config.json:
        shared.emit(result)
        return
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result["verdicts"].items() if count)
    print(f"{result['judgements']} judgements ({counts or 'none'}), {result['usable']} to learn from")
    for name, text in (("left", "the left side won"), ("consistency", "the same verdict on a hidden repeat")):
        if (figures := result[name])["n"]:
            print(f"{text}: {shown(figures)}")
    if result["unpaired_thumbs"]:
        print(unpaired(result["unpaired_thumbs"]))


def shown(figures: dict[str, Any]) -> str:
    """A rate with its interval, and Cohen's kappa where there is one."""
    kappa = f", kappa {figures['kappa']:.2f}" if figures.get("kappa") is not None else ""
    return f"{figures['rate']:.0%} ({figures['low']:.0%}-{figures['high']:.0%}, n = {figures['n']}){kappa}"


def unpaired(count: int) -> str:
    """Why some thumbs teach nothing."""
    return f"{count} thumbs are left over: one up needs one down on the same prompt, and the reverse"
