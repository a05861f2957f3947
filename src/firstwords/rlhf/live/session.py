"""Teach live: a model in memory that learns from every choice at once, answers as it is now, and can go back.

    session = LiveSession("pip")                       # the promoted stage, or the lesson that was interrupted
    step = session.choose(preference, judgement_id)    -> LiveStep(before=..., after=..., check=..., outcome="learned")
    session.undo(); session.redo()
    session.answer(messages)                           -> "I do not know this person."

A choice that would cost more of what the model knew than the check allows is tried again with a quarter of the rate,
and otherwise refused: the weights stay as they were, bit by bit. The session belongs to one thread; whoever calls it
holds the model's lock, so that no training runs at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from firstwords import home
from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.chat_defaults import chat_sampling
from firstwords.model.hub import load_model, read_card, read_config, stage_hash, weights_hash
from firstwords.preferences.records import Preference
from firstwords.preferences.store import PreferenceStore
from firstwords.preferences.taste import tastes_of
from firstwords.rlhf.live.check import Checked, StageTwoChats, chats_of_stage_two, no_chats, open_check
from firstwords.rlhf.live.lesson import Lesson, LessonOptions, LessonState, LivePair
from firstwords.rlhf.live.practice import Practice, exercises
from firstwords.rlhf.live.record import Learned, LiveRecord, LiveRecords
from firstwords.rlhf.version_store import parent_dir
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids

if TYPE_CHECKING:
    from pathlib import Path

    from firstwords.engine.request import Completion
    from firstwords.tokenizer.chat import Message

MAX_PARAMS = 30_000_000  # a choice takes about half a second per million parameters on one core
DEFAULT_PARAMS = 3_000_000  # up to here learning live is on by default
UNDO_CHOICES, UNDO_BYTES = 10, 128 * 2**20  # kept in memory to go back to, whichever is reached first
GENTLE = 0.25  # of the rate, for a choice that would do harm
SLOTS = 32  # questions of the check that are answered together
ANSWER_TOKENS = 80
ANSWER_SEED = 1  # the same draws before and after a choice: a new answer is then due to the model


@dataclass(frozen=True)
class LiveStep:
    """What one choice (or undo, or redo) changed. before, after: log p of the chosen and of the rejected answer.

    outcome: learned, gently (at a lower rate), refused (by the check), undone or redone. predicted: the lesson already
    preferred the chosen answer.
    """

    preference: Preference
    before: tuple[float, float]
    after: tuple[float, float]
    check: Checked
    outcome: str
    answer: str
    predicted: bool = False
    loss: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Choice:
    """A choice that the session has learned."""

    preference: Preference
    pair: LivePair
    learned: Learned


class LiveSession:
    """A user's lesson with one model. Raises UserError for a model that cannot be taught live.

    replay: learn the choices of an interrupted lesson again at once; a server does it step by step (`replay_next`).
    chats: those of stage two, if they have been read.
    """

    def __init__(
        self,
        name: str,
        annotator: str = "",
        seed: int = 0,
        options: LessonOptions | None = None,
        replay: bool = True,
        chats: StageTwoChats | None = None,
    ) -> None:
        self.name, self.annotator = name, annotator
        self.parent = parent_dir(name)
        if reason := why_not(self.parent):
            raise UserError(reason)
        self.tokenizer = Tokenizer.load(self.parent)
        self.reference = load_model(self.parent).requires_grad_(False)
        self.weights = stage_hash(self.parent, self.reference)
        self.model = load_model(self.parent)
        self.chats = chats or chats_of_stage_two(self.parent.parent, self.tokenizer, seed)
        self.lesson = Lesson(self.model, self.reference, self.tokenizer, self.chats.rehearsed, seed, options)
        self.engine = Engine(self.model, self.tokenizer, num_slots=SLOTS)
        self.check = open_check(self.parent, self.engine, self.chats)
        self.checked = self.check.measure(self.engine)
        self.practice = Practice(exercises(self.parent, self.chats.to_practise, seed), seed)
        self.choices: list[Choice] = []  # in force
        self.undone: list[Choice] = []  # the next to redo last
        self._states = [self.lesson.state()]  # of the last choices; the last one is the present
        self._ahead: list[LessonState] = []  # of undone choices; the next to redo last
        self.records = LiveRecords(name, annotator)
        self._waiting = self._recorded()
        if not self._waiting and self.records.read().choices:  # of another stage, or all undone
            self._write()
        if replay:
            while self.replay_next():
                pass

    # -- teaching ------------------------------------------------------------------------------------------------------

    def choose(self, preference: Preference, judgement: int) -> LiveStep:
        """Learn from a judgement that is in the log. Raises UserError for answers that do not fit the context."""
        began = time.perf_counter()
        pair = self._pair(preference)
        before = self.lesson.logprobs(pair)
        predicted = before[0] - pair.ref[0] > before[1] - pair.ref[1]
        outcome, strength, loss = self._learn(pair)
        if strength:
            self._keep(Choice(preference, pair, Learned(judgement, strength, predicted)))
        after, answer = self.lesson.logprobs(pair), self.answer(preference.prompt)
        seconds = time.perf_counter() - began
        return LiveStep(preference, before, after, self.checked, outcome, answer, predicted, loss, seconds)

    def _learn(self, pair: LivePair) -> tuple[str, float, float | None]:
        """(outcome, strength, loss) of a new pair; after a refusal (strength 0) the model is as before."""
        was, practice = self.checked, self._practice()
        for outcome, strength in (("learned", 1.0), ("gently", GENTLE)):
            loss = self.lesson.learn(pair, strength, practice)
            self.engine.refresh()
            self.checked = self.check.measure(self.engine)
            if not (self.checked.is_harmed and self.checked.value < was.value):
                return outcome, strength, loss
            self.lesson.restore(self._states[-1])
        self.engine.refresh()
        self.checked = was
        return "refused", 0.0, None

    @property
    def can_undo(self) -> int:
        """How many choices can be undone."""
        return len(self._states) - 1

    @property
    def can_redo(self) -> int:
        """How many undone choices can be learned again."""
        return len(self._ahead)

    def undo(self) -> LiveStep:
        """Go back to the model before the last choice. Raises UserError if there is none in memory."""
        if not self.can_undo:
            raise UserError("there is no choice to undo" if not self.choices else "earlier choices can't be undone")
        choice = self.choices.pop()
        self.undone.append(choice)
        self._ahead.append(self._states.pop())
        return self._moved(choice, self._states[-1], "undone")

    def redo(self) -> LiveStep:
        """Learn the choice again that was undone last. Raises UserError if there is none."""
        if not self.can_redo:
            raise UserError("there is no undone choice to redo")
        choice, state = self.undone.pop(), self._ahead.pop()
        self.choices.append(choice)
        self._states.append(state)
        return self._moved(choice, state, "redone")

    def replay_next(self) -> int:
        """Learn one more choice of an interrupted lesson; returns how many are left. The check is not asked again."""
        if self._waiting:
            preference, learned = self._waiting.pop(0)
            pair = self._pair(preference)
            self.lesson.learn(pair, learned.strength, self._practice())
            self.choices.append(Choice(preference, pair, learned))
            self._states.append(self.lesson.state())
            self._trim()
            self.engine.refresh()
            if not self._waiting:
                self.checked = self.check.measure(self.engine)
                self._write()  # without what was undone: its weights are gone
        return len(self._waiting)

    # -- answering -----------------------------------------------------------------------------------------------------

    def answer(self, messages: Sequence[Message]) -> str:
        """The answer of the model as it is now, sampled as in a chat, always with the same draws."""
        sampling = chat_sampling(self.parent)
        params = SamplingParams(max_tokens=ANSWER_TOKENS, temperature=sampling.temperature, top_p=sampling.top_p)
        found = self.sample(messages, [ANSWER_SEED], params)
        return found[0].text.strip() if found else ""

    def sample(
        self, messages: Sequence[Message], seeds: Sequence[int], params: SamplingParams
    ) -> list[Completion] | None:
        """An answer of the model as it is now for each seed; None for a prompt that fills the context."""
        ids = chat_ids(self.tokenizer, messages)
        if len(ids) >= self.engine.max_length:
            return None
        return self.engine.generate([ids] * len(seeds), [replace(params, seed=seed) for seed in seeds])

    @property
    def hash(self) -> str:
        """sha256 of the weights as they are now."""
        return weights_hash(self.model)

    @property
    def is_current(self) -> bool:
        """Whether the promoted stage is still the one at which this lesson began, and no other process taught it."""
        record = self.records.read()
        mine = [choice.learned for choice in [*self.choices, *reversed(self.undone)]]
        same = (record.choices, record.position) == (mine, len(self.choices)) or not (record.choices or mine)
        parent = parent_dir(self.name)
        return same and parent == self.parent and stage_hash(parent) == self.weights

    # -- inside --------------------------------------------------------------------------------------------------------

    def _recorded(self) -> list[tuple[Preference, Learned]]:
        """The choices of an interrupted lesson of this stage, as far as the log has them."""
        record = self.records.read()
        if record.weights != self.weights or not record.position:
            return []
        log = {j.id: j for j in PreferenceStore().all(self.name)}
        found = []
        for learned in record.choices[: record.position]:
            preference = log[learned.judgement].preference if learned.judgement in log else None
            if preference is None:
                break
            found.append((preference, learned))
        return found

    def _practice(self) -> list[LivePair]:
        """Pairs to practise what the choices so far have established."""
        established = tastes_of([choice.preference for choice in self.choices])
        return self.lesson.encoded(self.practice.pairs(self.engine, established, len(self.choices)))

    def _pair(self, preference: Preference) -> LivePair:
        (pair,) = self.lesson.encoded([preference])
        longest, limit = max(len(pair.chosen), len(pair.rejected)), self.model.config.max_position_embeddings
        if longest > limit:
            raise UserError(f"question and answer have {longest} tokens, more than this model's context of {limit}")
        return pair

    def _keep(self, choice: Choice) -> None:
        self.choices.append(choice)
        self.undone, self._ahead = [], []
        self._states.append(self.lesson.state())
        self._trim()
        self._write()

    def _moved(self, choice: Choice, state: LessonState, outcome: str) -> LiveStep:
        began, before = time.perf_counter(), self.lesson.logprobs(choice.pair)
        self.lesson.restore(state)
        self.engine.refresh()
        self.checked = self.check.measure(self.engine)
        self._write()
        after, answer = self.lesson.logprobs(choice.pair), self.answer(choice.preference.prompt)
        seconds = time.perf_counter() - began
        return LiveStep(choice.preference, before, after, self.checked, outcome, answer, seconds=seconds)

    def _trim(self) -> None:
        most = max(1, min(UNDO_CHOICES, UNDO_BYTES // self._states[-1].num_bytes))
        del self._states[: -1 - most]

    def _write(self) -> None:
        every = [choice.learned for choice in [*self.choices, *reversed(self.undone)]]
        self.records.write(LiveRecord(self.parent.name, self.weights, every, len(self.choices)))


def why_not(stage: Path) -> str:
    """Why a stage cannot be taught live; "" if it can."""
    number = read_config(stage).num_params
    name = f"{stage.parent.name}/{stage.name}"
    if number > MAX_PARAMS:
        return (
            f"{name} has {number / 1e6:,.0f} million parameters, and learning live is for models of up to "
            f"{MAX_PARAMS / 1e6:.0f} million, which take seconds per choice: run "
            f"`firstwords align {stage.parent.name}` after collecting choices"
        )
    sft = stage.parent / "sft"
    if not home.is_model(sft):
        return f"{stage.parent.name} has no stage sft, whose chats would be rehearsed"
    return "" if (read_card(sft).get("data") or {}).get("chats") else no_chats(stage.parent.name)


def readied(name: str, seed: int = 0) -> StageTwoChats:
    """The chats for a lesson of this model, which takes no model to read. Raises UserError if it cannot be taught."""
    parent = parent_dir(name)
    if reason := why_not(parent):
        raise UserError(reason)
    return chats_of_stage_two(parent.parent, Tokenizer.load(parent), seed)
