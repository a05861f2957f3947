"""Teaching live through the server: each user's lesson in memory, learned on the worker's thread, one choice at a time.

Two lessons of one model never run at the same time, and each choice holds the model's lock for the moment in which it
is learned, so that no training of that name runs meanwhile. A lesson that is not in memory, because the server was
restarted or others were taught since, is rebuilt from its record and the log of judgements.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from math import exp
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import to_thread

from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.serve import models

if TYPE_CHECKING:
    from firstwords.engine.request import Completion
    from firstwords.preferences.records import Preference
    from firstwords.rlhf.live.session import LiveSession, LiveStep
    from firstwords.rlhf.pair_choice import Prompt
    from firstwords.serve.worker import Worker

Result = TypeVar("Result")
MAX_SESSIONS = 3  # in memory, for all users together: up to 128 MiB of earlier states each
COMMAND = "teach"  # in the record of the lock


class LiveLessons:
    """All live lessons of a server. Belongs to the event loop; the sessions belong to the worker's thread."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._sessions: OrderedDict[tuple[str, str], LiveSession] = OrderedDict()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by model

    async def offered(self, user: str, name: str) -> dict[str, Any]:
        """Whether this model can be taught live, and how many choices a lesson holds; opens nothing."""
        return await to_thread.run_sync(partial(_offered, user, name))

    async def open(self, user: str, name: str) -> dict[str, Any]:
        """Prepare a lesson, or rebuild it; returns its state."""
        return await self._with(user, name, state)

    async def choose(self, user: str, name: str, preference: Preference, judgement: int) -> dict[str, Any]:
        """Learn from a choice that is in the log. Raises LockedError while the model is being trained."""

        def learn(session: LiveSession) -> dict[str, Any]:
            with locks.held([name], COMMAND):
                return told(session, session.choose(preference, judgement))

        return await self._with(user, name, learn)

    async def move(self, user: str, name: str, way: str) -> dict[str, Any]:
        """Undo the last choice, or redo the one that was undone last (way: undo, redo)."""

        def go(session: LiveSession) -> dict[str, Any]:
            with locks.held([name], COMMAND):
                return told(session, session.undo() if way == "undo" else session.redo())

        return await self._with(user, name, go)

    async def forget(self, user: str, name: str) -> None:
        """Begin again from the promoted stage; the judgements stay in the log."""
        from firstwords.rlhf.live.record import LiveRecords

        async with self._turns[name]:
            self._sessions.pop((user, name), None)
            await to_thread.run_sync(LiveRecords(name, user).clear)

    async def sides(self, user: str, name: str) -> tuple[str, str]:
        """(Label of the lesson as it is now, sha256 of its weights)."""
        return await self._with(user, name, lambda session: (f"{name}/live", session.hash))

    async def sample(
        self, user: str, name: str, prompt: Prompt, seeds: Sequence[int], params: dict[str, Any]
    ) -> list[Completion] | None:
        """Answers of the lesson as it is now."""
        from firstwords.engine.sampling import SamplingParams

        return await self._with(
            user, name, lambda session: session.sample(prompt, seeds, SamplingParams(**params, logprobs=0))
        )

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _with(self, user: str, name: str, work: Callable[[LiveSession], Result]) -> Result:
        """Call a function with an up-to-date session on the worker's thread, one at a time for each model."""
        async with self._turns[name]:
            session = self._sessions.get((user, name))
            if session is not None and not await to_thread.run_sync(_is_current, session):
                session = None
            session = session or await self._opened(user, name)
            self._sessions[(user, name)] = session
            self._sessions.move_to_end((user, name))
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
            return await self._call(name, lambda: work(session))

    async def _opened(self, user: str, name: str) -> LiveSession:
        from firstwords.rlhf.live.session import LiveSession, readied

        self._sessions.pop((user, name), None)
        chats = await to_thread.run_sync(partial(readied, name))  # reads files, perhaps for seconds
        session = await self._call(name, lambda: LiveSession(name, user, replay=False, chats=chats))
        while await self._call(name, session.replay_next):  # others are answered in between
            pass
        return session

    async def _call(self, name: str, work: Callable[[], Result]) -> Result:
        return await self.worker.call(models.find(name), lambda held: work())


def _is_current(session: LiveSession) -> bool:
    return session.is_current


def state(session: LiveSession) -> dict[str, Any]:
    """What the page shows of a lesson."""
    return {
        "stage": session.parent.name,
        "choices": len(session.choices),
        "undo": session.can_undo,
        "redo": session.can_redo,
        "check": {"sentence": session.checked.sentence, "is_harmed": session.checked.is_harmed},
    }


def told(session: LiveSession, step: LiveStep) -> dict[str, Any]:
    """A step and the state after it. Probabilities are those of the whole answers."""
    sides = zip(("chosen", "rejected"), step.before, step.after, strict=True)
    return state(session) | {
        "outcome": step.outcome,
        "prompt": list(step.preference.prompt),
        "answer": step.answer,
        "seconds": round(step.seconds, 3),
        "predicted": step.predicted,
        "probabilities": {
            side: {"text": getattr(step.preference, side), "before": exp(before), "after": exp(after)}
            for side, before, after in sides
        },
    }


def _offered(user: str, name: str) -> dict[str, Any]:
    from firstwords.model.hub import read_config, stage_hash
    from firstwords.rlhf.live.record import LiveRecords
    from firstwords.rlhf.live.session import DEFAULT_PARAMS, why_not
    from firstwords.rlhf.version_store import parent_dir

    found = {"is_available": False, "is_default": False, "reason": "", "choices": 0}
    try:
        parent = parent_dir(name)
        reason = why_not(parent)
    except UserError as error:
        return found | {"reason": str(error)}
    record = LiveRecords(name, user).read()
    choices = record.position if record.weights == stage_hash(parent) else 0
    is_small = read_config(parent).num_params <= DEFAULT_PARAMS
    return found | {
        "is_available": not reason,
        "is_default": not reason and is_small,
        "reason": reason,
        "choices": choices,
    }
