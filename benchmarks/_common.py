"""Shared by the benchmarks: the environment of processes, the machine's description, tables. No torch here."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# glibc returns freed memory to the kernel and faults it in again: keeping it helps all contestants.
ALLOCATOR = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592",
}
PAUSE = 0.3  # seconds: threads of PyTorch and llama.cpp wait for more work on a core before they sleep
# What TRL is told in every benchmark: to train, with fused AdamW, and nothing else that takes time.
TRL_COMMON: dict[str, Any] = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": [],
    "save_strategy": "no",
    "disable_tqdm": True,
    "optim": "adamw_torch_fused",
    "max_grad_norm": 1.0,
}


def data_dir() -> Path:
    """Folder of real texts: $FIRSTWORDS_TEST_DATA, by default ../shared/data next to the repository."""
    return Path(os.environ.get("FIRSTWORDS_TEST_DATA") or ROOT.parent / "shared" / "data")


def source_of(commit: str, scratch: Path) -> Path:
    """The source folder of a commit, unpacked."""
    command = ["git", "-C", str(ROOT), "archive", commit, "src"]
    archive = subprocess.run(command, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"git has no {commit}: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(scratch, filter="data")
    return scratch / "src"


class Worker:
    """A process that says "ready" and then answers lines of JSON, with a source folder of its own."""

    def __init__(self, command: Sequence[str], source: Path) -> None:
        env = dict(os.environ, PYTHONPATH=f"{source}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, *command], env=env, **pipes)
        if self._process.stdout.readline() != "ready\n":
            raise SystemExit(f"{' '.join(command)} cannot start: see above")

    def ask(self, line: Any) -> Any:
        """Its answer to a line."""
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("a contestant ended: see above")
        return json.loads(answer)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def child_env(home: Path | None = None, allocator: bool = False) -> dict[str, str]:
    """Environment of a benchmarked process: this source tree, this many threads, its own home, no network."""
    env = dict(os.environ, PYTHONPATH=f"{ROOT / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    env.setdefault("OMP_NUM_THREADS", str(num_cores()))
    env |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "PYTHONUNBUFFERED": "1"}
    if home is not None:
        env["FIRSTWORDS_HOME"] = str(home)
    if allocator:
        env |= ALLOCATOR
    return env


def reexec_with_allocator() -> None:
    """Restart this process with ALLOCATOR set, once: glibc reads it only when a process starts."""
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        env = child_env(allocator=True)
        os.execve(sys.executable, [sys.executable, *sys.argv], env)


def num_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The machine and versions that a figure was measured with."""
    versions = {}
    for name in ("torch", "transformers", "tokenizers"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "-"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
    return {
        "processor": _processor(),
        "cores": num_cores(),
        "load_at_start": round(load, 2),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), platform.machine())


def random_model(directory: Path, tokenizer: Any = None, **shape: Any) -> None:
    """Save a model of about a million parameters, 4 layers of width 128, with random weights suitable for sampling."""
    import torch

    from firstwords.model.config import ModelConfig
    from firstwords.model.hub import save_model
    from firstwords.model.transformer import Transformer

    usual = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 64,
    }
    model = Transformer(ModelConfig(**usual | shape))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.06)
    save_model(model, directory, tokenizer)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [[str(c) for c in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def report(result: dict[str, Any], text: str, as_json: bool) -> None:
    """With --json, print one object on stdout and the text on stderr; otherwise the text on stdout."""
    print(text, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(result, indent=1))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
