"""Teach a model by choosing the better of two of its answers, blindly; every verdict is saved at once.

    firstwords teach pip                                   # the promoted stage answers questions of the built-in world
    firstwords teach mine --prompts questions.txt          # a question a line, or `log`: what was judged before
    firstwords teach mine --against sft                    # one side is another stage's; nobody says which
    firstwords teach mine --select disagreement            # pairs on which several reward models disagree

A few pairs come back later with their sides swapped, which shows how consistent one is
(`firstwords preferences stats`). What was saved is learned by `firstwords align NAME`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from random import Random
from typing import Any

from tyro.conf import Positional

from firstwords import home
from firstwords.commands import judging, shared
from firstwords.config import UserError
from firstwords.eval.winrate import pairs_needed
from firstwords.preferences.pairs import RANDOM_SHARE, choose_pair, choose_repeat
from firstwords.preferences.records import prompt_key
from firstwords.preferences.store import Judgement, PreferenceStore

SELECTIONS = ("random", "disagreement")
TARGET_RATE = 0.6  # a win rate worth showing; progress is told towards the verdicts which that takes
CANDIDATES = 4  # answers of which the ensemble chooses two
MAX_FAILED = 20  # prompts in a row without two different answers: the model has made up its mind
MAX_SEED = 2**31


@dataclass
class Teach:
    """Choose the better of two answers, blindly. Example: firstwords teach pip --pairs 20"""

    name: Positional[str]
    """NAME (its promoted stage answers) or NAME/STAGE."""
    against: str = ""
    """Another stage, which gives one of the two answers, on a side that chance chooses."""
    prompts: str = "world"
    """A file with a question a line, log (what was judged before) or world (questions of the built-in world)."""
    pairs: int = 30
    """How many pairs to judge."""
    select: str = "random"
    """random, or disagreement: the pair on which the reward models of this model disagree most."""
    random_share: float = RANDOM_SHARE
    """With --select disagreement: share of the pairs that stays random, to measure the gain."""
    annotator: str = ""
    """Who judges, for a log with several people."""
    max_tokens: int = 80
    """Most tokens of an answer."""
    temperature: float = 1.0
    """Of both sides; 1 samples from the model's own distribution."""
    top_p: float = 1.0
    """Sample from the likeliest tokens whose probabilities add up to this."""
    seed: int | None = None
    """The same seed gives the same questions, answers and sides; without it each time has its own."""
    json: bool = False
    """Print one JSON object at the end."""

    def __post_init__(self) -> None:
        if self.select not in SELECTIONS:
            raise UserError(f"--select is {self.select}, but it must be one of {', '.join(SELECTIONS)}")
        if self.pairs < 1:
            raise UserError(f"--pairs is {self.pairs}, but it must be 1 or more")
        if not 0 <= self.random_share <= 1:
            raise UserError(f"--random-share is {self.random_share}, but it must be between 0 and 1")
        if self.temperature == 0:
            raise UserError("--temperature is 0, but then both answers would be the same: use a positive number")


@dataclass
class Stage:
    """A stage that answers: loaded, with its engine and the hash of its weights."""

    loaded: shared.Loaded
    engine: Any
    hash: str


def main(config: Teach) -> None:
    """Show pairs until enough are judged or the person leaves."""
    params = shared.sampling(max_tokens=config.max_tokens, temperature=config.temperature, top_p=config.top_p)
    seed = secrets.randbelow(MAX_SEED) if config.seed is None else config.seed
    name, refs = _refs(config)
    log = PreferenceStore()
    prompts = _prompts(config, name, log, seed)
    members = load_ensemble(name) if config.select == "disagreement" else []
    stages = [_stage(ref) for ref in refs]
    source = PairSource(config, name, stages, members, params, prompts, seed)
    judged: list[Judgement] = []
    before = decided(log.all(name), stages)
    try:
        while len(judged) < config.pairs and (pair := source.next()) is not None:
            done = f"{before + decided(judged, stages)} of {pairs_needed(TARGET_RATE)} decided"
            said = judging.ask(f"{len(judged) + 1}/{config.pairs} ({done})", pair.prompt, pair.left, pair.right)
            if said is None:
                break
            if said.verdict != "skip":
                reasons = (said.reason,) if said.reason else ()
                pair = replace(pair, verdict=said.verdict, reasons=reasons)
                judged.append(replace(pair, id=log.add(pair)))
                source.keep(judged[-1])
    except KeyboardInterrupt:  # while the model answers; what was judged is in the log
        shared.say("")
    _finish(config, name, log, judged, stages)


def _refs(config: Teach) -> tuple[str, list[str]]:
    """(name of the model, the one or two stages that answer)."""
    directory = home.resolve(config.name)
    if directory.resolve().parent.parent != home.models_dir().resolve():
        raise UserError(f"{config.name} is no model in {home.models_dir()}: teach needs the name of one")
    label = shared.label(directory)
    name = label.partition("/")[0]
    refs = [label]
    if config.against:
        refs.append(shared.label(home.resolve(f"{name}/{config.against.removeprefix(name + '/')}")))
        if refs[0] == refs[1]:
            raise UserError(f"--against {config.against} is the stage that answers already: name another one, or none")
    return name, refs


def _stage(ref: str) -> Stage:
    loaded = shared.load(ref)
    if shared.is_base(loaded.directory) or not loaded.tokenizer.has_chat_tokens:
        raise UserError(f"{ref} continues text and never learned to answer: `firstwords finetune` teaches it")
    return Stage(loaded, loaded.engine(num_slots=CANDIDATES), judging.stage_hash(loaded.directory))


def _prompts(config: Teach, name: str, log: PreferenceStore, seed: int) -> Sequence[tuple[dict[str, str], ...]]:
    if config.prompts == "log":
        found = list({prompt_key(j.prompt): j.prompt for j in log.all(name)}.values())
        if not found:
            raise UserError(f"the log holds no judgement of {name} yet: give --prompts FILE, or take --prompts world")
        Random(f"prompts {seed}").shuffle(found)
        return found
    if config.prompts != "world":
        return judging.file_prompts(config.prompts)
    from firstwords.preferences.annotator import tasks

    return [task.messages for task in tasks(seed, max(100, 2 * config.pairs), "train")]


def load_ensemble(name: str) -> list[Any]:
    """All reward models of a model: runs/NAME/reward/model and the member-* beside it. UserError for fewer than two."""
    folder = home.run_dir(name, "reward")
    found = [path for path in (folder / "model", *sorted(folder.glob("member-*"))) if home.is_model(path)]
    if len(found) < 2:
        raise UserError(
            f"--select disagreement needs an ensemble of two reward models or more, and {folder} holds {len(found)}: "
            f"make one with `firstwords reward {name} --members 3`, or take --select random"
        )
    from firstwords.train.reward_model import load_reward_model

    return [load_reward_model(path) for path in found]


class PairSource:
    """The pairs of a session, one after the other: fresh ones, and now and then an earlier one with swapped sides."""

    def __init__(
        self, config: Teach, name: str, stages: Sequence[Stage], members: Sequence[Any], params: Any,
        prompts: Sequence[tuple[dict[str, str], ...]], seed: int,
    ) -> None:  # fmt: skip
        self.config, self.name, self.stages, self.members = config, name, stages, members
        self.params, self.seed = params, seed
        self._fresh = self._fresh_pairs(prompts)
        self._kept: list[Judgement | None] = []  # of each pair shown the judgement, None where it was skipped
        self._repeat_of: list[int | None] = []  # of each pair shown the place of what it repeats

    def next(self) -> Judgement | None:
        """The next pair to judge, without a verdict; None when the model gives no two different answers any more."""
        # a skipped pair is marked as its own repeat: it is never asked again
        marks = [i if self._kept[i] is None and of is None else of for i, of in enumerate(self._repeat_of)]
        place = choose_repeat(marks, seed=self.seed)
        first = None if place is None else self._kept[place]
        pair = next(self._fresh, None) if first is None else swapped(first)
        if pair is not None:
            self._kept.append(None)
            self._repeat_of.append(place)
        return pair

    def keep(self, judgement: Judgement) -> None:
        """Take note that the pair shown last was judged."""
        self._kept[-1] = judgement

    def _fresh_pairs(self, prompts: Sequence[tuple[dict[str, str], ...]]) -> Iterator[Judgement]:
        failed = 0
        for number, prompt in enumerate(cycle(prompts)):
            pair = self._pair(prompt, f"{self.seed} {number}")
            failed = 0 if pair else failed + 1
            if pair:
                yield pair
            elif failed >= MAX_FAILED:
                shared.say(f"{failed} questions in a row had no two different answers that fit: change --prompts")
                return

    def _pair(self, prompt: tuple[dict[str, str], ...], key: str) -> Judgement | None:
        """Candidates of every stage and the two of them that are shown; None where no two can be."""
        config, draw = self.config, Random(f"answers {key}")
        num_each = (CANDIDATES if self.members else 2) // len(self.stages)
        texts, seeds, groups = [], [], []
        for group, stage in enumerate(self.stages):
            ids = shared.chat_ids(stage.loaded.tokenizer, list(prompt))
            if len(ids) >= stage.loaded.context:
                return None
            of_stage = [draw.randrange(MAX_SEED) for _ in range(num_each)]
            answers = stage.engine.generate([ids] * num_each, [replace(self.params, seed=s) for s in of_stage])
            texts += [answer.text.strip() for answer in answers]
            seeds += of_stage
            groups += [group] * num_each
        scores_MC = None
        if self.members:
            fitting = [i for i, text in enumerate(texts) if self._fits(prompt, text)]
            texts, seeds, groups = ([rows[i] for i in fitting] for rows in (texts, seeds, groups))
            scores_MC = ensemble_scores(self.members, prompt, texts)
        models = groups if len(self.stages) > 1 else None
        pair = choose_pair(texts, scores_MC, seed=key, random_share=config.random_share, groups=models)
        if pair is None:
            return None
        left, right = (self.stages[groups[side]] for side in (pair.left, pair.right))
        params = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
        params |= {"left": left.loaded.label, "right": right.loaded.label}
        if self.members:
            params |= {"random_share": config.random_share, "disagreement": pair.disagreement}
            params |= {"members": [member.hash for member in self.members]}
        return Judgement(
            prompt, texts[pair.left], texts[pair.right], left_stage=left.hash, right_stage=right.hash, params=params,
            left_seed=seeds[pair.left], right_seed=seeds[pair.right], annotator=config.annotator, model=self.name,
            selection=pair.selection,
        )  # fmt: skip

    def _fits(self, prompt: tuple[dict[str, str], ...], text: str) -> bool:
        """Whether every reward model can read an answer: as text it may have more tokens than when it was sampled."""
        from firstwords.train.reward_model import answer_ids

        limits = ((m.model.config.max_position_embeddings, m.tokenizer) for m in self.members)
        return all(len(answer_ids(tokenizer, prompt, text)) <= limit for limit, tokenizer in limits)


def ensemble_scores(members: Sequence[Any], prompt: tuple[dict[str, str], ...], texts: Sequence[str]) -> Any:
    """(M, C): the normalised reward of every candidate by every member."""
    import numpy as np

    return np.stack([member.score([(prompt, text) for text in texts]) for member in members])


def swapped(first: Judgement) -> Judgement:
    """An earlier pair to be judged anew, its sides exchanged."""
    params = first.params | {"left": first.params["right"], "right": first.params["left"]}
    return replace(
        first, left=first.right, right=first.left, left_stage=first.right_stage, right_stage=first.left_stage,
        left_seed=first.right_seed, right_seed=first.left_seed, params=params, verdict="tie", reasons=(), created="",
        id=None, repeat_of=first.id,
    )  # fmt: skip


def decided(judgements: Sequence[Judgement], stages: Sequence[Stage]) -> int:
    """Verdicts for one side, without repeats and imports; where two stages answer, only those on these two."""
    hashes = {stage.hash for stage in stages}
    return sum(
        j.verdict in ("left", "right") and j.repeat_of is None and j.selection != "import"
        and (len(stages) == 1 or {j.left_stage, j.right_stage} == hashes)
        for j in judgements
    )  # fmt: skip


def _finish(config: Teach, name: str, log: PreferenceStore, judged: list[Judgement], stages: list[Stage]) -> None:
    """What was saved, who won, how many verdicts are still missing, and what to do with them."""
    needed, done = pairs_needed(TARGET_RATE), decided(log.all(name), stages)
    wins = {stage.loaded.label: 0 for stage in stages}
    for j in judged:
        if j.repeat_of is None and j.verdict in ("left", "right"):
            wins[j.params[j.verdict]] += 1
    if config.json:
        facts = {"model": name, "judged": len(judged), "decided": done, "needed": needed}
        shared.emit(facts | {"wins": wins if len(stages) > 1 else None})
        return
    about = f"{stages[0].loaded.label} against {stages[-1].loaded.label}" if len(stages) > 1 else name
    print(f"{len(judged)} judgements saved; {done} decided pairs of {about} are in the log")
    if len(stages) > 1:
        print(f"in this round {' and '.join(f'{label} was preferred {n} times' for label, n in wins.items())}")
    if done < needed:
        print(f"{needed} show a preference of {TARGET_RATE:.0%} four times in five: {needed - done} to go")
    if log.preferences(name):
        print(f"next: firstwords align {name}")
