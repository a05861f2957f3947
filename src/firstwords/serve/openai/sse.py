"""Server-sent events: a response that watches for the client's disconnect, and the end of OpenAI's streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from firstwords.serve.errors import ApiError, response

DONE = b"data: [DONE]\n\n"
HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}


def event(content: Any, name: str = "") -> bytes:
    """One event of data, with a name where the protocol has names."""
    head = f"event: {name}\ndata: " if name else "data: "
    return head.encode() + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


class EventStream(Response):
    """Sends events as they arrive, then [DONE]. A failure before the first event is an HTTP error, a later one an
    event. on_gone is called when the client disconnects; a client that reads too slowly for `seconds` is dropped. `end`
    replaces [DONE] at the end of a stream.
    """

    def __init__(
        self, events: AsyncIterator[bytes], on_gone: Callable[[], None], seconds: float, end: bytes = DONE
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._events, self._on_gone, self._seconds, self._end = events, on_gone, seconds, end
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(self._watch(receive))
        try:
            async with asyncio.timeout(self._seconds):
                await self._send_all(send)
        except ApiError as error:
            await response(error)(scope, receive, send)
        except TimeoutError:
            if not self._has_begun:
                late = ApiError(504, f"the answer did not begin within {self._seconds:.0f} seconds")
                await response(late)(scope, receive, send)
            # else the connection ends without the last chunk, which tells the client that something is missing
        finally:
            watcher.cancel()
            self._on_gone()

    async def _send_all(self, send: Send) -> None:
        try:
            async for data in self._events:
                if not self._has_begun:
                    self._has_begun = True
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except ApiError as error:
            if not self._has_begun:
                raise
            await send({"type": "http.response.body", "body": event(error.body), "more_body": True})
        if self._has_begun:
            await send({"type": "http.response.body", "body": self._end, "more_body": False})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._on_gone()
