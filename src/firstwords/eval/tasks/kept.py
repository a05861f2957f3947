"""Results that are kept with a stage, in its tasks.json, and what each stage changed; read without torch.

keep(directory, results)        firstwords eval pip/sft --tasks ... --save
by_stage("pip")                 every task with the figures of all stages, and the change from one to the next
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.model.card import read_card
from firstwords.runlog import read_json, write_json
from firstwords.stats import paired_change

FILE = "tasks.json"  # next to the card


def title(result: Mapping[str, Any]) -> str:
    """The name of a task and how it was asked: "arc-easy, 5 shots, chat". Figures of equal titles are compared."""
    shots = result.get("shots") or 0
    parts = [str(result["task"])]
    parts += [f"{shots} shot{'s' if shots > 1 else ''}"] if shots else []
    return ", ".join([*parts, "chat"] if result.get("form") == "chat" else parts)


def keep(directory: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Add results to a stage's file; a task that was measured before is replaced."""
    before = kept(directory)
    tasks = before | {title(result): dict(result) for result in results}
    write_json(directory / FILE, {"weights_sha256": read_card(directory).get("weights_sha256"), "tasks": tasks})


def kept(directory: Path) -> dict[str, dict[str, Any]]:
    """{title: result} of a stage; {} without a file, for a damaged one, and for weights that have changed since."""
    found = read_json(directory / FILE) or {}
    tasks = found.get("tasks")
    if not isinstance(tasks, dict) or found.get("weights_sha256") != read_card(directory).get("weights_sha256"):
        return {}
    return {name: result for name, result in tasks.items() if _is_result(result)}


def _is_result(result: Any) -> bool:
    if not isinstance(result, dict) or not isinstance(result.get("outcomes"), list):
        return False
    figures = (result.get(name) for name in ("rate", "low", "high", "n"))
    texts = (result.get(name) for name in ("task", "kind", "metric", "hash"))
    return all(isinstance(x, int | float) for x in figures) and all(isinstance(x, str) for x in texts)


def by_stage(name: str, extra: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every task of a model: {title, metric, kind, chance, stages: [{stage, rate, low, high, n, change}]}.

    change: {over, rate, low, high, n}, the mean change of the rows' outcomes from the last stage before it with the
    same rows, with its interval; None for the first. It is paired by row, and so more certain than the figures alone.
    extra: more entries of each result.
    """
    found: dict[str, dict[str, Any]] = {}
    latest: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    for stage in home.stages(name):
        for each, result in kept(home.stage_dir(name, stage)).items():
            same = {"title": each, "metric": result["metric"], "kind": result["kind"], "chance": result.get("chance")}
            row = found.setdefault(each, same | {"stages": []})
            before = latest.get((each, result["hash"]))
            shown = {key: result.get(key) for key in ("rate", "low", "high", "n", *extra)} | {"stage": stage}
            row["stages"].append(shown | {"change": change(*before, result) if before else None})
            latest[each, result["hash"]] = stage, result
    return [found[each] for each in sorted(found)]


def rows_of(name: str) -> dict[str, list[dict[str, Any]]]:
    """`by_stage`, stage by stage: {stage: [{title, metric, kind, chance, rate, low, high, n, change}]}."""
    found: dict[str, list[dict[str, Any]]] = {stage: [] for stage in home.stages(name)}
    for task in by_stage(name):
        same = {key: task[key] for key in ("title", "metric", "kind", "chance")}
        for row in task["stages"]:
            found[row["stage"]].append(same | {key: value for key, value in row.items() if key != "stage"})
    return found


def change(over: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The mean change of the outcomes of the same rows, with its interval; None if they are not the same rows."""
    if before["hash"] != after["hash"] or len(before["outcomes"]) != len(after["outcomes"]) or not after["outcomes"]:
        return None
    return {"over": over} | paired_change(before["outcomes"], after["outcomes"])
