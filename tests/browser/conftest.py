"""A real server on a small model, and Debian's Chromium in front of it; without either these tests are skipped."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import forks
import pytest
from browser_talk import LONG

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "firstwords" / "serve" / "static"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TEXT = "The cat is on the mat. The dog is in the house. What is your first name? My name is Pip. Is it blue?\n"
CONTEXT = 2560  # tokens: a full answer takes seconds, so that one can stop it and load the page again meanwhile


@dataclass(frozen=True)
class Server:
    """A `firstwords serve` in a process of its own."""

    url: str
    home: Path

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that a route answers. Raises HTTPError for an error."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)


def save_endless_model(directory: Path, seed: int, stage: str) -> None:
    """Random weights that never say the end of a turn: the head finds a constant part of every state, and takes it
    from the special tokens only."""
    import torch

    from firstwords.model.config import ModelConfig
    from firstwords.model.hub import save_model
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

    tokenizer = Tokenizer.train([TEXT] * 5, 300)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
    )
    model = Transformer(config)
    model.init_weights(seed)
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 1.0
        model.lm_head.weight *= 10  # some tokens likely, some not
        model.lm_head.weight[:, 0] = 0
        model.lm_head.weight[sorted(tokenizer.special_ids), 0] = -10
    card = {"stage": stage, "metrics": {"bits_per_byte": 2.5}, "created": "2026-01-02T03:04:05Z"}
    save_model(model, directory, tokenizer, card)


@pytest.fixture(scope="module")
def browser_chromium() -> Iterator[Any]:
    """Chromium, without a window."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine (Debian, Ubuntu: apt install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser_static() -> Path:
    """The built page."""
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    return STATIC


def start(home: Path, log: Path, *flags: str, **more: str) -> tuple[forks.Child, Server]:
    """A server on a free port, once it says where it is. more: of its environment."""
    errors = log.with_name(f"{log.name}-errors")
    hook = "slow_engine:one_token_at_a_time"
    process = forks.start(["serve", "--port", "0", *flags], home, log, errors=errors, env=more, hook=hook)
    line = process.first_line()
    assert "http://" in line, f"the server did not start: {line}{process.said}"
    return process, Server(line.split(" is at ")[1].split()[0], home)


def stop(process: forks.Child) -> None:
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser_server(tmp_path_factory: pytest.TempPathFactory, browser_static: Path) -> Iterator[Server]:
    """The page over models/pip/{base,sft}, which talk without end."""
    folder = tmp_path_factory.mktemp("browser")
    for seed, stage in enumerate(("base", "sft")):
        save_endless_model(folder / "home" / "models" / "pip" / stage, seed, stage)
    process, server = start(folder / "home", folder / "log")
    yield server
    stop(process)


@pytest.fixture
def browser_ending() -> Iterator[list[forks.Child]]:
    """Servers of one test. They end after its pages: a page that outlives its server logs that it lost it."""
    processes: list[forks.Child] = []
    yield processes
    for process in processes:
        stop(process)


@pytest.fixture
def browser_start(tmp_path: Path, browser_ending: list[Any]) -> Callable[..., Server]:
    """`browser_start(home, "--allow-origin", ...)`: a server of one test with flags of its own."""

    def begin(home: Path, *flags: str) -> Server:
        process, server = start(home, tmp_path / "log", *flags)
        browser_ending.append(process)
        return server

    return begin


class Mortal:
    """A server that a test may kill and start again on the same port, over the same home or another one."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.folder = folder
        self.process, self.server = start(home, folder / "log")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def again(self, home: Path | None = None) -> None:
        port = self.server.url.rsplit(":", 1)[1].strip("/")
        self.process, self.server = start(home or self.server.home, self.folder / "log", "--port", port)


@pytest.fixture
def browser_mortal(tmp_path: Path, browser_static: Path) -> Iterator[Mortal]:
    """A server of its own over models/pip/sft, to be killed."""
    save_endless_model(tmp_path / "home" / "models" / "pip" / "sft", 1, "sft")
    mortal = Mortal(tmp_path / "home", tmp_path)
    yield mortal
    mortal.kill()


@pytest.fixture
def browser_teachable_server(tmp_path: Path, browser_server: Server, browser_ending: list[Any]) -> Server:
    """A server of its own, for tests that train."""
    shutil.copytree(browser_server.home / "models", tmp_path / "home" / "models")
    process, server = start(tmp_path / "home", tmp_path / "log")
    browser_ending.append(process)
    return server


@pytest.fixture(scope="module")
def browser_shared_server(tmp_path_factory: pytest.TempPathFactory, browser_server: Server) -> Iterator[Server]:
    """A server that the tests of a file share, which write into its home."""
    folder = tmp_path_factory.mktemp("browser-shared")
    shutil.copytree(browser_server.home / "models", folder / "home" / "models")
    process, server = start(folder / "home", folder / "log")
    yield server
    stop(process)


@pytest.fixture
def browser_quick_server(tmp_path: Path, browser_static: Path, browser_ending: list[Any]) -> Server:
    """A server without a model, whose trainings begin at once: for a machine as slow as this, little text is read."""
    from firstwords.plan.budget import Machine

    machine = json.dumps(asdict(Machine(training_gflops={64: 2.0, 128: 3.0, 256: 4.0})))
    process, server = start(tmp_path / "home", tmp_path / "log", FIRSTWORDS_MACHINE=machine, OMP_NUM_THREADS="1")
    browser_ending.append(process)
    return server


@pytest.fixture(scope="session")
def browser_empty_server(tmp_path_factory: pytest.TempPathFactory, browser_static: Path) -> Iterator[Server]:
    """The page without any model."""
    folder = tmp_path_factory.mktemp("browser-empty")
    process, server = start(folder / "home", folder / "log")
    yield server
    stop(process)


@pytest.fixture
def browser_locked_server(tmp_path: Path, browser_server: Server, browser_ending: list[Any]) -> Server:
    """A server that asks for a key."""
    process, server = start(browser_server.home, tmp_path / "log", "--key", "anna:a-long-secret")
    browser_ending.append(process)
    return server


@pytest.fixture
def browser_open(
    browser_chromium: Any, browser_server: Server, browser_ending: list[Any]
) -> Iterator[Callable[..., Any]]:
    """browser_open("chat", width=360, dark=True, max_tokens=40): a page in a context of its own.

    At the end: no script failed, nothing was logged as an error, and no request left the server.
    """
    contexts: list[Any] = []
    troubles: list[str] = []
    expected: list[str] = []

    def watch(page: Any, url: str) -> None:
        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("console", lambda said: troubles.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: None if r.url.startswith((url, "data:")) else troubles.append(f"request: {r.url}"))

    def open_page(
        path: str = "chat",
        width: int = 1280,
        dark: bool = False,
        max_tokens: int = 40,
        server: Server = browser_server,
        context: Any = None,
        refused: int = 0,
        **settings: Any,
    ) -> Any:
        if refused:  # what the server may answer in this test, which Chromium logs as an error
            expected.append(f"console: Failed to load resource: the server responded with a status of {refused}")
        if context is None:
            context = browser_chromium.new_context(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
            )
            contexts.append(context)
            context.set_default_timeout(LONG)
            kept = {"sampling": {"temperature": 1, "top_p": 1, "max_tokens": max_tokens, "seed": 1}, **settings}
            for name, value in kept.items():
                key, text = json.dumps(f"firstwords:{name}"), json.dumps(json.dumps(value))
                unset = f"location.protocol == 'http:' && localStorage.getItem({key}) === null"
                context.add_init_script(f"if ({unset}) localStorage.setItem({key}, {text})")
            context.on("page", lambda page: watch(page, server.url))
        page = context.new_page()
        page.goto(f"{server.url}/#/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    troubles = [trouble for trouble in troubles if not trouble.startswith(tuple(expected))]
    assert not troubles, "\n".join(troubles)
