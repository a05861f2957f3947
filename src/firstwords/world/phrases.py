"""Small helpers for English: articles, plurals, lists, capitals, number words."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from firstwords.world.town.knowledge import NUMBER_WORDS, PLURALS

T = TypeVar("T")

_SILENT_H = ("hour", "honest", "heir")
_SOUNDS_LIKE_YOU = ("uni", "use", "euro", "one", "once", "ukulele")


def a_an(word: str) -> str:
    """The word or phrase with its article: a_an("owl") == "an owl", a_an("uniform") == "a uniform"."""
    low = word.lower()
    if low.startswith(_SILENT_H):
        return f"an {word}"
    if low.startswith(_SOUNDS_LIKE_YOU) and not low.startswith(("onion", "unin")):
        return f"a {word}"
    return f"an {word}" if low[:1] in "aeiou" or low.startswith(("8", "11", "18")) else f"a {word}"


def plural(word: str) -> str:
    """The plural of a noun: plural("mouse") == "mice", plural("box") == "boxes"."""
    if word in PLURALS:
        return PLURALS[word]
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def join_and(items: Sequence[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def cap(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def number_word(number: int) -> str:
    """0 to 40 in words, larger numbers in digits: number_word(21) == "twenty-one"."""
    return NUMBER_WORDS[number] if 0 <= number < len(NUMBER_WORDS) else str(number)


def count_of(number: int, noun: str) -> str:
    """count_of(1, "egg") == "one egg", count_of(3, "egg") == "three eggs"."""
    return f"{number_word(number)} {noun if number == 1 else plural(noun)}"


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of the items; quicker than rng.choice."""
    return items[int(rng.random() * len(items))]


def some(rng: Random, items: Sequence[T], number: int) -> list[T]:
    """`number` different items in random order."""
    return rng.sample(items, min(number, len(items)))
