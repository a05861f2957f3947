"""The basics in plain text: sums, opposites, colours, animals, days, months, capitals, French, counting, lists, rhymes.

Every lesson says its facts in one fixed form ("2 plus 2 is 4.", "The opposite of big is small.", "A cow says moo."),
and what everybody asks for comes far more often than what is rare, so that a very small model learns the common facts.
"""

from collections.abc import Callable, Sequence
from random import Random

from firstwords.world.phrases import a_an, cap, join_and, number_word, pick, plural
from firstwords.world.town.french import EVERYDAY
from firstwords.world.town.knowledge import (
    ANIMAL_BY_NAME,
    COUNTRY_BY_NAME,
    DAYS,
    FRENCH,
    MARKS,
    MONTHS,
    OPPOSITES,
    SEASON_OF,
)
from firstwords.world.town.plumwick import Town

Lesson = Callable[[Random], list[str]]


def _row(text: str, mark: str = " ") -> tuple[str, ...]:
    return tuple(text.split(mark))


# all in the order of how often they are asked for
_OPPOSITES = _row(
    "big hot up day happy old good fast black open full loud long wet light clean rich strong near hard high early "
    "first left in sweet yes young small cold down night sad bad slow white closed empty quiet short dry dirty poor "
    "weak far soft low late last right out"
)
# subject -> its colour; the plain word as a child says it
COLOURS = {
    "grass": "green", "the sky": "blue", "snow": "white", "the sun": "yellow", "a banana": "yellow", "milk": "white",
    "a tomato": "red", "a lemon": "yellow", "blood": "red", "a carrot": "orange", "the sea": "blue", "coal": "black",
    "an elephant": "grey", "a leaf": "green", "a strawberry": "red", "a frog": "green", "chocolate": "brown",
    "the night": "black", "a cherry": "red", "a pig": "pink", "an orange": "orange", "a cloud": "white",
    "wood": "brown",
    "a pumpkin": "orange", "a swan": "white", "a plum": "purple", "a cucumber": "green", "salt": "white",
    "a tree": "green", "a crow": "black",
}  # fmt: skip
_ANIMALS = _row(
    "cow dog cat duck sheep pig horse hen mouse bird lion bee frog goat owl fish wolf donkey bear snake rabbit "
    "elephant tiger monkey spider goose crow sparrow fox snail turtle penguin butterfly ant whale shark"
)
_CAN = {
    "bird": "fly/sing", "fish": "swim", "dog": "bark/run fast", "cat": "climb a tree/catch a mouse", "duck": "swim/fly",
    "horse": "run fast", "frog": "jump/swim", "bee": "make honey/fly", "rabbit": "jump", "monkey": "climb a tree",
    "owl": "see at night/fly", "hen": "lay eggs", "cow": "give milk", "butterfly": "fly", "whale": "swim",
    "spider": "make a web", "mouse": "run fast", "snake": "climb a tree", "lion": "run fast", "penguin": "swim",
}  # fmt: skip
_COUNTRIES = _row(
    "France England Germany Italy Spain Japan China Egypt Greece Portugal Austria Ireland Poland Sweden Norway Peru"
)
_LISTS = {
    "animals": "cat dog cow horse duck bird pig sheep mouse lion",
    "colours": "red blue green yellow black white pink brown",
    "fruits": "apple banana cherry pear orange lemon",
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "drinks": "milk water tea juice coffee",
    "farm animals": "cow pig horse sheep hen goat",
    "birds": "duck owl crow hen swan goose",
    "vegetables": "carrot potato onion pea bean",
    "numbers": "one two three four five six",
    "months": "January May June July December March",
    "clothes": "hat coat shoe sock shirt",
    "tools": "hammer saw brush needle",
}
_AS_THEY_ARE = ("colours", "days", "drinks", "numbers", "months")
RHYMES = {
    "cat": "hat", "house": "mouse", "dog": "frog", "sun": "fun", "tree": "bee", "moon": "spoon", "day": "play",
    "night": "light", "star": "car", "bear": "chair", "cake": "lake", "ball": "wall", "sea": "tea", "red": "bed",
    "king": "ring", "fox": "box", "snow": "go", "rain": "train", "boat": "goat", "blue": "shoe", "bell": "well",
    "book": "cook",
}  # fmt: skip


def _often(rng: Random, items: Sequence[str], number: int) -> list[str]:
    """`number` different items, the first of the list about ten times as often as the last."""
    left, size = list(items), len(items)
    chosen: list[str] = []
    while left and len(chosen) < number:
        item = rng.choices(left, [1 / (2 + 20 * items.index(x) / size) for x in left])[0]
        left.remove(item)
        chosen.append(item)
    return chosen


def _asked(rng: Random, question: str, said: str, pairs: dict[str, str]) -> list[str]:
    """A sentence for each pair, now and then after its question."""
    return [(f"{question} {said}" if rng.random() < 0.3 else said).format(x=x, y=y) for x, y in pairs.items()]


def _easy_number(rng: Random) -> int:
    """1 to 10, half of the time rather a small one."""
    return min(rng.randint(1, 10), rng.randint(1, 10) if rng.random() < 0.5 else 10)


def _numbers(rng: Random) -> tuple[int, str, int, int]:
    draw = rng.random()
    if draw < 0.08:
        x, y = rng.randint(1, 5), rng.randint(1, 5)
        return (x, "times", y, x * y) if draw < 0.03 else (x * y, "divided by", y, x)
    if draw < 0.68:
        x, y = _easy_number(rng), _easy_number(rng)
        return x, "plus", y, x + y
    x = max(_easy_number(rng), _easy_number(rng))
    y = rng.randint(0 if rng.random() < 0.2 else 1, x)
    return x, "minus", y, x - y


def _sum_lines(rng: Random, number: int, style: int) -> list[str]:
    lines = []
    for _ in range(number):
        x, sign, y, z = _numbers(rng)
        mark = MARKS[sign]
        said = f"{x} {sign} {y} is {z}."
        lines.append(
            (
                said,
                f"What is {x} {mark} {y}? {said}",
                f"What is {x} {sign} {y}? {said}",
                f"{x}{mark}{y} = {z}",
                f"{x} {mark} {y} = {z}",
                f"{cap(number_word(x))} {sign} {number_word(y)} is {number_word(z)}.",
                f"What is {number_word(x)} {sign} {number_word(y)}? {said}",
            )[style]
        )
    return lines


def easy_sums(rng: Random, town: Town) -> str:
    """Six to twelve sums with small numbers, in one form or in two."""
    style = pick(rng, (0, 0, 0, 1, 2, 3, 4, 5, 6))
    number = rng.randint(6, 12)
    if rng.random() < 0.3:  # plus one, plus two ...: a row in order
        x = _easy_number(rng)
        first = rng.randint(1, 4)
        lines = [f"{y} plus {x} is {x + y}." for y in range(first, first + rng.randint(4, 7))]
        lines += _sum_lines(rng, number // 2, 0)
    else:
        lines = _sum_lines(rng, number, style)
    lines = list(dict.fromkeys(lines))
    if rng.random() < 0.15:
        lines.insert(0, pick(rng, ("Sums", "Easy sums", "Let us add.", "We count and add.")))
    return ("\n" if style in (3, 4) or rng.random() < 0.4 else " ").join(lines)


def _opposite(rng: Random) -> list[str]:
    back = {y: x for x, y in reversed(OPPOSITES.items())}
    found = _often(rng, _OPPOSITES, rng.randint(2, 3))
    return _asked(rng, "What is the opposite of {x}?", "The opposite of {x} is {y}.",
                  {word: OPPOSITES.get(word) or back[word] for word in found})


def _colour(rng: Random) -> list[str]:
    lines = []
    for thing in _often(rng, tuple(COLOURS), rng.randint(2, 3)):
        said = f"{cap(thing)} is {COLOURS[thing]}."
        lines.append(f"What colour is {thing}? {said}" if rng.random() < 0.35 else said)
    return lines


def _animal_lines(rng: Random, name: str) -> list[str]:
    a = ANIMAL_BY_NAME.get(name)  # "bird" and "fish" are groups there
    one = a_an(name)
    legs = a.legs if a else {"bird": 2, "fish": 0}[name]
    lines = []
    if a and a.sound:
        said = f"{cap(one)} says {a.sound}."
        lines += [f"What does {one} say? {said}" if rng.random() < 0.35 else said] * (rng.random() < 0.9)
    more = [f"{cap(one)} has {number_word(legs) if legs else 'no'} legs.", f"{cap(one)} is an animal."]
    if name in _CAN:
        more.append(f"{cap(one)} can {pick(rng, _CAN[name].split('/'))}.")
    if a:
        more.append(f"{cap(one)} eats {a.food}.")
        if not a.young.startswith("baby"):
            more.append(f"A young {name} is called {a_an(a.young)}.")
        if a.group in ("bird", "fish", "insect"):
            more.append(f"{cap(one)} is {a_an(a.group)}.")
    return lines + rng.sample(more, rng.randint(1, 3))


def _animals(rng: Random) -> list[str]:
    return [line for name in _often(rng, _ANIMALS, rng.randint(1, 2)) for line in _animal_lines(rng, name)]


def _orders(rng: Random) -> list[str]:
    names, word = pick(rng, ((DAYS, "day"), (DAYS, "day"), (MONTHS, "month")))
    i = rng.randrange(len(names))
    number = len(names)
    lines = [
        f"After {names[i]} comes {names[(i + 1) % number]}.",
        f"Before {names[i]} comes {names[i - 1]}.",
        f"What {word} comes after {names[i]}? After {names[i]} comes {names[(i + 1) % number]}.",
        f"The days of the week are {join_and(DAYS)}." if word == "day" else f"The months are {join_and(MONTHS)}.",
        f"A {'week has seven' if word == 'day' else 'year has twelve'} {word}s.",
    ]
    if word == "month":
        lines.append(f"{names[i]} is in {SEASON_OF[names[i]]}.")
    else:
        lines.append(f"Today is {names[i]}. Tomorrow is {names[(i + 1) % number]}.")
    return rng.sample(lines, rng.randint(2, 3))


def _capitals(rng: Random) -> list[str]:
    names = _often(rng, _COUNTRIES, rng.randint(2, 3))
    return _asked(rng, "What is the capital of {x}?", "The capital of {x} is {y}.",
                  {name: COUNTRY_BY_NAME[name].capital for name in names})


def _french(rng: Random) -> list[str]:
    found = _often(rng, EVERYDAY, rng.randint(2, 3))
    return _asked(rng, "How do you say {x} in French?", 'In French, {x} is "{y}".', {word: FRENCH[word] for word in found})


def _counting(rng: Random) -> list[str]:
    top = pick(rng, (2, 3, 4, 5, 5, 5, 6, 7, 8, 10, 10, 12))
    digits = rng.random() < 0.5
    numbers = [str(n) if digits else number_word(n) for n in range(1, top + 1)]
    row = cap(", ".join(numbers)) + "."
    x = rng.randint(1, 19)
    return [
        f"Count to {number_word(top) if rng.random() < 0.6 else top}. {row}" if rng.random() < 0.6 else row,
        f"After {x} comes {x + 1}." if digits else f"After {number_word(x)} comes {number_word(x + 1)}.",
    ]


def _lists(rng: Random) -> list[str]:
    lines = []
    for kind in _often(rng, tuple(_LISTS), rng.randint(1, 2)):
        three = _often(rng, _LISTS[kind].split(), 3)
        shown = cap(join_and(three if kind in _AS_THEY_ARE else [a_an(x) for x in three]))
        lines.append(f"Name three {kind}. {shown}." if rng.random() < 0.6 else f"{shown} are {kind}.")
    return lines


def _rhymes(rng: Random) -> list[str]:
    lines = []
    for word in _often(rng, tuple(RHYMES), rng.randint(2, 3)):
        x, y = (word, RHYMES[word]) if rng.random() < 0.75 else (RHYMES[word], word)
        said = f"{cap(x)} rhymes with {y}."
        lines.append(f"What rhymes with {y}? {said}" if rng.random() < 0.3 else said)
    return lines


def _plurals(rng: Random) -> list[str]:
    names = _often(rng, [n for n in _ANIMALS if n != "fish"], 2)
    return [f"One {n}, two {plural(n)}." for n in names]


def _few_sums(rng: Random) -> list[str]:
    return _sum_lines(rng, rng.randint(2, 3), pick(rng, (0, 0, 2, 6)))


_LESSONS: tuple[tuple[float, Lesson], ...] = (
    (2.5, _opposite), (2.5, _colour), (4, _animals), (1.8, _orders), (2, _capitals), (1.6, _french), (1, _counting),
    (1.8, _lists), (1.2, _rhymes), (0.4, _plurals), (2, _few_sums),
)  # fmt: skip


def mixed_lesson(rng: Random, town: Town) -> str:
    """Three or four small lessons of two or three facts each."""
    functions, weights = [f for _, f in _LESSONS], [w for w, _ in _LESSONS]
    rows = [rng.choices(functions, weights)[0](rng) for _ in range(rng.randint(3, 4))]
    lines = dict.fromkeys(" ".join(dict.fromkeys(row)) for row in rows)
    return ("\n" if rng.random() < 0.6 else " ").join(lines)


def one_lesson(rng: Random, town: Town) -> str:
    """Five to nine facts of one kind in a row."""
    function = rng.choices([f for _, f in _LESSONS[:-2]], [w for w, _ in _LESSONS[:-2]])[0]
    number, lines = rng.randint(5, 9), {}
    for _ in range(8):
        lines.update(dict.fromkeys(function(rng)))
        if len(lines) >= number:
            break
    return ("\n" if rng.random() < 0.4 else " ").join(lines)
