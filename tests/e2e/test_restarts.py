"""Processes that are started again find each other, whatever those before them have left in torchrun's store and
however soon one of them ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
STARTS, PATIENCE = 60, 20.0  # seconds


def test_a_new_start_is_not_disturbed_by_the_dead() -> None:
    """PyTorch's agent keeps its store when it starts processes again; without names of starts, a third of these
    starts failed or hung. On one core, about one start in forty failed while a process could leave before the other
    had finished connecting."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def main() -> None:
    """Fork pairs of processes that join; some are killed at a random moment before the next pair starts."""
    import torch.distributed as dist

    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(store.port), "WORLD_SIZE": "2"}
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core: the processes interrupt each other
    draw = random.Random(1)
    for start in range(STARTS):
        if start % 3:
            pair = [join(rank, draw.uniform(0, 0.1)) for rank in (0, 1)]
            time.sleep(draw.uniform(0, 0.2))
            for pid in pair:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        pair, until = [join(rank, draw.uniform(0, 0.1)) for rank in (0, 1)], time.monotonic() + PATIENCE
        codes = [ended(pid, until) for pid in pair]
        if codes != [0, 0]:
            sys.exit(f"start {start}: {codes}")


def join(rank: int, delay: float) -> int:
    """Fork a process that joins another one after a while; its PID."""
    if pid := os.fork():
        return pid
    from firstwords.train.distributed import processes

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    time.sleep(delay)
    try:
        with processes.joined() as team:
            os._exit(0 if team.size == 2 else 2)
    finally:
        os._exit(1)


def ended(pid: int, until: float) -> int | None:
    """A process's exit status; None if it had to be killed because it took too long."""
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    main()
