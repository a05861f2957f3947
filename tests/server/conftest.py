"""A running server for the tests of clients: `server.base_url`, `server.home`, and what /metrics says of it."""

from __future__ import annotations

import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CONTEXT = 512


@dataclass
class Running:
    """A server in a process of its own. `base_url` has no /v1."""

    base_url: str
    home: Path
    process: forks.Child
    log: Path

    def get(self, path: str) -> str:
        """The body of a GET, without the second that httpx spends on its certificates."""
        with urllib.request.urlopen(self.base_url + path, timeout=30) as response:
            return response.read().decode()

    def figure(self, name: str, **labels: str) -> float:
        """The sum of a figure of /metrics over all its series that have these labels."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                total += float(found[2])
        return total

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Return when no answer runs or waits; fail when that takes longer."""
        until = time.monotonic() + seconds
        while self.figure("firstwords_requests_running") + self.figure("firstwords_requests_waiting"):
            assert time.monotonic() < until, "slots are still taken"
            time.sleep(0.02)

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory, tiny_policy) -> Path:
    """models/pip/{base,sft}, random weights that are spread enough to depend on what they read, context 512."""
    import torch

    from firstwords.model.hub import save_model
    from firstwords.tokenizer.fast import Tokenizer

    home = tmp_path_factory.mktemp("server") / "home"
    text = "The cat is on the mat. The dog is in the house. What is your first name? My name is Pip. Is it blue?\n"
    tokenizer = Tokenizer.train([text] * 5, 300)
    for seed, stage in enumerate(("base", "sft")):
        model = tiny_policy(tokenizer.vocab_size, seed, context=CONTEXT)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15)
        save_model(model, home / "models" / "pip" / stage, tokenizer, {"stage": stage, "metrics": {}})
    return home


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """`start_server(home, "--key", "...")` -> Running; all end with the tests."""
    started: list[Running] = []

    def start(home: Path, *flags: str) -> Running:
        log = tmp_path_factory.mktemp("log") / "server.txt"
        process = forks.start(["serve", "--port", "0", *flags], home, log.with_name("out.txt"), errors=log)
        line = process.first_line()
        found = re.search(r"http://\S+", line)
        assert found, f"the server said {line!r} and {log.read_text(encoding='utf-8')!r}"
        running = Running(found[0], home, process, log)
        started.append(running)
        until = time.monotonic() + 60
        while True:
            try:
                running.get("/tokenizer_info")  # the model is loaded then
                return running
            except urllib.error.HTTPError:  # it needs a key, say
                return running
            except urllib.error.URLError:
                assert time.monotonic() < until and process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.05)

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(timeout=20)


@pytest.fixture(scope="session")
def server(start_server, server_home) -> Running:
    """The server that most tests share: no key, the default model is pip."""
    return start_server(server_home)


@pytest.fixture
def pip_model(server_home, monkeypatch):
    """The model that `server` serves, loaded in this process: `pip_model("base")` -> api.Model."""
    from firstwords import api

    monkeypatch.setenv("FIRSTWORDS_HOME", str(server_home))
    return lambda stage="sft": api.load(f"pip/{stage}")


@pytest.fixture
def said(pip_model) -> Callable[[list[str], int], str]:
    """`said([question, answer, question], max_tokens)`: the engine's own greedy answer to turns that alternate."""
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.prompts import chat_ids

    loaded = pip_model()
    engine = loaded.engine()

    def said(turns: list[str], max_tokens: int) -> str:
        roles = ("user", "assistant")
        messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]
        ids = chat_ids(loaded.tokenizer, messages)
        return engine.generate([ids], SamplingParams(max_tokens=max_tokens, temperature=0))[0].text

    return said


@pytest.fixture
def expected(said) -> str:
    """The engine's greedy answer to the question that the tests of clients ask, of at most 24 tokens."""
    return said(["What is your first name?"], 24)
