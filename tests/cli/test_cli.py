"""The command line itself: help, its speed, unknown names, exit codes, and errors in one sentence."""

from __future__ import annotations

import errno
import importlib
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from firstwords import cli
from firstwords.config import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_command(firstwords) -> None:
    for words in ((), ("--help",), ("-h",), ("help",)):
        code, out, err = firstwords(*words)
        assert code == 0 and err == ""
        for name, (_, _, text) in cli.COMMANDS.items():
            assert re.search(rf"^  {name} +{re.escape(text)}$", out, re.M)


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from firstwords.cli import main; main(['--help']);"
        "print([m for m in ('torch', 'tyro', 'rich', 'numpy', 'tokenizers', 'jinja2') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    times = []
    for _ in range(5):
        started = _seconds_of_children()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        times.append(_seconds_of_children() - started)
        assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert min(times) < 0.2


def _seconds_of_children() -> float:
    """CPU time, which other load on the machine changes less than wall-clock time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_is_there_and_has_help(name: str, firstwords) -> None:
    module = cli.COMMANDS[name][0]
    assert callable(importlib.import_module(module).main)
    code, out, err = firstwords(*name.split(), "--help")
    assert code == 0 and err == "" and f"usage: firstwords {name}" in out
    lines = out[out.index("options:") :].splitlines()
    flags = [number for number, line in enumerate(lines) if line.startswith("  --")]
    assert any("--help" in lines[number] for number in flags)
    for number in flags:  # every flag is explained, next to its name or on the next line
        explained = re.match(r"  --\S+( [^ ]+)*  +\S", lines[number]) or lines[number + 1].startswith(" " * 20)
        assert explained, f"{name}: no help for {lines[number]}"


def test_version(firstwords) -> None:
    assert firstwords("--version")[1] == "firstwords 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chta"], "unknown command chta; did you mean chat?"),
        (["--model", "pip", "chat"], "--model comes before the command: write `firstwords COMMAND --model ...`"),
        (["qqqqq"], "`firstwords --help` lists the commands"),
        (["tokenizer"], "tokenizer needs one of these words after it: train, show"),
        (["tokenizer", "trian"], "did you mean tokenizer train?"),
        (["next", "--modle", "x"], "unknown flag --modle; did you mean --model?"),
        (["learn", "--minutes", "0"], "minutes"),
        (["pretrain", "--minutes", "0"], "minutes"),
        (["finetune", "pip", "--minutes", "-3"], "minutes"),
        (["learn", "--minutes", "soon"], "--minutes needs a number"),
        (["learn", "--minuets", "3"], "did you mean --minutes?"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(words: list[str], sentence: str, firstwords, empty_home: Path) -> None:
    code, out, err = firstwords(*words)
    assert code == 2 and out == ""
    assert err.startswith("firstwords: ") and err.count("\n") == 1 and sentence in err
    assert not empty_home.exists(), "a mistake leaves nothing behind"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("the text is empty"), 2, "firstwords: the text is empty\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/model"), 2, "the disk is full, cannot write /x/model"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 2, "no permission for /x"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/y"), 2, "there is no /y"),
        (MemoryError("4 GB"), 2, "not enough memory"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_of_a_command(error, code: int, sentence: str, firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.commands import models

    def fail(config: object) -> None:
        raise error

    monkeypatch.setattr(models, "main", fail)
    got, out, err = firstwords("models")
    assert got == code and out == "" and sentence in err and "Traceback" not in err


def test_a_stage_that_saved_on_a_signal_chooses_the_exit_code(firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.commands import models

    class Stopped(Exception):
        exit_code = 143

    def stop(config: object) -> None:
        raise Stopped("stopped at step 7, everything is saved")

    monkeypatch.setattr(models, "main", stop)
    assert firstwords("models") == (143, "", "firstwords: stopped at step 7, everything is saved\n")


def test_a_defect_of_ours_keeps_its_trace(firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.commands import models

    monkeypatch.setattr(models, "main", lambda config: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        firstwords("models")


def test_a_closed_pipe_is_no_error(pip_home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    command = f"{sys.executable} -m firstwords tokenizer show '{'many words ' * 3000}' --model pip | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_for_home(tmp_path: Path, firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    code, _, err = firstwords("learn", "--minutes", "0.05")
    assert code == 2 and err.count("\n") == 1 and "permission" in err


def test_allocator_settings_are_added_to_those_present() -> None:
    plain = cli.allocator_environment({"PATH": "/bin"})
    assert plain["GLIBC_TUNABLES"] == ("glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592")
    assert plain["THP_MEM_ALLOC_ENABLE"] == "1" and plain["FIRSTWORDS_ALLOCATOR"] == "1" and plain["PATH"] == "/bin"
    mine = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1:glibc.malloc.trim_threshold=5", "THP_MEM_ALLOC_ENABLE": "0"}
    merged = cli.allocator_environment(mine)
    assert merged["GLIBC_TUNABLES"] == mine["GLIBC_TUNABLES"] + ":glibc.malloc.mmap_threshold=4294967296"
    assert merged["THP_MEM_ALLOC_ENABLE"] == "0"


def test_training_commands_restart_once_with_the_allocator_set(tmp_path: Path) -> None:
    script = tmp_path / "probe.py"
    script.write_text(
        "import os, sys\nfrom firstwords import cli\n"
        "print('start', sys.argv[1:], os.environ.get('FIRSTWORDS_ALLOCATOR'), flush=True)\n"
        "cli.reexec_with_allocator()\nprint('torch' in sys.modules, 'mmap' in os.environ.get('GLIBC_TUNABLES', ''))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != cli.ALLOCATOR_MARK}
    environment["PYTHONPATH"] = str(ROOT / "src")
    command = [sys.executable, "-X", "utf8", str(script), "--name", "a b"]
    lines = subprocess.run(command, capture_output=True, text=True, env=environment).stdout.splitlines()
    if len(lines) == 2:
        pytest.skip("not Linux with glibc: there is nothing to restart for")
    assert lines == ["start ['--name', 'a b'] None", "start ['--name', 'a b'] 1", "False True"]


def test_main_with_words_never_restarts(firstwords, monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    monkeypatch.delenv(cli.ALLOCATOR_MARK, raising=False)
    monkeypatch.setattr(os, "execve", lambda *a: pytest.fail("restarted"))
    assert firstwords("learn", "--minutes", "0")[0] == 2


def test_next_answers_within_three_seconds_from_a_cold_start(spawn, pip_home: Path) -> None:
    seconds = []
    for _ in range(2):
        before = os.times()
        assert spawn("next", "The cat is").returncode == 0
        after = os.times()
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        seconds.append(busy)  # CPU time: the load of other programs does not count
    assert min(seconds) < 3.0, seconds
