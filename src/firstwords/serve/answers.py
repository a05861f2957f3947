"""Answers being generated, as server tasks that are independent of their watchers.

    answer = answers.begin(message, path, stage, params)
    async for event in answers.watch(answer, start=0): ...      # any number of watchers, from any token
    await answers.stop(message.id)

Progress is saved about twice per second and at the end. A watcher that disconnects has no effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from firstwords.config import UserError
from firstwords.database import DatabaseBusy
from firstwords.retrieval.answer import Answer as Found
from firstwords.serve.asking import ask
from firstwords.serve.chats import store
from firstwords.serve.chats.calls import num_rounds, results
from firstwords.serve.chats.records import Message
from firstwords.serve.chats.sources import sources_json
from firstwords.serve.chats.writer import ALTERNATIVES, Branch, Prepared, TokenWriter, prepare, with_text
from firstwords.serve.errors import ApiError
from firstwords.tools import builtin

if TYPE_CHECKING:
    from firstwords.engine.request import Token
    from firstwords.serve.models import Stage
    from firstwords.serve.worker import Stream, Worker

SAVE_SECONDS = 0.5
LOG = logging.getLogger(__name__)


class Answer:
    """One answer being generated: its message as it will be saved, and the tokens so far as JSON texts."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.tokens: list[str] = []
        self.writer: TokenWriter | None = None
        self.stream: Stream | None = None
        self.lookup: asyncio.Task[Found] | None = None  # in documents
        self.is_stopped = False
        self.is_ending = False  # no more tokens will come
        self.is_over = False  # and the answer is saved
        self.num_saved = 0
        self.task: asyncio.Task[None] | None = None
        self.following: list[Message] = []  # results of the tools that it called, and the answer after them
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        return self.writer.text if self.writer else self.message.content

    def begin(self, prepared: Prepared) -> None:
        """Record the weights that give the answer, and the beginning of a branch."""
        self.writer, self.tokens = prepared.writer, prepared.beginning
        params = {**(self.message.params or {}), "max_tokens": prepared.max_tokens}
        self.message = replace(self.message, stage_hash=prepared.stage_hash, params=params)
        self.tell()

    def add(self, tokens: Iterable[Token]) -> None:
        assert self.writer is not None
        self.tokens += [self.writer.push(token) for token in tokens]
        self.tell()

    def quote(self, found: Found) -> None:
        """Take an answer from documents. It has no tokens: most of them are quoted, not sampled."""
        self.message = replace(self.message, content=found.text, sources=sources_json(found))
        self.tell()

    def cancel(self) -> None:
        """Stop writing."""
        self.is_stopped = True
        if self.lookup is not None:
            self.lookup.cancel()
        if self.stream is not None:
            self.stream.cancel()

    def end(self, status: str, finish_reason: str | None = None, error: str | None = None) -> None:
        """Record how it ended; it is over once that is saved."""
        if self.tokens and self.writer is not None and (rest := self.writer.close()):
            self.tokens[-1] = with_text(self.tokens[-1], rest)
        self.message = replace(self.snapshot, status=status, finish_reason=finish_reason, error=error)
        self.is_ending = True

    @property
    def snapshot(self) -> Message:
        """The message in its current state."""
        if self.is_ending:
            return self.message
        return replace(self.message, content=self.text, tokens=listed(self.tokens))

    def tell(self) -> None:
        """Wake all watchers."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def follow(self, start: int, seconds: float) -> AsyncIterator[tuple[int, list[str]]]:
        """(Number of the first, tokens) from `start` on until it is over; no tokens after `seconds` of silence."""
        while True:
            news = self._news
            if start < len(self.tokens):
                tokens = self.tokens[start:]
                yield start, tokens
                start += len(tokens)
            elif self.is_over:
                return
            else:
                try:
                    await asyncio.wait_for(news.wait(), seconds)
                except TimeoutError:
                    yield start, []


def listed(tokens: Sequence[str]) -> str | None:
    """JSON texts as the JSON text of a list; None for none."""
    return f"[{','.join(tokens)}]" if tokens else None


@dataclass(frozen=True)
class Lookup:
    """Whose documents answer. collection: None for all of them."""

    user: str
    collection: str | None


class Answers:
    """All answers being generated. Belongs to the event loop."""

    def __init__(self, worker: Worker, max_seconds: float) -> None:
        self.worker, self.max_seconds = worker, max_seconds
        self._live: dict[str, Answer] = {}
        self._writing = asyncio.Lock()  # parts of an answer must not be written after its end
        self._saver: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """End answers that a previous server left unfinished, and start saving."""
        try:
            await to_thread.run_sync(store.interrupt_all)
        except UserError as error:  # opening a chat reports the same error
            LOG.warning("%s", error)
        self._saver = asyncio.create_task(self._save_often())

    async def close(self) -> None:
        """Stop all answers and save what was generated."""
        self._closing.set()
        answers = list(self._live.values())
        for answer in answers:
            if not answer.is_ending and answer.task is not None:
                answer.task.cancel()
        # wait for writes in progress: a thread cannot be stopped in the middle of one
        tasks = [self._saver, *(answer.task for answer in answers)]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

    def begin(
        self,
        message: Message,
        path: Sequence[Message],
        stage: Stage,
        params: dict[str, Any],
        branch: Branch | None = None,
        lookup: Lookup | None = None,
        user: str = "",
    ) -> Answer:
        """Start to answer: `message` is the empty answer created by the store, `path` the messages before it.
        With `lookup`, the answer to the last of them comes from documents. Where it calls tools, which `params` may
        name, their results and another answer follow it. user: whose documents a tool may search."""
        answer = self._live[message.id] = Answer(message)
        if lookup is None:
            work: Callable[[], Awaitable[str | None]] = partial(self._generate, answer, path, stage, params, branch)
        else:
            work = partial(self._quote, answer, path, stage, lookup)
        follow = partial(self._follow, answer, path, stage, params, user)
        answer.task = asyncio.create_task(self._run(answer, stage, work, follow))
        return answer

    def get(self, message_id: str) -> Answer | None:
        """The answer being generated for a message; None if it is over."""
        return self._live.get(message_id)

    async def stop(self, message_ids: Iterable[str]) -> None:
        """End some answers as they are, with those that follow from their calls, and wait until they are saved."""
        found = [answer for message_id in message_ids if (answer := self._live.get(message_id)) is not None]
        for answer in found:
            answer.cancel()
        tasks = [answer.task for answer in found if answer.task is not None]
        if tasks:
            await asyncio.wait(tasks)
            await self.stop(message.id for answer in found for message in answer.following)

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _run(
        self,
        answer: Answer,
        stage: Stage,
        work: Callable[[], Awaitable[str | None]],
        follow: Callable[[], Awaitable[None]],
    ) -> None:
        try:
            async with asyncio.timeout(self.max_seconds):
                reason = await work()
            # with a reason it had already ended before a request to stop
            answer.end("stopped" if answer.is_stopped and reason is None else "done", reason)
        except asyncio.CancelledError:
            answer.end("interrupted")
        except TimeoutError:
            answer.end("error", error=f"the answer took longer than {self.max_seconds:.0f} seconds")
        except ApiError as error:
            answer.end("interrupted" if self._closing.is_set() else "error", error=error.message)
        except (UserError, ValueError) as error:
            answer.end("error", error=str(error))
        except Exception:
            LOG.exception("an answer of %s failed", stage.ref)
            answer.end("error", error=f"{stage.ref} failed because of an internal error; see the server's log")
        await self._keep(answer, follow)

    async def _follow(
        self, answer: Answer, path: Sequence[Message], stage: Stage, params: dict[str, Any], user: str
    ) -> None:
        """If the answer calls tools, add their results, and begin the answer after them, unless it was stopped."""
        call, tools = answer.message, params.get("tools", ())
        if not tools or call.status != "done" or self._closing.is_set() or num_rounds(path) >= builtin.MAX_ROUNDS:
            return
        if answer.is_stopped or answer.lookup is not None:  # what is quoted from documents is no call
            return
        found = await to_thread.run_sync(results, call.content, tools, user)
        if found and not answer.is_stopped:  # in the meantime
            answer.following = await self.after_results(call, found, path, stage, params, user)

    async def after_results(
        self,
        call: Message,
        found: Sequence[str],
        path: Sequence[Message],
        stage: Stage,
        params: dict[str, Any],
        user: str,
    ) -> list[Message]:
        """Add the results of an answer's calls, and begin the next answer; returns these messages. path: those before
        the call."""
        told, following = await to_thread.run_sync(store.add_results, call, found, stage.ref, params)
        self.begin(following, [*path, call, *told], stage, params, user=user)
        return [*told, following]

    async def _quote(self, answer: Answer, path: Sequence[Message], stage: Stage, lookup: Lookup) -> str | None:
        """Answer from documents; returns the finish reason, None if it was stopped before."""
        asked = ask(self.worker, stage, lookup.user, path[-1].content, lookup.collection)
        answer.lookup = asyncio.create_task(asked)
        try:
            answer.quote(await answer.lookup)
        except asyncio.CancelledError:
            if not answer.is_stopped:
                raise
            return None
        return "stop"

    async def _generate(
        self, answer: Answer, path: Sequence[Message], stage: Stage, params: dict[str, Any], branch: Branch | None
    ) -> str | None:
        """Generate the tokens; returns the finish reason."""
        from firstwords.engine.constraints import Constraint
        from firstwords.engine.rules.rules import Rules
        from firstwords.engine.sampling import SamplingParams

        tools = params.get("tools", ())
        prepared = await self.worker.call(stage, lambda held: prepare(held, path, params["max_tokens"], branch, tools))
        answer.begin(prepared)
        if prepared.finish_reason is not None or answer.is_stopped:
            return prepared.finish_reason
        rules = params.get("rules")
        how = {name: value for name, value in params.items() if name not in ("rules", "tools")}
        how |= {"max_tokens": prepared.room}
        chosen = SamplingParams(**how, logprobs=ALTERNATIVES, uncertainty=True, rule_cost=True)
        if rules:
            constraint = Constraint.rules(Rules.of(rules), prepared.after)
            engine = (await self.worker.held(stage)).engine
            # in a thread of its own, since it may take a second; the engine finds it compiled
            await asyncio.to_thread(engine.constraints.matcher, constraint, frozenset())
            chosen = replace(chosen, constraint=constraint)
        answer.stream = stream = await self.worker.submit(stage, prepared.ids, chosen)
        try:
            if answer.is_stopped:
                stream.cancel()
            async for tokens in stream:
                answer.add(tokens)
        finally:
            stream.cancel()
        reason = stream.request.finish_reason if stream.request is not None else None
        return reason if reason in ("stop", "length") else None

    async def _keep(self, answer: Answer, follow: Callable[[], Awaitable[None]]) -> None:
        """Save the end of an answer, and begin what follows it; then it is over."""
        try:
            while True:
                try:
                    async with self._writing:
                        await to_thread.run_sync(store.finish, answer.message)
                    await follow()
                    break
                except DatabaseBusy as error:  # each attempt has already waited long
                    LOG.warning("an answer is not saved yet: %s", error)
                    if self._closing.is_set():
                        break
        except UserError as error:  # e.g. a full disk: watchers still have the answer and get the error
            LOG.warning("an answer is not saved: %s", error)
            answer.message = replace(answer.message, status="error", error=f"this answer is not saved: {error}")
        except Exception:
            LOG.exception("an answer could not be saved")
        finally:
            answer.is_over = True
            self._live.pop(answer.message.id, None)
            answer.tell()

    async def _save_often(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SAVE_SECONDS)
            try:
                await self._save()
            except UserError as error:  # saved in the next round or at the end
                LOG.warning("answers are not saved yet: %s", error)

    async def _save(self) -> None:
        """Save the new parts of all answers in one transaction."""
        async with self._writing:
            fresh = [answer for answer in self._live.values() if answer.num_saved < len(answer.tokens)]
            lengths = [len(answer.tokens) for answer in fresh]
            parts = [
                (answer.message.id, answer.text, answer.num_saved, listed(answer.tokens[answer.num_saved :]) or "[]")
                for answer in fresh
            ]
            if parts:
                await to_thread.run_sync(partial(store.save_parts, parts))
                for answer, length in zip(fresh, lengths, strict=True):
                    answer.num_saved = length
