"""Teaching through the server: blind pairs per user, kept here until they are judged.

Pairs come from `rlhf.pair_choice.PairSource`, which runs in a thread and uses the worker for answers.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from random import Random
from typing import TYPE_CHECKING, Any

from anyio import from_thread, to_thread

from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError
from firstwords.eval.winrate import win_rate
from firstwords.model.card import knows_world, town_size
from firstwords.preferences.annotator import tasks
from firstwords.preferences.records import Judgement, prompt_key
from firstwords.preferences.store import PreferenceStore
from firstwords.preferences.taste import tastes
from firstwords.rlhf.pair_choice import (
    MAX_SEED,
    REASONS,
    TARGET_RATE,
    PairSource,
    Prompt,
    Shown,
    Side,
    decided,
    outcomes,
)
from firstwords.serve import models
from firstwords.serve.chats import store
from firstwords.serve.errors import ApiError
from firstwords.serve.live import LiveLessons
from firstwords.stats import pairs_needed
from firstwords.world.town.plumwick import Size

if TYPE_CHECKING:
    from firstwords.engine.request import Completion
    from firstwords.rlhf.reward_model import RewardModel
    from firstwords.serve.models import Held, Stage
    from firstwords.serve.worker import Worker

PARAMS = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 80}  # as `firstwords teach` samples
AS_IN_CHAT = PARAMS | {"temperature": CHAT_TEMPERATURE, "top_p": CHAT_TOP_P}  # for comparing two versions, as in a chat
MAX_LESSONS, MAX_PAIRS = 64, 512  # kept for all users together; the oldest are dropped
NUM_PROMPTS = 300


@dataclass
class Lesson:
    """One user's pairs from one model, or from two of its stages."""

    source: PairSource
    is_live: bool = False  # the model learns from each verdict
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)  # one pair at a time


@dataclass(frozen=True)
class Member:
    """A reward model that scores on the worker's thread, for a `PairSource` that runs in another one."""

    worker: Worker
    stage: Stage
    model: RewardModel

    @property
    def hash(self) -> str:
        return self.model.hash

    def can_read(self, prompt: Prompt) -> bool:
        return self.model.can_read(prompt)

    def score_sampled(self, prompts: Sequence[Prompt], answers: Sequence[Completion], vocabulary: str) -> Any:
        def score(held: Held) -> Any:
            return self.model.score_sampled(prompts, answers, vocabulary)

        return from_thread.run(self.worker.call, self.stage, score)


@dataclass(frozen=True)
class Pending:
    """A pair that is shown and not yet judged."""

    user: str
    lesson: Lesson
    shown: Shown


class Lessons:
    """All lessons of a server. Belongs to the event loop."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.live = worker, LiveLessons(worker)
        self._lessons: OrderedDict[tuple[str, ...], Lesson] = OrderedDict()
        self._pending: OrderedDict[str, Pending] = OrderedDict()

    async def progress(self, user: str, name: str) -> dict[str, Any]:
        """A user's progress, and the totals for this model."""
        stage = models.find(name)
        log = PreferenceStore()
        everybody = await to_thread.run_sync(partial(log.all, name))
        mine = [j for j in everybody if j.annotator == user]
        pairs, verdicts = sum(j.kind == "pair" for j in mine), Counter(j.verdict for j in mine)
        usable = await to_thread.run_sync(partial(log.preferences, name))
        return {
            "name": name,
            "stage": stage.ref,
            "judged": pairs,
            "decided": decided(everybody, [""]),
            "needed": pairs_needed(TARGET_RATE),
            "verdicts": dict(verdicts),
            "ties": verdicts["tie"],
            "usable": len(usable),
            "reasons": list(REASONS),
            "annotator": user,
            "tastes": [vars(taste) | {"sentence": taste.sentence} for taste in tastes(mine)],
        }

    async def next(
        self, user: str, name: str, against: str | None, prompt: Prompt | None, is_live: bool = False
    ) -> tuple[str, Shown]:
        """(Id of a pair, the pair), for this user only. Raises UserError if no two different answers are found.

        is_live: both answers are the user's live lesson's, which will learn from the verdict.
        """
        if is_live and against:
            raise ApiError(
                400, "a live lesson answers alone: compare two stages with learning live switched off", "live"
            )
        stages = _stages(name, against)
        lesson = await self._lesson(user, name, stages, is_live)
        async with lesson.asking:
            if is_live:  # with the weights as they are now
                lesson.source.sides = [await self._live_side(user, name)]
            if prompt is None and not lesson.source.has_prompts:  # there may be some by now
                lesson.source.ask(await to_thread.run_sync(partial(_prompts, user, name, stages[0])))
                if not lesson.source.has_prompts:
                    raise UserError(f"there are no questions for {name} yet: chat with it first, or write one here")
            shown = await to_thread.run_sync(partial(lesson.source.next, prompt))
        if shown is None:
            about = "this prompt" if prompt else "many questions in a row"
            raise UserError(f"{name} gave no two different answers to {about}: try another one")
        pair_id = secrets.token_hex(8)
        self._pending[pair_id] = Pending(user, lesson, shown)
        while len(self._pending) > MAX_PAIRS:
            self._pending.popitem(last=False)
        return pair_id, shown

    async def judge(self, user: str, pair_id: str, verdict: str, reasons: Sequence[str]) -> dict[str, Any]:
        """Save a verdict, and only then reveal which stage gave which answer."""
        pending = self._pending.get(pair_id)
        if pending is None or pending.user != user:
            raise ApiError(404, "there is no such pair, or it was already judged: request the next one")
        del self._pending[pair_id]  # a second verdict (a double click) is ignored
        pair, source, log = pending.shown.pair, pending.lesson.source, PreferenceStore()
        if verdict != "skip":
            said = replace(pair, verdict=verdict, reasons=tuple(reasons))
            try:
                number = await to_thread.run_sync(partial(log.add, said))
            except UserError:
                self._pending[pair_id] = pending
                raise
            source.keep(pending.shown.place, replace(said, id=number))
        judgements = await to_thread.run_sync(partial(log.all, source.name))
        saved = verdict != "skip"
        taught = await self._teach(pending, replace(said, id=number)) if saved and pending.lesson.is_live else {}
        return taught | {
            "saved": saved,
            "decided": decided(judgements, [side.hash for side in source.sides]),
            "needed": pairs_needed(TARGET_RATE),
            # a skipped pair stays blind: its sides would reveal how this stage answers
            "sides": {side: pair.params[side] for side in ("left", "right")} if saved else None,
        }

    async def _teach(self, pending: Pending, judged: Judgement) -> dict[str, Any]:
        """{"live": what a live lesson learned, or None, "not_learned": why}. The verdict is saved, whatever happens."""
        preference = judged.preference
        if preference is None:
            return {"live": None, "not_learned": "Nothing to learn: you chose neither answer."}
        if judged.repeat_of is not None:
            return {
                "live": None,
                "not_learned": "Nothing to learn: this pair was a repeat, to see how consistent you are.",
            }
        try:
            assert judged.id is not None
            return {
                "live": await self.live.choose(pending.user, judged.model, preference, judged.id),
                "not_learned": "",
            }
        except UserError as error:
            return {"live": None, "not_learned": f"Saved, but not learned: {error}."}

    async def tally(self, user: str, name: str, against: str) -> dict[str, Any]:
        """The result of a user's choices between two stages: how often `against` won over the promoted one.

        Pairs known to be sampled with other settings than a chat's do not count: teaching uses temperature 1, which
        users do not see in chats. low, high: the always-valid interval of win_rate (a tie is half a win), since users
        check it repeatedly.
        """
        old, new = [await self._side(stage) for stage in _stages(name, against)]
        mine = await to_thread.run_sync(partial(PreferenceStore().all, name, user))
        found = {"stage": new.label, "over": old.label, "wins": 0, "losses": 0, "ties": 0}
        found |= {"win_rate": None, "low": 0.0, "high": 1.0}
        if compared := outcomes([j for j in mine if not _is_unlike_chat(j)], new.hash, old.hash):
            rate = win_rate(compared, stopped_early=True)
            found |= {"wins": rate.wins, "losses": rate.losses, "ties": rate.ties}
            found |= {"win_rate": rate.win_rate, "low": rate.always_low, "high": rate.always_high}
        return found

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _members(self, stage: Stage) -> list[Member]:
        """The reward models whose disagreement chooses pairs; none if there are fewer than two."""
        from firstwords.rlhf.reward_model import ensemble_dirs, load_reward_model

        found = ensemble_dirs(stage.name)
        if len(found) < 2:
            return []
        loaded = await self.worker.call(stage, lambda held: [load_reward_model(path) for path in found])
        return [Member(self.worker, stage, model) for model in loaded]

    async def _live_side(self, user: str, name: str) -> Side:
        label, weights = await self.live.sides(user, name)

        def answer(prompt: Prompt, seeds: Sequence[int]) -> list[Completion] | None:  # in a thread
            return from_thread.run(self.live.sample, user, name, prompt, seeds, PARAMS)

        return Side(label, weights, answer)

    async def _lesson(self, user: str, name: str, stages: Sequence[Stage], is_live: bool = False) -> Lesson:
        key = (user, *(f"{stage.ref} {stage.identity}" for stage in stages), "live" if is_live else "")
        if key not in self._lessons:
            params = AS_IN_CHAT if len(stages) > 1 else PARAMS
            sides = [await self._side(stage, params) for stage in stages]
            seed = secrets.randbelow(MAX_SEED)
            members = await self._members(stages[0]) if len(stages) == 1 else []
            source = PairSource(name, sides, (), params, seed, user, members, by_uncertainty=not members)
            self._lessons[key] = Lesson(source, is_live)
            while len(self._lessons) > MAX_LESSONS:
                self._lessons.popitem(last=False)
        self._lessons.move_to_end(key)
        return self._lessons[key]

    async def _side(self, stage: Stage, params: dict[str, Any] = PARAMS) -> Side:
        def look(held: Held) -> str:
            if not held.loaded.can_chat:
                raise UserError(f"{stage.ref} is a base model, which cannot answer: choose another stage")
            return held.loaded.hash

        def answer(prompt: Prompt, seeds: Sequence[int]) -> list[Completion] | None:  # in a thread
            return from_thread.run(self._generate, stage, params, prompt, seeds)

        return Side(stage.ref, await self.worker.call(stage, look), answer)

    async def _generate(
        self, stage: Stage, params: dict[str, Any], prompt: Prompt, seeds: Sequence[int]
    ) -> list[Completion] | None:
        from firstwords.engine.sampling import SamplingParams

        ids = await self.worker.call(stage, lambda held: held.loaded.whole_chat_ids(prompt))
        if ids is None:
            return None
        streams = []
        try:
            for seed in seeds:
                streams.append(await self.worker.submit(stage, ids, SamplingParams(**params, seed=seed, logprobs=0)))
            return [await stream.completion() for stream in streams]
        finally:
            for stream in streams:
                stream.cancel()


def _is_unlike_chat(j: Judgement) -> bool:
    return any(j.params.get(key, AS_IN_CHAT[key]) != AS_IN_CHAT[key] for key in ("temperature", "top_p"))


def _stages(name: str, against: str | None) -> list[Stage]:
    """The stages that answer: the promoted one, and the one it is compared with."""
    stages = [models.find(name)]
    if against:
        stages.append(models.find(f"{name}/{against.removeprefix(name + '/')}"))
        if stages[0].ref == stages[1].ref:
            raise ApiError(400, f"{stages[1].ref} is already the promoted stage: choose another one", "against")
    return stages


def _prompts(user: str, name: str, stage: Stage) -> list[Prompt]:
    """Prompts, in any order: tasks of the built-in world if the model was trained on it, else earlier questions."""
    prompts = list(_world_prompts(town_size(stage.directory))) if knows_world(stage.directory) else _asked(user, name)
    Random().shuffle(prompts)
    return prompts


@lru_cache(maxsize=2)
def _world_prompts(town: Size) -> tuple[Prompt, ...]:
    return tuple(task.messages for task in tasks(0, NUM_PROMPTS, "train", town))


def _asked(user: str, name: str) -> list[Prompt]:
    """Judged prompts and this user's own questions, never those of other users."""
    log = PreferenceStore()
    judged = [j.prompt for who in (user, "") for j in log.all(name, annotator=who)]
    return list({prompt_key(prompt): prompt for prompt in [*judged, *store.prompts(user, NUM_PROMPTS)]}.values())
