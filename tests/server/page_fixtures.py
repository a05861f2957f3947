"""The fixtures of the page's API; a module takes them with `pytest_plugins = ("page_fixtures",)`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_helpers import KEYS, Listening, User, running
from starlette.testclient import TestClient

from firstwords.engine import engine as engine_module
from firstwords.engine.engine import Engine
from firstwords.serve.settings import Settings


@pytest.fixture
def page_client(own_home: Path, one_thread: None) -> Iterator[TestClient]:
    """A server in this process with two users, over a home of its own."""
    with running(Settings(keys=KEYS)) as client:
        yield client


@pytest.fixture
def page_anna(page_client: TestClient) -> User:
    return User(page_client, "anna")


@pytest.fixture
def page_ben(page_client: TestClient) -> User:
    return User(page_client, "ben")


@pytest.fixture
def page_server(own_home: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """A listening server without keys, whose answers can be watched: a token at a time, of two milliseconds or more."""
    step = Engine.step

    def slow(engine: Engine) -> Any:
        time.sleep(0.002)
        return step(engine)

    monkeypatch.setattr(engine_module, "MAX_BURST", 1)
    monkeypatch.setattr(Engine, "step", slow)
    listening = Listening()
    listening.thread.start()
    while not listening.server.started:
        time.sleep(0.01)
    yield listening
    listening.close()


@pytest.fixture
def page_slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Make every step of every engine give each row one token, and take so many seconds."""
    monkeypatch.setattr(engine_module, "MAX_BURST", 1)
    seconds, step = [0.03], Engine.step

    def slow(engine: Engine) -> Any:
        time.sleep(seconds[0])
        return step(engine)

    monkeypatch.setattr(Engine, "step", slow)
    yield lambda value: seconds.__setitem__(0, value)
