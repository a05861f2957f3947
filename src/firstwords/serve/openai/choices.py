"""The choices of one request, running together: as many at a time as the engine has slots, the others queued."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

    from firstwords.engine.request import Token
    from firstwords.engine.sampling import SamplingParams
    from firstwords.serve.models import Stage
    from firstwords.serve.worker import Stream, Worker

Job = tuple[Sequence[int], "SamplingParams"]
Part = tuple[int, list["Token"]]


def jobs(prompts: Sequence[Sequence[int]], params: SamplingParams, n: int) -> list[Job]:
    """Every prompt n times. Choice k of a prompt has the request's seed plus k, whichever prompt it is: a prompt in a
    batch gets the answers that it gets alone.
    """
    from firstwords.engine.sampling import MAX_SEED

    assert params.seed is not None
    seeded = [dataclasses.replace(params, seed=(params.seed + k) % MAX_SEED) for k in range(n)]
    return [(prompt, each) for prompt in prompts for each in seeded]


class Choices:
    """`await start()`, then iterate over `parts()`; `cancel()` from anywhere ends it."""

    def __init__(self, worker: Worker, stage: Stage, jobs: Sequence[Job]) -> None:
        self._worker, self._stage, self._jobs = worker, stage, jobs
        self._first: Stream | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_cancelled = False
        self.num_cached: dict[int, int] = {}  # cached prompt tokens of each choice

    @property
    def has_jobs(self) -> bool:
        """Whether there is anything to generate."""
        return bool(self._jobs)

    async def start(self) -> None:
        """Queue the first choice. Raises ApiError, also if the queue is full."""
        ids, params = self._jobs[0]
        if params.constraint is not None:
            await self._compile(params, len(ids))
        self._first = await self._worker.submit(self._stage, ids, params)

    async def _compile(self, params: SamplingParams, num_prompt: int) -> None:
        """Compile the constraint in a separate thread: a large schema takes as long as a hundred tokens.

        Raises ApiError 400 if it fails, or if not even the shortest answer fits.
        """
        engine, constraint = (await self._worker.held(self._stage)).engine, params.constraint
        assert constraint is not None
        try:
            matcher = await asyncio.to_thread(engine.constraints.matcher, constraint, frozenset())
        except ValueError as error:
            raise ApiError(400, str(error), constraint.origin) from None
        fewest, length = matcher.min_tokens, engine.max_length
        if params.max_tokens >= length - num_prompt < fewest:
            raise ApiError(
                400,
                f"This model's maximum context length is {length} tokens. However, the prompt has {num_prompt} "
                f"tokens, and this {constraint.name} needs at least {fewest} more: shorten the prompt.",
                "messages",
                "context_length_exceeded",
                n_prompt_tokens=num_prompt,
                n_ctx=length,
            )
        try:
            engine.check_room(params, fewest, num_prompt)
        except ValueError as error:
            raise ApiError(400, str(error), "max_tokens") from None

    async def parts(self) -> AsyncIterator[Part]:
        """(choice, its next tokens), as they arrive; ends early when cancelled. Raises ApiError."""
        assert self._first is not None
        try:
            if len(self._jobs) == 1:
                async for tokens in self._first:
                    yield 0, tokens
                self._note(0, self._first)
                return
            async for part in self._many():
                yield part
        finally:
            self.cancel()

    async def _many(self) -> AsyncIterator[Part]:
        parts: asyncio.Queue[Part | BaseException | None] = asyncio.Queue()
        slots = asyncio.Semaphore(self._worker.settings.num_slots)
        self._tasks = [asyncio.create_task(self._pump(index, parts, slots)) for index in range(len(self._jobs))]
        num_running = len(self._tasks)
        while num_running and not self._is_cancelled:
            part = await parts.get()
            if part is None:
                num_running -= 1
            elif isinstance(part, BaseException):
                raise part
            else:
                yield part

    async def _pump(
        self, index: int, parts: asyncio.Queue[Part | BaseException | None], slots: asyncio.Semaphore
    ) -> None:
        stream = None
        try:
            async with slots:
                stream = (
                    self._first
                    if index == 0
                    else await self._worker.submit(self._stage, *self._jobs[index], is_patient=True)
                )
                assert stream is not None
                async for tokens in stream:
                    parts.put_nowait((index, tokens))
                self._note(index, stream)
        except Exception as error:
            parts.put_nowait(error)
        finally:
            if stream is not None:
                stream.cancel()
            parts.put_nowait(None)

    def _note(self, index: int, stream: Stream) -> None:
        if stream.request is not None:
            self.num_cached[index] = stream.request.num_cached

    def cancel(self) -> None:
        """Free all slots; no effect once everything is over."""
        self._is_cancelled = True
        if self._first is not None:
            self._first.cancel()
        for task in self._tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def attended(request: Request, running: Choices, seconds: float) -> AsyncIterator[None]:
    """Cancel the choices when the client disconnects or the time limit is reached.

    Raises ClientDisconnect and ApiError 504 in the end.
    """
    has_gone = False

    async def watch() -> None:
        nonlocal has_gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_gone = True
        running.cancel()

    watcher = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ApiError(504, f"the answer took longer than {seconds:.0f} seconds") from None
    finally:
        watcher.cancel()
        running.cancel()
    if has_gone:
        raise ClientDisconnect
