"""Shared by the commands: flags that several of them take, sampling parameters, input and output.

Results go to stdout and remarks to stderr; with `--json`, stdout gets one JSON object and nothing else.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords import api
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError, WeightFormat
from firstwords.runlog import say

if TYPE_CHECKING:
    from firstwords.engine.rules.rules import Rules
    from firstwords.engine.sampling import SamplingParams


@dataclass(kw_only=True)
class JsonFlag:
    """The flag of every command that reports something."""

    json: bool = False
    """Print one JSON object, and nothing else on standard output."""


@dataclass(kw_only=True)
class WeightsFlag:
    """The flag of every command that may read a large model as int8."""

    weights: WeightFormat = "auto"
    """Format of the weights: fp32, int8 (faster for large models), or auto: int8 where it hardly changes answers."""


@dataclass(kw_only=True)
class SamplingFlags:
    """The flags of every command whose model answers.

    A command that declares one again, for another default, is a dataclass with kw_only=True too.
    """

    max_tokens: int = 80
    """Maximum number of tokens to generate."""
    temperature: float = CHAT_TEMPERATURE
    """0 always takes the most likely token, 1 samples from the model's own distribution."""
    top_p: float = CHAT_TOP_P
    """Sample from the most likely tokens whose probabilities add up to this."""
    seed: int | None = None
    """The same seed gives the same output."""

    def params(self, **others: Any) -> SamplingParams:
        """Sampling parameters from these flags, and `others` that override or complement them."""
        flags = {"max_tokens": self.max_tokens, "temperature": self.temperature, "top_p": self.top_p, "seed": self.seed}
        return sampling(**(flags | others))


@dataclass(kw_only=True)
class RuleFlags:
    """The flags of every command whose answers can obey rules."""

    only_words_with: str = ""
    """Every word of the answer begins with this letter, e.g. b."""
    without_letter: str = ""
    """The answer contains no word with this letter, e.g. e (several letters: ae)."""
    words: str = ""
    """Number of words of the answer: 5, 5-12, or 5- for at least five."""
    rhyme_with: str = ""
    """The last word of the answer rhymes with this English word."""
    regex: str = ""
    """The whole answer matches this regular expression."""
    choice: str = ""
    """The answer is one of these, e.g. "yes|no|maybe"."""
    json_schema: str = ""
    """The answer is JSON that satisfies the schema in this file."""

    def rules(self) -> Rules:
        """The rules of these flags. Raises UserError, naming the flag, for impossible ones."""
        from firstwords.engine.rules.rules import Rules

        names = ("only_words_with", "without_letter", "words", "rhyme_with", "regex", "choice")
        given = {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.json_schema:
            try:
                given["json_schema"] = Path(self.json_schema).expanduser().read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise UserError(f"--json-schema: cannot read {self.json_schema}: {reason}") from None
        try:
            return Rules.of(given)
        except ValueError as error:
            raise UserError(as_flags(str(error))) from None


def check_rules(loaded: api.Model, params: SamplingParams, num_prompt: int = 0) -> None:
    """Raise UserError, naming the flags, for rules that no answer can obey."""
    try:
        loaded.check_constraint(params, num_prompt)
    except UserError as error:
        raise UserError(as_flags(str(error))) from None


def as_flags(message: str) -> str:
    """A message about rules with the names of flags: "--rhyme-with" for "rhyme_with"."""
    message = message.replace("max_tokens", "--max-tokens")
    for field in dataclasses.fields(RuleFlags):
        if "_" in field.name:
            message = message.replace(field.name, "--" + field.name.replace("_", "-"))
        else:
            message = re.sub(rf"(^|(?<=: )|(?<=, )|(?<=with )){field.name}(?=[ ,]|$)", f"--{field.name}", message)
    return message


def note_loss(logprob_lost: float, num_tokens: int) -> None:
    """Say what the rules cost: how unlikely the model found what they let it say."""
    share = logprob_lost / max(1, num_tokens)
    say(f"(log-probability lost to the rules: {logprob_lost:.1f} nats, {share:.1f} per token)")


def sampling(**values: Any) -> SamplingParams:
    """SamplingParams, with errors that name the flags."""
    try:
        return api.sampling(**values)
    except UserError as error:
        name, rest = str(error).split(" ", 1)
        raise UserError(f"--{name.replace('_', '-')} {rest}") from None


def readable_input() -> None:
    """Read bytes of stdin that are not text as replacement characters instead of raising an error. Call it before the
    first line is read; further calls change nothing."""
    if hasattr(sys.stdin, "reconfigure") and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")


def emit(result: dict[str, Any]) -> None:
    """Print the one JSON object of a command with --json."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def shown(text: str) -> str:
    """Text in quotes, with line ends and unprintable characters escaped: '" a\\n"'."""
    visible = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f'"{visible}"'


@dataclass(frozen=True)
class Row:
    """A row of `print_rows`, and the remark printed below it."""

    cells: tuple[str, ...]
    remark: str = ""


def print_rows(titles: Sequence[tuple[str, str]], rows: Sequence[Row]) -> None:
    """Print a table in which nothing is cut off. titles: (text, "<" or ">" for the alignment of the column).

    Where the terminal is too narrow for a whole row, the first column gets a line of its own.
    """
    columns = shutil.get_terminal_size().columns
    table = [tuple(title for title, _ in titles), *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    is_wide = sum(widths) + 2 * (len(widths) - 1) <= columns
    dim, off = ("\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for number, cells in enumerate(table):
        padded = [f"{c:{side}{w}}" for c, (_, side), w in zip(cells, titles, widths, strict=True)]
        lines = ["  ".join(padded)] if is_wide else [padded[0], "    " + "  ".join(padded[1:])]
        print("\n".join(f"{dim}{line.rstrip()}{off}" if number == 0 else line.rstrip() for line in lines))
        remark = rows[number - 1].remark if number else ""
        indent = "    "
        for line in textwrap.wrap(remark, max(20, columns - 1), initial_indent=indent, subsequent_indent=indent):
            print(f"{dim}{line}{off}")
