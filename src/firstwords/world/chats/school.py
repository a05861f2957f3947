"""Chats that compare: the ages of two people, the sizes and speeds of animals and things, what things are like ("is fire
cold"); and the table of opposites that the chats and the exam share.
"""

from functools import lru_cache
from random import Random

from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn, settled
from firstwords.world.chats.sums import IS_BIGGER
from firstwords.world.phrases import cap, pick
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


_COMPARED = (  # word, its opposite, things from least to most; only things that are far apart are compared
    ("bigger", "smaller", ("an ant", "a bee", "a mouse", "a bird", "a cat", "a dog", "a lion", "a horse", "an elephant", "a house", "a ship",
                           "a mountain", "the moon", "the sun")),
    ("faster", "slower", ("a snail", "a worm", "a tortoise", "a hen", "a cat", "a horse", "a car", "a train", "a plane", "a rocket")),
)
_APART = 3
_WHICH_IS_MORE = Wording(
    ("which is {w}, {a} or {b}", "what is {w}, {a} or {b}", "which one is {w}, {a} or {b}", "is {a} or {b} {w}", "what is {w}: {a} or {b}",
     "{a} or {b}, which is {w}"),
    ("which is {w}, {a} or {b}", "what is {w}, {a} or {b}"), (), ("{w}: {a} or {b}", "{a} or {b}, {w}"),
)


def bigger_thing(rng: Random, town: Town) -> list[Turn]:
    """Which of two animals or things is bigger or faster; is it."""
    more, less, things = _COMPARED[rng.random() < 0.35]
    i = rng.randrange(len(things) - _APART)
    small, big = things[i], things[rng.randrange(i + _APART, len(things))]
    word, right, other = (more, big, small) if rng.random() < 0.7 else (less, small, big)
    fact = f"{cap(right)} is {word} than {other}."
    a, b = rng.sample((right, other), 2)
    if rng.random() < 0.3:
        return [Turn(ask(rng, IS_BIGGER, a=a, b=b, w=word), *settled(a == right, fact, f"{other} is {less if word == more else more}"))]
    return [Turn(ask(rng, _WHICH_IS_MORE, a=a, b=b, w=word), fact, Check("exact", (f"{right} is {word}",)))]


_LIKE = {
    ("hot", "cold"): (("fire", "the sun", "a desert"), ("ice", "snow", "winter", "the North Pole")),
    ("wet", "dry"): (("water", "rain", "the sea", "a river"), ("sand", "a desert", "dust")),
    ("sweet", "sour"): (("sugar", "honey", "cake", "chocolate", "jam"), ("a lemon", "vinegar")),
    ("hard", "soft"): (("a stone", "iron", "a rock", "a hammer", "glass"), ("a pillow", "butter", "wool", "fur")),
    ("heavy", "light"): (("a stone", "a rock", "an elephant", "iron", "a ship"), ("a feather", "paper", "a leaf")),
    ("big", "small"): (("an elephant", "a whale", "a mountain", "the sea", "a castle"), ("a mouse", "an ant", "a bee", "a pea")),
    ("fast", "slow"): (("a horse", "a plane", "a train", "a rocket", "lightning"), ("a snail", "a tortoise", "a worm")),
    ("high", "low"): (("a mountain", "a tower"), ()),
    ("dark", "bright"): (("the night", "a cave"), ("the day", "the sun", "lightning")),
}
_IS_LIKE = Wording(("is {t} {h}", "is {t} {h}", "is it true that {t} is {h}"), ("if {t} is {h}",), (), ("{t} is {h}, right",))
_LIKE_WHICH = Wording(("is {t} {h} or {o}", "is {t} {o} or {h}", "what is {t}, {h} or {o}"), ("if {t} is {h} or {o}",), (), ("{t}: {h} or {o}",))


def what_it_is_like(rng: Random, town: Town) -> list[Turn]:
    """Is fire hot? Is ice hot or cold?"""
    pair, sides = pick(rng, tuple(_LIKE.items()))
    side = rng.random() < 0.5 and bool(sides[1])
    thing, (one, other) = pick(rng, sides[side]), pair[::-1] if side else pair
    fact = f"{cap(thing)} is {one}."
    if rng.random() < 0.3:
        return [Turn(ask(rng, _LIKE_WHICH, t=thing, h=one, o=other), fact, Check("exact", (f"{thing} is {one}",)))]
    asked = one if rng.random() < 0.5 else other
    return [Turn(ask(rng, _IS_LIKE, t=thing, h=asked), *settled(asked == one, fact))]


@lru_cache(maxsize=1)
def opposite_pairs() -> tuple[tuple[str, str], ...]:
    """Word and opposite in both directions, where the way back is clear."""
    back: dict[str, list[str]] = {}
    for word, other in know.OPPOSITES.items():
        back.setdefault(other, []).append(word)
    return (*know.OPPOSITES.items(), *((o, w[0]) for o,
                                       w in back.items() if len(w) == 1 and o not in know.OPPOSITES))
