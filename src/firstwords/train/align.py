"""Stage three as one command: preferences -> reward model -> policy -> a measured comparison -> promoted, or not.

    firstwords align pip --preferences world --minutes 2
    firstwords align mine --preferences preferences.jsonl --method dpo

The new version becomes the model's voice only where the interval of its win rate against the version before excludes
one half, and not where it wins by refusing: a model that knows little is worth more by the judge's rules when it says
"I do not know" to everything, and nobody wants to talk to it; nor where it is worse at a chat's temperature. On the
built-in world the comparison is made by the known truth, on questions kept apart; elsewhere a person has to judge
(`firstwords compare NAME/rlhf-1 NAME/sft --judge human`), because the reward model that was optimised cannot be the
judge.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from firstwords import home
from firstwords.config import CHAT_TEMPERATURE, UserError
from firstwords.eval.winrate import WinRate, win_rate
from firstwords.process import records
from firstwords.runlog import RESTORE, damaged, read_state
from firstwords.train import dpo, grpo, ppo, reward, rloo
from firstwords.train.compare import compare_on_world
from firstwords.train.machine import usable_device
from firstwords.train.run import check_flags, write_json
from firstwords.train.threads import ALL
from firstwords.train.versions import next_stage
from firstwords.train.watch import say

BY_REWARD = {"rloo": (rloo.main, rloo.Rloo), "ppo": (ppo.main, ppo.Ppo), "grpo": (grpo.main, grpo.Grpo)}
METHODS = (*BY_REWARD, "dpo")
MAX_REFUSED = 0.10  # of what can be known; a version that refuses more, and more than the one before, is not promoted
COMPARE_SECONDS = 16.0  # kept back for the comparisons


@dataclass
class Align:
    """Learn from preferences (stage three): reward model, policy, and a comparison with the version before."""

    name: tyro.conf.Positional[str] = "mine"
    """Name of the model; its promoted stage is improved and rlhf-N is written."""
    preferences: list[str] = field(default_factory=lambda: ["log"])
    """Files of preferences, log (what you judged), or world (the built-in world's own judge)."""
    pairs: int = 400
    """Preferences that the built-in judge gives (with --preferences world)."""
    method: str = "rloo"
    """rloo, ppo or grpo (a reward model, then the policy's own answers), or dpo (the preferences alone)."""
    minutes: float = 3.0
    """Time for reward model, policy and comparison; dpo reads the pairs a fixed number of times instead."""
    steps: int = 0
    """Policy steps instead of the time (exactly repeatable)."""
    resume: bool = False
    """Continue the interrupted run of that name, with the flags that it was started with."""
    seed: int = 0
    """Seed of everything."""
    learning_rate: float = 1.0
    """Multiplies the policy's learning rate."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 0
    """CPU threads (0 = one per core, fewer while other programs need them)."""

    def __post_init__(self) -> None:
        check_flags(self)
        if self.method not in METHODS:
            raise UserError(f"--method is {self.method}, but it must be one of {', '.join(METHODS)}")


@records("align")
def main(config: Align) -> None:
    """Make the next version, compare it with the one before, and promote it if it is better."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "align")
    state = _open(config, directory)
    before = home.stage_dir(config.name, state["before"])
    if not state["made"] and _was_saved(config, state):  # it was interrupted between saving and remembering that
        state["made"] = state["making"]
    if not state["made"]:
        state["making"] = next_stage(config.name)
        write_json(directory / "align.json", state)
        new = _by_dpo(config, state) if state["method"] == "dpo" else _by_reward(config, state, directory, started)
        state["made"] = new.name
        write_json(directory / "align.json", state)
    new = home.stage_dir(config.name, state["made"])
    if "world" in state["preferences"]:
        is_promoted, reason = judge(config, new, before)
    else:
        is_promoted, reason = False, (
            "the reward model cannot judge what it has taught. Compare them yourself: "
            f"firstwords compare {config.name}/{new.name} {config.name}/{before.name} --judge human"
        )
    say(f"promoted: {config.name} now means {config.name}/{new.name}" if is_promoted else f"not promoted: {reason}")
    write_json(directory / "align.json", state | {"done": True, "promoted": is_promoted, "reason": reason})


def judge(config: Align, new: Path, before: Path) -> tuple[bool, str]:
    """Compare two versions by the known truth and promote the new one if it is better; (whether it was, why not)."""
    result, now, then = _compared(config, new, before, "compare.json", 1.0)
    say(
        f"{new.name} against {before.name}: wins {result.wins}, ties {result.ties}, losses {result.losses}; "
        f"{_said(result)}"
    )
    say(
        f"invents an answer to {now['invented']:.1%} of what nobody can know ({before.name}: {then['invented']:.1%}), "
        f"refuses {now['refused']:.1%} of what can be known ({before.name}: {then['refused']:.1%})"
    )
    if result.verdict != "better":
        return False, f"it is not shown to be better than {before.name}"
    if wins_by_refusing(now, then):
        return False, f"it is worth more only because it refuses more than {MAX_REFUSED:.0%} of what can be known"
    # a policy is trained at temperature 1, where much can be won by being sure of oneself; a chat's does that already
    in_chat, _, _ = _compared(config, new, before, "compare-chat.json", CHAT_TEMPERATURE)
    say(f"at temperature {CHAT_TEMPERATURE}, as in a chat: {_said(in_chat)}")
    if in_chat.verdict == "worse":
        return False, f"it is better where answers are drawn at temperature 1, but worse at {CHAT_TEMPERATURE}"
    home.set_promoted(config.name, new.name)
    return True, ""


def _compared(
    config: Align, new: Path, before: Path, file: str, temperature: float
) -> tuple[WinRate, dict[str, float], dict[str, float]]:
    """The win rate at a temperature and both sides' `honesty`, kept in a file of the new version's run too."""
    device = usable_device(config.device)
    rows, (now, then) = compare_on_world(new, before, config.seed, device, temperature=temperature)
    result = win_rate(rows)
    found = {"before": before.name, "honesty": now, "honesty_before": then} | vars(result)
    write_json(home.run_dir(config.name, new.name) / file, found)
    return result, now, then


def _said(result: WinRate) -> str:
    return f"win rate {result.win_rate:.1%} ({result.low:.1%}-{result.high:.1%}): {result.verdict}"


def _open(config: Align, directory: Path) -> dict[str, Any]:
    """What `align.json` remembers: a fresh state, or that of the run that was interrupted."""
    if not config.resume:
        state = {"method": config.method, "preferences": config.preferences, "reward": False, "made": "",
                 "before": home.resolve(config.name).name}  # fmt: skip
        write_json(directory / "align.json", state)
        return state
    path = directory / "align.json"
    saved = read_state(path)
    if saved is None and (home.run_dir(config.name, next_stage(config.name)) / "config.json").exists():
        raise UserError(f"{path} is missing, without which the run cannot continue: {RESTORE}")
    if saved is None or saved.get("done"):
        raise UserError(f"there is no run of {config.name} to resume: start without --resume")
    kinds = {"method": str, "preferences": list, "reward": bool, "made": str, "before": str}
    wrong = [key for key, kind in kinds.items() if not isinstance(saved.get(key), kind)]
    if wrong or saved["method"] not in METHODS:
        raise damaged(path, f"{wrong[0] if wrong else 'method'} is missing or of the wrong kind")
    return saved


def _was_saved(config: Align, state: dict[str, Any]) -> bool:
    """Whether the version that an interrupted run was making is there, whole."""
    return bool(state.get("making")) and state["making"] in home.stages(config.name)


def wins_by_refusing(now: dict[str, float], then: dict[str, float]) -> bool:
    """Whether a version refuses more answerable questions than it may and than the version before (`honesty`)."""
    return now["refused"] > max(MAX_REFUSED, then["refused"])


def _shared(config: Align) -> dict[str, Any]:
    threads = config.threads or (ALL if config.steps else 0)  # a run of --steps is repeatable, reward model included
    return {"name": config.name, "seed": config.seed, "device": config.device, "threads": threads}


def _has_begun(config: Align, stage: str) -> bool:
    """Whether a run that resumes had come to this stage."""
    return config.resume and (home.run_dir(config.name, stage) / "config.json").exists()


def _by_dpo(config: Align, state: dict[str, Any]) -> Path:
    shared = _shared(config) | {"resume": _has_begun(config, next_stage(config.name))}
    return dpo.main(
        dpo.Dpo(
            preferences=state["preferences"], pairs=config.pairs, steps=config.steps,
            learning_rate=config.learning_rate, **shared,
        )
    )  # fmt: skip


def _by_reward(config: Align, state: dict[str, Any], directory: Path, started: float) -> Path:
    if not state["reward"]:
        shared = _shared(config) | {"resume": _has_begun(config, "reward")}
        reward.main(reward.Reward(preferences=state["preferences"], pairs=config.pairs, **shared))
        state["reward"] = True
        write_json(directory / "align.json", state)
    left = config.minutes * 60 - (time.perf_counter() - started) - COMPARE_SECONDS
    again = _has_begun(config, next_stage(config.name))
    shared = _shared(config) | {"resume": again, "minutes": max(left, 5.0) / 60}
    stage, flags = BY_REWARD[state["method"]]
    return stage(flags(prompts=state["preferences"], steps=config.steps, learning_rate=config.learning_rate, **shared))
