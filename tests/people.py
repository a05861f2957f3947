"""Simulated people who teach: one who likes short answers, one who likes polite ones, one who chooses at random.

Each chooses between two answers by a measure of their own, which also says afterwards whether a model follows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from firstwords import home
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.hub import load_model
from firstwords.preferences.records import Judgement, Preference, prompt_key
from firstwords.preferences.store import PreferenceStore
from firstwords.rlhf.live.session import LiveSession, LiveStep
from firstwords.rlhf.pair_choice import PairSource, Side
from firstwords.stats import cluster_interval
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.chats.checks import words

PARAMS = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 48}
COURTESY = {"please", "thank", "thanks", "sorry"}


@dataclass(frozen=True)
class Person:
    """worth(answer, draw): of two answers the one worth more is chosen, equal ones are a tie."""

    name: str
    worth: Callable[[str, Random], float]
    is_random: bool = False


SHORT = Person("short", lambda answer, draw: -float(len(answer.split())))
POLITE = Person("polite", lambda answer, draw: float(bool(COURTESY & set(words(answer)))))
RANDOM = Person("random", lambda answer, draw: draw.random(), is_random=True)
PEOPLE = {person.name: person for person in (SHORT, POLITE, RANDOM)}


def teach(session: LiveSession, person: Person, prompts: Sequence[Any], number: int, seed: int = 0) -> list[LiveStep]:
    """Let a person judge up to `number` pairs of the model as it is then, which learns from each."""
    draw, log, steps = Random(f"person {seed}"), PreferenceStore(), []
    source = PairSource(session.name, [_side(session)], prompts, PARAMS, seed, session.annotator)
    for _ in range(number):
        source.sides = [_side(session)]
        shown = source.next()
        if shown is None:  # it always gives the same answers now
            break
        judged = judge(person, shown.pair, draw)
        judged = Judgement(**{**vars(judged), "id": log.add(judged)})
        source.keep(shown.place, judged)
        preference = judged.preference
        if preference is not None and judged.repeat_of is None:
            steps.append(session.choose(preference, judged.id))
    return steps


def judge(person: Person, pair: Judgement, draw: Random) -> Judgement:
    left, right = person.worth(pair.left, draw), person.worth(pair.right, draw)
    verdict = "tie" if left == right else "left" if left > right else "right"
    return Judgement(**{**vars(pair), "verdict": verdict})


def choices(person: Person, name: str, prompts: Sequence[Any], number: int, seed: int = 0) -> list[Preference]:
    """Up to `number` choices of a person between two sampled answers of the promoted stage, as Teach logs them."""
    stage = home.stage_dir(name, home.promoted(name))
    tokenizer = Tokenizer.load(stage)
    engine, draw, log = Engine(load_model(stage), tokenizer, num_slots=32), Random(f"person {seed}"), PreferenceStore()
    made: list[Preference] = []
    for turn in range(-(-4 * number // len(prompts))):
        ids = [chat_ids(tokenizer, prompt) for prompt in prompts]
        sides = [engine.generate(ids, SamplingParams(**PARAMS, seed=1000 * turn + 7 * seed + n)) for n in (1, 500)]
        for prompt, *pair in zip(prompts, *sides, strict=True):
            left, right = (answer.text.strip() for answer in pair)
            judged = judge(person, Judgement(tuple(prompt), left, right, "tie", model=name), draw)
            if left != right and left and right and (preference := judged.preference) is not None:
                log.add(judged)
                made.append(preference)
            if len(made) == number:
                return made
    return made


def _side(session: LiveSession) -> Side:
    def answer(prompt: Any, seeds: Sequence[int]) -> Any:
        return session.sample(prompt, seeds, SamplingParams(**PARAMS))

    return Side(f"{session.name}/live", "live", answer, session.tokenizer.hash)


def followed(person: Person, new: Engine, old: Engine, prompts: Sequence[Any], samples: int = 2) -> dict[str, float]:
    """How often a person, by their own measure, likes the new model's answers in a chat better: a tie is half a win."""
    outcomes = defaultdict(list)
    for number in range(samples):
        sides = []
        for side, engine in enumerate((new, old)):
            engine.refresh()
            params = SamplingParams(max_tokens=48, temperature=0.5, top_p=0.95, seed=7 + 10 * number + side)
            sides.append(engine.generate([chat_ids(engine.tokenizer, prompt) for prompt in prompts], params))
        draw = Random(number)
        for prompt, one, other in zip(prompts, *sides, strict=True):
            now, then = person.worth(one.text, draw), person.worth(other.text, draw)
            outcomes[prompt_key(prompt)].append(0.5 if now == then else float(now > then))
    every = [outcome for each in outcomes.values() for outcome in each]
    low, high = cluster_interval(list(outcomes.values()))
    found = {"rate": sum(every) / len(every), "low": low, "high": high, "ties": every.count(0.5) / len(every)}
    return found | {"n": len(every)}
