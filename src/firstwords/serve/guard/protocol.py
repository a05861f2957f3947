"""HTTP/1.1 on one connection, parsed by uvicorn's httptools, with limits on a request's head.

uvicorn itself limits neither the time nor the size of a head. Everything after the head (size and speed of the body,
content type, key) is checked by `security.Guard`.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle, Transport
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 30.0  # from the start of a connection or request to the end of its head
HEAD_BYTES = 64 * 1024


class Protocol(HttpToolsProtocol):
    """Answers 408 to a head that takes too long and 431 to one that is too large, and closes the connection."""

    _clock: TimerHandle | None = None  # runs while waiting for a head
    _num_bytes = 0  # of the head so far

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._num_bytes += len(data)
        super().data_received(data)
        if self._clock is not None and self._num_bytes > HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._clock is None:  # not the first request of this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._num_bytes = 0
        self._clock = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, status: HTTPStatus) -> None:
        self._stop_clock()
        if self.headers is None:  # an idle connection, whose next request would be matched with this answer
            self.transport.close()
            return
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        self.transport.write(head.encode())
        self.transport.close()
