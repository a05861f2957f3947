"""Every file of a home, damaged in every way, read by every command that reads it: a sentence or a sensible answer.

What is allowed: exit code 0, or 2 with one sentence that names the damaged file. Never a traceback, and nothing that
was there before is lost. The suite takes a sample; FIRSTWORDS_DAMAGES=all tries everything (some minutes).
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from fault_damage import (
    ASK,
    ASKED,
    FINISHED,
    INTERRUPTED,
    LISTED,
    READINGS,
    Reading,
    copied,
    damage,
    damages_of,
    files,
    inventory,
)
from fault_scenarios import Homes, Step, split
from forks import run

EVERYTHING = os.environ.get("FIRSTWORDS_DAMAGES") == "all"
SAMPLE = 2  # of each command in the suite
LEFT_ALONE = ("job.json", "job.out", "job.err")  # of the process, not of the run


def complaint(code: int, said: str, home: Path, file: str, kind: str) -> str:
    """What is wrong with an answer to a damaged file; "" if nothing is."""
    path = home / file
    is_new = file == "firstwords.db" and kind in ("removed", "emptied")  # then there is an empty log
    if "Traceback" in said:
        return "a trace: " + said.strip().splitlines()[-1]
    if code not in (0, 2):
        return f"exit code {code}: {said[-300:]}"
    if code == 0:
        return ""
    sentences = [line for line in said.splitlines() if line.startswith("firstwords: ")]
    if len(sentences) != 1:
        return f"{len(sentences)} sentences: {said[-400:]}"
    is_gone = kind == "removed" and str(path.parent) in sentences[0]
    is_unreadable = path.name == "promoted" and kind == "folder"  # then the newest version is in use
    is_named = str(path) in sentences[0]
    return "" if is_new or is_gone or is_unreadable or is_named else f"names another file: {sentences[0]}"


def requests_complaint(code: int, said: str, *_: object) -> str:
    """The same for the server's answers, each on a line."""
    if code != 0 or "Traceback" in said:
        return f"exit code {code}: {said[-600:]}"
    wrong = [line for line in said.splitlines() if line.startswith("5") and not line.startswith("503")]
    return f"a defect: {wrong[0]}" if wrong else ""


def attempts(homes: Homes, reading: Reading, commands: tuple[Step, ...]) -> list[tuple[str, str]]:
    """(file, damage) pairs for a command: all, or a sample that is the same each time."""
    there = files(homes.made(commands), reading.files)
    pairs = [(file, kind) for file in there if not file.endswith(LEFT_ALONE) for kind in damages_of(file)]
    return pairs if EVERYTHING else random.Random(reading.words).sample(pairs, min(SAMPLE, len(pairs)))


def faults(homes: Homes, reading: Reading, commands: tuple[Step, ...], tmp_path: Path) -> list[str]:
    """Damage one file after the other and run the command each time."""
    found = []
    for file, kind in attempts(homes, reading, commands):
        home = copied(homes.made(commands), tmp_path / "home")
        damage(home / file, kind)
        before = inventory(home)
        hook, options = ("fault_requests:without_override", {"then": reading.hook})
        code, said = run(
            split(reading.words, homes.data), home, tmp_path / "log", hook=hook, options=options, typed=reading.typed
        )
        judge = requests_complaint if reading.hook == ASKED else complaint
        problem = judge(code, said, home, file, kind)
        kept = [path for path in before - inventory(home) if "--resume" in reading.words or path.startswith("models/")]
        if not problem and code == 2 and (gone := kept):
            problem = f"is gone after a refusal: {sorted(gone)}"
        if problem:
            found.append(f"{file} {kind}: {problem}")
            print(found[-1], flush=True)
    return found


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.words[:48])
def test_a_finished_home(reading: Reading, homes: Homes, tmp_path: Path) -> None:
    found = faults(homes, reading, FINISHED, tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupted_run(name: str, homes: Homes, tmp_path: Path) -> None:
    run = INTERRUPTED[name]
    for reading in (Reading(run.words, run.files, hook=run.hook), Reading(ASK, LISTED, hook=ASKED)):
        found = faults(homes, reading, run.commands, tmp_path)
        assert not found, "\n".join(found)
