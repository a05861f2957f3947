"""What this machine can do, and what would make training faster. `firstwords doctor --json` is for programs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.process import ALLOCATOR_MARK, cpu_flags

CPU_FEATURES = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
MIN_FREE_BYTES = 2e9
MIN_MEMORY_BYTES = 3e9


@dataclass
class Doctor(JsonFlag):
    """Check this machine: versions, processor, memory, disk, GPU, and speed of matrix multiplication."""


def main(config: Doctor) -> int:
    """Print the findings; exit code 1 if something prevents training."""
    facts = examine()
    problems, advice = judge(facts)
    if config.json:
        shared.emit(facts | {"problems": problems, "advice": advice})
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' '):<18} {_plain(name, value)}")
        for sentence in problems:
            print(f"PROBLEM: {sentence}")
        for sentence in advice:
            print(f"advice: {sentence}")
        if not problems:
            print("This machine can train.")
    return 1 if problems else 0


def examine() -> dict[str, Any]:
    """All facts, measured now (about two seconds)."""
    import torch

    from firstwords.train.machine import gemm_gflops

    folder = _existing(home.home())
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "firstwords": metadata_version("firstwords"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "cpu_features": cpu_features(),
        "gemm_gflops": round(gemm_gflops("cpu", torch.float32), 1),
        "memory_bytes": memory_bytes(),
        "gpus": gpus,
        "home": str(home.home()),
        "home_writable": writable(folder),
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "allocator": allocator(),
    }


def judge(facts: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(problems that prevent training, advice that improves it) for the facts that `examine` returns."""
    problems, advice = [], []
    if not facts["home_writable"]:
        problems.append(f"{facts['home']} is not writable; set FIRSTWORDS_HOME to a folder that is")
    if facts["disk_free_bytes"] < MIN_FREE_BYTES:
        free = facts["disk_free_bytes"] / 1e9
        problems.append(f"only {free:.1f} GB are free at {facts['home']}; free up some space")
    if facts["memory_bytes"] and facts["memory_bytes"] < MIN_MEMORY_BYTES:
        advice.append("memory is low; close other programs while training")
    if facts["torch_threads"] < (facts["cores"] or 1) // 2:
        advice.append(f"torch uses {facts['torch_threads']} of {facts['cores']} cores; unset OMP_NUM_THREADS")
    if facts["gpus"] == [] and shutil.which("nvidia-smi"):
        advice.append("there is an NVIDIA driver, but torch sees no GPU; install a CUDA build of torch")
    return problems, advice


def processor() -> str:
    """The processor's name as the system reports it."""
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_features() -> list[str]:
    """The processor's instruction sets that matter for training (Linux only; elsewhere empty)."""
    present = cpu_flags()
    return [feature for feature in CPU_FEATURES if feature in present]


def memory_bytes() -> int | None:
    """Installed memory, or None if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def writable(folder: Path) -> bool:
    """Whether a file can actually be created in a folder."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def allocator() -> str:
    """How training sets up the memory allocator on this machine."""
    if os.environ.get(ALLOCATOR_MARK) == "0":
        return "unchanged (FIRSTWORDS_ALLOCATOR=0)"
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        return "glibc, configured for large blocks when training starts"
    return "the system's default"


def metadata_version(package: str) -> str | None:
    """Version of an installed package, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        from firstwords.version import __version__

        return __version__ if package == "firstwords" else None


def _existing(folder: Path) -> Path:
    """The folder, or its nearest existing parent: where it would be created."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _plain(name: str, value: Any) -> str:
    if name.endswith("_bytes"):
        return f"{value / 1e9:.1f} GB" if value else "unknown"
    if name == "gemm_gflops":
        return f"{value:,.0f} GFLOP/s (fp32 matrix multiplication)"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
