"""Several processes that train together with gloo, as torchrun would start them, but forked: see `forks`.

team = Team(2, tmp_path)
team.call(team_work.train, {"steps": 20})      # exit codes; what they said: team.said
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks


class Team:
    """`count` processes on this machine. More of `env` is added to their environment."""

    def __init__(self, count: int, folder: Path, env: dict[str, str] | None = None) -> None:
        self.count, self.folder, self.env = count, folder, env or {}
        self.children: list[forks.Child] = []

    def start(self, function: Callable[[list[str]], int], argv: list[str]) -> Team:
        """Begin a function of a module in every process; it gets the words and returns the exit code."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        for rank in range(self.count):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": self.count, "LOCAL_WORLD_SIZE": self.count}
            address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
            env = {key: str(value) for key, value in (place | address).items()} | self.env
            self.children.append(forks.start_call(function, argv, self.folder / f"said-{rank}", env=env))
        return self

    def wait(self) -> list[int]:
        """Their exit codes."""
        return [child.wait() for child in self.children]

    def call(self, function: Callable[[list[str]], int], options: dict[str, Any]) -> list[int]:
        """Run a function of one JSON object to its end; the exit codes."""
        return self.start(function, [json.dumps(options, default=str)]).wait()

    @property
    def said(self) -> list[str]:
        """What each of them wrote to stdout and stderr."""
        return [child.said for child in self.children]


def command(argv: list[str]) -> int:
    """`firstwords ARGV` in one of the processes."""
    from firstwords.cli import main

    return main(argv)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
