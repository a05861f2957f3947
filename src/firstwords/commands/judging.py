"""Shared by `compare --judge human` and `teach`: a person sees two unlabelled answers and types a key."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firstwords.commands import shared
from firstwords.config import UserError
from firstwords.data.formats.encoding import read_text
from firstwords.plain_text import clean_text
from firstwords.runlog import say
from firstwords.tokenizer.chat import Message

VERDICTS = {"l": "left", "r": "right", "t": "tie", "b": "both_bad", "s": "skip"}
_WORDS = {**VERDICTS, **{verdict: verdict for verdict in VERDICTS.values()}}
QUESTION = "  which is better? l(eft) r(ight) t(ie) b(oth bad) s(kip) q(uit); a reason may follow: l kinder"

Messages = Sequence[Message]


@dataclass(frozen=True)
class Verdict:
    """The verdict (left, right, tie, both_bad or skip) and the person's reason."""

    verdict: str
    reason: str = ""


def ask(heading: str, messages: Messages, left: str, right: str) -> Verdict | None:
    """Show a pair on stderr and read lines from stdin until one is a verdict; None for q, Ctrl-C or end of input."""
    said_before = messages[0]["content"] if len(messages) == 1 else _chat(messages)
    say(f"\n{heading}  {said_before}\n  left   {_indented(left)}\n  right  {_indented(right)}")
    shared.readable_input()
    while True:
        say(QUESTION)
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            return None
        key, _, reason = line.strip().partition(" ")
        if not line or key.lower() in ("q", "quit"):
            return None
        if verdict := _WORDS.get(key.lower()):
            return Verdict(verdict, clean_text(reason).strip())


def _chat(messages: Messages) -> str:
    return "".join(f"\n  {message['role']}> {message['content']}" for message in messages)


def _indented(answer: str) -> str:
    return answer.replace("\n", "\n         ")


def file_prompts(path: str) -> list[tuple[Message, ...]]:
    """The prompts of a text file, one per line. Raises UserError for a file that cannot be read or holds none."""
    text = clean_text("".join(read_text(Path(path).expanduser())))
    texts = [line.strip() for line in text.split("\n") if line.strip()]
    if not texts:
        raise UserError(f"{path} holds no questions: write one per line")
    return [({"role": "user", "content": text},) for text in texts]
