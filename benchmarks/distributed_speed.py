"""What does training on several processes cost? Three arms in turns, on one machine with processors only.

    python benchmarks/distributed_speed.py                     # two minutes on two idle cores
    python benchmarks/distributed_speed.py --seconds 20 --turns 3 --json

    alone      one process with all threads
    joined     the same, joined to a team of one, as torchrun would start it: what the code for several costs one
    divided    as many processes as cores, with one thread each, that divide the model and exchange with gloo

Every arm trains the same model on the same rows (`Learner` inside a `Run`, as in pre-training, without checkpoints).
All of them stay alive, and in each turn (A B C, then C B A) one trains while the others wait. Figures are medians over
the turns; spread is (slowest - fastest) / median. Aims: joined within 1 % of alone; divided at least 0.85 x alone.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from _common import ROOT, child_env, machine, num_cores, report, say, table

sys.path.insert(0, str(ROOT / "src"))

ENDLESS = 1_000_000_000  # steps
OVERHEAD, RATIO = 0.01, 0.85  # aims


class Arm:
    """The processes of one arm, which wait for a number of steps to do."""

    def __init__(self, name: str, count: int, threads: int, folder: Path, words: list[str]) -> None:
        self.name, self.rates = name, []
        env = child_env(folder / name, allocator=True) | {"OMP_NUM_THREADS": str(threads), "FIRSTWORDS_ALLOCATOR": "1"}
        if name != "alone":
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = str(probe.getsockname()[1])
            env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
            env |= {"LOCAL_WORLD_SIZE": str(count)}
        command = [sys.executable, __file__, "--child", name, "--threads", str(threads), "--folder", str(folder / name)]
        self.processes = [
            subprocess.Popen(
                [*command, *words],
                env=env if name == "alone" else env | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("VERBOSE") else subprocess.DEVNULL,
                text=True,
            )
            for rank in range(count)
        ]

    def train(self, steps: int) -> float:
        """Train some steps; the seconds they took in the main process."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{steps}\n")
            process.stdin.flush()
        lines = [process.stdout.readline() for process in self.processes if process.stdout is not None]
        if not all(lines):
            raise SystemExit(f"{self.name} ended early; VERBOSE=1 shows what it said")
        return float(lines[0])

    def end(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes:
            process.wait()


def child(args: argparse.Namespace) -> None:
    """One process of an arm."""
    import numpy as np
    import torch

    from firstwords.plan.budget import Shape
    from firstwords.plan.new_model import model_config
    from firstwords.train.distributed import processes
    from firstwords.train.distributed.sharding import micro_rows, new_model, shard
    from firstwords.train.learner import Learner, OptimConfig
    from firstwords.train.losses import next_token_loss
    from firstwords.train.run import Pace, Run

    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    width, layers, vocab, context = map(int, args.shape.split("x"))
    rows = max(1, args.batch_tokens // context)
    ids = np.random.default_rng(0).integers(3, vocab, (rows, context + 1))
    with processes.joined() if args.child != "alone" else nullcontext():
        model = shard(new_model(model_config(Shape(width, layers, vocab, context), True), 0), "cpu")
        learner = Learner(model, OptimConfig(matrix_lr=1e-3, table_lr=1e-4, vector_lr=1e-4))
        size = micro_rows(max(1, args.micro_tokens // context), rows)
        parts = [ids[start : start + size] for start in range(0, rows, size)]
        batches = [
            {"inputs": np.ascontiguousarray(part[:, :-1]), "targets": np.ascontiguousarray(part[:, 1:])}
            for part in parts
        ]
        with Run(Path(args.folder), learner, Pace(1, ENDLESS), "base", 1.0, None, ENDLESS) as run:
            for line in sys.stdin:
                began = time.perf_counter()
                for _ in range(int(line)):
                    metrics = learner.forward_backward(batches, next_token_loss)
                    run.finish_step(metrics | learner.optim_step(1.0))
                print(time.perf_counter() - began, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="256x6x4096x256", help="WIDTHxLAYERSxVOCABULARYxCONTEXT")
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens per step")
    parser.add_argument("--micro-tokens", type=int, default=4096, help="tokens per pass")
    parser.add_argument("--processes", type=int, default=num_cores(), help="processes of the divided arm")
    parser.add_argument("--seconds", type=float, default=36.0, help="time for each arm")
    parser.add_argument("--turns", type=int, default=9, help="turns into which that time is split")
    parser.add_argument("--json", action="store_true")
    for name in ("child", "folder"):
        parser.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    about = machine()
    words = ["--shape", args.shape, "--batch-tokens", str(args.batch_tokens), "--micro-tokens", str(args.micro_tokens)]
    with tempfile.TemporaryDirectory(prefix="firstwords-distributed-") as name:
        folder, arms = Path(name), []
        for arm, count in (("alone", 1), ("joined", 1), ("divided", args.processes)):
            arms.append(Arm(arm, count, max(1, args.processes // count), folder, words))
            arms[-1].train(2)  # allocates, and fills caches
        steps = max(1, round(args.seconds / args.turns / arms[0].train(1)))
        say(f"{args.turns} turns of {steps} steps each")
        for turn in range(args.turns):
            for each in arms if turn % 2 == 0 else reversed(arms):
                each.rates.append(steps * args.batch_tokens / each.train(steps))
        for each in arms:
            each.end()
    report(*result_of(arms, about, args), args.json)


def result_of(arms: list[Arm], about: dict[str, Any], args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """(figures, table). Ratios are medians of the ratios within a turn, which a slow minute changes least."""
    found: dict[str, Any] = {"machine": about, "shape": args.shape, "batch_tokens": args.batch_tokens, "arms": {}}
    rows = []
    for arm in arms:
        pairs = zip(arm.rates, arms[0].rates, strict=True)
        ratio, rate = statistics.median(own / other for own, other in pairs), statistics.median(arm.rates)
        spread = (max(arm.rates) - min(arm.rates)) / rate
        found["arms"][arm.name] = {"tokens_per_s": rate, "ratio": ratio, "spread": spread}
        rows.append((arm.name, len(arm.processes), f"{rate:,.0f}", f"{ratio:.3f}", f"{spread:.0%}"))
    joined, divided = (found["arms"][name]["ratio"] for name in ("joined", "divided"))
    found |= {"overhead": 1 - joined, "within": 1 - joined < OVERHEAD and divided >= RATIO}
    text = table(("arm", "processes", "tokens/s", "of alone", "spread"), rows)
    text += f"\n\noverhead of joining alone: {1 - joined:+.1%} (aim: below {OVERHEAD:.0%}); divided: {divided:.2f} x "
    return found, f"{text}(aim: at least {RATIO})"


if __name__ == "__main__":
    main()
