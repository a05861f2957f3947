"""Training from the page with real processes: who dies leaves the other well."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import forks
import httpx
import pytest

from firstwords import home, process
from firstwords.plan.budget import Machine
from firstwords.runlog import RunLog

ROOT = Path(__file__).resolve().parents[2]
SLOW = json.dumps(asdict(Machine(training_gflops={64: 2.0, 128: 3.0, 256: 4.0})))  # for it, little text is read
PATIENCE = 180.0  # seconds for what takes ten on a machine that is not busy


@contextmanager
def runs_server(folder: Path, *words: str) -> Iterator[tuple[httpx.Client, forks.Child]]:
    """A server of its own process over that home, and a client of it."""
    log, errors = folder.with_name("server.out"), folder.with_name("server.err")
    env = {"FIRSTWORDS_MACHINE": SLOW, "OMP_NUM_THREADS": "1"}
    server = forks.start(["serve", "--port", "0", *words], folder, log, errors=errors, env=env)
    address = server.first_line().split()[3]
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            until(lambda: client.get("/health").status_code == 200, "the server to answer")
            yield client, server
    finally:
        server.kill()


def until(done: Callable[[], Any], what: str) -> Any:
    """Wait for something, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if found := done():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


def learn(client: httpx.Client, status: int = 200, **options: Any) -> dict[str, Any]:
    values = {"minutes": 0.5, "preferences": ["none"]} | options
    answer = client.post("/api/runs", json={"command": "learn", "name": "tiny", "options": values})
    assert answer.status_code == status, answer.text
    return answer.json()


def state(client: httpx.Client) -> dict[str, Any]:
    return client.get("/api/runs/tiny").json()


def has_rows(client: httpx.Client, more_than: int = 3) -> Callable[[], bool]:
    return lambda: len(state(client)["rows"].get("base", [])) > more_than


@pytest.fixture
def runs_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    job = process.read(home.run_dir("tiny"))
    if job is not None and job.is_alive:
        os.kill(job.pid, signal.SIGKILL)


Events = list[tuple[str, Any]]


def read_events(client: httpx.Client, path: str, enough: Callable[[Events], bool]) -> Events:
    """Server-sent events until there are enough, or the server ends them."""
    found, kind = [], ""
    with client.stream("GET", path, timeout=PATIENCE) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for text in stream.iter_lines():
            if text.startswith("event: "):
                kind = text[7:]
            elif text.startswith("data: "):
                found.append((kind, json.loads(text[6:])))
                if enough(found):
                    break
    return found


def test_a_run_from_beginning_to_end(runs_home: Path) -> None:
    with runs_server(runs_home) as (client, _):
        run = learn(client, minutes=0.4)
        assert (run["name"], run["command"], run["state"]) == ("tiny", "learn", "running") and not run["resumable"]
        error = learn(client, 409)["error"]
        assert error["type"] == "conflict_error" and "tiny is being trained" in error["message"]
        found = read_events(client, "/api/runs/tiny/stream", lambda events: False)
        run = client.get("/api/runs/tiny").json()
        (listed,) = client.get("/api/runs").json()["runs"]
        assert run == listed | {name: run[name] for name in ("rows", "samples", "log")}
    assert (run["state"], run["fraction"], run["seconds_left"], run["error"]) == ("done", 1, 0, None)
    assert 5 < run["seconds"] < PATIENCE and "chat with it" in run["log"] and run["options"]["minutes"] == 0.4
    for stage in ("base", "sft"):
        written = RunLog.read(home.run_dir("tiny", stage))
        sent = [row for kind, data in found if kind == "rows" and data["stage"] == stage for row in data["rows"]]
        assert sent == written == run["rows"][stage] and len(written) > 3
        training = [row for row in written if row["kind"] == "train"]
        assert 0 <= training[0]["fraction"] < training[-1]["fraction"] <= 1
        assert training[-1]["seconds_left"] < training[0]["seconds_left"]
    samples = [data for kind, data in found if kind == "sample"]
    assert samples == run["samples"] and {s["stage"] for s in samples} == {"base", "sft"} and samples[0]["prompt"]
    states = [data["run"] for kind, data in found if kind == "state"]
    assert states[0]["state"] == "running" and states[-1]["state"] == "done" and found[-1][0] == "state"
    parts = [s["fraction"] for s in states if s["fraction"] is not None]
    back = max(before - after for before, after in itertools.pairwise(parts))
    assert back < 0.1 and len(set(parts)) > 5  # on a busy machine the time left may turn out longer
    assert "sft" in [s["stage"] for s in states]
    assert home.stages("tiny") == ["base", "sft"]


def test_stopped_and_resumed(runs_home: Path) -> None:
    with runs_server(runs_home) as (client, _):
        learn(client, minutes=2)
        until(has_rows(client), "rows")
        assert client.post("/api/runs/tiny/stop").status_code == 200
        run = until(lambda: (r := state(client))["state"] != "running" and r, "its end")
        assert (run["state"], run["resumable"], run["error"]) == ("stopped", True, None)
        assert "stopped at step" in run["log"]
        assert client.post("/api/runs/tiny/stop").status_code == 409
        before = run["last"]["step"]
        assert client.post("/api/runs/tiny/resume").json()["state"] == "running"
        assert client.post("/api/runs/tiny/resume").status_code == 409
        run = until(lambda: (r := state(client))["last"] and r["last"]["step"] > before and r, "more steps")
        steps = [row["step"] for row in run["rows"]["base"] if row["kind"] == "train"]
        assert steps == list(range(1, len(steps) + 1)), "each step is there once"
        assert any("resumed at step" in row.get("text", "") for row in run["rows"]["base"])
        client.post("/api/runs/tiny/stop")


def test_the_server_dies_and_the_training_lives(runs_home: Path) -> None:
    with runs_server(runs_home) as (client, server):
        learn(client, minutes=2)
        until(has_rows(client), "rows")
        job = process.read(home.run_dir("tiny"))
        server.kill()
        server.wait()
        assert job is not None and job.is_alive
    with runs_server(runs_home) as (client, _):
        run = state(client)
        assert run["state"] == "running" and run["options"]["minutes"] == 2
        assert learn(client, 409)["error"]["code"] == "busy", "also a server that has not started it knows of it"
        number = len(run["rows"]["base"])
        until(has_rows(client, number + 3), "more rows")
        found = read_events(client, "/api/runs/tiny/stream", lambda e: [k for k, _ in e].count("state") >= 3)
        assert found[0][0] == "rows" and found[0][1]["reset"] and found[0][1]["rows"]
        client.post("/api/runs/tiny/stop")
        until(lambda: state(client)["state"] == "stopped", "its end")


def test_the_training_dies_and_the_server_lives(runs_home: Path) -> None:
    with runs_server(runs_home) as (client, _):
        learn(client, minutes=2)
        until(has_rows(client), "rows")
        job = process.read(home.run_dir("tiny"))
        assert job is not None
        os.kill(job.pid, signal.SIGKILL)
        run = until(lambda: (r := state(client))["state"] != "running" and r, "its end")
        assert (run["state"], run["resumable"], run["error"]) == ("interrupted", True, None)
        with open(home.run_dir("tiny", "base") / "metrics.jsonl", "ab") as file:
            file.write(b'{"kind": "train", "step": 99999, "lo')  # as a machine that lost power may leave it
        assert client.post("/api/runs/tiny/resume").status_code == 200
        assert client.get("/health").status_code == 200
        until(has_rows(client), "rows after the crash")
        steps = [row["step"] for row in state(client)["rows"]["base"] if row["kind"] == "train"]
        assert steps == list(range(1, len(steps) + 1)), "no row twice, though no checkpoint was there"
        client.post("/api/runs/tiny/stop")


def test_a_run_of_a_terminal_can_be_watched_and_stopped(runs_home: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "FIRSTWORDS_MACHINE": SLOW}
    command = [sys.executable, "-m", "firstwords", "pretrain", "--name", "tiny", "--minutes", "2"]
    with runs_server(runs_home, "--key", "anna:long-secret") as (client, _):
        client.headers["Authorization"] = "Bearer long-secret"
        terminal = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            until(lambda: client.get("/api/runs/tiny").status_code == 200, "the run to appear")
            until(has_rows(client), "rows")
            run = state(client)
            assert (run["state"], run["command"], run["stage"], run["log"]) == ("running", "pretrain", "base", "")
            client.post("/api/runs/tiny/stop")
            assert terminal.wait(timeout=PATIENCE) == 130
            run = until(lambda: (r := state(client))["state"] != "running" and r, "its end")
            assert run["state"] == "stopped" and run["resumable"]
        finally:
            terminal.kill()
            terminal.wait()


def test_compare_and_its_result(own_home: Path) -> None:
    with runs_server(own_home) as (client, _):
        for bad, status in (({"against": "rlhf-9"}, 400), ({"text": ["world"]}, 400), ({"limit": "many"}, 400)):
            answer = client.post("/api/runs", json={"command": "compare", "name": "pip", "options": bad})
            assert answer.status_code == status and answer.json()["error"]["param"].startswith("options")
        body = {"command": "compare", "name": "pip", "options": {"against": "base", "limit": 4}}
        assert client.post("/api/runs", json=body).json()["command"] == "compare"
        run = until(lambda: (r := client.get("/api/runs/pip").json())["state"] != "running" and r, "the end")
        assert run["state"] == "done" and run["result"]["a"] == "pip/sft" and run["result"]["b"] == "pip/base"
        assert run["result"]["low"] <= run["result"]["win_rate"] <= run["result"]["high"]
        assert client.get("/api/runs/pop").status_code == client.get("/api/runs/pop/stream").status_code == 404
