"""benchmarks/gpu_check.sh: its syntax, the commands that it calls, and its table. A GPU runs the rest."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from firstwords.cli import COMMANDS
from firstwords.flags import parse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "gpu_check.sh"


@pytest.fixture
def gpu_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("_gpu_table")


def test_the_script_is_valid_and_refuses_other_options() -> None:
    assert subprocess.run(["bash", "-n", str(SCRIPT)], capture_output=True).returncode == 0
    done = subprocess.run(["bash", str(SCRIPT), "--fast"], capture_output=True, text=True)
    assert done.returncode == 2 and "unknown option --fast" in done.stderr


def test_its_commands_have_these_flags() -> None:
    text = SCRIPT.read_text(encoding="utf-8").replace("\\\n", " ")
    small = re.search(r"^small=\((.*)\)$", text, re.MULTILINE)
    assert small is not None
    commands = re.findall(r"-m firstwords (.+)$", text, re.MULTILINE)
    assert len(commands) == 4
    for line in commands:
        line = re.sub(r"\$\{steps\[\d\]\}", "3", line.replace('"${small[@]}"', small[1])).replace("$device", "cpu")
        words = shlex.split(re.sub(r"\$\{steps\[\d\]\}", "3", line))
        module, name, _ = COMMANDS[words[0]]
        parse(getattr(importlib.import_module(module), name), words[1:], words[0])


def test_the_table_shows_what_was_measured_and_what_was_not(tmp_path: Path, gpu_table) -> None:
    (tmp_path / "steps.tsv").write_text("tests\tok\t61\ntraining\tFAILED (1)\t12\nalign\tno time\t0\n")
    found = dict(gpu_table.rows_of(tmp_path))
    assert found["step tests"] == "ok, 61 s" and found["step align"] == "no time, 0 s"
    assert found["training speed"] == "not measured" and "a step of stage three" not in found
    arm = {"tokens_per_s": 500_000.0, "mfu": 0.417}
    shape = {"shape": "12x768", "matmul_params": 124e6, "ratio": 1.25, "ours": arm, "peer": arm | {"tokens_per_s": 4e5}}
    (tmp_path / "training.out").write_text(json.dumps({"machine": {"gpu": "H100"}, "shapes": [shape]}))
    for run, times in {"one/base": [1, 2], "several/base": [1, 2], "one/rlhf-1": [5.0, 5.5, 6.5, 7.0]}.items():
        (tmp_path / "home/runs" / run).mkdir(parents=True)
        rows = ({"kind": "train", "step": n, "loss": 3.25, "seconds": each} for n, each in enumerate(times))
        (tmp_path / "home/runs" / run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = dict(gpu_table.rows_of(tmp_path))
    assert found["124.0M, 12x768"] == "500,000 tokens/s, 41.7% of the nominal peak (MFU); transformers 400,000 (1.25 x)"
    assert found["loss after 2 steps, alone and by torchrun"] == "3.25000 and 3.25000"
    assert found["a step of stage three"] == "0.50 s (aim: below 1 s)" and found["device"] == "H100"
    done = subprocess.run([sys.executable, BENCHMARKS / "_gpu_table.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0 and "| step tests" in done.stdout
