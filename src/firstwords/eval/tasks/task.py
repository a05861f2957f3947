"""A task: rows of one kind, each with its prompt and its answers, and examples of solved rows before a prompt.

    task = Task("arc-easy", CHOICE, (Item("Question: ...\\nAnswer:", ("brain cells", "ovary cells"), (1,)),))
    task.with_shots(2)      the first two rows become examples in front of every other row

The wording of the prompts and the space between prompt and answer are lm-evaluation-harness's, so that figures can be
compared.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from firstwords.config import UserError

BETWEEN = "\n\n"  # examples
BEFORE_ANSWER = " "


@dataclass(frozen=True)
class Kind:
    """What the rows of a task ask for, and how answers are judged.

    way: "choose" among answers by their probability, "continue" exactly as the row does, "write" an answer freely.
    metric: the name of the main figure.
    """

    name: str
    way: str
    metric: str
    stop: tuple[str, ...] = ()
    max_tokens: int = 0


CHOICE = Kind("multiple choice", "choose", "accuracy")
TRUTH = Kind("true answers", "choose", "accuracy")
LABELS = Kind("labels", "choose", "accuracy")
PAIRS = Kind("minimal pairs", "choose", "accuracy")
CLOZE = Kind("last words", "continue", "accuracy")
SUMS = Kind("arithmetic", "write", "accuracy", ("Question:", "</s>", "<|im_end|>"), 256)
QUESTIONS = Kind("questions", "write", "exact match", ("\n",), 48)
TRANSLATION = Kind("translation", "write", "chrF", ("\n",), 96)


@dataclass(frozen=True)
class Item:
    """A row. answers: the choices, or every accepted answer; right: the places of the right ones among them.

    group: a part of the task that it belongs to, "" if none is named.
    """

    prompt: str
    answers: tuple[str, ...]
    right: tuple[int, ...] = (0,)
    group: str = ""

    @property
    def solution(self) -> str:
        """A right answer."""
        return self.answers[self.right[0]]


@dataclass(frozen=True)
class Task:
    """Rows of one kind, from one file. examples: solved rows that come before every prompt."""

    name: str
    kind: Kind
    items: tuple[Item, ...]
    examples: tuple[Item, ...] = ()

    def with_shots(self, shots: int) -> Task:
        """The first rows as examples; where rows are labelled, the first of each label in turn. Minimal pairs, which
        have no prompt, stay as they are. Raises UserError if no rows would remain.
        """
        if not shots or self.kind is PAIRS:
            return self
        if shots >= len(self.items):
            raise UserError(f"--shots is {shots}, but {self.name} has {len(self.items)} rows: some must remain")
        places = _in_turn(self.items) if self.kind is LABELS else list(range(len(self.items)))
        taken = places[:shots]
        rest = [item for place, item in enumerate(self.items) if place not in set(taken)]
        return replace(self, items=tuple(rest), examples=tuple(self.items[place] for place in taken))

    def limited(self, limit: int) -> Task:
        """At most `limit` rows, evenly spaced; all for 0."""
        count = len(self.items)
        if not limit or count <= limit:
            return self
        return replace(self, items=tuple(self.items[i * count // limit] for i in range(limit)))

    @property
    def hash(self) -> str:
        """16 hex digits of everything that is asked: figures of tasks with equal hashes can be compared row by row."""
        return hashlib.sha256(repr((self.kind.name, self.items, self.examples)).encode()).hexdigest()[:16]

    def context(self, item: Item) -> str:
        """The text before an answer: the examples, solved, and the row's own prompt."""
        solved = [self.solved(example) + BETWEEN for example in self.examples]
        return "".join(solved) + item.prompt

    def solved(self, item: Item) -> str:
        """A prompt with its answer."""
        return item.prompt + BEFORE_ANSWER + item.solution

    def messages(self, item: Item) -> list[dict[str, str]]:
        """The same as turns of a chat."""
        turns = []
        for example in self.examples:
            turns += [_turn("user", example.prompt), _turn("assistant", example.solution)]
        return [*turns, _turn("user", item.prompt)]


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def _in_turn(items: Sequence[Item]) -> list[int]:
    """The places of labelled rows: the first of each label, then the second of each, and so on."""
    by_label: dict[int, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        by_label[item.right[0]].append(place)
    ordered = []
    for rank in range(max(map(len, by_label.values()))):
        ordered += [places[rank] for _, places in sorted(by_label.items()) if rank < len(places)]
    return ordered
