"""Chats that compare the ages of two people, and the table of opposites that the chats and the exam share."""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import pick
from firstwords.world.town import knowledge as know
from firstwords.world.town.plumwick import Town


def older(rng: Random, town: Town) -> list[Turn]:
    """Two people compared by age."""
    one, other = rng.sample(town.people, 2)
    while one.age == other.age:
        one, other = rng.sample(town.people, 2)
    word = pick(rng, ("older", "younger"))
    right = max(one, other, key=lambda p: p.age) if word == "older" else min(one, other, key=lambda p: p.age)
    question = pick(rng, ("Who is {w}, {a} or {b}?", "Who is {w}: {a} or {b}?",
                          "Which of the two is {w}, {a} or {b}?",
                          "{a} and {b}: who is {w}?", "Tell me who is {w}, {a} or {b}.", "Is {a} or {b} {w}?",
                          "Look at {a} and {b}. Who is {w}?", "Do you know who is {w}, {a} or {b}?"))
    reply = f"{one.name} is {one.age} and {other.name} is {other.age}, so {right.name} is {word}."
    return [Turn(question.format(w=word, a=one.name, b=other.name), reply,
                 Check("phrase", (f"so {right.name} is {word}",)))]


@lru_cache(maxsize=1)
def opposite_pairs() -> tuple[tuple[str, str], ...]:
    """Word and opposite in both directions, where the way back is clear."""
    back: dict[str, list[str]] = {}
    for word, other in know.OPPOSITES.items():
        back.setdefault(other, []).append(word)
    return (*know.OPPOSITES.items(), *((o, w[0]) for o,
                                       w in back.items() if len(w) == 1 and o not in know.OPPOSITES))
