"""All of stage three against the truth: 400 preferences from the built-in judge, whose reward is known; N seeds.

    python benchmarks/rlhf_loop.py --model pip                 # a model made by `firstwords learn --name pip`
    python benchmarks/rlhf_loop.py --model pip --seeds 5 --minutes 3 --json
    python benchmarks/rlhf_loop.py --controls --seeds 3 --minutes 8 --work controls     # an idle machine, 50 minutes

For each seed, `firstwords align` trains a reward model and a policy from the model's sft stage, in a separate home.
The table shows how far the reward model is from the best possible accuracy, whether the policy beats sft on held-out
questions (win rate with its 95 % interval, ties counted half), the true win rate (all pairs of many samples, which the
interval must contain), and whether the policy invents fewer answers.

A win rate against one's own sft rewards a worse sft. With --controls, stage three has to be worth its time instead.
Whole trainings of the same --minutes, for each seed:

    rlhf    `learn`: all three stages
    sft     the stage two of that training
    a       `learn --preferences none`: the minutes of stage three are spent on the others. What stage three must beat
    b       (if --writers is not careful) the same as a with careful writers: what stage three must not lose to

All arms answer the same 1,600 held-out questions four times, at the temperature of a chat, in the mix of the chats,
28 % of them unanswerable, and take the exam. Finished arms in --work are kept. The last rows are the means of all
seeds: one training differs from another by more than the minutes do, so a part of a single exam moves by three points
either way.
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


def one_seed(source: Path, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run `firstwords align` from sft in a separate home."""
    name = options.model
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in (Path("models") / name / "sft", Path("runs") / name / "sft"):
            if (source / part).exists():
                shutil.copytree(source / part, home / part)
        began = time.perf_counter()
        run_align(home, seed, options)
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


def run_align(home: Path, seed: int, options: argparse.Namespace) -> None:
    """Stage three of the home's model, with the flags of this benchmark."""
    flags = {"preferences": "world", "pairs": options.pairs, "minutes": options.minutes, "steps": options.steps}
    run(home, "align", options.model, flags | {"seed": seed, "method": options.method}, options.threads)


def run(home: Path, command: str, name: str, flags: dict[str, Any], threads: int) -> None:
    """A `firstwords` command on a model of a home."""
    words = [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]
    words += ["--threads", str(threads)] if threads else []
    start = [sys.executable, "-m", "firstwords", command, name]
    subprocess.run([*start, *words], env=child_env(home), check=True, stdout=subprocess.DEVNULL)


# ---- controls --------------------------------------------------------------------------------------------------------

EXAM = ("told", "told_refused", "two_steps", "never_told_abstained", "instructions", "visitor")
COMPARE_SEED, CONTROL_TASKS = 1, 1600  # the questions, the same for all seeds of the training


def controls(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train the arms of a seed that are missing, measure them, and compare rlhf with each of the others."""
    work, found = options.work / f"seed-{seed}", {}
    for number, arm in enumerate(arms(options)):
        file = work / f"{arm}.json"
        if not file.exists():
            stage = "rlhf-1" if arm == "rlhf" else "sft"
            models = trained(work / ("rlhf" if arm == "sft" else arm), arm, seed, options) / "models" / options.model
            file.write_text(json.dumps(measured(models / stage, number)), encoding="utf-8")
        found[arm] = read(file)
        say(table(CONTROL_HEADER, control_rows(seed, found)))
    return {"seed": seed, "arms": {arm: {k: v for k, v in f.items() if k != "answers"} for arm, f in found.items()}} | {
        f"against {arm}": versus(found["rlhf"], found[arm]) for arm in found if arm != "rlhf"
    }


def arms(options: argparse.Namespace) -> tuple[str, ...]:
    """Careful writers alone need no arm b: it would be a again."""
    return ("rlhf", "sft", "a") if options.writers == "careful" else ("rlhf", "sft", "a", "b")


def arms_of(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The measurements of a seed's arms."""
    return {arm: read(work / f"{arm}.json") for arm in arms(options)}


def trained(home: Path, arm: str, seed: int, options: argparse.Namespace) -> Path:
    """The home of an arm, trained now if that isn't done; sft is a stage of rlhf's."""
    done = home / "runs" / options.model / "learn.json"
    if arm == "sft" or (done.exists() and read(done)["done"]):
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    flags = {"minutes": options.minutes, "seed": seed, "writers": "careful" if arm == "b" else options.writers}
    flags |= {} if arm == "rlhf" else {"preferences": "none"}
    run(home, "learn", options.model, flags, options.threads)
    return home


def measured(stage: Path, number: int) -> dict[str, Any]:
    """The exam, and for every answer to a held-out question: terms of its true reward, whether it refuses."""
    from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P
    from firstwords.eval.exam import run_exam
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks, true_components
    from firstwords.preferences.records import prompt_key
    from firstwords.rlhf.compare import COMPARE_SAMPLES, open_engine
    from firstwords.rlhf.judgements import samples
    from firstwords.world.chats.checks import abstains

    engine, rows = open_engine(stage), []
    asked = tasks(COMPARE_SEED, CONTROL_TASKS, "eval", town_size(stage))
    seeds = [(COMPARE_SEED, 501 + 10 * draw + number) for draw in range(COMPARE_SAMPLES)]
    for answers in samples(engine, engine.tokenizer, asked, seeds, CHAT_TEMPERATURE, CHAT_TOP_P):
        for task, answer in zip(asked, answers, strict=True):
            terms = true_components(task, answer.text, answer.stopped)
            kind = {"unknown": task.is_unanswerable, "refuses": abstains(answer.text), "key": prompt_key(task.messages)}
            rows.append(kind | {"terms": terms, "text": answer.text})
    exam = run_exam(engine, engine.tokenizer, size=town_size(stage))
    return {"answers": rows, "exam": {part: exam[part] for part in EXAM}, "rates": rates(rows)}


def rates(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Shares of the answers: right and refused of the answerable, invented of the unanswerable, brusque of all."""
    known, unknown = ([row for row in rows if row["unknown"] == side] for side in (False, True))
    return {
        "right": sum(row["terms"]["truth"] > 0 for row in known) / len(known),
        "refused": sum(row["refuses"] for row in known) / len(known),
        "invented": sum(row["terms"]["truth"] < 0 for row in unknown) / len(unknown),
        "brusque": sum(row["terms"]["manner"] < 0 for row in rows) / len(rows),
    }


def versus(one: dict[str, Any], other: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Win rates of one arm against another with their intervals: by the whole reward, and by its truth alone."""
    from firstwords.eval.winrate import Comparison, win_rate

    found = {}
    for name, worth in (("all", lambda terms: sum(terms.values())), ("truth", lambda terms: terms["truth"])):
        rows = []
        for a, b in zip(one["answers"], other["answers"], strict=True):
            difference = worth(a["terms"]) - worth(b["terms"])
            rows.append(Comparison(a["key"], 0.5 + 0.5 * (difference > 1e-9) - 0.5 * (difference < -1e-9)))
        result = win_rate(rows)
        found[name] = {"rate": result.win_rate, "low": result.low, "high": result.high}
    return found


CONTROL_HEADER = ("seed", "arm", "rlhf wins", "truth alone", "right", "refused", "invented", "brusque", *EXAM)


def together(kept: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The arms of all seeds as if they were one: all answers, and the mean of each part of the exam."""
    arms_of_all = {}
    for arm in next(iter(kept.values())):
        all_of = [found[arm] for found in kept.values()]
        of_seed = {seed: found[arm]["answers"] for seed, found in kept.items()}
        answers = [row | {"key": f"{seed} {row['key']}"} for seed, rows in of_seed.items() for row in rows]
        exam = {part: {"rate": sum(one["exam"][part]["rate"] for one in all_of) / len(all_of)} for part in EXAM}
        arms_of_all[arm] = {"answers": answers, "exam": exam, "rates": rates(answers)}
    return arms_of_all


def control_rows(seed: int | str, found: dict[str, Any]) -> list[list[str]]:
    """A row for each arm; win rates are those of rlhf against the arm."""
    rows = []
    for arm, figures in found.items():
        wins = versus(found["rlhf"], figures) if "rlhf" in found and arm != "rlhf" else None
        shown = [f"{w['rate']:.1%} ({w['low']:.1%}-{w['high']:.1%})" for w in wins.values()] if wins else ["", ""]
        shares = [f"{figures['rates'][name]:.1%}" for name in ("right", "refused", "invented", "brusque")]
        rows.append([str(seed), arm, *shown, *shares, *(f"{figures['exam'][part]['rate']:.1%}" for part in EXAM)])
    return rows


# ---- stage three alone -----------------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def analytic_win_rate(models: Path, seed: int) -> float:
    """P(reward of an rlhf-1 answer > that of an sft answer) + P(equal) / 2, over the questions of the comparison."""
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks
    from firstwords.rlhf.compare import COMPARE_TASKS, open_engine, worths

    asked = tasks(seed, COMPARE_TASKS, "eval", town_size(models / "sft"))
    sides = []
    for side, stage in enumerate(("rlhf-1", "sft")):
        engine = open_engine(models / stage)
        draws = worths(engine, asked, [(seed, 1001 + 2 * number + side) for number in range(ANALYTIC_SAMPLES)])
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
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--minutes", type=float, default=3.0, help="of stage three, or of a whole training (--controls)"
    )
    parser.add_argument("--steps", type=int, default=0, help="of stage three's policy (0: --minutes)")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--method", default="bestofn")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--controls", action="store_true", help="compare with as many minutes without stage three")
    parser.add_argument("--work", type=Path, default=Path("rlhf-controls"), help="folder of the arms of --controls")
    parser.add_argument("--writers", default="careful", help="of the chats of --controls: careful or mixed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = Path(os.environ.get("FIRSTWORDS_HOME") or Path.home() / ".firstwords")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    found: list[dict[str, Any]] = []
    if options.controls:
        found = [controls(seed, options) for seed in seeds]
        kept = {seed: arms_of(options.work / f"seed-{seed}", options) for seed in seeds}
        rows = [row for seed, found_arms in kept.items() for row in control_rows(seed, found_arms)]
        rows += control_rows("all", together(kept)) if len(kept) > 1 else []
        shown = {name: str(value) for name, value in vars(options).items()}
        report({"machine": machine(), "options": shown, "seeds": found}, table(CONTROL_HEADER, rows), options.json)
        return
    for seed in seeds:
        found.append(one_seed(source, seed, options))
        say(table(HEADER, as_rows(found)))
    result = {"machine": machine(), "options": {k: str(v) for k, v in vars(options).items()}, "seeds": found}
    report(result, table(HEADER, as_rows(found)), options.json)


if __name__ == "__main__":
    main()
