"""Sentences about good and bad days in town, labelled with a feeling: the data of `firstwords classify sentiment`.

`sentences(seed)` is endless and deterministic. `held_out()` uses the same words in frames that `sentences` never uses,
so that its score does not measure memorised frames. A few of its frames negate a word with "not", which no model can
get right without using word order.
"""

from collections.abc import Iterator
from random import Random

from firstwords.world.phrases import a_an, cap, pick
from firstwords.world.town.plumwick import Town, town

HAPPY, SAD = "happy", "sad"

_GOOD = {
    "adj": ("lovely", "wonderful", "warm", "beautiful", "funny", "sweet", "bright", "perfect", "cheerful", "delightful", "good", "great"),
    "mood": ("happy", "glad", "proud", "merry", "cheerful", "thankful"),
    "taste": ("wonderful", "sweet", "lovely", "perfect", "good", "delicious"),
    "did": ("laughed", "smiled", "danced", "sang", "cheered", "hugged everybody", "jumped for joy"),
    "event": ("found the lost key", "won the first prize", "got a lovely gift", "made a new friend", "learned to swim",
              "caught the biggest fish", "finished the race first", "was thanked by everybody"),
    "thing": ("gift", "prize", "surprise", "song", "party", "hug", "kiss"),
    "verb": ("loves", "enjoys", "likes", "praises"),
}  # fmt: skip
_BAD = {
    "adj": ("terrible", "awful", "cold", "ugly", "boring", "nasty", "dark", "horrible", "gloomy", "dreadful", "bad", "dirty"),
    "mood": ("sad", "angry", "lonely", "tired", "worried", "unhappy"),
    "taste": ("terrible", "bitter", "awful", "sour", "burnt", "horrible"),
    "did": ("cried", "shouted", "sighed", "frowned", "wept", "slammed the door", "ran away in tears"),
    "event": ("lost the house key", "broke the best cup", "missed the last train", "hurt a knee", "fell off the ladder",
              "forgot the birthday", "came last in the race", "was scolded by everybody"),
    "thing": ("quarrel", "storm", "accident", "fire", "flood", "fight", "theft"),
    "verb": ("hates", "fears", "dislikes", "blames"),
}  # fmt: skip

_FOODS = ("cheese", "pea soup", "nut cake", "apple pie", "rice pudding", "honey bread", "bean stew", "lemon tart", "pizza")

# {x} comes from the feeling's words, {n} and {o} are people, {p} a place, {f} a food; "-" marks the other feeling's word
_FRAMES = (
    "{n} {did} all day.", "It was {a_adj} day at {p}.", "{n} {event}.", "The {f} at {p} tastes {taste}.",
    "{n} is {mood} today.", "What {a_adj} day with {n}!", "{n} told {o} about the {thing}.", "{n} {verb} the new teacher.",
    "{o} {did} because {n} {event}.", "The story of {n} was {adj}.", "Everybody at {p} {did}.", "{n} felt {mood} at {p}.",
    "A letter came, and {n} {did}.", "There was {a_thing} at {p}.", "{n} had {a_adj} morning and {a_adj} evening.",
    "My {f} was {taste}, said {n}.",
)  # fmt: skip
_HELD_OUT = (
    "All week long {n} was {mood}.", "When {o} came home, {n} {did}.", "I think that {p} is {adj}.",
    "Yesterday {o} {event} near {p}.", "{n} and {o} were {mood} about the {thing}.", "Grandmother {verb} such {adj} weather.",
    "Nobody knew why {n} {did}.", "Oh, how {taste} this {f} is!", "On Monday {n} spoke of {a_thing} and {did}.",
)  # fmt: skip
_TURNED = ("{n} was not {-mood} at all.", "The {f} at {p} did not taste {-taste}.", "It was not {a_-adj} day for {n}.")
_TURNED_RATE = 0.1


def sentences(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Endless (sentence, "happy" or "sad"); the same seed gives the same ones: ("Tom laughed all day.", "happy")."""
    rng, home = Random(f"feelings {seed}"), town()
    while True:
        yield _sentence(rng, home, _FRAMES)


def held_out(num: int = 400) -> list[tuple[str, str]]:
    """`num` different sentences in frames that `sentences` never uses, the same every time."""
    rng, home = Random("feelings held out"), town()
    found: dict[str, str] = {}
    while len(found) < num:
        frames = _TURNED if rng.random() < _TURNED_RATE else _HELD_OUT
        text, feeling = _sentence(rng, home, frames)
        found[text] = feeling
    return list(found.items())


def _sentence(rng: Random, home: Town, frames: tuple[str, ...]) -> tuple[str, str]:
    is_happy = rng.random() < 0.5
    people = rng.sample(home.people, 2)
    slots = {"n": people[0].name, "o": people[1].name, "p": pick(rng, home.places).name, "f": pick(rng, _FOODS)}
    for mark, words in (("", _GOOD if is_happy else _BAD), ("-", _BAD if is_happy else _GOOD)):
        for key, choices in words.items():
            slots[mark + key] = pick(rng, choices)
            slots[f"a_{mark}{key}"] = a_an(slots[mark + key])
    return cap(pick(rng, frames).format_map(slots)), HAPPY if is_happy else SAD
