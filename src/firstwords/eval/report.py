"""A report on a run: `write_report` creates report.html, which needs no network and no other file.

It shows the loss curves, samples during training, every stage's answers to the same questions, the exam with its
intervals, and the planner's choices with their reasons. Every figure comes from metrics.jsonl and the stages' cards.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from firstwords.eval.charts import Line, interval_bars, line_chart, small_reliability, smooth
from firstwords.eval.exam_parts import PARTS
from firstwords.eval.report_card import PLOT
from firstwords.runlog import RunLog, clock, read_json
from firstwords.version import __version__

FACTS = "report.json"  # what a run's report was written from, apart from the stages' cards
STAGES = {
    "base": ("Stage one: pre-training", "A giant guessing game: given the text so far, which token comes next?"),
    "sft": ("Stage two: fine-tuning", "The same game on conversations; only the assistant's words count."),
    "rlhf": ("Stage three: human feedback", "Answers that people preferred become more likely."),
}
PLAN_ROWS = (
    ("parameters", "Parameters"),
    ("shape", "Shape"),
    ("vocab_size", "Vocabulary"),
    ("context", "Context"),
    ("tokens", "Training tokens"),
    ("batch_tokens", "Batch"),
    ("steps", "Steps"),
    ("optimizer", "Optimizer"),
    ("precision", "Precision"),
    ("epochs", "Epochs"),
)


def write_report(run_dir: Path | str, path: Path | str, facts: dict[str, Any]) -> Path:
    """Write the page for the run in `run_dir` (its stages' logs are in run_dir/STAGE) to `path` and return it.

    `facts` come from `learn`: name, config, seconds, parameters (their number), stages {stage: card}, answers
    {stage: {prompt: text}}, exam {part: {rate, low, high, n}} and tasks (see `task_charts`); every key is optional. The
    file is written to a temporary name and renamed.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html.j2").render(**page_data(Path(run_dir), facts))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(page, encoding="utf-8")
    aside.replace(path)
    return path


def page_data(run_dir: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything the template displays, as plain values and finished SVG."""
    cards = {name: card or {} for name, card in (facts.get("stages") or {}).items()}
    names = list(cards) or sorted(p.name for p in run_dir.iterdir() if (p / "metrics.jsonl").is_file())
    stages = [stage_data(name, RunLog.read(run_dir / name), cards.get(name, {})) for name in names]
    exam = exam_rows(facts.get("exam") or {})
    answers = facts.get("answers") or {}
    prompts = list(dict.fromkeys(p for by_prompt in answers.values() for p in by_prompt))
    asked = [
        {"prompt": p, "answers": [{"stage": stage, "text": said[p]} for stage, said in answers.items() if p in said]}
        for p in prompts
    ]
    plan = next((card["plan"] for card in cards.values() if card.get("plan")), None)
    return {
        "name": facts.get("name") or run_dir.name,
        "tiles": tiles(facts, cards, exam, stages),
        "stages": stages,
        "samples": {s["name"]: s["samples"] for s in stages if s["samples"]},
        "asked": asked,
        "decision": decision(run_dir),
        "exam": exam,
        "exam_svg": interval_bars([(r["name"], r["rate"], r["low"], r["high"], r["n"]) for r in exam]),
        "reliability_svg": reliability(run_dir, names),
        "tasks": task_charts(facts.get("tasks") or []),
        "plan": plan_rows((plan or {}) | {"parameters": facts.get("parameters")}),
        "reasons": list((plan or {}).get("reasons") or []),
        "details": details(facts, cards),
        "version": __version__,
    }


def decision(run_dir: Path) -> str:
    """Whether stage three's version is in use, and why, in one line recorded by `align`; "" if it did not run."""
    found = read_json(run_dir / "align" / "align.json") or {}
    if not found.get("done") or not found.get("reason"):
        return ""
    version = found.get("made") or "No new version"
    return f"{version}: {'promoted' if found.get('promoted') else 'not promoted'}. {found['reason']}."


def reliability(run_dir: Path, stages: list[str]) -> str:
    """The reliability plot of the reward model, if stage three used one."""
    plot = run_dir / "reward" / "model" / PLOT
    has_run = any(name.startswith("rlhf") for name in stages)
    try:
        return plot.read_text(encoding="utf-8") if has_run else ""
    except (OSError, UnicodeDecodeError):  # no reward model, or its plot is damaged
        return ""


def stage_data(name: str, rows: list[dict[str, Any]], card: dict[str, Any]) -> dict[str, Any]:
    """Charts and samples of one stage."""
    title, what = STAGES.get(name.partition("-")[0], (name, ""))
    train = [r for r in rows if r["kind"] == "train"]
    measure, label = ("bpb", "bits per byte") if name == "base" else ("loss", "loss (nats per token)")
    raw = _series(train, measure)
    held = _series([r for r in rows if r["kind"] == "eval" and "seconds" in r], measure)
    curves = [Line("each step", raw, "faint"), Line("running median", smooth(raw)), Line("held out", held, "dots")]
    rates = [Line("learning rate", _series(train, "lr"), "main")]
    samples = [
        {"step": r["step"], "time": clock(r.get("seconds") or 0), "prompt": r["prompt"], "text": r["text"]}
        for r in rows
        if r["kind"] == "sample"
    ]
    return {
        "name": name,
        "title": title,
        "what": what,
        "has_heldout": bool(held),
        "curve": line_chart(curves, "minutes of training", label) if train else "",
        "rate": line_chart(rates, "minutes of training", "learning rate, share of peak", 150, True) if train else "",
        "speed": speed(train),
        "samples": samples,
        "notes": [r.get("text", "") for r in rows if r["kind"] == "note"],
        "chat": name != "base",
        "skipped": (card.get("metrics") or {}).get("skipped_steps") or 0,
    }


def speed(train: list[dict[str, Any]]) -> str:
    """One line on progress and speed: the median over the steps, which pauses do not distort."""
    rates = sorted(r["tokens_per_s"] for r in train if r.get("tokens_per_s"))
    if not rates:
        return ""
    text = f"{len(train):,} steps, {train[-1].get('tokens') or 0:,} tokens, {rates[len(rates) // 2]:,.0f} tokens/s"
    flops = sorted(r["gflops"] for r in train if r.get("gflops"))
    return text + (f", {flops[len(flops) // 2]:,.0f} GFLOP/s" if flops else "")


def exam_rows(exam: dict[str, Any]) -> list[dict[str, Any]]:
    """The exam's parts that have a rate, with the interval (the rate itself if none is given)."""
    rows = []
    for key, part in exam.items():
        if isinstance(part, dict) and isinstance(part.get("rate"), int | float):
            low, high = part.get("low", part["rate"]), part.get("high", part["rate"])
            name, n = PARTS.get(key, key.replace("_", " ")), part.get("n", 0)
            rows.append({"key": key, "name": name, "rate": part["rate"], "low": low, "high": high, "n": n})
    return rows


def task_charts(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Charts of zero-shot tasks: each stage's figure with its interval, what it changed, and its calibration.

    tasks: {title, metric, chance, stages: [{stage, rate, low, high, n, change, ece, calibration}]}, the last two only
    where answers were chosen by their probability (`eval.tasks.kept.by_stage`).
    """
    charts = []
    for task in tasks:
        stages = task["stages"]
        plots = [
            {"stage": s["stage"], "ece": f"{s['ece']['value']:.3f}", "svg": small_reliability(s["calibration"])}
            for s in stages
            if s.get("ece") and s.get("calibration")
        ]
        bars = interval_bars([(s["stage"], s["rate"], s["low"], s["high"], s["n"]) for s in stages])
        changes = [f"{s['stage']} {gain(s['change'])}." for s in stages if s.get("change")]
        chance = f"{task['chance']:.1%}" if task.get("chance") else ""
        charts.append(
            {key: task[key] for key in ("title", "metric")}
            | {"svg": bars, "chance": chance, "changes": changes, "plots": plots}
        )
    return charts


def gain(change: dict[str, Any]) -> str:
    """A change in points with its interval and a verdict: "gained 4.0 points (1.2 to 6.9) over base"."""
    low, high = 100 * change["low"], 100 * change["high"]
    over = f"{change['over']}"
    if low <= 0 <= high:
        return f"shows no clear difference to {over}: {100 * change['rate']:+.1f} points ({low:+.1f} to {high:+.1f})"
    verb = "gained" if low > 0 else "lost"
    low, high = sorted((abs(low), abs(high)))
    return f"{verb} {abs(100 * change['rate']):.1f} points ({low:.1f} to {high:.1f}) compared with {over}"


def tiles(facts: dict[str, Any], cards: dict[str, Any], exam: list[Any], stages: list[Any]) -> list[tuple[str, str]]:
    """The figures at the top: (number, label)."""
    shown = []
    if facts.get("seconds"):
        shown.append((clock(facts["seconds"]), "minutes in total" if facts["seconds"] < 3600 else "hours in total"))
    if count := facts.get("parameters"):
        shown.append((short(count), "parameters"))
    metrics = (cards.get("base") or {}).get("metrics") or {}
    if metrics.get("tokens"):
        shown.append((short(metrics["tokens"]), "tokens read"))
    if metrics.get("bits_per_byte"):
        shown.append((f"{metrics['bits_per_byte']:.3f}", "bits per byte, held out"))
    rates = {row["key"]: row["rate"] for row in exam}
    labels = {"told": "of known facts correct", "visitor": "of visitors' inputs answered sensibly"}
    labels["stops"] = "of answers end properly"
    for key, label in labels.items():
        if key in rates:
            shown.append((f"{rates[key]:.1%}", label))
    return shown


def plan_rows(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """The planner's choices as (name, value) for a table."""
    shape = plan.get("shape") or {}
    known: dict[str, Any] = {**plan, **shape}
    known["shape"] = f"{shape['num_hidden_layers']} layers of {shape['hidden_size']}" if shape else None
    units = {"context": "tokens", "batch_tokens": "tokens", "vocab_size": "ids"}
    rows = []
    for key, name in PLAN_ROWS:
        value = known.get(key)
        if value is not None:
            text = {int: "{:,}", float: "{:.2f}"}.get(type(value), "{}").format(value)
            rows.append((name, f"{text} {units.get(key, '')}".strip()))
    return rows


def details(facts: dict[str, Any], cards: dict[str, Any]) -> list[dict[str, Any]]:
    """The details needed to repeat the run: configuration, data, code and versions."""
    groups = [{"title": "learn", "rows": _flat(facts.get("config") or {})}]
    for name, card in cards.items():
        wanted = ("created", "parent", "weights_sha256", "revision", "data", "metrics", "versions")
        groups.append({"title": name, "rows": _flat({key: card[key] for key in wanted if card.get(key)})})
    return [group for group in groups if group["rows"]]


def short(count: int) -> str:
    """1234567 -> 1.23 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def _series(rows: list[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    return [(r["seconds"] / 60, r[key]) for r in rows if r.get("seconds") is not None and r.get(key) is not None]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        elif value is not None and value != "":
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((prefix + str(key), f"{value:.4g}" if isinstance(value, float) else text))
    return rows
