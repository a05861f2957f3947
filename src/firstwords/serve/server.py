"""uvicorn with this server's options; on shutdown it ends running answers before waiting for connections.

Server(create_app(settings)).run(sockets=[listener])
"""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from firstwords.serve.guard.protocol import Protocol

GRACE_SECONDS = 3  # for connections to close
KEEP_ALIVE_SECONDS = 30  # of silence between the requests of a connection


class Server(uvicorn.Server):
    """Serves an application of `create_app`. `should_exit = True`, from any thread, ends it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all streams, then close."""
        self._app.state.worker.close()
        await super().shutdown(sockets)
