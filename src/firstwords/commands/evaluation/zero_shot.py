"""`firstwords eval REF --tasks FILES`: measures one stage, or all of a model, on tasks it was not trained for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from firstwords import api, home
from firstwords.commands import shared
from firstwords.config import UserError
from firstwords.eval.tasks import kept
from firstwords.runlog import Progress, say

if TYPE_CHECKING:
    from firstwords.eval.tasks.task import Task

SLOTS = 32  # answers generated at a time
NORMALISED = ("multiple choice", "true answers")  # kinds whose answers differ much in length


class TaskFlags(Protocol):
    """The flags of `eval` that are about tasks (`evaluate.Evaluate`)."""

    model: str
    tasks: list[str]
    shots: int
    as_chat: bool
    all_stages: bool
    save: bool
    limit: int
    json: bool


def main(config: TaskFlags) -> None:
    """Measure every task on every requested stage; what is finished is printed, and kept with --save, at once."""
    refs = stages_of(config.model) if config.all_stages else [config.model]
    tasks = read(config)
    found: list[dict[str, Any]] = []
    for ref in refs:
        loaded = api.load(ref, weights="fp32")
        if config.as_chat and config.all_stages and not loaded.can_chat:
            say(f"{loaded.label} is skipped: it has not learned to answer, and --as-chat needs answers")
            continue
        if config.as_chat:
            loaded.check_can_chat()
        if not config.json:
            print(loaded.label, flush=True)
        results = measure(loaded, tasks, config)
        found.append({"model": loaded.label, "tasks": results})
    if not found:
        raise UserError(f"no stage of {config.model} has learned to answer: leave out --as-chat to measure text")
    if config.json:
        shared.emit({"models": found} if config.all_stages else found[0])
    elif len(found) > 1:
        show_changes(found)


def stages_of(ref: str) -> list[str]:
    """A REF for each stage of a model that is named without one."""
    directory = home.resolve(ref)
    name = api.label(directory).partition("/")[0]
    if "/" in ref or Path(ref).is_dir() or not home.stages(name):
        raise UserError(f"--all-stages needs the name of a model, without a stage or a path, but got {ref}")
    return [f"{name}/{stage}" for stage in home.stages(name)]


def read(config: TaskFlags) -> list[Task]:
    """The tasks in the named files, with their examples and the limit applied."""
    from firstwords.data.source_stats import SourceStats
    from firstwords.eval.tasks.measure import check_libraries
    from firstwords.eval.tasks.reading import read_tasks

    stats = SourceStats()
    tasks = [task.with_shots(config.shots).limited(config.limit) for task in read_tasks(config.tasks, stats)]
    for line in stats.lines():
        say(line)
    for task in tasks:
        check_libraries(task)
        if config.shots and not task.examples:
            say(f"{task.name}: minimal pairs have no prompt, so they are measured without examples")
    return tasks


def measure(loaded: api.Model, tasks: Sequence[Task], config: TaskFlags) -> list[dict[str, Any]]:
    """The figures of each task on one stage."""
    from firstwords.eval.tasks.measure import Subject
    from firstwords.eval.tasks.measure import measure as figures_of

    subject = Subject(loaded.model, loaded.tokenizer, lambda: loaded.engine(SLOTS))
    results = []
    for task in tasks:
        with Progress(f"{loaded.label}: {task.name}") as progress:
            result = figures_of(task, subject, config.as_chat, progress.update)
        results.append(result)
        if config.save:
            kept.keep(loaded.directory, [result])
        if not config.json:
            for line in lines_of(result):
                print(line, flush=True)
    return results


def lines_of(result: dict[str, Any]) -> list[str]:
    """A result for people: the main figure, then the others below it."""
    name = kept.title(result)
    main = chrf(result) if result["metric"] == "chrF" else interval(result)
    lines = [f"  {name:<28} {result['metric']} {main}, n = {result['n']:,}{chance(result)}"]
    others = []
    scores = result.get("scores", {})
    names = {"per_character": "per character", "per_byte": "per byte"}
    if result["kind"] in NORMALISED:
        others += [f"{label} {interval(scores[key])}" for key, label in names.items()]
    for key, label in (("strict", "after ####"), ("contains", "contains the answer")):
        if key in result:
            others.append(f"{label} {interval(result[key])}")
    for key, label, form in (
        ("mc2", "MC2", "{:.3f}"),
        ("f1", "F1", "{:.3f}"),
        ("perplexity", "perplexity", "{:,.4g}"),
        ("ece", "calibration error", "{:.3f}"),
    ):
        if key in result:
            value, low, high = (form.format(result[key][part]) for part in ("value", "low", "high"))
            others.append(f"{label} {value} ({low} to {high})")
    if result["cut"]:
        others.append(f"{result['cut']:,} prompts lost their beginning, because they are longer than the context")
    if result["left_out"]:
        others.append(f"{result['left_out']:,} rows left out, whose answers are longer than the context")
    return [*lines, *(f"      {other}" for other in others)]


def interval(figures: dict[str, Any]) -> str:
    """A rate with its interval: 41.0% (34.4% to 47.9%)."""
    return f"{figures['rate']:.1%} ({figures['low']:.1%} to {figures['high']:.1%})"


def chrf(figures: dict[str, Any]) -> str:
    """chrF from 0 to 100, as it is usually given, with its interval."""
    return f"{100 * figures['rate']:.1f} ({100 * figures['low']:.1f} to {100 * figures['high']:.1f})"


def chance(result: dict[str, Any]) -> str:
    """What guessing would reach, if that is known."""
    return f", chance {result['chance']:.1%}" if result.get("chance") else ""


def show_changes(found: Sequence[dict[str, Any]]) -> None:
    """Print what each stage changed compared with the one before it."""
    print("changes, paired by row")
    for before, after in pairwise(found):
        over = before["model"].rpartition("/")[2]
        for one, other in zip(before["tasks"], after["tasks"], strict=True):
            changed = kept.change(over, one, other)
            if changed is not None:
                print(f"  {after['model'].rpartition('/')[2]:<10} {kept.title(other):<28} {gain(changed)}")


def gain(changed: dict[str, Any]) -> str:
    """A change in points, with its interval, and whether it is certain."""
    low, high = changed["low"], changed["high"]
    verdict = "better" if low > 0 else "worse" if high < 0 else "no clear difference"
    figures = f"{100 * changed['rate']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{figures} over {changed['over']}: {verdict}"
