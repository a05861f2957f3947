"""Write a model's report again, with what has been measured since it was trained.

firstwords report pip
firstwords report smol --output smol.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional


@dataclass
class Report(JsonFlag):
    """Write the report of a model: its training, its exam, and the tasks measured with `eval --tasks --save`."""

    name: Positional[str]
    """Name of a trained or imported model."""
    output: str = ""
    """File to write (default: report.html in the model's run folder)."""


def main(config: Report) -> None:
    """Collect the stages' cards and results, and write the page."""
    from firstwords.eval.report import write_report

    if "/" in config.name:
        raise UserError(f"{config.name} is not the name of a model: report needs one, without a stage or a path")
    home.resolve(config.name)  # says which names there are
    run = home.run_dir(config.name)
    path = Path(config.output).expanduser() if config.output else run / "report.html"
    if path.is_dir():
        raise UserError(f"--output {path} is a folder: name a file")
    facts = facts_of(config.name, run)
    write_report(run, path, facts)
    if config.json:
        shared.emit({"report": str(path), "stages": list(facts["stages"]), "tasks": facts["tasks"]})
    else:
        print(path)


def facts_of(name: str, run: Path) -> dict[str, Any]:
    """What the report is about: recorded when the model was trained, and found in its stages' folders."""
    from firstwords.eval.report import FACTS
    from firstwords.eval.tasks import kept
    from firstwords.keeping.listing import describe
    from firstwords.model.card import read_card
    from firstwords.runlog import read_json

    facts = read_json(run / FACTS) or {}
    cards = {stage: read_card(home.stage_dir(name, stage)) for stage in home.stages(name)}
    promoted = home.promoted(name)
    exam = (cards[promoted].get("metrics") or {}).get("exam")
    found = {"name": name, "stages": cards, "tasks": kept.by_stage(name, ("ece", "calibration"))}
    if isinstance(exam, dict):
        found["exam"] = exam
    if parameters := describe(name, promoted)["parameters"]:
        found["parameters"] = parameters
    return facts | found
