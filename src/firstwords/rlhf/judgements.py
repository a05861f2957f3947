"""Preferences for stage three from all sources: files, the user's own log, the built-in judge.

The built-in judge stands in for a person: its reward is known and its verdicts are noisy like a person's, so the whole
loop can be checked against the truth (`preferences/annotator.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from firstwords.config import Settings
from firstwords.data.source_stats import SourceStats
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import MAX_SEED, SamplingParams
from firstwords.model.transformer import Transformer
from firstwords.plan.footprint import slots_for
from firstwords.preferences.annotator import UNKNOWN_SHARE, Annotator, Task, all_tasks
from firstwords.preferences.formats import read_preferences, summary
from firstwords.preferences.records import Preference, TooFewError
from firstwords.preferences.store import PreferenceStore
from firstwords.runlog import say, write_json
from firstwords.tokenizer.chat import Message
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train.opening import saved_json
from firstwords.world.town.plumwick import Size

ANSWER_TOKENS = 48  # maximum per answer; the built-in world's are short, and a longer one is the policy's mistake
NORMALISING_PROMPTS = 256  # sampled once each, for mean and std of the reward
SLOTS = 64
PAIRS = "pairs.json"  # in the reward model's run folder: the pairs it was trained on, for methods/bestofn.py
TRIES = 12  # tasks per requested pair: two equal answers cannot be judged


@dataclass
class PreferenceFlags(Settings):
    """The flags that name the preferences of stage three."""

    preferences: list[str] = field(default_factory=lambda: ["log"])
    """Files of preferences, log (what you judged), or world (the built-in judge)."""
    pairs: int = 800
    """Number of preferences from the built-in judge (with --preferences world)."""


@dataclass
class Judged:
    """Preferences, and the judge's probabilities if they are known."""

    preferences: list[Preference]
    probabilities: dict[tuple[str, str, str], float] | None = None  # (prompt key, chosen, rejected) -> P(chosen wins)


@dataclass(frozen=True)
class Answer:
    """An answer that a model sampled. ids: as sampled, including the stop token if there was one."""

    text: str
    stopped: bool
    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...] = ()

    @property
    def sequence(self) -> list[int]:
        """Ids of prompt and answer."""
        return [*self.prompt_ids, *self.ids]


def gather(
    specs: Sequence[str], num_pairs: int, policy: Transformer, tokenizer: Tokenizer, seed: int, town: Size = "whole"
) -> Judged:
    """All preferences from the specs. Raises TooFewError, naming the specs, if there are none."""
    found = Judged(of_people(specs))
    if "world" in specs:
        engine = Engine(policy, tokenizer, num_slots=SLOTS)
        pairs, probabilities = judge_world(engine, tokenizer, num_pairs, seed, town)
        if not found.preferences:  # unknown for people's preferences
            found.probabilities = probabilities
        found.preferences += pairs
    if not found.preferences:
        raise TooFewError(
            f"there are no preferences in {', '.join(specs)}: judge some pairs with "
            "`firstwords teach NAME`, name a file, or use --preferences world"
        )
    return found


def of_people(specs: Sequence[str]) -> list[Preference]:
    """The preferences from files and the log, without those of the built-in judge."""
    found: list[Preference] = []
    if files := [spec for spec in specs if spec not in ("log", "world")]:
        stats = SourceStats()
        found += read_preferences(files, stats)
        for line in stats.lines():
            say(line)
        say(summary(len(found), stats))
    if "log" in specs:
        judged, left_over = PreferenceStore().usable()
        found += judged
        if left_over:
            say(f"left out {left_over} thumbs: each thumbs up needs a thumbs down on the same prompt, and vice versa")
    return found


def choices_of_people(specs: Sequence[str]) -> Iterator[Preference]:
    """Iterate over the preferences of `of_people` without printing anything."""
    if files := [spec for spec in specs if spec not in ("log", "world")]:
        yield from read_preferences(files, SourceStats())
    if "log" in specs:
        yield from PreferenceStore().usable()[0]


def prompts_of_people(specs: Sequence[str]) -> Iterator[Sequence[Message]]:
    """Iterate over the prompts of `of_people` without printing anything, for callers that need only a few."""
    return (preference.prompt for preference in choices_of_people(specs))


def judge_world(
    engine: Engine, tokenizer: Tokenizer, num_pairs: int, seed: int, town: Size = "whole"
) -> tuple[list[Preference], dict[tuple[str, str, str], float]]:
    """Two sampled answers to each task, judged by the built-in judge until there are `num_pairs` verdicts.

    Pairs are as often about unanswerable questions as tasks are. Otherwise they would not be: a model that answers one
    kind of question always alike gives pairs without a difference there, which are left out.
    """
    annotator, room = Annotator(seed), {True: round(num_pairs * UNKNOWN_SHARE)}
    room[False] = num_pairs - room[True]
    waiting = {kind: _numbered(seed, town, kind, TRIES * count) for kind, count in room.items()}
    pairs: list[Preference] = []
    probabilities: dict[tuple[str, str, str], float] = {}
    most = max(1, num_pairs // 2)
    while part := [each for kind, left in room.items() if left for each in islice(waiting[kind], most)]:
        lefts, rights = samples(engine, tokenizer, [task for _, task in part], [(seed, 1), (seed, 2)])
        for (index, task), left, right in zip(part, lefts, rights, strict=True):
            if left.text == right.text or not room[task.is_unanswerable]:
                continue
            pair, chance = _verdict(annotator, task, left, right, index)
            if pair is not None:
                room[task.is_unanswerable] -= 1
                pairs.append(pair)
                probabilities[(pair.prompt_key, pair.chosen, pair.rejected)] = chance
    return pairs, probabilities


def _numbered(seed: int, town: Size, is_unanswerable: bool, count: int) -> Iterator[tuple[int, Task]]:
    """The first `count` tasks of one kind, each with its number among all."""
    asked = enumerate(all_tasks(seed, "train", town))
    return islice(((i, task) for i, task in asked if task.is_unanswerable == is_unanswerable), count)


def _verdict(
    annotator: Annotator, task: Task, left: Answer, right: Answer, index: int
) -> tuple[Preference | None, float]:
    if not (left.text and right.text):
        return None, 0.5
    shown = (left.text, right.text, left.stopped, right.stopped)
    verdict = annotator.judge(task, *shown, index)
    if verdict not in ("left", "right"):
        return None, 0.5
    chance = annotator.fair_probability(task, *shown)
    chosen, rejected = (left, right) if verdict == "left" else (right, left)
    pair = Preference(
        tuple(task.messages),
        chosen.text,
        rejected.text,
        source="world",
        chosen_ids=chosen.ids,
        rejected_ids=rejected.ids,
    )
    return pair, chance if verdict == "left" else 1 - chance


def sample(
    engine: Engine,
    tokenizer: Tokenizer,
    asked: Sequence[Task],
    seed: tuple[int, int],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[Answer]:
    """An answer to each task, a pure function of the model and the seed.

    A prompt that fills the model's context gets an empty text that did not stop.
    """
    return samples(engine, tokenizer, asked, [seed], temperature, top_p)[0]


def samples(
    engine: Engine,
    tokenizer: Tokenizer,
    asked: Sequence[Task],
    seeds: Sequence[tuple[int, int]],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[list[Answer]]:
    """For each seed, the answers that `sample` would give; each prompt is read only once for all of them."""
    prompts = [chat_ids(tokenizer, task.messages) for task in asked]
    shared = [answer_params(seed, temperature, top_p) for seed in seeds]
    fitting = [i for i, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
    own = [
        replace(params, seed=((params.seed or 0) + row) % MAX_SEED) for row in range(len(fitting)) for params in shared
    ]
    made = iter(engine.generate([prompts[i] for i in fitting for _ in seeds], own))
    answers = [[Answer("", False, tuple(prompt)) for prompt in prompts] for _ in seeds]
    for i in fitting:
        for side in answers:
            each = next(made)
            side[i] = Answer(each.text.strip(), each.finish_reason == "stop", tuple(prompts[i]), tuple(each.ids))
    return answers


def answer_params(seed: tuple[int, int], temperature: float = 1.0, top_p: float = 1.0) -> SamplingParams:
    """The decoding parameters of `sample`."""
    base = (seed[0] * 1_000_003 + seed[1]) * 1_000_003
    return SamplingParams(max_tokens=ANSWER_TOKENS, temperature=temperature, top_p=top_p, seed=base)


def sft_samples(
    policy: Transformer, tokenizer: Tokenizer, preferences: Sequence[Preference], seed: int
) -> tuple[list[list[int]], list[int]]:
    """One sampled answer to each of up to NORMALISING_PROMPTS prompts: (ids with the prompt, prompt lengths)."""
    by_prompt = {p.prompt_key: p.prompt for p in preferences}
    prompts = [chat_ids(tokenizer, prompt) for prompt in list(by_prompt.values())[:NORMALISING_PROMPTS]]
    longest = max(map(len, prompts), default=0) + ANSWER_TOKENS
    engine = Engine(policy, tokenizer, num_slots=slots_for(policy.config, SLOTS, longest))
    prompts = [prompt for prompt in prompts if len(prompt) < engine.max_length]
    params = SamplingParams(max_tokens=ANSWER_TOKENS, temperature=1.0, seed=seed)
    answers = engine.generate(prompts, params)
    return [[*prompt, *answer.ids] for prompt, answer in zip(prompts, answers, strict=True)], list(map(len, prompts))


def write_pairs(directory: Path, pairs: Sequence[Preference]) -> None:
    """Keep the texts of the pairs in the run folder."""
    rows = [[list(pair.prompt), pair.chosen, pair.rejected] for pair in pairs]
    write_json(directory / PAIRS, {"pairs": rows})


def read_pairs(directory: Path) -> list[Preference]:
    """The pairs that `write_pairs` kept; none for the reward model of an earlier version."""
    saved = saved_json(directory / PAIRS, ("pairs",)) or {"pairs": []}
    return [Preference(tuple(prompt), chosen, rejected) for prompt, chosen, rejected in saved["pairs"]]
