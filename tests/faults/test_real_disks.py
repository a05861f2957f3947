"""Real disks: one that is full, and a read-only one, on which all commands that only read still work."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from fault_damage import FINISHED
from fault_requests import CHATTING
from fault_scenarios import BY_NAME, DPO, FINETUNE, IMPORT, Homes, Scenario, leftovers, rows, split, weights
from forks import run

READING = (  # with what is typed, and something that must be said
    ("models", "", "pip/rlhf-1"),
    ("next the --model pip", "", "%"),
    ("complete the --max-tokens 4", "", "the"),
    ("chat --model pip/sft --max-tokens 4", "Say the.\n", ""),
    ("stages the --model pip --max-tokens 4", "", "rlhf-1"),
    ("eval pip/base --bpb {data}/text.txt", "", "bits per byte"),
    ("eval pip/sft --exam --limit 1", "", "told"),
    ("tokenizer show cat --model pip/base", "", "cat"),
    ("preferences stats", "", "80 judgements"),
    ("preferences list", "", "Say"),
    ("preferences export {data}/exported.jsonl", "", "wrote 80 preferences"),
    ("teach pip --pairs 1 --prompts {data}/questions.txt", "q\n", ""),
)
WRITING = (
    FINETUNE,
    DPO,
    "promote pip base",
    "rollback pip",
    "preferences add --prompt Why? --chosen So. --rejected No.",
    "preferences import {data}/more.jsonl",
    "teach pip --pairs 1 --seed 0 --prompts {data}/questions.txt",
)


def by_mount(home: Path, disk: Path) -> None:
    """No one may write, not even root."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def by_permissions(home: Path, disk: Path) -> None:
    """Only others may write; the commands' processes drop root's capability to write anyway."""
    for path in [home, *home.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)


@pytest.mark.parametrize("how", [by_mount, by_permissions])
def test_a_home_that_may_only_be_read(how, homes: Homes, disk: Path, tmp_path: Path) -> None:
    home = disk / "home"
    shutil.copytree(homes.made((*FINISHED, "promote pip rlhf-1")), home)
    before = weights(home), rows(home)
    how(home, disk)
    found = []

    def say(words: str, typed: str = "", then: str = "") -> tuple[int, str]:
        log = tmp_path / "log"
        return run(
            split(words, homes.data),
            home,
            log,
            hook="fault_requests:without_override",
            options={"then": then},
            typed=typed,
        )

    for words, typed, needed in READING:
        code, said = say(words, typed)
        if code or "Traceback" in said or needed not in said:
            found.append(f"{words}: {code} {said[-600:]}")
    for words in WRITING:
        code, said = say(words, "l\n")
        sentences = [line for line in said.splitlines() if line.startswith("firstwords: ")]
        if code != 2 or "Traceback" in said or len(sentences) != 1 or str(home) not in sentences[0]:
            found.append(f"{words}: {code} {said[-600:]}")
    code, said = say("serve", then="fault_requests:ask_everything")
    refused = [line for line in said.splitlines() if not line.startswith("200") and line[:3].isdigit()]
    if code or "Traceback" in said or [line.split()[2] for line in refused] != ["/api/chats"]:
        found.append(f"serve: {code} {said[-1500:]}")
    elif not refused[0].startswith("400") or str(home) not in refused[0]:
        found.append(f"serve: {refused}")
    assert not found, "\n".join(found)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert (weights(home), rows(home)) == before


def test_what_is_only_in_the_log_of_a_database_is_read_too(homes: Homes, disk: Path, tmp_path: Path) -> None:
    """A killed process leaves committed rows in the -wal file, which cannot be merged on a read-only disk."""
    home = disk / "home"
    shutil.copytree(homes.made((IMPORT,)), home)
    living = tmp_path / "living.db"
    shutil.copy(home / "firstwords.db", living)
    with closing(sqlite3.connect(living)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(judgements)") if row[1] != "id"]
        names = ", ".join(f'"{name}"' for name in columns)
        connection.execute(f"INSERT INTO judgements ({names}) SELECT {names} FROM judgements WHERE id = 1")
        connection.commit()
        for ending in ("", "-wal"):  # as they are at this moment, without the index of the log
            shutil.copy(f"{living}{ending}", home / f"firstwords.db{ending}")
    by_mount(home, disk)
    code, said = run(["preferences", "stats", "--json"], home, tmp_path / "log")
    assert code == 0 and json.loads(said)["judgements"] == 81, said


@pytest.mark.parametrize("name", ["finetune", "dpo", "add", "import", "chats"])
def test_a_disk_without_room(name: str, homes: Homes, disk: Path) -> None:
    scenario: Scenario = BY_NAME.get(name) or CHATTING
    whole = homes.copy(scenario.before)
    assert scenario.run(whole, homes.data)[0] == 0
    wanted, draw = scenario.state(whole), random.Random(name)
    for _ in range(3 if os.environ.get("FIRSTWORDS_DISK") != "all" else 25):
        home = disk / "home"
        shutil.copytree(homes.made(scenario.before), home)
        before, judged = weights(home), rows(home)
        filler, room = disk / "filler", int(draw.uniform(0, 1) ** 3 * 2**20)
        free = shutil.disk_usage(disk).free
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(4096, free - room))
        code, said = scenario.run(home, homes.data)
        assert code in (0, 2) and "Traceback" not in said, said[-1500:]
        if code == 2:
            (sentence,) = [line for line in said.splitlines() if line.startswith("firstwords: ")]
            assert "full" in sentence or "No space left" in sentence, sentence
        after = weights(home)
        assert all(after.get(path) == before[path] for path in before if not path.endswith("promoted"))
        filler.unlink()
        assert not [row for row in judged if row not in rows(home)]
        scenario.finish(home, homes.data, wanted)
        assert scenario.state(home) == wanted and not leftovers(home)
        shutil.rmtree(home)
