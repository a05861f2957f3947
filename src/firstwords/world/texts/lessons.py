"""Lessons: sums, French, opposites."""

from random import Random

from firstwords.world.phrases import cap, number_word, pick, plural
from firstwords.world.town.knowledge import FRENCH_NOUNS, FRENCH_WORDS, OPPOSITES
from firstwords.world.town.plumwick import Town

_THINGS = (
    "apple", "egg", "button", "stone", "cherry", "book", "candle", "pencil", "roll", "letter", "flower", "shell",
    "coin", "plum", "kite", "sock", "cookie",
)


def _add(rng: Random) -> tuple[int, int, str, int]:
    sign = pick(rng, ("plus", "plus", "minus"))
    most = 10 if rng.random() < 0.6 else 20  # of what is added or taken away
    if sign == "plus":
        x = rng.randint(0, most if most < 20 else 19)
        y = rng.randint(0 if x else 1, min(most, 20 - x))
        return x, y, sign, x + y
    x = rng.randint(1, 20)
    y = rng.randint(0, min(x, most))
    return x, y, sign, x - y


def _sum_line(rng: Random, style: int) -> str:
    x, y, sign, z = _add(rng)
    mark = "+" if sign == "plus" else "-"
    if style == 0:
        return f"{x} {mark} {y} = {z}"
    if style == 1:
        return f"{cap(number_word(x))} {sign} {number_word(y)} is {number_word(z)}."
    if style == 2:
        return f"What is {number_word(x)} {sign} {number_word(y)}? It is {number_word(z)}."
    if style == 3:
        return f"What is {x} {mark} {y}? {x} {mark} {y} is {z}."
    return f"How much is {number_word(x)} {sign} {number_word(y)}? {cap(number_word(z))}."


def _sum_story(rng: Random, town: Town) -> str:
    one, other = rng.sample(town.people, 2)
    x, y, sign, z = _add(rng)
    while not (x and y):
        x, y, sign, z = _add(rng)
    noun = pick(rng, _THINGS)

    def of(n: int) -> str:
        return (
            f"one {noun}"
            if n == 1
            else f"no {plural(noun)}"
            if n == 0
            else f"{number_word(n)} {plural(noun)}"
        )

    if sign == "plus":
        start = pick(
            rng,
            (
                f"{one.name} has {of(x)}. {other.name} gives {one.him} {number_word(y)} more.",
                f"There {'is' if x == 1 else 'are'} {of(x)} on the table. {one.name} brings {of(y)}.",
                f"{one.name} finds {of(x)} and then {number_word(y)} more.",
            ),
        )
    else:
        start = pick(
            rng,
            (
                f"{one.name} has {of(x)}. {cap(one.he)} gives {number_word(y)} to {other.name}.",
                f"In the bag {'is' if x == 1 else 'are'} {of(x)}. {one.name} takes {number_word(y)} out.",
                f"{one.name} had {of(x)}, but {one.he} lost {number_word(y)}.",
            ),
        )
    ask = pick(
        rng,
        (
            "How many are there now?",
            f"How many {plural(noun)} are left?" if sign == "minus" else "How many is that?",
            "Can you count them?",
        ),
    )
    end = f"{cap(number_word(x))} {sign} {number_word(y)} is {number_word(z)}."
    more = pick(
        rng, ("", f" So there {'is' if z == 1 else 'are'} {of(z)}.", f" The answer is {number_word(z)}.")
    )
    return f"{start} {ask} {end}{more}"


def sums(rng: Random, town: Town) -> str:
    """Adding and taking away to twenty, as lines, as questions or as little stories."""
    kind = rng.random()
    teacher = pick(rng, ("Clara", "Clara", pick(rng, town.people).name))
    if kind < 0.45:
        style = rng.randint(0, 4)
        title = pick(
            rng,
            (
                "Sums",
                "Let us add and take away",
                f"{teacher} writes on the board:",
                "Homework for Monday",
                "Sums to twenty",
                f"{teacher} asks, and the class answers.",
                "",
            ),
        )
        lines = list(dict.fromkeys(_sum_line(rng, style) for _ in range(rng.randint(5, 10))))
        return "\n".join([title, *lines] if title else lines)
    if kind < 0.85:
        return "\n".join(_sum_story(rng, town) for _ in range(rng.randint(2, 3)))
    step = pick(rng, (1, 2, 3, 5))
    first = rng.randint(0, 4)
    up = [number_word(n) for n in range(first, 21, step)][:8]
    down = [number_word(n) for n in range(20 - first, -1, -step)][:8]
    x, y = sorted(rng.sample(range(1, 21), 2))
    parts = [
        f"{teacher} counts up in steps of {number_word(step)}: {', '.join(up)}.",
        f"Now we count down: {', '.join(down)}.",
        f"{cap(number_word(y))} is more than {number_word(x)}.",
        f"After {number_word(x)} comes {number_word(x + 1)}.",
        f"Before {number_word(y)} comes {number_word(y - 1)}.",
        f"Half of {number_word(2 * min(x, 10))} is {number_word(min(x, 10))}.",
        f"Two times {number_word(min(x, 10))} is {number_word(2 * min(x, 10))}.",
    ]
    return " ".join(rng.sample(parts, rng.randint(4, 6)))


_NOUNS = tuple(FRENCH_NOUNS.items())
_WORDS = tuple(FRENCH_WORDS.items())


def french(rng: Random, town: Town) -> str:
    """A French lesson: eight or so words in one of several forms."""
    nouns = [(en, fr) for en, fr in _NOUNS if en in town.french]
    pairs = [
        (f"the {en}", fr) if rng.random() < 0.6 else (en, fr) for en, fr in rng.sample(nouns, rng.randint(3, 6))
    ]
    pairs += rng.sample([(en, fr) for en, fr in _WORDS if en in town.french], rng.randint(2, 4))
    rng.shuffle(pairs)
    style = rng.randint(0, 4)
    pupil, other = rng.sample(town.children, 2)
    start = pick(
        rng,
        (
            "A French Lesson",
            "French words",
            "Today we learn French.",
            f"{pupil.name} learns French.",
            "How do you say it in French?",
            "A page from the French book",
        ),
    )
    if style == 0:
        return "\n".join([start, *(f"{en} = {fr}" for en, fr in pairs)])
    if style == 1:
        return "\n".join([start, *(f'In French, "{en}" is "{fr}".' for en, fr in pairs)])
    if style == 2:
        return "\n".join([start, *(f'What is "{en}" in French? It is "{fr}".' for en, fr in pairs)])
    if style == 3:
        lines = [
            f'"How do you say {en} in French?" asked {pupil.name}. "{cap(fr)}," said {other.name}.'
            for en, fr in pairs[:5]
        ]
        return "\n".join([start, *lines])
    return f"{start}\n" + " ".join(f'"{cap(fr)}" means "{en}".' for en, fr in pairs)


_PAIRS = tuple(OPPOSITES.items())


def opposites(rng: Random, town: Town) -> str:
    """Opposites in rows, questions or a game of two children."""
    pairs = [
        (x, y) if rng.random() < 0.7 or (y, x) in (("lose", "find"),) else (y, x)
        for x, y in rng.sample([p for p in _PAIRS if p[1] != "lose"], rng.randint(5, 8))
    ]
    style = rng.randint(0, 3)
    one, other = rng.sample(town.children, 2)
    start = pick(rng, ("Opposites", "A game of opposites", "What is the opposite?", "Turn it around!"))
    if style == 0:
        return "\n".join([start, *(f"The opposite of {x} is {y}." for x, y in pairs)])
    if style == 1:
        return "\n".join([start, *(f"What is the opposite of {x}? It is {y}." for x, y in pairs)])
    if style == 2:
        game = [
            f"{one.name} and {other.name} play a game. {one.name} says a word, "
            f"and {other.name} says the opposite."
        ]
        game += [f'"{cap(x)}!" says {one.name}. "{cap(y)}!" says {other.name}.' for x, y in pairs]
        return " ".join(
            [
                *game,
                pick(
                    rng,
                    (
                        "Then they laugh.",
                        "Then it is time for lunch.",
                        "Nobody makes a mistake.",
                        f'"You are good at this," says {one.name}.',
                    ),
                ),
            ]
        )
    return " ".join(
        f"If it is not {x}, it may be {y}." if (x, y) in _ADJECTIVES else f"{cap(x)} and {y} are opposites."
        for x, y in pairs
    )


_ADJECTIVES = {
    p
    for p in _PAIRS
    if p[0]
    in [
        "big", "hot", "old", "fast", "full", "loud", "long", "wet", "hard", "early", "near", "clean", "strong", "thick",
        "wide", "high", "good", "deep", "sharp",
    ]
}
