"""One process at a time per model: races have one winner, and dead processes hold no locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.keeping.locks import LockedError, held, holder, holders

ROOT = Path(__file__).resolve().parents[2]
RACER = """
import sys
from firstwords.keeping import locks
from firstwords.config import UserError
for line in sys.stdin:
    try:
        with locks.held(["pip"], "learn"):
            print("won", flush=True)
            sys.stdin.readline()
    except UserError as error:
        print(error, flush=True)
        sys.stdin.readline()
    print("over", flush=True)
"""
CHILD = """
import time
from firstwords.keeping import locks
with locks.held(["pip"], "learn"):
    print("won", flush=True)
    time.sleep(600)
"""


def child(program: str = CHILD) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_two_that_start_at_the_same_instant_one_wins(empty_home: Path) -> None:
    pair = [child(RACER) for _ in range(2)]

    def tell(process: subprocess.Popen[str]) -> None:
        process.stdin.write("\n")
        process.stdin.flush()

    for each in range(20):
        for process in pair if each % 2 else reversed(pair):
            tell(process)
        said = [process.stdout.readline() for process in pair]  # the winner holds it until it is told
        assert sorted(text.startswith("won") for text in said) == [False, True], said
        (refused,) = [text for text in said if not text.startswith("won")]
        assert refused.startswith("`firstwords learn` is working on pip (process ")
        assert str(pair[0 if said[0].startswith("won") else 1].pid) in refused and "since 20" in refused
        for process in pair:
            tell(process)
            assert process.stdout.readline() == "over\n"
    for process in pair:
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_killed_process_holds_nothing(empty_home: Path) -> None:
    process = child()
    assert process.stdout is not None and process.stdout.readline() == "won\n"
    found = holder("pip")
    assert found is not None and (found.pid, found.command) == (process.pid, "learn") and holders() == {"pip": found}
    with pytest.raises(LockedError, match=str(process.pid)), held(["pip"], "align"):
        pytest.fail("two hold it")
    with held(["tom"], "align"):  # another model is not concerned
        assert set(holders()) == {"pip", "tom"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holder("pip") is None and locks.lock_path("pip").exists(), "its file is still there"
    with held(["pip"], "align"):
        found = holder("pip")
        assert found is not None and found.pid == os.getpid()
    assert not locks.lock_path("pip").exists() and holders() == {}


def test_a_reboot_or_a_damaged_file_is_no_obstacle(empty_home: Path) -> None:
    path = locks.lock_path("pip")
    path.parent.mkdir(parents=True)
    for content in (b'{"command": "learn", "options": {}, "pid": 1, "identity": "x 1", "started": 1.0}', b"\xff{", b""):
        path.write_bytes(content)
        assert holder("pip") is None
        with held(["pip"], "learn"):
            assert holder("pip") is not None


def test_all_locks_or_none(empty_home: Path) -> None:
    process = child()
    assert process.stdout is not None and process.stdout.readline() == "won\n"
    with pytest.raises(LockedError), held(["a", "pip", "z"], "models rename"):
        pytest.fail("it holds three")
    assert set(holders()) == {"pip"}
    process.kill()
    process.wait()


def test_without_file_locks_the_record_of_a_living_process_counts(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = child()
    assert process.stdout is not None and process.stdout.readline() == "won\n"
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(LockedError), held(["pip"], "learn"):
        pytest.fail("two hold it")
    process.kill()
    process.wait()
    with held(["pip"], "learn"):
        pass


def test_a_name_cannot_leave_the_folder(empty_home: Path) -> None:
    for name in ("../x", ".moves", ""):
        with pytest.raises(UserError, match="model name"), held([name], "learn"):
            pytest.fail("locked")
    assert not home.home().exists()
