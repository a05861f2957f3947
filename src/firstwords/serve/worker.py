"""The one thread that owns all engines; asyncio on one side, `Engine.step` on the other.

    worker = Worker(settings); worker.start()
    stream = await worker.submit(stage, ids, SamplingParams(max_tokens=20))
    async for tokens in stream: ...             # lists: all tokens that came since the last look
    found = await worker.call(stage, lambda held: held.engine.score([ids]))

Tokens cross threads once a step, and a consumer that is slow gets them in larger lists; it never slows the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from firstwords.serve.errors import ApiError
from firstwords.serve.models import Held, Memory, Stage

if TYPE_CHECKING:
    from firstwords.engine.request import Completion, Request, Token
    from firstwords.engine.sampling import SamplingParams
    from firstwords.serve.settings import Settings

Result = TypeVar("Result")
RETRY_SECONDS = 2  # what a client is told to wait when the line is full


class Stream:
    """The tokens of one request, for one consumer on the event loop. Leave it with `cancel()` in a finally block."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker, self._loop = worker, loop
        self._tokens: list[Token] = []
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self._is_over = False
        self.request: Request | None = None  # the worker's; read it when the stream is over
        self.started = time.monotonic()

    def __aiter__(self) -> AsyncIterator[list[Token]]:
        return self

    async def __anext__(self) -> list[Token]:
        while not self._tokens:
            if self._error is not None:
                raise self._error
            if self._is_over:
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
        """Free the slot with the next step; nothing happens when the stream is over."""
        if not self._is_over:
            self._worker.post(lambda: self._worker.drop(self))

    # the worker's side, called on the event loop
    def feed(self, tokens: list[Token], is_over: bool, error: BaseException | None = None) -> None:
        self._tokens += tokens
        self._is_over, self._error = is_over or self._is_over, error
        self._wake.set()


class Worker:
    """Runs everything that touches a model, one thing at a time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memory = Memory(settings)
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._streams: dict[Stream, Held] = {}  # of the worker's thread
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._num_open = 0  # requests that were submitted and are not over; changed on the event loop only
        self.num_tokens = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End all streams and the thread."""
        self._jobs.put(None)
        self._thread.join(timeout=30)

    @property
    def num_open(self) -> int:
        """Requests that run or wait."""
        return self._num_open

    # -- from the event loop -------------------------------------------------------------------------------------------

    async def submit(self, stage: Stage, ids: Sequence[int], params: SamplingParams) -> Stream:
        """Put a prompt in line. Raises ApiError 503 when the line is full, ValueError for a prompt that cannot run."""
        room = self.settings.num_slots + self.settings.max_waiting
        if self._num_open >= room:
            raise ApiError(503, f"{room} requests are running or waiting: try again soon", retry_after=RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        stream = Stream(self, loop)
        self._num_open += 1

        def begin() -> Stream:
            held = self.memory.get(stage)
            stream.request = held.engine.add(ids, params)
            self._streams[stream] = held
            return stream

        try:
            return await self._ask(begin)
        except asyncio.CancelledError:
            stream.cancel()
            raise
        except BaseException:
            self._receive([(stream, [], True, None)])
            raise

    async def call(self, stage: Stage, function: Callable[[Held], Result]) -> Result:
        """Run a function of a loaded stage between two steps, and wait for what it returns or raises."""
        return await self._ask(lambda: function(self.memory.get(stage)))

    def post(self, job: Callable[[], None]) -> None:
        """Run something on the worker's thread before its next step, without waiting."""
        self._jobs.put(job)

    async def _ask(self, function: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def job() -> None:
            try:
                done, error = function(), None
            except BaseException as caught:
                done, error = None, caught
            _soon(loop, _settle, future, done, error)

        self._jobs.put(job)
        return await future

    # -- on the worker's thread ----------------------------------------------------------------------------------------

    def drop(self, stream: Stream) -> None:
        """Cancel a stream's request; the stream ends."""
        held = self._streams.pop(stream, None)
        if held is not None and stream.request is not None:
            held.engine.cancel(stream.request)
        self._deliver([(stream, [], True, None)])

    def _run(self) -> None:
        while True:
            if not self._streams:
                job = self._jobs.get()
                if job is None:
                    break
                job()
            while not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    self._fail(ApiError(503, "the server is going down"))
                    return
                job()
            self._step()

    def _step(self) -> None:
        engines = {id(held): held for held in self._streams.values()}
        for held in engines.values():
            if not held.engine.has_work:
                continue
            try:
                tokens = held.engine.step()
            except Exception as error:
                self._fail(error, held)
                continue
            self.num_tokens += len(tokens)
            self._hand_out(held, tokens)

    def _hand_out(self, held: Held, tokens: list[Token]) -> None:
        if not tokens:
            return
        by_request: dict[int, list[Token]] = {}
        for token in tokens:
            by_request.setdefault(token.request_id, []).append(token)
        parcels = []
        for stream, owner in list(self._streams.items()):
            if owner is not held or stream.request is None:
                continue
            mine = by_request.get(stream.request.request_id)
            if mine:
                parcels.append((stream, mine, stream.request.is_finished, None))
                if stream.request.is_finished:
                    del self._streams[stream]
        self._deliver(parcels)

    def _fail(self, error: BaseException, held: Held | None = None) -> None:
        """End the streams of one engine, or all, with an error."""
        parcels = []
        for stream, owner in list(self._streams.items()):
            if held is None or owner is held:
                del self._streams[stream]
                if stream.request is not None:
                    owner.engine.cancel(stream.request)
                parcels.append((stream, [], True, error))
        self._deliver(parcels)

    def _deliver(self, parcels: list[tuple[Any, ...]]) -> None:
        if parcels:
            _soon(parcels[0][0]._loop, self._receive, parcels)

    def _receive(self, parcels: list[tuple[Any, ...]]) -> None:  # on the event loop
        for stream, tokens, is_over, error in parcels:
            if is_over and not stream._is_over:
                self._num_open -= 1
            stream.feed(tokens, is_over, error)


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[Any], done: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(done)
