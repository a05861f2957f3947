"""A process is killed at a random moment, torchrun starts all again, and the model is the one of a run without kills.

FIRSTWORDS_TORCHRUN_KILLS=30 pytest tests/e2e/test_torchrun.py      # about 20 seconds per moment on two idle cores
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import forks
import pytest

KILLS = int(os.environ.get("FIRSTWORDS_TORCHRUN_KILLS", "0"))
pytestmark = pytest.mark.skipif(not KILLS, reason="FIRSTWORDS_TORCHRUN_KILLS is the number of moments to try")
SOURCE = Path(__file__).parents[2] / "src"
PROCESSES = 2
PRETRAIN = [
    "pretrain",
    "pip",
    "--vocab-size",
    "300",
    "--hidden-size",
    "64",
    "--layers",
    "1",
    "--context",
    "32",
    "--batch-tokens",
    "192",
    "--steps",
    "60",
    "--minutes",
    "1",
    "--save-every-steps",
    "1",
    "--precision",
    "fp32",
    "--no-trace",
    "--compile",
    "no",
]


def start(home: Path, text: Path) -> subprocess.Popen[bytes]:
    """The training command under torchrun; what it says goes to a file next to its home."""
    env = {**os.environ, "FIRSTWORDS_HOME": str(home), "FIRSTWORDS_MACHINE": forks.MACHINE, "OMP_NUM_THREADS": "1"}
    env |= {"PYTHONPATH": str(SOURCE), "FIRSTWORDS_ALLOCATOR": "0"}
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES), "--max-restarts", "3"]
    words = [sys.executable, "-m", *torchrun, "-m", "firstwords", *PRETRAIN, "--text", str(text)]
    with open(home.with_suffix(".said"), "wb") as said:
        return subprocess.Popen(words, env=env, stdout=said, stderr=said)


def trained(process: subprocess.Popen[bytes], home: Path) -> bytes:
    """The weights, once it has ended without an error."""
    assert process.wait(600) == 0, home.with_suffix(".said").read_text()[-3000:]
    return (home / "models/pip/base/model.safetensors").read_bytes()


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The training processes that torchrun has started."""
    found = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for children in found for pid in children.read_text().split()]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(
        "".join(f"{number}. The cat is on the mat, and the dog is in the house.\n" for number in range(300))
    )
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, text: Path) -> tuple[bytes, float]:
    """(weights, seconds) of a run that nothing interrupts."""
    home, began = tmp_path_factory.mktemp("undisturbed") / "home", time.monotonic()
    return trained(start(home, text), home), time.monotonic() - began


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_process_changes_nothing(
    tmp_path: Path, text: Path, undisturbed: tuple[bytes, float], kill: int
) -> None:
    weights, seconds = undisturbed
    draw = random.Random(kill)
    share, workers = draw.uniform(0.1, 0.95), list[int]()
    for attempt in range(6):
        home = tmp_path / f"home-{attempt}"
        process = start(home, text)
        time.sleep(share * seconds)
        if workers := workers_of(process):
            os.kill(draw.choice(workers), signal.SIGKILL)
        assert trained(process, home) == weights
        if workers:
            return
        share *= 0.7  # it was faster than the undisturbed run
    raise AssertionError("the run always ended before the kill")
