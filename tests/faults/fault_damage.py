"""What can happen to a file of a home, and which commands read which file."""

from __future__ import annotations

import ctypes
import fnmatch
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fault_scenarios import (
    CHATS,
    DPO,
    FINETUNE,
    IMPORT,
    LEARN,
    PRETRAIN,
    REWARD,
    RLOO,
    Step,
    Stopped,
)

JSON_DAMAGES = {"list": b"[]", "string": b'"x"', "object": b"{}", "null": b"null", "latin1": b'{"stage": "caf\xe9"}'}
DAMAGES = ("emptied", "cut", "removed", "random", "folder", "forbidden", *JSON_DAMAGES)
TEXT_FILES = ("*.json", "*.jsonl", "*.svg", "*/promoted", "*/parent", "*/latest")


def damages_of(file: str) -> Iterator[str]:
    """The damages to try on a file: contents of the wrong kind only if it holds text."""
    if "/checkpoints/" in file and not file.endswith("progress.json"):
        yield from ("emptied", "cut", "removed")  # the checkpoint before it is taken, whatever it is
        return
    is_text = any(fnmatch.fnmatch(file, pattern) for pattern in TEXT_FILES)
    yield from (damage for damage in DAMAGES if is_text or damage not in JSON_DAMAGES)


def damage(path: Path, kind: str) -> None:
    """Apply this damage to a file."""
    whole = path.read_bytes()
    if kind == "emptied":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "random":
        path.write_bytes(random.Random(len(whole)).randbytes(max(64, len(whole))))
    elif kind == "forbidden":
        path.chmod(0)
    elif kind in JSON_DAMAGES:
        path.write_bytes(JSON_DAMAGES[kind])
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()


@dataclass(frozen=True)
class Reading:
    """A command that reads files of a home, and which files those are (patterns of paths in the home)."""

    words: str
    files: tuple[str, ...]
    typed: str = ""
    hook: str = ""


BASE, SFT, RLHF = "models/pip/base/*", "models/pip/sft/*", "models/pip/rlhf-1/*"
PROMOTED, DATABASE, REWARD_MODEL = "models/pip/promoted", "firstwords.db*", "runs/pip/reward/model/*"
ASK = "serve"  # with the hook below: requests to a server in place of a server
ASKED = "fault_requests:ask_everything"

LISTED = (  # of runs, what the page shows
    "runs/pip/learn.json",
    "runs/pip/compare.json",
    "runs/pip/align/align.json",
    "runs/pip/*/plan.json",
    "runs/pip/*/metrics.jsonl",
)
FINISHED: tuple[Step, ...] = (PRETRAIN, FINETUNE, RLOO, IMPORT, CHATS)
READINGS = (
    Reading("models", (BASE, SFT, RLHF, PROMOTED)),
    Reading("models --json", (PROMOTED,)),
    Reading("next the --model pip/base", (BASE,)),
    Reading("next the --model pip", (SFT, PROMOTED)),
    Reading("complete the --max-tokens 4", (BASE,)),
    Reading("chat --model pip --max-tokens 4", (SFT, PROMOTED), "Say the.\n"),
    Reading("chat --demo --model pip/rlhf-1 --max-tokens 2", (RLHF,)),
    Reading("stages the --model pip --max-tokens 4", (BASE, SFT, RLHF)),
    Reading("eval pip/base --bpb {data}/text.txt", (BASE,)),
    Reading("eval pip/sft --exam --limit 1", (SFT,)),
    Reading("tokenizer show cat --model pip/base", (BASE,)),
    Reading("compare pip/rlhf-1 pip/sft --limit 2 --judge truth", (RLHF, SFT)),
    Reading("compare pip/sft pip/base --prompts {data}/questions.txt --judge pip --max-tokens 8", (REWARD_MODEL, SFT)),
    Reading("promote pip rlhf-1", (RLHF, PROMOTED)),
    Reading("rollback pip", (PROMOTED,)),
    Reading("teach pip --pairs 1", (SFT, PROMOTED, DATABASE), "q\n"),
    Reading("preferences stats", (DATABASE,)),
    Reading("preferences list", (DATABASE,)),
    Reading("preferences add --prompt Why? --chosen So. --rejected No.", (DATABASE,)),
    Reading("preferences export {data}/exported.jsonl", (DATABASE,)),
    Reading("doctor", (DATABASE,)),
    Reading(ASK, (BASE, SFT, RLHF, PROMOTED, DATABASE, *LISTED), hook=ASKED),
    Reading(f"{FINETUNE} --replace", (BASE,)),
    Reading(REWARD, (SFT,)),
    Reading(DPO, (RLHF, PROMOTED, "runs/pip/align/*")),
)


@dataclass(frozen=True)
class Interrupted:
    """A run that was stopped, how it is resumed, and the files that it resumes from."""

    commands: tuple[Step, ...]
    words: str
    files: tuple[str, ...]
    hook: str = ""


INTERRUPTED = {
    "pretrain": Interrupted((Stopped(PRETRAIN, "base", 3),), f"{PRETRAIN} --resume", ("runs/pip/base/*",)),
    "finetune": Interrupted((PRETRAIN, Stopped(FINETUNE, "sft", 3)), f"{FINETUNE} --resume", ("runs/pip/sft/*",)),
    "reward": Interrupted(
        (PRETRAIN, FINETUNE, Stopped(REWARD, "reward", 2)), f"{REWARD} --resume", ("runs/pip/reward/*",)
    ),
    "align": Interrupted(
        (PRETRAIN, FINETUNE, Stopped(RLOO, "rlhf-1", 1)),
        f"{RLOO} --resume",
        ("runs/pip/align/*", "runs/pip/reward/model/*", "runs/pip/rlhf-1/*"),
    ),
    "dpo": Interrupted(
        (PRETRAIN, FINETUNE, Stopped(DPO, "rlhf-1", 1)), f"{DPO} --resume", ("runs/pip/align/*", "runs/pip/rlhf-1/*")
    ),
    "learn": Interrupted(
        (Stopped(LEARN, "sft", 2),),
        f"{LEARN} --resume",
        ("runs/pip/learn.json", "runs/pip/sft/*.json"),
        "fault_scenarios:tiny_learn",
    ),
}


def files(home: Path, patterns: tuple[str, ...]) -> list[str]:
    """The files of a home that match; those that only describe a process are left out."""
    found = (str(path.relative_to(home)) for path in sorted(home.rglob("*")) if path.is_file())
    return [file for file in found if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]


def drop_override() -> None:
    """Drop root's capability to ignore file permissions from this process (Linux)."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for index in (0, 1):  # effective, permitted: CAP_DAC_OVERRIDE is 1, CAP_DAC_READ_SEARCH 2
        sets[index] &= ~0b110
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def inventory(home: Path) -> set[str]:
    """Every file of a home, without those that a server or a database adds."""
    return {
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm", "job.json"))
    }


def copied(source: Path, target: Path) -> Path:
    """A fresh copy of a home, in place of what is at `target`."""
    if target.exists():
        for path in target.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(target)
    shutil.copytree(source, target)
    return target
