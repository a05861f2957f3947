"""What a model knew when its live lessons began, asked again after every choice; and the chats to rehearse.

    chats = chats_of_stage_two(parent, tokenizer, seed=0)
    check = open_check(parent, engine, chats)
    check.measure(engine)        -> Checked(kind="questions", value=48, start=50, limit=46)

With the built-in world, whose truth is known, it asks up to fifty held-out questions that the model answered correctly,
greedily, as the exam does. For other chats it reads chats that were set aside, and counts the words (tokens) of their
answers of which the model was nearly certain, given what comes before them. How an answer begins is a matter of manner,
and hardly ever certain; what follows is mostly knowledge. So a change of taste costs little there, and forgetting much.
Neither the questions nor the chats are rehearsed, and the comparison at the end asks other questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.data.packing import IGNORED, ChatBatch, ChatRows, pack_chats
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.card import knows_world, town_size, trained_context
from firstwords.model.transformer import Transformer
from firstwords.preferences.annotator import Task, tasks
from firstwords.preferences.records import prompt_key
from firstwords.rlhf.judgements import ANSWER_TOKENS
from firstwords.rlhf.policy_data import REHEARSAL_CONTEXT, taught_chats
from firstwords.tokenizer.chat import Message, render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train.losses import token_logprobs
from firstwords.world.chats.checks import passes

QUESTIONS = 50  # asked after every choice, a tenth of a second for a small model
CANDIDATES = 128  # tried to find QUESTIONS that the model answers correctly
MAX_LOST = 0.08  # of them: 4 of 50. Two are within the noise of greedy answers near a tie
SURE, STILL_SURE = 0.9, 0.5  # probability of a word at the start, and now
FEWEST = 10  # questions; of a model that knows fewer, the words of chats say more
CHATS = 2000  # read again at most
ASIDE = 10  # one chat in so many is set aside for the check
MAX_ASIDE = 48


@dataclass(frozen=True)
class Checked:
    """A measurement: of `start` questions or words (kind) that the model knew, it still knows `value`; at least `limit`
    are wanted."""

    kind: str  # questions, words
    value: int
    start: int
    limit: int

    @property
    def is_harmed(self) -> bool:
        return self.value < self.limit

    @property
    def sentence(self) -> str:
        """For people: "still right on 48 of 50 questions it knew"."""
        if self.kind == "questions":
            return f"still right on {self.value} of {self.start} questions it knew"
        if not self.start:
            return "there was nothing it was sure of, so nothing is checked"
        return f"still sure of {self.value:,} of {self.start:,} words it was sure of"


class Check(Protocol):
    """A running check."""

    def measure(self, engine: Engine) -> Checked: ...


@dataclass(frozen=True)
class StageTwoChats:
    """Chats of stage two: rows to rehearse, rows set aside, and the prompts of each."""

    rehearsed: ChatRows
    aside: ChatBatch
    to_practise: list[tuple[Message, ...]]
    prompts: list[tuple[Message, ...]]  # of those set aside


def chats_of_stage_two(name_dir: Path, tokenizer: Tokenizer, seed: int) -> StageTwoChats:
    """The chats that a model was fine-tuned on, read again. Raises UserError if that is impossible.

    name_dir: the model's folder, with its stage `sft`.
    """
    sft = name_dir / "sft"
    try:
        found = list(islice(taught_chats(sft), CHATS))
    except (UserError, OSError) as error:
        raise UserError(no_chats(name_dir.name, f" ({error})")) from None
    if len(found) < 2:
        raise UserError(no_chats(name_dir.name))
    aside = found[::ASIDE][:MAX_ASIDE] if len(found) >= ASIDE else found[-1:]
    kept = {id(chat) for chat in aside}
    others = [chat for chat in found if id(chat) not in kept]
    context = trained_context(sft) or REHEARSAL_CONTEXT
    rehearsed = pack_chats([render(chat, tokenizer) for chat in others], context)
    rows = pack_chats([render(chat, tokenizer) for chat in aside], context)
    batch = ChatRows(rows, seed).batch(0, len(rows.inputs))
    return StageTwoChats(ChatRows(rehearsed, seed), batch, _prompts(others), _prompts(aside))


def _prompts(chats: Sequence[Sequence[Message]]) -> list[tuple[Message, ...]]:
    """The chats down to their last questions, without repeats."""
    found = {}
    for chat in chats:
        if ends := [i for i, message in enumerate(chat) if message["role"] == "user"]:
            prompt = tuple(chat[: ends[-1] + 1])
            found[prompt_key(prompt)] = prompt
    return list(found.values())


def no_chats(name: str, why: str = "") -> str:
    """Why a model cannot be taught live."""
    return (
        f"the chats that {name} was fine-tuned on cannot be read again{why}, and without rehearsing them it would "
        "forget what it knows: collect choices without learning live, then run `firstwords align`"
    )


def open_check(parent: Path, engine: Engine, chats: StageTwoChats) -> Check:
    """The check of a model whose live lessons begin at `parent`."""
    if knows_world(parent):
        asked = tasks(0, CANDIDATES, "gold", town_size(parent))
        known = QuestionsCheck.of_known(asked, engine)
        if len(known.asked) >= FEWEST:
            return known
    return WordsCheck(chats.aside, engine.model)


class QuestionsCheck:
    """Questions of the built-in world that were answered correctly."""

    def __init__(self, asked: Sequence[Task]) -> None:
        self.asked = list(asked)

    @classmethod
    def of_known(cls, asked: Sequence[Task], engine: Engine) -> QuestionsCheck:
        """The check on the first QUESTIONS that the model answers correctly."""
        every = cls(asked)
        return cls([task for task, is_right in zip(asked, every.right(engine), strict=True) if is_right][:QUESTIONS])

    def right(self, engine: Engine) -> list[bool]:
        """Whether each question is answered correctly, greedily."""
        assert engine.tokenizer is not None
        prompts = [chat_ids(engine.tokenizer, task.messages) for task in self.asked]
        fitting = [i for i, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
        params = SamplingParams(max_tokens=ANSWER_TOKENS, temperature=0.0)
        answers = engine.generate([prompts[i] for i in fitting], params)
        found = [False] * len(prompts)
        for i, answer in zip(fitting, answers, strict=True):
            found[i] = answer.finish_reason == "stop" and passes(self.asked[i].check, answer.text)
        return found

    def measure(self, engine: Engine) -> Checked:
        return _counted("questions", sum(self.right(engine)), len(self.asked))


class WordsCheck:
    """Words of chats that are not rehearsed, of which the model was nearly certain."""

    def __init__(self, rows: ChatBatch, model: Transformer) -> None:
        self.rows = {key: torch.from_numpy(value) for key, value in rows._asdict().items()}
        self.known_N = self._probabilities(model) >= SURE

    @torch.no_grad()
    def _probabilities(self, model: Transformer) -> Tensor:
        """Probability of every supervised token, (N,)."""
        mask_BT = self.rows["targets"] != IGNORED
        hidden_ND = model.hidden(self.rows["inputs"], self.rows["positions"], self.rows["segments"])[mask_BT]
        return token_logprobs(model.logits(hidden_ND[None])[0], self.rows["targets"][mask_BT]).exp()

    def measure(self, engine: Engine) -> Checked:
        still_N = self.known_N & (self._probabilities(engine.model) >= STILL_SURE)
        return _counted("words", int(still_N.sum()), int(self.known_N.sum()))


def _counted(kind: str, value: int, start: int) -> Checked:
    return Checked(kind, value, start, start - int(start * MAX_LOST))
