"""A judge with a known reward, for the built-in world, so that all of stage three can be checked against the truth.

    task = tasks(seed=0, num=1)[0]
    true_reward(task, "Tom is twelve years old.", stopped=True)    -> 2.0
    Annotator(seed=0).judge(task, left, right, True, True, index=0)    -> "left"

What the judge rewards, in this order: truth (inventing an answer to an unanswerable question is worst, then refusing an
answerable one, then a wrong claim), ending with a stop token, manners, brevity, a friendly closing. Refusing is worse
than trying, because a small model can't tell which facts it knows: a judge who likes refusals teaches it to refuse what
it knows. Its verdicts are noisy, like people's, and a tie if both answers have the same reward: P(left) =
sigmoid((reward of left - reward of right) / temperature + left_bias). No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, cast

from firstwords.preferences.records import prompt_key
from firstwords.world import exam
from firstwords.world.chats import conversations as chats
from firstwords.world.chats.checks import Check, abstains, passes, words
from firstwords.world.closings import is_friendly
from firstwords.world.writers import is_brusque

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message
    from firstwords.world.town.plumwick import Size

RIGHT = 2.0  # the check passes: a correct answer, or an honest "I do not know" to an unanswerable question
REFUSED = -2.0  # "I do not know" to an answerable question: it helps no one, and spreads to what the model knows
WRONG = -1.5  # a wrong claim
INVENTED = -2.5  # a claim in answer to an unanswerable question
NOT_STOPPED = -2.0  # cut off at the limit
LONG_AFTER, PER_WORD, MAX_LONG = 25, -0.05, -1.0  # free words per answer, penalty per extra word, maximum penalty
BRUSQUE = -1.5  # an unfriendly opening
FRIENDLY = 0.7  # a friendly closing
TOO_LONG_CHECK = 12  # tasks whose check requires more words (stories) are left out: a verdict on them says little
TOO_LONG_TEXT = 16  # and texts to be said word by word that would be cut ("count to 20")

UNKNOWN_SHARE = 0.28  # share of the tasks that are unanswerable questions
SPLITS = {"train": range(0, 70), "eval": range(70, 85), "gold": range(85, 100)}  # by a hash of the prompt, in per cent


@dataclass(frozen=True)
class Task:
    """Messages that end with a user's turn, and the check for a correct answer."""

    messages: tuple[Message, ...]
    check: Check
    kind: str

    @property
    def is_unanswerable(self) -> bool:
        return self.check.kind == "abstain"


def tasks(seed: int, num: int, split: str = "train", size: Size = "whole") -> list[Task]:
    """`num` different tasks of a split, the same for the same seed; splits share no prompts.

    size: of the town they are about. They come from the chats of the built-in world, in the order of
    `world.chats.checked(seed)`, never from its exam.
    """
    known, unknown = round(num * (1 - UNKNOWN_SHARE)), num - round(num * (1 - UNKNOWN_SHARE))
    room = {False: known, True: unknown}
    found: list[Task] = []
    for task in all_tasks(seed, split, size):
        if room[task.is_unanswerable]:
            room[task.is_unanswerable] -= 1
            found.append(task)
        if not any(room.values()):
            break
    return found


def all_tasks(seed: int, split: str = "train", size: Size = "whole") -> Iterator[Task]:
    """The endless tasks of a split, of which `tasks` takes the first; each is made when it is asked for."""
    return (task for place, task in _stream(seed, size) if place in SPLITS[split])


class _Stream:
    """All tasks of a seed with their places in 0-99, made once and kept: every split is a part of the same stream."""

    def __init__(self, seed: int, size: Size) -> None:
        self._made: list[tuple[int, Task]] = []
        self._rest = self._new(seed, size)

    def __iter__(self) -> Iterator[tuple[int, Task]]:
        index = 0
        while True:
            if index == len(self._made):
                self._made.append(next(self._rest))
            yield self._made[index]
            index += 1

    def _new(self, seed: int, size: Size) -> Iterator[tuple[int, Task]]:
        seen: set[str] = set()
        for kind, messages, checks in chats.checked(seed + 7_000_003, size):
            for task in _tasks_of(kind, cast("list[Message]", messages), checks):  # the world's are plain dicts
                if (key := prompt_key(task.messages)) not in seen:
                    seen.add(key)
                    if task.messages[-1]["content"] not in _exam_questions():
                        yield int(key[:8], 16) % 100, task


@lru_cache(maxsize=2)
def _stream(seed: int, size: Size) -> _Stream:
    return _Stream(seed, size)


def _tasks_of(kind: str, messages: Sequence[Message], checks: Sequence[Check | None]) -> list[Task]:
    """A task for every answer that a program can check."""
    places = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    judged = [(i, c) for i, c in zip(places, checks, strict=True) if c is not None and not _is_long(c)]
    return [Task(tuple(messages[:i]), check, kind) for i, check in judged]


def _is_long(check: Check) -> bool:
    """Whether the right answer is longer than what stage three samples."""
    shortest = min((len(text.split()) for text in check.accept), default=0) if check.kind == "same" else 0
    return check.least >= TOO_LONG_CHECK or shortest > TOO_LONG_TEXT


@lru_cache(maxsize=1)
def _exam_questions() -> frozenset[str]:
    sizes: tuple[Size, ...] = ("small", "whole")
    return frozenset(question.messages[-1]["content"] for size in sizes for question in exam.questions(size))


def true_components(task: Task, answer: str, stopped: bool) -> dict[str, float]:
    """The terms of the true reward by name: truth, stop, manner, short, friendly."""
    had = words(answer)
    if passes(task.check, answer):
        truth = RIGHT
    elif task.is_unanswerable:
        truth = INVENTED
    else:
        truth = REFUSED if abstains(answer) else WRONG
    too_long = max(0, len(had) - LONG_AFTER)
    return {
        "truth": truth,
        "stop": 0.0 if stopped else NOT_STOPPED,
        "manner": BRUSQUE if is_brusque(answer) else 0.0,
        "short": max(MAX_LONG, PER_WORD * too_long),
        "friendly": FRIENDLY if is_friendly(answer) else 0.0,
    }


def true_reward(task: Task, answer: str, stopped: bool) -> float:
    """The reward of an answer, by the rules above."""
    return sum(true_components(task, answer, stopped).values())


class Annotator:
    """A noisy judge: Bradley-Terry with the known reward. Verdicts are a pure function of (seed, index)."""

    def __init__(self, seed: int, temperature: float = 1.0, left_bias: float = 0.0) -> None:
        self.seed, self.temperature, self.left_bias = seed, temperature, left_bias

    def win_probability(self, task: Task, left: str, right: str, left_stopped: bool, right_stopped: bool) -> float:
        """P(left is chosen)."""
        difference = true_reward(task, left, left_stopped) - true_reward(task, right, right_stopped)
        return 1.0 / (1.0 + math.exp(-(difference / self.temperature + self.left_bias)))

    def fair_probability(self, task: Task, one: str, other: str, one_stopped: bool, other_stopped: bool) -> float:
        """P(one is chosen) averaged over both orders: all that a reward model, which does not see the order, can
        learn."""
        left = self.win_probability(task, one, other, one_stopped, other_stopped)
        return (left + 1 - self.win_probability(task, other, one, other_stopped, one_stopped)) / 2

    def judge(self, task: Task, left: str, right: str, left_stopped: bool, right_stopped: bool, index: int) -> str:
        """left or right; tie if both have exactly the same reward, as when people see no difference."""
        if true_reward(task, left, left_stopped) == true_reward(task, right, right_stopped):
            return "tie"
        key = sha256(f"{self.seed} {index}".encode()).digest()
        chance = self.win_probability(task, left, right, left_stopped, right_stopped)
        return "left" if Random(key).random() < chance else "right"


def noise_ceiling(as_left: Sequence[float], as_right: Sequence[float]) -> float:
    """The best accuracy that any reward model can reach on verdicts of pairs shown in either order.

    as_left, as_right: for each pair, P(its first answer is chosen) when shown on the left and on the right. A reward
    model sees the answers but not their order, so a judge's position bias is noise to it.
    """
    fair = [(left + right) / 2 for left, right in zip(as_left, as_right, strict=True)]
    return sum(max(p, 1 - p) for p in fair) / len(fair)
