"""Learn a vocabulary from text, and show how a tokenizer splits a text.

firstwords tokenizer train --text books/ --vocab-size 4096 --out my-tokenizer
firstwords tokenizer show "Unbelievable!" --model pip
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.runlog import say

COLOURS = (42, 44, 45, 46, 43)  # backgrounds, so that neighbouring tokens differ
WORLD_DOCUMENTS = 20_000  # the built-in world has no end


@dataclass
class TokenizerTrain(JsonFlag):
    """Learn a byte-level BPE vocabulary and save it as tokenizer.json, which other tools can open."""

    text: list[str] = field(default_factory=lambda: ["world"])
    """Files, folders, FILE:COLUMN, hf:NAME[:SPLIT][:COLUMN], - (stdin), or world."""
    vocab_size: int = 4096
    """Number of token ids: 3 special tokens, 256 bytes, the rest merges."""
    out: str = "tokenizer"
    """Folder for tokenizer.json and tokenizer_config.json."""


@dataclass
class TokenizerShow(JsonFlag):
    """Show the tokens of a text. Example: firstwords tokenizer show "Unbelievable!" """

    text: Positional[str]
    """The text, in quotes."""
    model: str | None = None
    """NAME, NAME/STAGE, or a folder with a tokenizer.json; default: the newest model."""


def main(config: TokenizerTrain | TokenizerShow) -> None:
    """Run the subcommand."""
    train(config) if isinstance(config, TokenizerTrain) else show(config)


def train(config: TokenizerTrain) -> None:
    """Learn a vocabulary from documents and save it."""
    from itertools import islice

    from firstwords.data.source_stats import SourceStats
    from firstwords.data.sources import documents
    from firstwords.tokenizer.fast import Tokenizer

    stats = SourceStats()
    limit = WORLD_DOCUMENTS if "world" in config.text else None
    tokenizer = Tokenizer.train(islice(documents(config.text, stats), limit), config.vocab_size)
    for line in stats.lines():
        say(line)
    tokenizer.save(Path(config.out))
    facts = {"out": config.out, "vocab_size": tokenizer.vocab_size, "documents": stats.documents}
    if config.json:
        shared.emit(facts | {"bytes": stats.bytes, "hash": tokenizer.hash})
    else:
        print(f"{tokenizer.vocab_size:,} ids from {stats.summary()}, saved in {config.out}")


def show(config: TokenizerShow) -> None:
    """Print the tokens of a text with their ids."""
    from firstwords.tokenizer.fast import Tokenizer

    directory = _tokenizer_dir(config.model)
    tokenizer = Tokenizer.load(directory)
    ids = tokenizer.encode(config.text)
    pieces = [tokenizer.token_bytes(i).decode("utf-8", "replace") for i in ids]
    num_bytes = len(config.text.encode("utf-8", "surrogatepass"))
    if config.json:
        tokens = [{"id": i, "text": piece} for i, piece in zip(ids, pieces, strict=True)]
        shared.emit({"model": api.label(directory), "text": config.text, "tokens": tokens, "bytes": num_bytes})
        return
    if sys.stdout.isatty():
        coloured = (f"\033[30;{COLOURS[n % len(COLOURS)]}m{p}\033[0m" for n, p in enumerate(pieces))
        print("".join(coloured) + "\n")
    width = max((len(str(i)) for i in ids), default=1)
    for i, piece in zip(ids, pieces, strict=True):
        print(f"{i:>{width}}  {shared.shown(piece)}")
    if ids:
        size = f"{counted(len(ids), 'token')} for {counted(num_bytes, 'byte')}"
        print(f"{size} ({num_bytes / len(ids):.1f} bytes per token)")


def _tokenizer_dir(ref: str | None) -> Path:
    """A folder with a tokenizer.json: a model, or what `tokenizer train` wrote."""
    if ref is not None and (Path(ref).expanduser() / "tokenizer.json").is_file():
        return Path(ref).expanduser()
    directory = home.resolve(ref or api.newest())
    if not (directory / "tokenizer.json").exists():
        raise UserError(f"{directory} has no tokenizer.json; name another model")
    return directory
