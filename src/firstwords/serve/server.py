"""uvicorn with this server's options, which ends the running answers before it waits for their connections.

    Server(create_app(settings)).run(sockets=[listener])
"""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from firstwords.serve.guard.protocol import Protocol

GRACE_SECONDS = 3  # for connections to end by themselves
KEEP_ALIVE_SECONDS = 30  # of silence between the requests of a connection


class Server(uvicorn.Server):
    """Serves an application of `create_app`. `should_exit = True`, from any thread, ends it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        super().__init__(uvicorn.Config(
            app, http=Protocol, log_level="warning", access_log=False, server_header=False, date_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ))  # fmt: skip

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell every stream that this is the end, then close."""
        self._app.state.worker.close()
        await super().shutdown(sockets)
