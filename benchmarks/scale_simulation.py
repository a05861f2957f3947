"""How well does training scale, and how often should it save? A model of many GPUs from figures of a few.

    python benchmarks/scale_simulation.py
    python benchmarks/scale_simulation.py --tokens-per-second 6667 --restart-seconds 600 --json

Needs no GPU. A step takes the time that one machine needs, times what the slowest of n GPUs adds (the expected maximum
of n normal deviations), plus communication that computing does not hide. The spread between GPUs is fitted to one of
torchtitan's pairs of 8 and 128 GPUs; the other two pairs check it. Failures come at the rate that Llama 3 saw: the best
interval between checkpoints is Young's (1974), and a simulation of random failures checks the formula.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from statistics import NormalDist

from _common import report, table

# tokens/s per GPU of Llama 3.1 8B on H100s with FSDP: torchtitan, benchmarks/llama3_h100_202412_torchtitan.md
PUBLISHED = {"compiled": (6667, 6514), "eager": (5762, 5605), "compiled, fp8": (8532, 8380)}  # on 8 and on 128
FITTED = "compiled"
PARAMS, TOKENS_PER_GPU, LAYERS = 8.03e9, 2 * 8192, 32  # of those runs
BYTES = (2, 2, 4)  # per parameter: gathered forward and backward in bf16, gradients reduced in fp32
LINK, NETWORK = 450e9, 50e9  # bytes/s per GPU: NVLink of an H100, and 400 Gb/s between machines
REACHED = 0.8  # of those rates, by large messages
HOP_SECONDS = 3e-6  # latency per step of a ring
HIDDEN = 0.9  # share of the computation behind which communication can hide
PER_MACHINE = 8
FAILURES_PER_GPU_HOUR = 419 / (54 * 24 * 16_384)  # unexpected interruptions of Llama 3 (Grattafiori et al. 2024)
COUNTS = (8, 64, 512, 4096)


@dataclass(frozen=True)
class Saving:
    """Seconds that training stands still for a checkpoint, and that a restart takes."""

    save_seconds: float = 10.0
    restart_seconds: float = 600.0


def slowest(count: int) -> float:
    """Expected maximum of `count` standard normal deviations (Blom 1958)."""
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25)) if count > 1 else 0.0


def exchange_seconds(count: int) -> float:
    """Communication of a step: within a machine over its links, between machines over all its network cards at once."""
    machines = max(1, count // PER_MACHINE)
    moved = sum(BYTES) * PARAMS
    inside = moved * (PER_MACHINE - 1) / PER_MACHINE / (LINK * REACHED)
    between = moved * (machines - 1) / machines / (PER_MACHINE * NETWORK * REACHED)
    return max(inside, between) + len(BYTES) * LAYERS * HOP_SECONDS * (count - 1)


def step_seconds(compute: float, count: int, spread: float) -> float:
    """A step of `compute` seconds on the average GPU, with `spread` relative standard deviation between GPUs."""
    exposed = max(0.0, exchange_seconds(count) - HIDDEN * compute)
    return compute * (1 + spread * slowest(count)) + exposed


def fit_spread(few: float, many: float, counts: tuple[int, int] = (8, 128)) -> float:
    """The spread that explains the loss of speed between two numbers of GPUs, by bisection."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if predicted(few, counts, middle) > many else (low, middle)
    return low


def predicted(few: float, counts: tuple[int, int], spread: float) -> float:
    """Tokens/s per GPU on the second number of GPUs, from the speed on the first."""
    measured = TOKENS_PER_GPU / few
    compute = measured / (1 + spread * slowest(counts[0]))  # on one machine, communication is hidden
    return TOKENS_PER_GPU / step_seconds(compute, counts[1], spread)


def best_interval(count: int, saving: Saving) -> float:
    """Seconds between checkpoints with the least loss: sqrt(2 x save x mean time between failures)."""
    return math.sqrt(2 * saving.save_seconds * between_failures(count))


def between_failures(count: int) -> float:
    """Mean seconds between failures of any of `count` GPUs."""
    return 3600 / (count * FAILURES_PER_GPU_HOUR)


def useful_share(count: int, interval: float, saving: Saving) -> float:
    """Share of the time that is kept: not spent on saving, on steps that are lost, or on restarts."""
    mean = between_failures(count)
    return 1 / ((1 + saving.save_seconds / interval) * (1 + (interval / 2 + saving.restart_seconds) / mean))


def simulated_share(count: int, interval: float, saving: Saving, failures: int = 2000, seed: int = 0) -> float:
    """`useful_share` of a simulated run with random failures."""
    random_numbers, mean = random.Random(seed), between_failures(count)
    useful = total = 0.0
    for _ in range(failures):
        until = random_numbers.expovariate(1 / mean)
        saved = int(until // (interval + saving.save_seconds))
        useful += saved * interval
        total += until + saving.restart_seconds
    return useful / total


def run(tokens_per_second: float, saving: Saving) -> tuple[dict, str]:
    """(figures, text) of the whole simulation."""
    spread = fit_spread(*PUBLISHED[FITTED])
    checks = []
    for name, (few, many) in PUBLISHED.items():
        found = predicted(few, (8, 128), spread)
        checks.append({"run": name, "gpus_8": few, "gpus_128": many, "predicted": found, "error": found / many - 1})
    rows = []
    for count in COUNTS:
        speed, interval = predicted(tokens_per_second, (8, count), spread), best_interval(count, saving)
        kept = useful_share(count, interval, saving)
        share = speed / tokens_per_second
        rows.append({"gpus": count, "tokens_per_second_per_gpu": speed, "step_efficiency": share,
                     "hours_between_failures": between_failures(count) / 3600, "checkpoint_minutes": interval / 60,
                     "useful_share": kept, "simulated_share": simulated_share(count, interval, saving),
                     "efficiency": share * kept})  # fmt: skip
    text = "\n\n".join(
        (
            f"spread between GPUs, fitted to {FITTED}: {spread:.1%}",
            table(
                ("run", "8 GPUs", "128 GPUs", "predicted", "error"),
                [(c["run"], c["gpus_8"], c["gpus_128"], f"{c['predicted']:.0f}", f"{c['error']:+.1%}") for c in checks],
            ),
            table(
                ("GPUs", "tokens/s per GPU", "steps", "failure every", "save every", "kept", "simulated", "efficiency"),
                [
                    (
                        f"{r['gpus']:,}",
                        f"{r['tokens_per_second_per_gpu']:,.0f}",
                        f"{r['step_efficiency']:.1%}",
                        f"{r['hours_between_failures']:,.0f} h",
                        f"{r['checkpoint_minutes']:,.0f} min",
                        f"{r['useful_share']:.1%}",
                        f"{r['simulated_share']:.1%}",
                        f"{r['efficiency']:.1%}",
                    )
                    for r in rows
                ],
            ),
        )
    )
    return {"spread": spread, "checks": checks, "counts": rows}, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens-per-second", type=float, default=PUBLISHED[FITTED][0], help="per GPU, on one machine")
    parser.add_argument("--save-seconds", type=float, default=Saving.save_seconds)
    parser.add_argument("--restart-seconds", type=float, default=Saving.restart_seconds)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures, text = run(args.tokens_per_second, Saving(args.save_seconds, args.restart_seconds))
    report(figures, text, args.json)


if __name__ == "__main__":
    main()
