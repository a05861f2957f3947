"""The one thread that owns all engines; asyncio on one side, `Engine.step` on the other.

    worker = Worker(settings); worker.start()
    stream = await worker.submit(stage, ids, SamplingParams(max_tokens=20))
    async for tokens in stream: ...             # lists: all tokens since the last iteration
    found = await worker.call(stage, lambda held: held.engine.score([ids]))

A stream's first and last tokens cross threads at once, the others in lists, twelve to fifty times per second: both
threads share one interpreter, and a message per token would take a third of the engine's time. A slow consumer gets
larger lists; it never slows down others.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from threadpoolctl import threadpool_limits

from firstwords.serve.errors import DEFECT, ApiError
from firstwords.serve.models import Held, Memory, Stage

if TYPE_CHECKING:
    from firstwords.engine.request import Completion, Request, Token
    from firstwords.engine.sampling import SamplingParams
    from firstwords.serve.settings import Settings

Result = TypeVar("Result")
RETRY_SECONDS = 2  # Retry-After when the queue is full
FLUSH_SECONDS = 0.02  # screens refresh 60 times per second, so tokens in pairs are not noticeable
MESSAGES_PER_SECOND = 200  # for all streams together: each costs the engine a tenth of a millisecond
JOB_SECONDS = 0.01  # for other work between two steps while answers run
SEND_SECONDS = 0.001  # for the event loop to send the first token of a single answer
CLOSING = "the server is shutting down"
log = logging.getLogger("firstwords.serve")


class Stream:
    """The tokens of one request, for one consumer on the event loop. Call `cancel()` in a finally block."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker, self.loop = worker, loop
        self._tokens: list[Token] = []
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self.is_over = False
        self.request: Request | None = None  # owned by the worker; read it once the stream is over
        self.num_tokens = 0
        self.started = time.monotonic()
        self.first_at: float | None = None  # time of the first tokens
        self.ended_at: float | None = None
        self.held: Held | None = None  # of the worker's thread
        self.unsent: list[Token] = []  # of the worker's thread

    def __aiter__(self) -> AsyncIterator[list[Token]]:
        return self

    async def __anext__(self) -> list[Token]:
        while not self._tokens:
            if self._error is not None:
                raise self._error
            if self.is_over:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        tokens, self._tokens = self._tokens, []
        return tokens

    async def completion(self) -> Completion:
        """Wait for the end and return the whole answer."""
        async for _ in self:
            pass
        assert self.request is not None
        return self.request.completion()

    def cancel(self) -> None:
        """Free the slot at the next step; no effect if the stream is over."""
        if not self.is_over:
            self._worker.post(lambda: self._worker.drop(self))

    def feed(self, tokens: list[Token], is_over: bool, error: BaseException | None) -> None:
        """Called for the worker, on the event loop."""
        if tokens and self.first_at is None:
            self.first_at = time.monotonic()
        self._tokens += tokens
        self.num_tokens += len(tokens)
        if is_over and not self.is_over:
            self.is_over, self._error, self.ended_at = True, error, time.monotonic()
        self._wake.set()


class _Parcel(NamedTuple):
    stream: Stream
    tokens: list[Token]
    is_over: bool
    error: BaseException | None = None


class Worker:
    """Runs everything that touches a model, one thing at a time.

    on_end, if set, is called with every finished stream, on the event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memory = Memory(settings)
        self.on_end: Callable[[Stream], None] | None = None
        self.num_open = 0  # unfinished requests; changed only on the event loop
        self.num_running = 0  # of these, the ones with a slot
        self.num_tokens = 0  # generated since the start
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._room_wanted: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        # of the worker's thread: each engine's streams by request id, and those with unsent tokens
        self._running: dict[Held, dict[int, Stream]] = {}
        self._unsent: dict[Stream, None] = {}
        self._flushed = 0.0
        self._cores = _Cores()

    @property
    def num_waiting(self) -> int:
        """Requests without a slot."""
        return max(0, self.num_open - self.num_running)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Refuse new requests and end all streams with an error. Call it on the event loop."""
        if not self._is_closed:
            self._is_closed = True
            for waiting in self._room_wanted:
                if not waiting.done():
                    waiting.set_exception(ApiError(503, CLOSING))
            self._jobs.put(None)

    def stop(self) -> None:
        """`close`, and wait for the thread."""
        self.close()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    # -- from the event loop -------------------------------------------------------------------------------------------

    async def submit(
        self, stage: Stage, ids: Sequence[int], params: SamplingParams, is_patient: bool = False
    ) -> Stream:
        """Queue a prompt. Raises ApiError 503 if the queue is full (is_patient: waits for room instead).

        Reading the stream raises ApiError 400 for an invalid prompt, UserError for an unreadable stage.
        """
        room = self.settings.num_slots + self.settings.max_waiting
        while self.num_open >= room:
            if not is_patient:
                message = f"{room} requests are running or waiting: try again soon"
                raise ApiError(503, message, retry_after=RETRY_SECONDS)
            await self._room()
        if self._is_closed:
            raise ApiError(503, CLOSING)
        stream = Stream(self, asyncio.get_running_loop())
        self.num_open += 1
        self.post(lambda: self._begin(stage, ids, params, stream))
        return stream

    async def call(self, stage: Stage, function: Callable[[Held], Result]) -> Result:
        """Call a function with a loaded stage between two steps, and wait for its result or exception."""
        return await self._ask(lambda: function(self._get(stage)))

    async def held(self, stage: Stage) -> Held:
        """The loaded stage, for its tokenizer and sizes only, not to run its model or engine."""
        loaded = self.memory.peek(stage)
        return loaded if loaded is not None else await self.call(stage, lambda held: held)

    async def warm(self, stage: Stage) -> None:
        """Load a stage before its first request."""
        try:
            await self._ask(lambda: self._get(stage))
        except Exception as error:  # reported on its first request
            log.warning("%s cannot be loaded: %s", stage.ref, error)

    def post(self, job: Callable[[], None]) -> None:
        """Run something on the worker's thread before its next step, without waiting."""
        self._jobs.put(job)

    async def _room(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room_wanted.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._offer_room()  # it was offered to a cancelled request
            raise
        finally:
            self._room_wanted.remove(waiting)

    def _offer_room(self) -> None:
        waiting = next((w for w in self._room_wanted if not w.done()), None)
        if waiting is not None:
            waiting.set_result(None)

    async def _ask(self, function: Callable[[], Result]) -> Result:
        if self._is_closed:
            raise ApiError(503, CLOSING)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def job() -> None:
            if future.cancelled():
                return
            try:
                done, error = function(), None
            except BaseException as caught:
                done, error = None, caught
            _soon(loop, _settle, future, done, error)

        self._jobs.put(job)
        return await future

    def _receive(self, parcels: list[_Parcel]) -> None:
        for stream, tokens, is_over, error in parcels:
            was_over = stream.is_over
            stream.feed(tokens, is_over, error)
            if is_over and not was_over:
                self.num_open -= 1
                self._offer_room()
                if self.on_end is not None:
                    self.on_end(stream)

    # -- on the worker's thread ----------------------------------------------------------------------------------------

    def _get(self, stage: Stage) -> Held:
        held = self.memory.get(stage)
        self._cores.suit(held)
        return held

    def _begin(self, stage: Stage, ids: Sequence[int], params: SamplingParams, stream: Stream) -> None:
        try:
            held = self._get(stage)
            stream.request = held.engine.add(ids, params)
        except Exception as error:
            told = ApiError(400, str(error)) if isinstance(error, ValueError) else error
            self._deliver([_Parcel(stream, [], True, told)])
            return
        stream.held = held
        self._running.setdefault(held, {})[stream.request.request_id] = stream

    def drop(self, stream: Stream) -> None:
        """Cancel a stream's request; the stream ends."""
        if stream.held is not None and stream.request is not None:
            stream.held.engine.cancel(stream.request)
        self._forget(stream)
        self._deliver([self._parcel(stream, True)])

    def _run(self) -> None:
        _settle_memory()
        while self._do_jobs():
            self._step()
        self._fail(ApiError(503, CLOSING))
        self.num_running = 0

    def _do_jobs(self) -> bool:
        """Run queued jobs: all while no answer runs, else for a limited time. False when the thread should end."""
        until = time.monotonic() + JOB_SECONDS
        while not self._running or (not self._jobs.empty() and time.monotonic() < until):
            self.num_running = sum(len(held.engine.scheduler.running) for held in self._running)
            job = self._jobs.get()
            if job is None:
                return False
            try:
                job()
            except Exception:  # the thread must survive any error
                log.exception("a job of the engine's thread failed")
        return True

    def _step(self) -> None:
        for held in list(self._running):
            self._cores.suit(held)
            try:
                tokens = held.engine.step()
                self.num_tokens += len(tokens)
                self._hand_out(held, tokens)
            except Exception:
                log.exception("the engine failed; %s will be reloaded", held.stage.ref)
                self._fail(ApiError(DEFECT.status, DEFECT.message), held)
                self.memory.forget(held)
        self.num_running = sum(len(held.engine.scheduler.running) for held in self._running)
        now = time.monotonic()
        if self._unsent and now - self._flushed >= max(FLUSH_SECONDS, len(self._unsent) / MESSAGES_PER_SECOND):
            self._flushed = now
            self._deliver([self._parcel(stream) for stream in list(self._unsent)])

    def _hand_out(self, held: Held, tokens: list[Token]) -> None:
        streams, urgent = self._running[held], []
        for token in tokens:
            stream = streams[token.request_id]
            stream.unsent.append(token)
            self._unsent[stream] = None
            if token.index == 0 or token.finish_reason is not None:
                urgent.append(self._parcel(stream, token.finish_reason is not None))
                if token.finish_reason is not None:
                    self._forget(stream)
        self._deliver(urgent)
        if len(tokens) == 1 and tokens[0].index == 0:
            time.sleep(SEND_SECONDS)  # yields the interpreter to the event loop

    def _parcel(self, stream: Stream, is_over: bool = False) -> _Parcel:
        tokens, stream.unsent = stream.unsent, []
        self._unsent.pop(stream, None)
        return _Parcel(stream, tokens, is_over)

    def _forget(self, stream: Stream) -> None:
        self._unsent.pop(stream, None)
        held = stream.held
        streams = self._running.get(held) if held is not None else None
        if held is not None and streams is not None and stream.request is not None:
            streams.pop(stream.request.request_id, None)
            if not streams:
                del self._running[held]

    def _fail(self, error: ApiError, held: Held | None = None) -> None:
        """End the streams of one engine, or all, with an error."""
        parcels = []
        for owner, streams in list(self._running.items()):
            if held is None or owner is held:
                del self._running[owner]
                for stream in streams.values():
                    with contextlib.suppress(Exception):  # a failed engine may raise anything
                        if stream.request is not None:
                            owner.engine.cancel(stream.request)
                    parcels.append(self._parcel(stream, True)._replace(error=error))
        self._deliver(parcels)

    def _deliver(self, parcels: list[_Parcel]) -> None:
        if parcels:
            _soon(parcels[0].stream.loop, self._receive, parcels)


class _Cores:
    """Sets the number of compute threads: one for a small model, all for a large one.

    A small model's operations are so short that threads wait longer than they work, and far longer if another program
    (the event loop, a browser, a training run) uses their core.
    """

    def __init__(self) -> None:
        self._are_limited = False
        self._limits: threadpool_limits | None = None
        self._all: int | None = None

    def suit(self, held: Held) -> None:
        """Adjust it for a model; free of cost while the size class is unchanged."""
        if held.is_small == self._are_limited:
            return
        import torch

        self._all = self._all or torch.get_num_threads()
        self._are_limited = held.is_small
        torch.set_num_threads(1 if held.is_small else self._all)
        if self._limits is not None:
            self._limits.restore_original_limits()
        self._limits = threadpool_limits(1, user_api="blas") if held.is_small else None


def _settle_memory() -> None:
    """Load the libraries and exclude them from garbage collection: with torch, a collection stops all threads for a
    tenth of a second.
    """
    import firstwords.engine.engine  # noqa: F401

    gc.collect()
    gc.freeze()


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: no one is waiting
        loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[Any], done: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(done)
