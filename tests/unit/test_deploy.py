"""The launch files are short, have no syntax errors, and call commands and flags that exist."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from firstwords.cli import COMMANDS, TRAINING
from firstwords.flags import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPTS = ("one-machine.sh", "slurm.sbatch")
MOST_LINES = 80
TORCHRUN = {"standalone", "nnodes", "nproc-per-node", "max-restarts", "rdzv-id", "rdzv-backend", "rdzv-endpoint"}


def check_command(words: list[str]) -> None:
    assert words[0] in TRAINING
    module, name, _ = COMMANDS[words[0]]
    parse(getattr(importlib.import_module(module), name), words[1:], words[0])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_valid(name: str) -> None:
    path = DEPLOY / name
    text = path.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0
    assert text.startswith("#!/usr/bin/env bash\n") and "set -euo pipefail" in text
    assert len(text.splitlines()) <= MOST_LINES
    launch = text[text.index("torchrun --" if "torchrun --" in text else "torchrun \\") :]
    assert set(re.findall(r"--([a-z-]+)", launch)) <= TORCHRUN
    examples = re.findall(rf"^#   .*?{re.escape(name)} (.+)$", text, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        check_command(example.split())


def test_slurm_passes_the_command_line_to_every_node(tmp_path: Path) -> None:
    for tool, body in (("scontrol", "echo node-a; echo node-b"), ("srun", 'printf "%s\\n" "$@"')):
        (tmp_path / tool).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / tool).chmod(0o755)
    env = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "8",
        "SLURM_JOB_ID": "17",
    }
    words = ["bash", str(DEPLOY / "slurm.sbatch"), "pretrain", "mine", "--text", "two words"]
    printed = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0] == "torchrun" and "node-a:29500" in printed
    assert printed[-6:] == ["-m", "firstwords", "pretrain", "mine", "--text", "two words"]


def test_one_machine_counts_gpus_or_cores(tmp_path: Path) -> None:
    (tmp_path / "torchrun").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "torchrun").chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["bash", str(DEPLOY / "one-machine.sh"), "pretrain", "mine"]
    if shutil.which("nvidia-smi") is None:
        printed = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout.split()
        assert printed[printed.index("--nproc-per-node") + 1] == str(len(os.sched_getaffinity(0)))
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU 0\necho GPU 1\necho GPU 2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    printed = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout.split()
    assert printed[printed.index("--nproc-per-node") + 1] == "3" and printed[-3:] == ["firstwords", "pretrain", "mine"]


def test_kubernetes_is_valid() -> None:
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(text)
    assert (service["kind"], job["kind"]) == ("Service", "Job") and len(text.splitlines()) <= MOST_LINES
    spec = job["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert spec["subdomain"] == service["metadata"]["name"] and job["spec"]["completionMode"] == "Indexed"
    assert f"--nnodes={job['spec']['completions']}" in container["args"]
    assert f"--nproc-per-node={container['resources']['limits']['nvidia.com/gpu']}" in container["args"]
    module = container["args"].index("-m")
    assert container["args"][module + 1] == "firstwords" and all(isinstance(word, str) for word in container["args"])
    check_command(container["args"][module + 2 :])
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in spec["volumes"]}
