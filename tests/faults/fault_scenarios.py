"""The table of commands that are interrupted or run on a full disk: small runs of every command that writes to a home.

For another part of firstwords, add a row to SCENARIOS.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forks import Child, run, start

from firstwords import promotions

WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "saw",
    "an",
    "old",
    "dog",
    "run",
    "to",
    "its",
    "red",
    "house",
    "sea",
)
SHAPE = ["--hidden-size", "64", "--layers", "1", "--vocab-size", "280", "--context", "64", "--batch-tokens", "256"]
FIXED = ["--precision", "fp32", "--threads", "1", "--compile", "no"]
STEPS = 6


# ---- what must not be lost -------------------------------------------------------------------------------------------


def weights(home: Path) -> dict[str, str]:
    """sha256 of every saved model, and what `promoted` says: {path in the home: hash}.

    A folder of the trash is named after the moment of its making; here it is called trash/0, trash/1 ...
    """
    full = [folder for folder in sorted(home.glob("trash/*")) if any(folder.rglob("model.safetensors"))]
    trashed = {folder.name: str(number) for number, folder in enumerate(full)}

    def place(path: Path) -> str:
        top, *rest = path.relative_to(home).parts
        return "/".join([top, trashed.get(rest[0], rest[0]), *rest[1:]])

    found = {
        place(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("model.safetensors"))
        if not any(part.startswith(".") for part in path.relative_to(home).parts)
    }
    for path in [*home.glob("models/*/promoted"), *home.glob("trash/*/model/promoted")]:
        found[place(path)] = path.read_text(encoding="utf-8").strip()
    return found


def lost(before: dict[str, str], after: dict[str, str], is_moving: bool) -> list[str]:
    """The saved models of `before` that are missing in `after`, in their place or, for commands that move, anywhere."""
    there = set(after.values())
    return [
        path
        for path, contents in before.items()
        if not path.endswith("promoted") and (contents not in there if is_moving else after.get(path) != contents)
    ]


def way_back(home: Path) -> dict[str, list[str]]:
    """The stages that each model's name meant before, as `rollback` goes back through them."""
    found = {}
    for folder in sorted(home.glob("models/*")):
        promoted = (folder / "promoted").read_text(encoding="utf-8").strip() if (folder / "promoted").exists() else ""
        present = sorted(path.parent.name for path in folder.glob("*/model.safetensors"))
        found[folder.name] = promotions.earlier(folder, present, promoted)
    return found


def rows(home: Path) -> list[tuple[Any, ...]]:
    """The judgements in the database, without ids and times."""
    path = home / "firstwords.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'judgements'").fetchone():
            return []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        names = 'prompt, "left", "right", verdict, model, origin, origin_hash'
        return sorted(connection.execute(f"SELECT {names} FROM judgements").fetchall())


def tokenizer(home: Path) -> str:
    """What `tokenizer train` has written."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted((home / "tokenizer").glob("*.json")))


def chats(home: Path) -> list[str]:
    """The different questions in the database, answered or not."""
    path = home / "firstwords.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone():
            return []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        rows = connection.execute("SELECT DISTINCT content FROM messages WHERE role = 'user'")
        return sorted(row[0] for row in rows)


def leftovers(home: Path) -> list[str]:
    """Files that only an interrupted process leaves behind."""
    marks = (".writing", ".old", ".new", ".part", ".partial", ".latest", "promoted.new", "text.jsonl", ".best")
    return [
        str(path.relative_to(home))
        for path in sorted(home.rglob("*"))
        if any(mark in path.name for mark in marks) and path.name not in ("best.safetensors",)
    ]


Check = Callable[[Path], Any]


# ---- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stopped:
    """A command that SIGTERM stops in the middle of a step; it saves its state and ends with the code 143."""

    words: str
    stage: str
    step: int


Step = str | Stopped


@dataclass(frozen=True)
class Scenario:
    """A command that may be interrupted at any moment, and how it is completed afterwards.

    `words` are those of the command line; {data} is the folder of inputs. `before` are complete commands whose results
    it needs. `resumed` is typed after an interruption if there is something to resume; otherwise the command itself is
    typed again. `checks` give the required results.
    """

    name: str
    words: str
    before: tuple[Step, ...] = ()
    resumed: str = ""
    hook: str = "fault_scenarios:save_always"
    checks: tuple[Check, ...] = (weights, rows, way_back)
    is_moving: bool = False  # whether it moves models, whose weights may then be anywhere in the home

    def run(self, home: Path, data: Path, resume: bool = False, hook: str = "", **options: Any) -> tuple[int, str]:
        """(exit code, what it said) of the command; `hook` with its options runs before the scenario's own."""
        return self.start(home, data, resume, hook, **options).done()

    def start(self, home: Path, data: Path, resume: bool = False, hook: str = "", **options: Any) -> Child:
        """Begin the command in that home."""
        argv = split(self.resumed if resume else self.words, data, home)
        more = {"hook": hook, "options": options | {"then": self.hook}} if hook else {"hook": self.hook}
        log = data / f"{home.parent.name}-{home.name}.log"  # beside the home's disk, which may be full
        return start(argv, home, log, **more)

    def finish(self, home: Path, data: Path, wanted: Any) -> str:
        """Complete an interrupted command as its user would; returns its output. Asserts that it worked."""
        said = ""
        if self.is_moving and self.state(home) != wanted:
            code, said = run(["models"], home, data / f"{home.parent.name}-{home.name}.log")
            assert code == 0, said
        if self.resumed and self.state(home) != wanted:
            code, said = self.run(home, data, resume=True)
            assert code == 0 or (code == 2 and "there is no run of" in said), said
        if self.state(home) != wanted:
            state = self.state(home)
            code, said = self.run(home, data)
            assert code == 0, f"{said} (it was {state} instead of {wanted})"
        return said

    def state(self, home: Path) -> Any:
        """The results that must equal those of an undisturbed command."""
        return [check(home) for check in self.checks]


def split(words: str, data: Path, home: Path = Path()) -> list[str]:
    """A line of the table as words; {shape} and {fixed} are the flags that make a run small and repeatable."""
    flags = {"{shape}": SHAPE, "{fixed}": FIXED}
    places = {"{data}": str(data), "{home}": str(home)}
    found = [w for word in words.split() for w in flags.get(word, [word])]
    for mark, place in places.items():
        found = [word.replace(mark, place) for word in found]
    return found


PRETRAIN = f"pretrain --name pip --text {{data}}/text.txt {{shape}} {{fixed}} --steps {STEPS}"
FINETUNE = f"finetune pip --chats {{data}}/chats.jsonl --batch-tokens 128 {{fixed}} --steps {STEPS}"
REWARD = "reward pip --preferences {data}/preferences.jsonl --threads 1 --steps 4"
RLOO = "align pip --preferences {data}/preferences.jsonl --threads 1 --steps 2"
DPO = "align pip --preferences {data}/preferences.jsonl --threads 1 --steps 3 --method dpo"
LEARN = (
    "learn --name pip --text {data}/text.txt --chats {data}/chats.jsonl --preferences {data}/preferences.jsonl "
    "--minutes 4 --threads 1 --precision fp32"
)
AGAIN, RETAUGHT, RELEARN = (f"{words} --seed 1" for words in (PRETRAIN, FINETUNE, LEARN))
CHATS = "serve --port 0"  # with a hook that writes two chats in place of a server
TOKENIZER = "tokenizer train --text {data}/text.txt --vocab-size 280 --out {home}/tokenizer"
IMPORT = "preferences import {data}/preferences.jsonl {data}/more.jsonl --model pip"

SCENARIOS = (
    Scenario("pretrain", PRETRAIN, resumed=f"{PRETRAIN} --resume"),
    Scenario("finetune", FINETUNE, (PRETRAIN,), f"{FINETUNE} --resume"),
    Scenario("reward", REWARD, (PRETRAIN, FINETUNE), f"{REWARD} --resume"),
    Scenario("rloo", RLOO, (PRETRAIN, FINETUNE), f"{RLOO} --resume"),
    Scenario("dpo", DPO, (PRETRAIN, FINETUNE), f"{DPO} --resume"),
    Scenario("learn", LEARN, (), f"{LEARN} --resume", "fault_scenarios:tiny_learn"),
    Scenario("import", IMPORT),
    Scenario("add", "preferences add --prompt Why? --chosen So. --rejected No.", (IMPORT,), checks=(rows,)),
    Scenario("promote", "promote pip base", (PRETRAIN, FINETUNE)),
    Scenario("rollback", "rollback pip", (PRETRAIN, FINETUNE, "promote pip base")),
    Scenario("tokenizer", TOKENIZER, checks=(tokenizer,)),
    Scenario("replace", f"{AGAIN} --replace", (PRETRAIN, FINETUNE, RLOO), f"{AGAIN} --resume", is_moving=True),
    Scenario("refinetune", f"{RETAUGHT} --replace", (PRETRAIN, FINETUNE, RLOO), f"{RETAUGHT} --resume", is_moving=True),
    Scenario(
        "relearn", f"{RELEARN} --replace", (LEARN,), f"{RELEARN} --resume", "fault_scenarios:tiny_learn", is_moving=True
    ),
    Scenario("delete", "models delete pip", (PRETRAIN, FINETUNE), is_moving=True),
    Scenario("delete-stage", "models delete pip/sft", (PRETRAIN, FINETUNE), is_moving=True),
    Scenario("restore", "models restore pip", (PRETRAIN, FINETUNE, "models delete pip"), is_moving=True),
    Scenario("rename", "models rename pip tom", (PRETRAIN, FINETUNE), is_moving=True),
    Scenario("copy", "models copy pip tom", (PRETRAIN, FINETUNE), is_moving=True),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


# ---- hooks: what runs in a child before its command ------------------------------------------------------------------


def save_always() -> None:
    """A checkpoint after every step."""
    from firstwords.train import run as train_run

    train_run.SAVE_EVERY_SECONDS = -1.0


def tiny_learn() -> None:
    """`learn` with stages of a few steps, so that it is repeatable and short."""
    from firstwords import pipeline as learn
    from firstwords.rlhf import align

    save_always()
    shape = {"hidden_size": 64, "layers": 1, "vocab_size": 280, "context": 64, "batch_tokens": 256, "compile": "no"}
    small = {
        (learn, "Pretrain"): shape | {"steps": 4},
        (align, "Align"): {"steps": 2},
        (learn, "Finetune"): {"steps": 4, "batch_tokens": 128, "compile": "no"},
    }
    for (module, name), fixed in small.items():  # the remaining minutes, and so the plans, differ from run to run
        kind = getattr(module, name)
        setattr(module, name, lambda kind=kind, fixed=fixed, **flags: kind(**flags | fixed | {"minutes": 1.0}))


def stopped_at(stage: str, step: int, then: str = "fault_scenarios:save_always") -> None:
    """SIGTERM in the middle of that step of that stage."""
    import os
    import signal

    from firstwords.train.run import Run

    globals()[then.partition(":")[2]]()
    finish = Run.finish_step

    def stopping(self: Any, *arguments: Any) -> None:
        if self.stage == stage and self.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        finish(self, *arguments)

    Run.finish_step = stopping


# ---- inputs and homes ------------------------------------------------------------------------------------------------


def write_inputs(folder: Path) -> Path:
    """text.txt, chats.jsonl, preferences.jsonl and more.jsonl: a few dozen lines each."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    documents = ["\n".join(" ".join(draw.choices(WORDS, k=9)) + "." for _ in range(6)) for _ in range(60)]
    (folder / "text.txt").write_text("\n\n".join(documents), encoding="utf-8")
    (folder / "questions.txt").write_text("Say the.\nSay cat.\n", encoding="utf-8")
    chats = [
        {"messages": [{"role": "user", "content": f"Say {a} {b}."}, {"role": "assistant", "content": f"{a} {b}"}]}
        for a, b in zip(WORDS * 5, WORDS[3:] * 5, strict=False)
    ]
    _write_lines(folder / "chats.jsonl", chats)
    for name, first in (("preferences", 0), ("more", 40)):
        rows = [
            {"prompt": f"Say {WORDS[i % 17]} {i}.", "chosen": f"{WORDS[i % 17]} {WORDS[i % 5]}", "rejected": "no no"}
            for i in range(first, first + 40)
        ]
        _write_lines(folder / f"{name}.jsonl", rows)
    return folder


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@dataclass
class Homes:
    """Homes to start from, each made once: `copy(commands)` is a fresh copy of what these commands leave behind."""

    folder: Path
    data: Path
    _made: dict[tuple[Step, ...], Path] = field(default_factory=dict)
    _count: int = 0

    def made(self, commands: tuple[Step, ...]) -> Path:
        """The home after these commands. Do not write into it."""
        if commands not in self._made:
            home = self.copy(commands[:-1]) if commands else self.fresh()
            if commands:
                self._run(commands[-1], home)
            self._made[commands] = home
        return self._made[commands]

    def _run(self, step: Step, home: Path) -> None:
        log = home.with_suffix(".log")
        if isinstance(step, Stopped):
            options = {"stage": step.stage, "step": step.step, "then": hook_of(step.words)}
            code, said = run(split(step.words, self.data), home, log, hook=f"{__name__}:stopped_at", options=options)
            assert code == 143, said
        else:
            code, said = run(split(step, self.data), home, log, hook=hook_of(step))
            assert code == 0, said

    def copy(self, commands: tuple[Step, ...]) -> Path:
        """A copy of it, to write into."""
        home = self.fresh()
        shutil.copytree(self.made(commands), home, dirs_exist_ok=True)
        return home

    def fresh(self) -> Path:
        """An empty home."""
        self._count += 1
        home = self.folder / f"home-{self._count}"
        home.mkdir(parents=True)
        return home


def hook_of(words: str) -> str:
    """The hook that a line of the table needs."""
    if words.startswith("learn"):
        return "fault_scenarios:tiny_learn"
    return "fault_requests:write_chats" if words == CHATS else "fault_scenarios:save_always"
