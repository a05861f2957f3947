"""Everyday scenes: what a cat, a dog, the sun or a child is and does, in plain short sentences.

From these texts a base model learns how "The cat is" usually goes on: sleeping, hungry, running. `_SUBJECTS` says for
every subject what it is or does and how often; `_THEMES` says which subjects meet in one scene.
"""

import re
from functools import lru_cache
from random import Random
from typing import NamedTuple

from firstwords.world.phrases import cap, pick
from firstwords.world.town.plumwick import Town

# subject weight = predicate weight [place/place ...], ...; "@" and what follows it only tell two entries apart
_SUBJECTS = """
cat 16 = sleeping 34 on the chair/on the bed/by the fire/under the table, hungry 17, running 13 in the garden/after a
 ball, playing 15 with a ball/with a sock/in the garden, sitting 8 on the wall/by the window/by the door, black 5, grey
 3, white 2, drinking milk 4, tired 4, happy 3, small 2, old 2, on the roof 1, in the kitchen 1
dog 15 = running 22 in the garden/in the park/after a ball, sleeping 14 by the door/on the floor/by the fire, hungry
 12, barking 11 at the door/at a cat, playing 10 with a ball/in the garden/with the children, happy 7, big 5, brown 4,
 black 3, old 4, tired 4, wet 2, waiting 3 at the door/by the gate, eating 4 a bone/its dinner, friendly 2
bird 7 = singing 30 in the tree/on the roof/in the morning, flying 18 over the house/over the trees/in the sky, small
 8, sitting 12 in a tree/on the wall/on the roof, hungry 5, eating 5 seeds/a worm, blue 3, yellow 3, in the tree 4,
 happy 2
horse 4 = running 24 in the field/on the hill, eating 16 hay/grass/an apple, big 12, brown 10, strong 8, white 5,
 tired 6, standing 8 by the gate/under a tree, fast 4, in the field 3
cow 4 = eating 26 grass, standing 16 in the field/by the gate, big 10, brown 8, in the field 8, hungry 6, slow 4
pig 3 = eating 22 an apple/its dinner, pink 16, dirty 12, hungry 12, sleeping 12 in the straw, fat 6, happy 6
sheep 2 = eating 24 grass, white 20, standing 12 in the field/on the hill, on the hill 8, hungry 4
goat 1 = eating 24 leaves/grass, jumping 12 over the wall, white 10, hungry 8, standing 8 on a stone
hen 2 = eating 18 seeds, brown 14, sitting 16 on an egg/on six eggs, running 10 in the yard, small 4
duck 3 = swimming 34 in the pond/on the river, white 8, hungry 8, sleeping 6 in the grass, in the pond 8, small 4, wet
 4
fish 3 = swimming 34 in the water/in the pond, small 10, hungry 6, red 6, silver 5, in the water 6
mouse 3 = small 16, eating 18 cheese/bread, running 16 under the bed/into its hole, hungry 10, hiding 10 under the
 bed, grey 8, quick 4, quiet 4
rabbit 2 = eating 20 a carrot/grass, jumping 16 in the grass, white 10, brown 6, soft 8, hungry 6, small 6, fast 4
frog 1 = green 22, jumping 20 into the pond/in the grass, sitting 12 on a leaf/on a stone, small 6, wet 6
bee 1 = flying 22 from flower to flower/over the grass, small 12, on a flower 10, busy 10, yellow and black 4
butterfly 1 = flying 20 over the flowers/in the garden, on a flower 12, yellow 8, blue 6, beautiful 8
owl@night 2 = flying 18 over the trees, sitting 18 in the tree, awake 14, hungry 8, calling 8
cat@night 4 = sleeping 22 on the bed/on the chair, awake 8, running 10 over the roofs, hungry 8, tired 6, black 5
dog@night 4 = sleeping 24 by the door/on the floor/by the fire, barking 10 at the moon, tired 8, quiet 5, old 3
baby 4 = sleeping 30 in the bed, crying 16, happy 10, small 8, hungry 10, laughing 10, tired 8, awake 4
boy 4 = running 14 in the street/to school, playing 14 with a ball/in the garden, happy 9, hungry 8, reading 9 a book,
 tired 7, laughing 6, young 4, sad 4, eating 7 an apple/his soup, late 3, tall 3
girl 4 = reading 12 a book, playing 14 with a ball/in the garden, running 10 to school/in the street, singing 9 a
 song, happy 9, hungry 8, laughing 6, tired 6, drawing 5 a house/a cat, tall 3, sad 3, eating 6 an apple/her soup
man 2 = old 12, tall 10, reading 9 the newspaper/a book, walking 14 in the street/with his dog, working 8 in the
 garden, tired 7, waiting 6 for the bus, hungry 5, angry 3, happy 5
woman 2 = reading 10 the newspaper/a book, walking 14 in the street/with her dog, working 8 in the garden, tall 7,
 happy 6, tired 6, waiting 6 for the bus, old 5, young 5, buying bread 5
mother 3 = cooking 18 soup/dinner, reading 10 a book/to the baby, at home 8, tired 8, happy 8, working 8 in the
 garden, singing 6 a song, in the kitchen 7
father 3 = cooking 16 soup/dinner, reading 11 the newspaper/to the baby, at home 8, tired 9, happy 7, working 9 in the
 garden, sleeping 6 in his chair, in the kitchen 7
teacher 2 = reading 14 a story/to the children, writing 12 on the board, happy 8, tired 5, kind 8, late 2, in the
 school 6
farmer 2 = working 20 in the field/in the barn, feeding 14 the hens/the pigs/the cows, tired 8, up early 6, old 5,
 strong 5
baker 1 = baking 24 bread/a cake, tired 8, busy 10, in the shop 8, up early 6, happy 4
children 8 = playing 34 in the garden/in the park/with a ball/in the street, happy 12, hungry 9, laughing 10, tired 7,
 running 9 in the park/to school, singing 6 a song, loud 4, at school 5, reading 3, sleeping 3
children@school 7 = reading 16 a story/their books, singing 12 a song, happy 10, writing 12 their names/a letter,
 quiet 9, playing 8 in the yard, listening 10 to the teacher/to a story, loud 4, hungry 5, learning 6 to read/to count
children@snow 6 = playing 26 in the snow, cold 8, happy 10, making a snowman 14, laughing 9, warm 3
children@night 4 = sleeping 30 in their beds, tired 14, quiet 8, in bed 10, awake 3
sun 10 = shining 34, warm 22, hot 10, bright 12, yellow 8, high 4, up 3, round 2
sun@evening 3 = low 14, red 14, going down 20, warm 5, orange 8
moon 5 = bright 18, round 14, shining 18 on the roofs/on the water, white 10, full 10, high 7, up 5, yellow 4,
 beautiful 3
stars 4 = bright 22, shining 22 over the town, far away 8, small 8, beautiful 8, out 6
sky 8 = blue 40, clear 14, bright 8, full of birds 3, beautiful 4
sky@rain 6 = grey 36, dark 18, full of clouds 10
sky@night 5 = dark 24, black 14, full of stars 22, clear 10
clouds 3 = white 16, grey 12, big 8, high 6, moving fast 5
night 2 = dark 20, quiet 16, cold 9, long 6, warm 4, clear 5
day 2 = warm 14, long 10, beautiful 9, sunny 8
rain 4 = falling 26 on the roof/on the street, cold 14, heavy 10, warm 4, loud 6 on the roof, over 4
wind 5 = strong 22, cold 20, blowing 18 in the trees/from the sea, loud 8, warm 5
snow 4 = white 22, cold 16, falling 18 on the houses/on the trees, deep 12, soft 9, on the roof 4
sea 4 = blue 18, big 12, deep 12, cold 10, quiet 9, green 4, warm 5, salty 4
water 9 = cold 26, warm 12, clear 12, deep 10, blue 9, hot 6, clean 7, wet 3, good 3
river 3 = wide 14, long 12, deep 12, cold 9, slow 6, clear 6, blue 4
pond 2 = small 12, deep 8, cold 8, full of fish 8, quiet 8, green 4
grass 4 = green 40, wet 12, long 9, soft 10, dry 5
tree 5 = tall 18, green 16, old 14, big 14, full of birds 6, full of apples 6, in the garden 4
tree@snow 2 = white 14, cold 6, tall 10, old 10, full of snow 8
flower 4 = red 16, yellow 14, beautiful 12, blue 6, white 6, small 8, pink 5, in the garden 3
flowers 3 = red 12, beautiful 14, yellow 12, white 6, blue 5, in the garden 5
leaves 2 = green 18, yellow 10, falling 12 from the trees/on the grass, red 8, wet 5
house 6 = big 16, old 14, small 10, white 9, warm 8, empty 4, new 6, quiet 7, red 3, by the river 3
door 4 = open 24, closed 20, red 7, green 5, old 6, blue 4
window 3 = open 22, closed 16, clean 8, big 7, small 4
room 3 = warm 14, dark 10, small 10, clean 8, big 8, empty 5, quiet 8
bed 3 = soft 16, warm 16, big 7, small 6, old 4, empty 4
chair 2 = old 12, soft 8, brown 7, by the window 6, empty 5
table 2 = round 10, big 10, old 8, full 6, clean 6
lamp 2 = on 14, bright 10, small 6, yellow 5, off 5
fire 3 = hot 18, warm 18, bright 8, red 6, big 4
book 5 = old 12, good 14, open 8, long 7, new 8, red 5, on the table 8, about a dog 3, about a bear 2, funny 5
ball 4 = red 20, round 14, blue 9, big 7, small 6, in the garden 5, new 5, under the bed 4
car 3 = red 14, fast 14, new 10, old 8, blue 6, big 5, clean 3
bus 2 = late 14, full 12, red 8, big 8, yellow 5, here 5, slow 4
train 2 = late 12, fast 14, long 12, full 7, here 5
boat 3 = small 12, on the water 10, blue 7, old 8, red 6, white 5, slow 3
street 3 = quiet 14, long 12, empty 7, wide 5, full of people 6
street@rain 3 = wet 22, empty 10, dark 8, quiet 6
shop 2 = open 18, closed 12, full 6, small 7, new 4
school 3 = big 10, old 9, open 8, closed 6, quiet 4, new 4
bread 4 = warm 16, fresh 14, good 10, hard 3, in the oven 6, on the table 6
soup 4 = hot 28, good 14, warm 8, ready 9, cold 4, red 3
tea 3 = hot 26, sweet 9, warm 7, ready 7, cold 5, good 5
milk 4 = cold 14, white 12, warm 9, good 8, fresh 8, in the cup 4
cake 3 = sweet 18, good 12, big 7, in the oven 7, ready 7, round 3
apple 4 = red 22, green 10, sweet 16, round 7, big 5, good 7, on the table 3
apples 2 = red 16, sweet 14, green 6, ripe 8, on the table 5
egg 1 = white 10, brown 8, warm 6, small 4
shoes 3 = new 12, wet 10, old 10, red 6, brown 5, dirty 9, black 5, too small 4
coat 2 = warm 18, red 7, blue 6, new 8, wet 5, long 5
hat 2 = red 10, big 9, new 8, old 6, funny 6, black 4
weather 4 = nice 14, warm 12, cold 8, good 14
"""
_THEMES = {
    "home": "cat dog baby mother father children lamp book bed door window room house chair table tea fire soup",
    "kitchen": "cat dog mother father soup tea milk bread cake apple apples water table window egg",
    "garden": "cat dog bird tree flower flowers grass sun sky children ball bee butterfly water mother rabbit wind",
    "farm": "cow horse pig sheep goat hen duck farmer dog cat grass sun sky mouse pond",
    "street": "car bus man woman boy girl shop school street dog cat sun house baker weather train shoes",
    "park": "dog bird children boy girl tree grass sun sky ball pond duck flower man woman clouds river water cat",
    "sea": "sea water boat fish sun sky wind children bird boy girl dog clouds",
    "school": "children@school teacher book boy girl room door school window ball shoes",
    "night": "moon stars sky@night night cat@night owl@night baby house bed children@night dog@night street door lamp",
    "evening": "sun@evening cat dog mother father soup tea fire lamp house bird street",
    "winter": "snow wind children@snow tree@snow house bird fire cat dog tea coat street@rain window",
    "rain": "rain sky@rain street@rain wind grass dog boy girl shoes cat coat window river door bus hat",
    "summer": "sun water sky children grass cat dog bird sea tree flowers apples day",
}
_WEIGHTS = {"home": 3, "garden": 3, "kitchen": 2, "park": 2}
_OPENERS = {
    "home": "It is a quiet day./We are at home./It is Sunday./It is a cold day./It is a quiet evening.",
    "kitchen": "We are in the kitchen./It is noon./It is time to eat./It is a good morning.",
    "garden": "It is a warm day./It is spring./We are in the garden./It is a quiet day./It is a day in May.",
    "farm": "We are on the farm./It is early./It is a morning on the farm./It is a warm day.",
    "street": "It is Monday./It is a day in town./It is early./We are in town.",
    "park": "It is Saturday./We are in the park./It is a warm day./It is spring.",
    "sea": "It is summer./We are at the sea./It is a warm day./It is a day at the sea.",
    "school": "It is Monday./We are at school./It is time for school./It is a school day.",
    "night": "It is night./It is late./The day is over./It is time for bed.",
    "evening": "It is evening./The day is over./It is late./Dinner is ready.",
    "winter": "It is winter./It is a cold day./It is January./It is December.",
    "rain": "It is a wet day./It is autumn./It is a rainy day./It is a grey day.",
    "summer": "It is summer./It is a hot day./It is July./It is a warm day.",
}
_CLOSERS = {"night": "Good night!/All is quiet./Sleep well!", "evening": "It is a quiet evening./Good night!"}
_ANY_CLOSER = "It is a good day./Everybody is happy./What a nice day!/I like this day."


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MANY = _set("children stars clouds flowers leaves apples shoes")
_OWNED = _set(
    "cat dog bird horse rabbit baby mother father teacher house room bed chair lamp book ball car boat coat hat shoes "
    "tea soup school"
)
_PERSONS = _set("boy girl man woman mother father teacher farmer baker children")
_ALIVE = _PERSONS | _set("cat dog bird horse cow pig sheep goat hen duck mouse rabbit baby")
# no two predicates of one row are said of the same subject
_CLASHES = (
    "red blue green yellow pink brown black white grey orange silver", "big small fat tall little", "old young new",
    "hot warm cold", "open closed", "full empty", "happy sad angry", "dark bright", "wet dry", "clean dirty",
    "loud quiet", "fast slow late", "bright off", "on off", "over falling heavy loud", "awake sleeping",
    "beautiful ugly", "nice bad good", "deep clear", "low high up",
)  # fmt: skip
_CALM = ("hungry", "happy", "friendly", "awake", "loud", "busy", "fast", "quick", "laughing", "late", "wet", "strong")
_HOW = _set("happy sad tired hungry angry hot cold warm good")  # answers to "How is the cat?"
_COLOURS = frozenset(_CLASHES[0].split())
_PREDICATE = re.compile(r"^([a-z ]+?) (\d+)(?: (.+))?$")


class _Predicate(NamedTuple):
    words: str
    weight: int
    places: tuple[str, ...]


class _Subject(NamedTuple):
    name: str  # without its mark: "sky" for "sky@night"
    weight: int
    predicates: tuple[_Predicate, ...]

    @property
    def be(self) -> str:
        return "are" if self.name in _MANY else "is"


@lru_cache(maxsize=1)
def _subjects() -> dict[str, _Subject]:
    found = {}
    for line in _SUBJECTS.strip().replace("\n ", " ").splitlines():
        head, body = line.split(" = ")
        key, weight = head.split(" ")
        predicates = []
        for entry in body.split(", "):
            match = _PREDICATE.match(entry)
            if match is None:
                raise ValueError(f"{key}: cannot read {entry!r}")
            words, share, places = match.groups()
            predicates.append(_Predicate(words, int(share), tuple(places.split("/")) if places else ()))
        found[key] = _Subject(key.split("@")[0], int(weight), tuple(predicates))
    return found


def _weighted(rng: Random, items: list, weights: list[float]):
    return rng.choices(items, weights)[0]


def _kind_of(words: str) -> str:
    """The group of a predicate; of each group one is said: "running" and "sleeping" are both what somebody does."""
    first = words.split(" ", 1)[0]
    for row in _CLASHES:
        if words in row.split():
            return row
    if first.endswith("ing") or first in ("in", "on", "at", "by", "under"):
        return "doing"
    return words


def _fits(chosen: list[_Predicate], other: _Predicate) -> bool:
    kinds = [_kind_of(p.words) for p in chosen]
    if _kind_of(other.words) in kinds:
        return False
    said = {p.words for p in chosen} | {other.words}
    if "sleeping" in said:  # who sleeps does nothing else, and is neither hungry nor loud
        return not said & set(_CALM) and _kind_of(other.words) != "doing" and "doing" not in kinds
    return True


def _predicates(rng: Random, subject: _Subject, number: int) -> list[_Predicate]:
    """The first by its weight alone, the others so that they fit."""
    chosen = [_weighted(rng, list(subject.predicates), [p.weight for p in subject.predicates])]
    while len(chosen) < number:
        rest = [p for p in subject.predicates if _fits(chosen, p)]
        if not rest:
            break
        chosen.append(_weighted(rng, rest, [p.weight for p in rest]))
    return chosen


def _is_phrase(words: str) -> bool:
    return " " in words or words.endswith("ing")


def _full(rng: Random, predicate: _Predicate, rate: float = 0.5) -> str:
    if predicate.places and rng.random() < rate:
        return f"{predicate.words} {pick(rng, predicate.places)}"
    return predicate.words


def _about(rng: Random, subject: _Subject) -> list[str]:
    """One to three sentences on one subject."""
    predicates = _predicates(rng, subject, 1 + (rng.random() < 0.45) + (rng.random() < 0.12))
    owner = pick(rng, ("My", "My", "Our")) if subject.name in _OWNED and rng.random() < 0.2 else "The"
    it = "They are" if subject.name in _MANY else None if subject.name in _PERSONS else "It is"
    if len(predicates) > 1 and rng.random() < 0.2 and not any(_is_phrase(p.words) for p in predicates[:2]):
        return [f"{owner} {subject.name} {subject.be} {predicates[0].words} and {predicates[1].words}."]
    lines = []
    for i, predicate in enumerate(predicates):
        start = it if i and it and rng.random() < 0.4 else f"{owner} {subject.name} {subject.be}"
        lines.append(f"{start} {_full(rng, predicate)}.")
    return lines


def _cast(rng: Random, number: int) -> tuple[str, list[_Subject]]:
    theme = _weighted(rng, list(_THEMES), [_WEIGHTS.get(name, 1) for name in _THEMES])
    known, left = _subjects(), _THEMES[theme].split()
    chosen: list[_Subject] = []
    while left and len(chosen) < number:
        key = _weighted(rng, left, [known[k].weight for k in left])
        left.remove(key)
        chosen.append(known[key])
    return theme, chosen


def scene(rng: Random, town: Town) -> str:
    """A scene of four to eight sentences: "The cat is sleeping on the chair. It is grey. The fire is warm."."""
    theme, subjects = _cast(rng, rng.randint(3, 5))
    lines = [pick(rng, _OPENERS[theme].split("/"))] if rng.random() < 0.45 else []
    for subject in subjects:
        lines += _about(rng, subject)
    if rng.random() < 0.2:
        lines.append(pick(rng, _CLOSERS.get(theme, _ANY_CLOSER).split("/")))
    return " ".join(dict.fromkeys(lines))


def _asked(rng: Random, subject: _Subject, predicate: _Predicate) -> str:
    the, be, full = f"the {subject.name}", subject.be, _full(rng, predicate, 0.7)
    answer = f"{cap(the)} {be} {full}."
    first = full.split(" ", 1)[0]
    if predicate.words in _COLOURS:
        return f"What colour {be} {the}? {answer}"
    if first in ("in", "on", "at", "by", "under") and " " in full:
        return f"Where {be} {the}? {answer}"
    if first.endswith("ing") and subject.name in _ALIVE and rng.random() < 0.7:
        return f"What {be} {the} doing? {answer}"
    if predicate.words in _HOW or subject.name == "weather":
        return f"How {be} {the}? {answer}"
    if rng.random() < 0.4 and not _is_phrase(predicate.words):
        return f"What {be} {the} like? {answer}"
    return f"{cap(be)} {the} {full}? Yes, {the} {be} {full}."


def questions(rng: Random, town: Town) -> str:
    """A scene in questions and answers: "What is the cat doing? The cat is sleeping."."""
    theme, subjects = _cast(rng, rng.randint(3, 6))
    lines = [pick(rng, _OPENERS[theme].split("/"))] if rng.random() < 0.25 else []
    for subject in subjects:
        lines += [_asked(rng, subject, p) for p in _predicates(rng, subject, 1 + (rng.random() < 0.25))]
    return ("\n" if rng.random() < 0.3 else " ").join(lines)
