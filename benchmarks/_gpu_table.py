"""The table of gpu_check.sh, from what its steps have left in a folder: `_gpu_table.py FOLDER`."""

from __future__ import annotations

import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from _common import ROOT, table

RECORDED = ("CUDAGraph", "make_graphed_callables")  # how a decoder records its steps with PyTorch
AIM_SECONDS = 1.0  # of a step of stage three


def rows_of(results: Path) -> list[tuple[str, str]]:
    """(what, found) of everything that was measured."""
    found = []
    for line in (results / "steps.tsv").read_text(encoding="utf-8").splitlines():
        name, status, seconds = line.split("\t")
        found.append((f"step {name}", f"{status}, {seconds} s"))
    found.append(("recorded decode steps (CUDA graphs)", "in the engine" if has_graphs() else "not in this version"))
    found += _training(results / "training.out")
    runs = results / "home" / "runs"
    one, several = (_train_rows(runs / name / "base") for name in ("one", "several"))
    if one and several:
        both = f"{one[-1]['loss']:.5f} and {several[-1]['loss']:.5f}"
        found.append((f"loss after {len(one)} steps, alone and by torchrun", both))
    seconds = [row["seconds"] for row in _train_rows(runs / "one" / "rlhf-1") if row.get("seconds")]
    if len(seconds) > 2:
        step = statistics.median(after - before for before, after in itertools.pairwise(seconds))
        found.append(("a step of stage three", f"{step:.2f} s (aim: below {AIM_SECONDS:g} s)"))
    return found


def has_graphs() -> bool:
    """Whether the engine's source records steps."""
    sources = (ROOT / "src" / "firstwords" / "engine").rglob("*.py")
    return any(word in path.read_text(encoding="utf-8") for path in sources for word in RECORDED)


def _training(path: Path) -> list[tuple[str, str]]:
    """Speed of a training step at each shape, with the share of the GPU's nominal peak."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [("training speed", "not measured")]
    found = [("device", str(result["machine"].get("gpu") or result["machine"]["processor"]))]
    for one in result["shapes"]:
        ours, peer = one["ours"], one["peer"]
        mfu = f", {ours['mfu']:.1%} of the nominal peak (MFU)" if "mfu" in ours else ""
        speed = f"{ours['tokens_per_s']:,.0f} tokens/s{mfu}; transformers {peer['tokens_per_s']:,.0f}"
        found.append((f"{one['matmul_params'] / 1e6:.1f}M, {one['shape']}", f"{speed} ({one['ratio']:.2f} x)"))
    return found


def _train_rows(run: Path) -> list[dict[str, Any]]:
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [row for row in map(json.loads, lines) if row.get("kind") == "train"]


if __name__ == "__main__":
    print(table(("what", "found"), rows_of(Path(sys.argv[1]))))
