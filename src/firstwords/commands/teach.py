"""Teach a model by choosing the better of two unlabelled answers; every verdict is saved at once.

    firstwords teach pip                                   # the promoted stage answers built-in questions
    firstwords teach mine --prompts questions.txt          # one question per line, or `log`: prompts judged before
    firstwords teach mine --against sft                    # one answer is from another stage; the sides are hidden
    firstwords teach mine --select disagreement            # pairs on which several reward models disagree
    firstwords teach pip --live                            # the model learns from each choice at once
    firstwords teach pip --keep                            # compare what it learned live, and keep it as rlhf-N

A few pairs come back later with their sides swapped, which measures the judge's consistency
(`firstwords preferences stats`). `firstwords align NAME` trains on the saved verdicts.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from firstwords import api, home
from firstwords.commands import judging, shared
from firstwords.commands.shared import JsonFlag, SamplingFlags
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.preferences.pairs import RANDOM_SHARE
from firstwords.preferences.records import prompt_key
from firstwords.preferences.store import Judgement, PreferenceStore
from firstwords.rlhf.pair_choice import CANDIDATES, MAX_FAILED, MAX_SEED, TARGET_RATE, PairSource, Prompt, Side, decided
from firstwords.runlog import say
from firstwords.stats import pairs_needed

if TYPE_CHECKING:
    from firstwords.engine.request import Completion
    from firstwords.engine.sampling import SamplingParams
    from firstwords.rlhf.live.session import LiveSession

SELECTIONS = ("random", "disagreement", "uncertainty")


@dataclass(kw_only=True)
class Teach(SamplingFlags, JsonFlag):
    """Choose the better of two unlabelled answers. Example: firstwords teach pip --pairs 20"""

    name: Positional[str]
    """NAME (its promoted stage answers) or NAME/STAGE."""
    against: str = ""
    """Another stage, which gives one of the two answers, on a random side."""
    prompts: str = "world"
    """A file with one question per line, log (prompts judged before) or world (about the built-in world)."""
    pairs: int = 30
    """Number of pairs to judge."""
    select: str = "random"
    """random; disagreement: the pair on which the reward models of this model disagree most; or uncertainty: the
    answers of which the model is most and least certain."""
    random_share: float = RANDOM_SHARE
    """Share of pairs that are still chosen at random with another --select, to measure the gain."""
    live: bool = False
    """Learn from each choice at once, show what it changed, and answer again (small models only)."""
    keep: bool = False
    """Compare what was taught live with the stage it began at, keep it as rlhf-N, and promote it if it is better."""
    annotator: str = ""
    """Name of the judge, for a log shared by several people."""
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    """The same seed gives the same questions, answers and sides (default: a new seed each time)."""

    def __post_init__(self) -> None:
        if self.select not in SELECTIONS:
            raise UserError(f"--select is {self.select}, but it must be one of {', '.join(SELECTIONS)}")
        if self.pairs < 1:
            raise UserError(f"--pairs is {self.pairs}, but it must be 1 or more")
        if not 0 <= self.random_share <= 1:
            raise UserError(f"--random-share is {self.random_share}, but it must be between 0 and 1")
        if (self.live or self.keep) and self.against:
            raise UserError("--live and --keep are about the promoted stage: leave out --against")
        if self.temperature == 0:
            raise UserError("--temperature is 0, but then both answers would be the same: use a positive number")


def main(config: Teach) -> None:
    """Show pairs until enough are judged or the person leaves."""
    if config.keep:
        _keep(config)
        return
    params = replace(config.params(), logprobs=0 if config.select == "uncertainty" else None)
    seed = secrets.randbelow(MAX_SEED) if config.seed is None else config.seed
    name, refs = _refs(config)
    log = PreferenceStore()
    prompts = _prompts(config, name, log, seed)
    members = load_ensemble(name) if config.select == "disagreement" else []
    lesson = _lesson(config, name) if config.live else None
    sides = [_side(ref, params) for ref in refs] if lesson is None else [_live_side(lesson, params)]
    hashes = [side.hash for side in sides]
    kept = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    source = PairSource(
        name, sides, prompts, kept, seed, config.annotator, members, config.random_share, config.select == "uncertainty"
    )
    judged: list[Judgement] = []
    before = decided(log.all(name), hashes)
    try:
        while len(judged) < config.pairs:
            if lesson is not None:
                source.sides = [_live_side(lesson, params)]
            shown = source.next()
            if shown is None:
                say(f"{MAX_FAILED} questions in a row did not give two different answers that fit: change --prompts")
                break
            pair, done = shown.pair, f"{before + decided(judged, hashes)} of {pairs_needed(TARGET_RATE)} decided"
            choice = judging.ask(f"{len(judged) + 1}/{config.pairs} ({done})", pair.prompt, pair.left, pair.right)
            if choice is None:
                break
            if choice.verdict != "skip":
                reasons = (choice.reason,) if choice.reason else ()
                pair = replace(pair, verdict=choice.verdict, reasons=reasons)
                judged.append(replace(pair, id=log.add(pair)))
                source.keep(shown.place, judged[-1])
                if lesson is not None:
                    _learn(lesson, judged[-1])
    except KeyboardInterrupt:  # while the model is answering; all verdicts are already in the log
        say("")
    _finish(config, name, log, judged, sides)


def _refs(config: Teach) -> tuple[str, list[str]]:
    """(model name, the one or two stages that answer)."""
    directory = home.resolve(config.name)
    if directory.resolve().parent.parent != home.models_dir().resolve():
        raise UserError(f"{config.name} is not a model in {home.models_dir()}: teach needs a model's name")
    label = api.label(directory)
    name = label.partition("/")[0]
    refs = [label]
    if config.against:
        refs.append(api.label(home.resolve(f"{name}/{config.against.removeprefix(name + '/')}")))
        if refs[0] == refs[1]:
            raise UserError(f"--against {config.against} is the stage that already answers: name another one, or none")
    return name, refs


def _side(ref: str, params: SamplingParams) -> Side:
    """A stage that answers, with its own engine."""
    loaded = api.load(ref)
    loaded.check_can_chat()
    engine = loaded.engine(num_slots=CANDIDATES)

    def answer(prompt: Prompt, seeds: Sequence[int]) -> list[Completion] | None:
        ids = loaded.whole_chat_ids(prompt)
        return engine.generate([ids] * len(seeds), [replace(params, seed=seed) for seed in seeds]) if ids else None

    return Side(loaded.label, loaded.hash, answer, loaded.tokenizer.hash)


def _lesson(config: Teach, name: str) -> LiveSession:
    """The live lesson of this judge, rebuilt if it was interrupted."""
    from firstwords.rlhf.live.session import LiveSession
    from firstwords.train.learner import prepare_process

    prepare_process(threads=1)  # faster for a small model, and as the server learns
    lesson = LiveSession(name, config.annotator)
    say(f"teaching {name} live, after {counted(len(lesson.choices), 'choice')}: {lesson.checked.sentence}")
    return lesson


def _live_side(lesson: LiveSession, params: SamplingParams) -> Side:
    """The live lesson as it is now."""

    def answer(prompt: Prompt, seeds: Sequence[int]) -> list[Completion] | None:
        return lesson.sample(prompt, seeds, params)

    return Side(f"{lesson.name}/live", lesson.hash, answer, lesson.tokenizer.hash)


def _learn(lesson: LiveSession, judged: Judgement) -> None:
    """Learn from a verdict, and say what it changed."""
    from math import exp

    from firstwords.keeping import locks

    preference = judged.preference
    if preference is None or judged.repeat_of is not None:
        return
    assert judged.id is not None
    with locks.held([lesson.name], "teach"):
        step = lesson.choose(preference, judged.id)
    moved = (f"{exp(was):.2%} -> {exp(now):.2%}" for was, now in zip(step.before, step.after, strict=True))
    chosen, rejected = moved
    what = {"refused": "not learned, it would have harmed what it knew", "gently": "learned at a lower rate"}
    say(f"  {what.get(step.outcome, 'learned')}: your choice {chosen}, the other {rejected}; {step.check.sentence}")
    say(f"  now it answers: {step.answer}")


def _keep(config: Teach) -> None:
    """Compare and keep what was taught live."""
    from dataclasses import asdict

    from firstwords.keeping import locks
    from firstwords.process import recorded
    from firstwords.rlhf.live.keep import keep
    from firstwords.train.learner import prepare_process

    name, _ = _refs(config)
    with locks.held([name], "teach"), recorded(home.run_dir(name), "teach", asdict(config)):
        prepare_process(threads=1)  # as the choices were learned
        kept = keep(name, config.annotator, config.seed or 0)
    if config.json:
        shared.emit(kept)
        return
    state = "promoted" if kept["promoted"] else "not promoted"
    print(f"kept as {name}/{kept['stage']}, {state}: {kept['reason']}")


def _prompts(config: Teach, name: str, log: PreferenceStore, seed: int) -> Sequence[Prompt]:
    if config.prompts == "log":
        found = list({prompt_key(j.prompt): j.prompt for j in log.all(name)}.values())
        if not found:
            raise UserError(f"the log holds no judgements of {name} yet: use --prompts FILE or --prompts world")
        Random(f"prompts {seed}").shuffle(found)
        return found
    if config.prompts != "world":
        return judging.file_prompts(config.prompts)
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks

    town = town_size(home.stage_dir(name, home.promoted(name)))
    return [task.messages for task in tasks(seed, max(100, 2 * config.pairs), "train", town)]


def load_ensemble(name: str) -> list[Any]:
    """All reward models of a model: runs/NAME/reward/model and member-*. Raises UserError for fewer than two."""
    from firstwords.rlhf.reward_model import ensemble_dirs, load_reward_model

    found, folder = ensemble_dirs(name), home.run_dir(name, "reward")
    if len(found) < 2:
        raise UserError(
            f"--select disagreement needs an ensemble of at least two reward models, but {folder} holds {len(found)}: "
            f"train one with `firstwords reward {name} --members 3`, or use --select random"
        )
    return [load_reward_model(path) for path in found]


def _finish(config: Teach, name: str, log: PreferenceStore, judged: list[Judgement], sides: list[Side]) -> None:
    """Print what was saved, who won, how many more verdicts are needed, and the next command."""
    needed, done = pairs_needed(TARGET_RATE), decided(log.all(name), [side.hash for side in sides])
    wins = {side.label: 0 for side in sides}
    for j in judged:
        if j.repeat_of is None and j.verdict in ("left", "right"):
            wins[j.params[j.verdict]] += 1
    if config.json:
        facts = {"model": name, "judged": len(judged), "decided": done, "needed": needed}
        shared.emit(facts | {"wins": wins if len(sides) > 1 else None})
        return
    about = f"{sides[0].label} against {sides[-1].label}" if len(sides) > 1 else name
    pairs = f"{counted(done, 'decided pair')} of {about} {'is' if done == 1 else 'are'} in the log"
    print(f"{counted(len(judged), 'judgement')} saved; {pairs}")
    if len(sides) > 1:
        preferred = (f"{label} was preferred {counted(n, 'time')}" for label, n in wins.items())
        print(f"in this round {' and '.join(preferred)}")
    if done < needed:
        print(f"detecting a {TARGET_RATE:.0%} preference with 80 % power takes {needed}: {needed - done} to go")
    if config.live:
        print(f"next: firstwords teach {name} --keep")
    elif log.preferences(name):
        print(f"next: firstwords align {name}")
