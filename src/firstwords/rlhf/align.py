"""Stage three as one command: preferences -> reward model -> policy -> measured comparison -> promotion, or not.

    firstwords align pip --preferences world --minutes 2
    firstwords align mine --preferences preferences.jsonl --method dpo

The new version is promoted if it is better at chat temperature and worse on no measurement; the rule, and how it treats
noise, is in `eval/promotion.py`. One that is better but worse in a part of the exam is tried with three quarters of
what it learned, then with less (`strength.py`). For the built-in world, answers are judged by the known truth on
held-out questions: how often does the new version win against the one before, both sampled as in a chat? At
temperature 1, at which policies are trained, a version wins merely by being more confident; the chat's temperature
gives that advantage to both, so temperature 1 is not measured. A version that wins also takes the exam, and so does the
one before unless its card has the same exam already. Both count towards --minutes.

For people's preferences a reward model cannot judge the policy that was trained on it. What can be counted is measured:
the taste that the preferences establish ("shorter answers"), how often the new version suits it better, the exam and
the refusals. Your own choices in Teach (`log`, alone or with `world`) decide in this way if the model knows the
built-in world, whose truth can be checked. Otherwise a person has to judge:

    firstwords compare NAME/rlhf-1 NAME/sft --judge human

One line gives the decision and its reason: here, in `align.json`, on the version's card, in the report and on the page.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from firstwords import home
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError, flag_of, given, mark_given
from firstwords.eval.promotion import Decision, Measured, decide
from firstwords.eval.winrate import win_rate
from firstwords.flags import Positional
from firstwords.model.card import knows_world, town_size
from firstwords.model.hub import add_metrics, read_card, read_config
from firstwords.plain_text import counted
from firstwords.plan.threads import ALL
from firstwords.preferences.taste import tastes_of
from firstwords.rlhf import provenance as seen
from firstwords.rlhf import reward
from firstwords.rlhf.by_taste import QUESTIONS, compared, decided, in_words, questions_for
from firstwords.rlhf.compare import compare_on_world, examined, open_engine
from firstwords.rlhf.judgements import PreferenceFlags, choices_of_people
from firstwords.rlhf.live.check import chats_of_stage_two
from firstwords.rlhf.methods import bestofn, dpo, grpo, ppo, rloo
from firstwords.rlhf.methods.bestofn import BestofnOptions
from firstwords.rlhf.methods.dpo import DpoOptions
from firstwords.rlhf.methods.grpo import GrpoOptions
from firstwords.rlhf.methods.ppo import PpoOptions
from firstwords.rlhf.methods.rloo import RlooOptions
from firstwords.rlhf.pair_rows import longest_row
from firstwords.rlhf.policy_data import check_prompts
from firstwords.rlhf.strength import can_weaken, told, weaken
from firstwords.rlhf.version_store import next_stage, parent_dir, sft_dir
from firstwords.runlog import RESTORE, damaged, say, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import adapters
from firstwords.train.adapters import AdapterFlags
from firstwords.train.machine import usable_device
from firstwords.train.opening import changed_flags, has_begun, saved_json, say_complete, training
from firstwords.train.run_flags import RunFlags, check_counts, check_minutes, check_rate

BY_REWARD: dict[str, tuple[Callable[[Any], Path], type[Any]]] = {
    "bestofn": (bestofn.main, bestofn.Bestofn),
    "rloo": (rloo.main, rloo.Rloo),
    "ppo": (ppo.main, ppo.Ppo),
    "grpo": (grpo.main, grpo.Grpo),
}
OPTIONS = {"bestofn": BestofnOptions, "rloo": RlooOptions, "grpo": GrpoOptions, "ppo": PpoOptions, "dpo": DpoOptions}
METHODS = tuple(OPTIONS)
REWARD_SHARE = 0.3  # of --minutes, for the reward model of an imported model; others take seconds
COMPARE_SECONDS = 8.0  # reserved for the comparison and two exams, which together take half of its time


@dataclass
class Align(AdapterFlags, PreferenceFlags, RunFlags):
    """Learn from preferences (stage three): reward model, policy, and a comparison with the previous version."""

    name: Positional[str] = ""
    """Name of the model; its promoted stage is improved and saved as rlhf-N (default: the newest model)."""
    method: Literal["bestofn", "rloo", "grpo", "ppo", "dpo"] = "bestofn"
    """bestofn, rloo, grpo, ppo (a reward model scores the policy's own answers), or dpo (the preferences alone)."""
    minutes: float = 3.0
    """Time for reward model, policy and comparison; with dpo, only if it is given, else --dpo.epochs decides."""
    steps: int = 0
    """Number of policy steps (0 = use --minutes); makes a run exactly repeatable."""
    learning_rate: float = 1.0
    """Multiplier for the policy's learning rate."""
    bestofn: BestofnOptions = field(default_factory=BestofnOptions)
    rloo: RlooOptions = field(default_factory=RlooOptions)
    grpo: GrpoOptions = field(default_factory=GrpoOptions)
    ppo: PpoOptions = field(default_factory=PpoOptions)
    dpo: DpoOptions = field(default_factory=DpoOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minutes(self)
        check_counts(self, "steps")
        check_rate(self)
        if self.method not in METHODS:
            raise UserError(f"--method is {self.method}, but it must be one of {', '.join(METHODS)}")


def check(config: Align) -> str | None:
    """With --resume, the version that a completed run made; None if there is something to do."""
    sft_dir(config.name)
    if not config.resume:
        parent_dir(config.name)  # refuses a stage that cannot chat
        _check_options(config)
        return None
    file = home.run_dir(config.name, "align") / "align.json"
    if not file.exists() and (home.run_dir(config.name, next_stage(config.name)) / "config.json").exists():
        raise UserError(f"{file} is missing, and the run cannot continue without it: {RESTORE}")
    if not file.exists():
        raise UserError(f"there is no run of {config.name} to resume: start without --resume")
    saved = _saved(file)
    if not saved.get("done"):
        return None
    made = f"{config.name}/{saved.get('made')}"
    say_complete(f"the last run of align {config.name}", f"; it made {made}, {ended(saved)}")
    return made


def _check_options(config: Align) -> None:
    """Raise UserError for options of a method other than the chosen one."""
    for name in sorted(given(config)):
        method, dot, _ = name.partition(".")
        if dot and method != config.method:
            raise UserError(
                f"{flag_of(name)} is an option of --method {method}, but --method is {config.method}: "
                f"add --method {method}, or leave it out"
            )


def ended(state: dict[str, Any]) -> str:
    """Whether a version was promoted, in words."""
    return "which was promoted" if state.get("promoted") else f"not promoted: {state.get('reason') or 'unknown'}"


@training("align", check)
def main(config: Align) -> None:
    """Train the next version, compare it with the one before, and promote it if it is better."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "align")
    config, state = _open(config, directory)
    before = home.stage_dir(config.name, state["before"])
    if not state["made"]:
        new = (
            _by_dpo(config, state, directory)
            if state["method"] == "dpo"
            else _by_reward(config, state, directory, started)
        )
        if new is None:
            _close(config, state, Decision(False, f"no improvement: no step was better than {before.name}"))
            return
        state["made"] = new.name
        write_json(directory / "align.json", state)
    new = home.stage_dir(config.name, state["made"])
    decision = measured(config, state, new, before)
    while decision.losses and can_weaken(new):
        share = weaken(new, before)
        say(f"{decision.reason}: trying {share:.0%} of what it learned")
        decision = measured(config, state, new, before)
    if decision.is_promoted and not _promote(config.name, new.name, before.name):
        decision = Decision(False, f"{config.name} was switched from {before.name} to another version in the meantime")
    _close(config, state, decision)


def measured(config: Align, state: dict[str, Any], new: Path, before: Path) -> Decision:
    """The decision about a version: by the truth, or by people's taste. If taste promotes nothing, a person judges."""
    state.pop("command", None)
    if "world" in state["preferences"] and not has_own_taste(state["preferences"]):
        decision = judge(config, new, before)
    else:
        decision = judge_by_taste(config, state, new, before)
        if not decision.is_promoted:
            state["command"] = f"firstwords compare {config.name}/{new.name} {config.name}/{before.name} --judge human"
    return told(decision, new, before)


def has_own_taste(specs: Sequence[str]) -> bool:
    """Whether the owner's own choices establish a taste. It then counts instead of the built-in judge's."""
    return "log" in specs and set(specs) <= {"log", "world"} and bool(tastes_of(list(choices_of_people(["log"]))))


def judge(config: Align, new: Path, before: Path) -> Decision:
    """Compare two versions by the known truth, sampled as in a chat; if the new one wins, also by the exam."""
    device = usable_device(config.device)
    rows, (now, then) = compare_on_world(new, before, config.seed, device, give_up=True)
    result = win_rate(rows)
    found = {
        "before": before.name,
        "honesty": now,
        "honesty_before": then,
        "temperature": CHAT_TEMPERATURE,
        "top_p": CHAT_TOP_P,
    } | vars(result)
    write_json(home.run_dir(config.name, new.name) / "compare.json", found)
    say(
        f"{new.name} against {before.name} at temperature {CHAT_TEMPERATURE}, as in a chat: wins {result.wins}, ties "
        f"{result.ties}, losses {result.losses}; win rate {result.win_rate:.1%} ({result.low:.1%}-{result.high:.1%}): "
        f"{result.verdict}"
    )
    say(
        f"invents answers to {now['invented']:.1%} of the unanswerable questions ({before.name}: "
        f"{then['invented']:.1%}), refuses {now['refused']:.1%} of the answerable ones ({before.name}: "
        f"{then['refused']:.1%})"
    )
    if result.verdict != "better":
        return decide(new.name, before.name, result, None, None)
    sides = [Measured(examined(path, device), side["refused"]) for path, side in ((new, now), (before, then))]
    return decide(new.name, before.name, result, *sides)


def judge_by_taste(config: Align, state: dict[str, Any], new: Path, before: Path) -> Decision:
    """Compare two versions by the taste that people's preferences establish, as far as they establish one."""
    yourself = "Compare the two yourself"
    established = tastes_of(list(choices_of_people(state["preferences"])))
    if not established:
        noise = _noise(config.name) if state["method"] != "dpo" else ""
        return Decision(False, f"the preferences show no taste that can be measured{noise}. {yourself}")
    device, tokenizer = usable_device(config.device), Tokenizer.load(new)
    try:
        prompts = [] if knows_world(new) else chats_of_stage_two(new.parent, tokenizer, config.seed).prompts
        asked = questions_for(new, tokenizer, prompts, config.seed, QUESTIONS, read_config(new).max_position_embeddings)
    except UserError:  # an imported model, or the chats of stage two are gone
        return Decision(False, f"what trained a model must not judge it, and there are no other questions. {yourself}")
    say(f"comparing {new.name} with {before.name}: {counted(len(asked), 'question')}, each answered twice by both")
    openers = partial(open_engine, new, device), partial(open_engine, before, device)
    rows, refused = compared(openers, asked, established, config.seed)
    result = win_rate(rows)
    found = {"before": before.name, "temperature": CHAT_TEMPERATURE, "top_p": CHAT_TOP_P} | vars(result)
    tastes = [asdict(taste) for taste in established]
    write_json(home.run_dir(config.name, new.name) / "compare.json", found | {"tastes": tastes})
    decision = decided(new, before, result, refused, device)
    if decision is None:
        rate = f"{result.win_rate:.1%} ({result.low:.1%}-{result.high:.1%})"
        won = f"{new.name} wins {rate} against {before.name} in a chat"
        decision = Decision(False, f"{won}, but whether its answers are right can't be measured")
    elif decision.is_promoted and not set(state["preferences"]) <= {"log", "world"}:
        decision = Decision(False, f"{decision.reason}; but these may be other people's preferences")
    ending = "" if decision.is_promoted else f". {yourself}"
    return replace(decision, reason=f"by the taste shown ({in_words(established)}), {decision.reason}{ending}")


def _noise(name: str) -> str:
    """Whether the reward model did no better than chance on preferences it had not seen; empty if it did."""
    card = read_card(reward.members(home.run_dir(name, "reward"), 1)[0])
    found = ((card.get("metrics") or {}).get("report_card") or {}).get("accuracy") or {}
    if not found or found["low"] > 0.5:
        return ""
    rate = f"{found['rate']:.0%} ({found['low']:.0%}-{found['high']:.0%})"
    return f", and the reward model, right on {rate} of those held out, is no better than chance: they may be noise"


def _promote(name: str, new: str, before: str) -> bool:
    """Promote a version that is better than `before`, unless another one was promoted in the meantime."""
    if home.promoted(name) not in (before, new):
        return False
    home.set_promoted(name, new, by="align")
    return True


def _close(config: Align, state: dict[str, Any], decision: Decision) -> None:
    """Print the decision and save it for the report, the page and the list of models."""
    name, before, made = config.name, state["before"], state["made"]
    reason = ": ".join(filter(None, (decision.reason, state.get("command"))))
    if decision.is_promoted:
        say(f"promoted: {name} now uses {made} (was {before}), because {reason}")
    else:
        say(f"not promoted: {reason}")
    if made:
        entry = {"before": before, "promoted": decision.is_promoted, "reason": decision.reason}
        add_metrics(home.stage_dir(name, made), {"promotion": entry})
    ended = {"done": True, "promoted": decision.is_promoted, "reason": reason}
    write_json(home.run_dir(name, "align") / "align.json", state | ended)


def _open(config: Align, directory: Path) -> tuple[Align, dict[str, Any]]:
    """(flags, contents of `align.json`) of a new or interrupted run."""
    file = directory / "align.json"
    if not config.resume:
        state = {
            "method": config.method,
            "preferences": config.preferences,
            "reward": False,
            "version": "",
            "made": "",
            "before": parent_dir(config.name).name,
            "config": asdict(config),
        }
        if config.method != "dpo":  # before a reward model is trained for nothing
            path = sft_dir(config.name)
            limit = longest_row(path, read_config(path))
            max_tokens = getattr(config, config.method).max_tokens
            check_prompts(config.preferences, Tokenizer.load(path), limit, max_tokens, config.seed, town_size(path))
        write_json(file, state)
        return config, state
    saved = _saved(file)
    flags = asdict(config) | (saved.get("config") or {})  # runs of earlier versions have only the next two
    flags |= {"method": saved["method"], "preferences": saved["preferences"]}
    changed = changed_flags(config, flags, ("device", "threads"))
    try:
        nested = {method: kind(**flags.get(method) or {}) for method, kind in OPTIONS.items()}
        resumed = Align(**(flags | changed | nested | {"name": config.name, "resume": True}))
    except (TypeError, UserError) as error:
        raise damaged(file, str(error)) from None
    if not saved["made"] and (version := saved.get("version")) in home.stages(config.name):
        if (home.stage_dir(config.name, version) / seen.SEEN).exists():  # saved, but killed before this was recorded
            saved["made"] = version
        else:
            shutil.rmtree(home.stage_dir(config.name, version))
    return mark_given(resumed, changed), saved


def _saved(file: Path) -> dict[str, Any]:
    """The state of an earlier run. Raises UserError for a damaged file."""
    kinds = {"method": str, "preferences": list, "reward": bool, "made": str, "before": str}
    saved = saved_json(file, tuple(kinds)) or {}
    wrong = [key for key, kind in kinds.items() if not isinstance(saved.get(key), kind)]
    if wrong or saved["method"] not in METHODS:
        raise damaged(file, f"{wrong[0] if wrong else 'method'} is of the wrong kind")
    return saved


def _resuming(config: Align, stage: Any) -> Any:
    """A stage's flags, marked so that flags changed for this run also apply when the stage is resumed."""
    return mark_given(stage, given(config) & {"device", "threads", "lora"})


def _shared(config: Align) -> dict[str, Any]:
    threads = config.threads or (ALL if config.steps else 0)  # a run with --steps is repeatable as a whole
    shared = {"name": config.name, "seed": config.seed, "device": config.device, "threads": threads}
    return shared | adapters.flags_of(config)


def _has_begun(config: Align, stage: str) -> bool:
    """Whether a resumed run had already reached this stage."""
    return config.resume and has_begun(home.run_dir(config.name, stage))


def _begin(config: Align, state: dict[str, Any], directory: Path) -> bool:
    """Record which version is being made; returns whether this run had begun it before an interruption.

    The folder alone does not show that: an earlier run that saved nothing may have left it.
    """
    version = next_stage(config.name)
    had_begun = _has_begun(config, version) and state.get("version", version) == version
    write_json(directory / "align.json", state | {"version": version})
    state["version"] = version
    return had_begun


def _by_dpo(config: Align, state: dict[str, Any], directory: Path) -> Path | None:
    shared = _shared(config) | {"resume": _begin(config, state, directory)}
    flags = dpo.Dpo(
        preferences=state["preferences"],
        pairs=config.pairs,
        steps=config.steps,
        learning_rate=config.learning_rate,
        minutes=config.minutes if "minutes" in given(config) else 0.0,
        **asdict(config.dpo),
        **shared,
    )
    return dpo.main(_resuming(config, flags))


def _by_reward(config: Align, state: dict[str, Any], directory: Path, started: float) -> Path:
    if not state["reward"]:
        shared = _shared(config) | {"resume": _has_begun(config, "reward")}
        minutes = 0.0 if config.steps else REWARD_SHARE * config.minutes
        flags = reward.Reward(preferences=state["preferences"], pairs=config.pairs, minutes=minutes, **shared)
        reward.main(_resuming(config, flags))
        state["reward"] = True
        write_json(directory / "align.json", state)
    left = config.minutes * 60 - (time.perf_counter() - started) - COMPARE_SECONDS
    shared = _shared(config) | {"resume": _begin(config, state, directory), "minutes": max(left, 5.0) / 60}
    stage, kind = BY_REWARD[state["method"]]
    flags = kind(
        prompts=state["preferences"],
        steps=config.steps,
        learning_rate=config.learning_rate,
        **asdict(getattr(config, state["method"])),
        **shared,
    )
    return stage(_resuming(config, flags))
