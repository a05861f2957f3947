"""All of stage three against the truth: 400 preferences from the built-in judge, whose reward is known; N seeds.

    python benchmarks/rlhf_loop.py --model pip                 # a model made by `firstwords learn --name pip`
    python benchmarks/rlhf_loop.py --model pip --seeds 5 --minutes 3 --json

For each seed, `firstwords align` trains a reward model and a policy from the model's sft stage, in a separate home.
The table shows how far the reward model is from the best possible accuracy, whether the policy beats sft on held-out
questions (win rate with its 95 % interval, ties counted half), the true win rate (all pairs of many samples, which the
interval must contain), and whether the policy invents fewer answers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import ROOT, child_env, machine, report, say, table

sys.path.insert(0, str(ROOT / "src"))
ANALYTIC_SAMPLES = 16  # answers of each side to each question


def one_seed(source: Path, name: str, seed: int, minutes: float, pairs: int, method: str) -> dict[str, Any]:
    """Run `firstwords align` from sft in a separate home."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in (Path("models") / name / "sft", Path("runs") / name / "sft"):
            if (source / part).exists():
                shutil.copytree(source / part, home / part)
        began = time.perf_counter()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "firstwords",
                "align",
                name,
                "--preferences",
                "world",
                "--pairs",
                str(pairs),
                "--minutes",
                str(minutes),
                "--seed",
                str(seed),
                "--method",
                method,
            ],
            env=child_env(home),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - began
        card = read(home / "runs" / name / "reward" / "model" / "firstwords.json")["metrics"]["report_card"]
        policy = read(home / "models" / name / "rlhf-1" / "firstwords.json")["metrics"]
        compared = read(home / "runs" / name / "rlhf-1" / "compare.json")
        analytic = analytic_win_rate(home / "models" / name, seed)
    accuracy, ceiling = card["accuracy"], card["noise_ceiling"]
    return {
        "seed": seed,
        "seconds": seconds,
        "accuracy": accuracy,
        "ceiling": ceiling,
        "analytic": analytic,
        "gold": policy["gold"],
        "best_of_n_gold": policy["best_of_n_gold"],
        "steps": policy["steps"],
        **{key: compared[key] for key in ("win_rate", "low", "high", "wins", "ties", "losses", "verdict")},
        "honesty": compared["honesty"],
        "honesty_before": compared["honesty_before"],
    }


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def analytic_win_rate(models: Path, seed: int) -> float:
    """P(reward of an rlhf-1 answer > that of an sft answer) + P(equal) / 2, over the questions of the comparison."""
    from firstwords.preferences.annotator import tasks
    from firstwords.rlhf.compare import COMPARE_TASKS, open_engine, worths

    asked = tasks(seed, COMPARE_TASKS, "eval")
    sides = []
    for side, stage in enumerate(("rlhf-1", "sft")):
        engine = open_engine(models / stage)
        draws = [worths(engine, asked, (seed, 1001 + 2 * number + side)) for number in range(ANALYTIC_SAMPLES)]
        sides.append([[worth.reward for worth in answers] for answers in zip(*draws, strict=True)])
    outcomes = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for ours, theirs in zip(*sides, strict=True)
        for a, b in itertools.product(ours, theirs)
    ]
    return sum(outcomes) / len(outcomes)


def as_rows(found: list[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            str(f["seed"]),
            f"{f['accuracy']['rate']:.1%}",
            f"{f['ceiling']:.1%}",
            f"{f['win_rate']:.1%} ({f['low']:.1%}-{f['high']:.1%})",
            f"{f['analytic']:.1%}",
            f"{f['honesty_before']['reward']:+.2f} -> {f['honesty']['reward']:+.2f}",
            f"{f['honesty_before']['invented']:.1%} -> {f['honesty']['invented']:.1%}",
            f"{f['honesty_before']['refused']:.1%} -> {f['honesty']['refused']:.1%}",
            f"{f['steps']}",
            f"{f['seconds']:.0f} s",
        ]
        for f in found
    ]


HEADER = (
    "seed",
    "reward model",
    "ceiling",
    "win rate against sft",
    "analytic",
    "true reward",
    "invented",
    "refused",
    "steps",
    "took",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pip", help="name of a model with a stage sft in FIRSTWORDS_HOME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--method", default="rloo")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = Path(os.environ.get("FIRSTWORDS_HOME") or Path.home() / ".firstwords")
    found = []
    for seed in range(options.seeds):
        found.append(one_seed(source, options.model, seed, options.minutes, options.pairs, options.method))
        say(table(HEADER, as_rows(found)))
    result = {"machine": machine(), "options": vars(options), "seeds": found}
    report(result, table(HEADER, as_rows(found)), options.json)


if __name__ == "__main__":
    main()
