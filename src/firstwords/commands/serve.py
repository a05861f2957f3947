"""Serve the models: OpenAI-compatible endpoints for clients, and the page for people.

firstwords serve --open
firstwords serve --host 0.0.0.0 --key anna:a-long-secret --key ben:another-secret
"""

from __future__ import annotations

import contextlib
import socket
import sys
import webbrowser
from dataclasses import dataclass, field
from threading import Timer

from firstwords.commands.shared import WeightsFlag
from firstwords.config import UserError
from firstwords.runlog import say


@dataclass
class Serve(WeightsFlag):
    """Serve the models to a browser and to OpenAI clients. Example: firstwords serve --open"""

    host: str = "127.0.0.1"
    """Address to listen on; one that other machines can reach needs --key."""
    port: int = 8000
    """Port to listen on; 0 picks a free one."""
    model: str | None = None
    """Model for requests that name none: NAME or NAME/STAGE; default: the newest."""
    key: list[str] = field(default_factory=list)
    """SECRET, or NAME:SECRET for several people, each with their own chats. May be given several times."""
    allow_host: list[str] = field(default_factory=list)
    """Further host names that clients may use for the server, such as host.docker.internal."""
    allow_origin: list[str] = field(default_factory=list)
    """Sites whose pages may use the API in a browser, such as http://localhost:3000. May be given several times.
    * lets every site you visit use your models: use it only with --key, or on a machine without a browser."""
    allow_private: bool = False
    """Documents: let users also add web pages of this machine and its own network."""
    open: bool = False
    """Open the page in a browser."""


def main(config: Serve) -> None:
    """Listen until Ctrl-C."""
    from firstwords.serve.app import create_app
    from firstwords.serve.guard.origins import ANY, parse_origins
    from firstwords.serve.server import Server
    from firstwords.serve.settings import Settings, parse_keys

    settings = Settings(
        host=config.host,
        port=config.port,
        model=config.model,
        weights=config.weights,
        keys=parse_keys(config.key),
        allowed_hosts=tuple(config.allow_host),
        allowed_origins=parse_origins(config.allow_origin),
        allow_private=config.allow_private,
    )
    listener = _listen(config)
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{listener.getsockname()[1]}"
    print(f"firstwords is at {address}  (Ctrl-C stops it)", flush=True)
    if ANY in settings.allowed_origins and not settings.keys:
        say("--allow-origin *: every site that a browser on this machine opens may use these models (add --key)")
    if config.open:
        timer = Timer(1.0, webbrowser.open, [address])
        timer.daemon = True
        timer.start()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down by then, and raises the signal once more
        Server(create_app(settings)).run(sockets=[listener])
    say("goodbye")


def _listen(config: Serve) -> socket.socket:
    if not 0 <= config.port <= 65535:
        raise UserError(f"--port is {config.port}, but it must be between 0 and 65535")
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # Nagle's algorithm would delay the second packet of every answer by 40 ms; asyncio switches it off only for sockets
    # whose protocol is given explicitly
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {config.host}:{config.port} ({error.strerror}): is a server already running there? "
            "Choose another --port"
        ) from None
    listener.listen(512)
    return listener
