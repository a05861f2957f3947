"""`learn --nproc N`: the processes get the same command line, and their end is told in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from firstwords.cli import main
from firstwords.config import given
from firstwords.flags import parse
from firstwords.pipeline import Learn
from firstwords.train.distributed import launch


def commands(monkeypatch: pytest.MonkeyPatch, *scripts: str) -> list[subprocess.Popen]:
    """Let `launch.start` run these instead of firstwords; returns the list they will be in."""
    started: list[subprocess.Popen] = []

    def start(command: object, count: int) -> list[subprocess.Popen]:
        started.extend(subprocess.Popen(["sh", "-c", script]) for script in scripts)
        return started

    monkeypatch.setattr(launch, "start", start)
    return started


@pytest.mark.parametrize(
    "words",
    [
        ["pip", "--minutes", "6.5", "--text", "a b.txt", "world", "--nproc", "2"],
        ["--resume", "--name", "pip", "--seed", "0", "--nproc", "3"],
        ["pip", "--replace", "--prompt", "The cat", "--precision", "bf16", "--nproc", "2"],
        ["--no-replace", "--preferences", "none", "--nproc", "2"],
    ],
)
def test_the_processes_get_the_same_flags(words: list[str]) -> None:
    asked = parse(Learn, words, "learn")
    again = parse(Learn, launch.words_of(asked, without=["nproc"]), "learn")
    assert again.nproc == 1
    again.nproc = asked.nproc
    assert again == asked and given(again) - {"--name"} == given(asked) - {"nproc", "--name"}


def test_all_of_them_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    started = commands(monkeypatch, "exit 0", "sleep 0.3")
    launch.run(["learn"], 2)
    assert [process.returncode for process in started] == [0, 0]


def test_a_failure_ends_all_with_the_main_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "PATIENCE_SECONDS", 0.5)
    started = commands(monkeypatch, "exit 2", "exec sleep 60")
    with pytest.raises(SystemExit) as stop:
        launch.run(["learn"], 2)
    assert stop.value.code == 2 and started[1].returncode == -signal.SIGKILL


def test_a_killed_process_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(launch, "PATIENCE_SECONDS", 0.5)
    commands(monkeypatch, "exec sleep 60", "kill -KILL $$")
    assert main(["learn", "pip", "--nproc", "2"]) == 128 + signal.SIGKILL
    sentence = "firstwords: process 1 was killed (SIGKILL), so training stopped; --resume continues\n"
    assert capsys.readouterr().err == sentence


def test_sigterm_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    saves = "trap 'exit 143' TERM; while :; do sleep 0.05; done"
    started = commands(monkeypatch, saves, saves)
    before = signal.getsignal(signal.SIGTERM)

    def terminate() -> None:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    with pytest.raises(SystemExit) as stop:
        launch.run(["learn"], 2)
    assert stop.value.code == 143 and [process.returncode for process in started] == [143, 143]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("count", ["0", "-1", "2000"])
def test_an_impossible_number_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "pip", "--nproc", count]) == 2
    assert capsys.readouterr().err == f"firstwords: --nproc is {count}, but it must be between 1 and 1,024\n"
