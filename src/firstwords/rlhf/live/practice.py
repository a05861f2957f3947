"""Practice between choices: the model answers other questions, and learns from the pairs in which its taste is clear.

    practice = Practice(questions_of(parent, chats), seed=0)
    practice.pairs(engine, established, number=41)    -> [Preference(prompt, "Red.", "The ball is red."), ...]

One choice says little, and a model that repeats single pairs learns their words by heart. What the choices establish
together (`preferences/taste.py`: shorter answers, say) holds for every question. So the model samples a few answers to
some questions that it was fine-tuned on, and the pair that differs most in that taste is learned like a choice. Only
answers that are equally right take part, where the truth is known, and otherwise answers that agree in whether they
claim to know: a person who likes short answers has not asked for wrong ones. Before a taste is established, nothing is
practised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from firstwords.engine.sampling import MAX_SEED, SamplingParams
from firstwords.model.card import knows_world, town_size
from firstwords.preferences.annotator import tasks
from firstwords.preferences.records import Preference
from firstwords.preferences.taste import Taste, strength_of
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.chats.checks import Check, abstains, passes

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.engine.request import Completion
    from firstwords.tokenizer.chat import Message

QUESTIONS = 12  # answered for each choice
ANSWERS = 6  # to each question
ANSWER_TOKENS = 48
WORLD_QUESTIONS = 1500  # to draw from


@dataclass(frozen=True)
class Exercise:
    """A question, and what makes an answer right, if that is known."""

    prompt: tuple[Message, ...]
    check: Check | None = None


def exercises(parent: Path, prompts: Sequence[tuple[Message, ...]], seed: int) -> list[Exercise]:
    """Questions to practise on: of the built-in world if the model knows it, else `prompts`."""
    if not knows_world(parent):
        return [Exercise(prompt) for prompt in prompts]
    asked = tasks(seed + 11, WORLD_QUESTIONS, "train", town_size(parent))
    return [Exercise(task.messages, task.check) for task in asked]


class Practice:
    """Draws questions and answers, a pure function of (weights, seed, number of the choice, established tastes)."""

    def __init__(self, asked: Sequence[Exercise], seed: int = 0) -> None:
        self.asked, self.seed = list(asked), seed

    def pairs(self, engine: Engine, established: Sequence[Taste], number: int) -> list[Preference]:
        """Pairs of the model's own answers in which these tastes are clear; clears the engine's cache."""
        assert engine.tokenizer is not None
        if not established:
            return []
        engine.forget()  # the last bits of an answer depend on what is cached
        draw = Random(f"practice {self.seed} {number}")
        asked = draw.sample(self.asked, min(QUESTIONS, len(self.asked)))
        encoded = [(each, chat_ids(engine.tokenizer, each.prompt)) for each in asked]
        encoded = [(each, ids) for each, ids in encoded if len(ids) < engine.max_length]
        params = [SamplingParams(max_tokens=ANSWER_TOKENS, seed=draw.randrange(MAX_SEED)) for _ in encoded * ANSWERS]
        answers = engine.generate([ids for _, ids in encoded for _ in range(ANSWERS)], params)
        groups = [answers[i : i + ANSWERS] for i in range(0, len(answers), ANSWERS)]
        found = (clearest(each, group, established) for (each, _), group in zip(encoded, groups, strict=True))
        return [preference for preference in found if preference is not None]


def clearest(exercise: Exercise, answers: Sequence[Completion], established: Sequence[Taste]) -> Preference | None:
    """The two answers that differ most in these tastes, the better one as chosen; None if none differ."""
    texts = list(dict.fromkeys(a.text.strip() for a in answers if a.finish_reason == "stop" and a.text.strip()))
    if exercise.check is not None:
        check = exercise.check
        texts = [text for text in texts if passes(check, text)]
    best, most = None, 0.0
    for one, other in combinations(texts, 2):
        if exercise.check is None and abstains(one) != abstains(other):
            continue
        strength = strength_of(established, exercise.prompt, one, other)
        if abs(strength) > most:
            most = abs(strength)
            best = (one, other) if strength > 0 else (other, one)
    return Preference(exercise.prompt, *best, source="practice") if best else None
