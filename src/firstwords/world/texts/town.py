"""Texts about the town itself: places, walks, feasts, the months."""

from random import Random

from firstwords.world.phrases import cap, join_and, pick
from firstwords.world.texts.facts import merge, relations, strangers, tell
from firstwords.world.town.knowledge import DAYS, MONTHS
from firstwords.world.town.people import Feast, Place
from firstwords.world.town.plumwick import Town

_WHERE = (
    "{T} is {where}.",
    "You find {n} {where}.",
    "Look for {n} {where}.",
    "If you want to see {n}, it is {where}.",
    "{T} stands {where}.",
)
_KNOWN = (
    "{T} is known for {known}.",
    "People come because of {known}.",
    "It is known for {known}.",
    "The best thing there is {known}.",
    "What is special about it? It has {known}.",
)
_KEEPER = (
    "{k} looks after {n}.",
    "{k} takes care of it.",
    "The keeper of {n} is {k}.",
    "{kf} looks after it.",
    "If you go there, you will meet {k}, who looks after {n}.",
)
_OPENS = ("{T} {opens}.", "It {opens}.", "Come and see: it {opens}.")
_VISIT = (
    "Children like to go there after school.",
    "On Sundays many people go there.",
    "Once {other} stayed there all day.",
    "{other} goes there every {day}.",
    "{other} says it is the best place in town.",
    "Visitors always smile when they see it.",
    "{other} once got lost there.",
    "It is never boring there.",
    "Bring a friend when you go.",
    "Please be nice to everybody there.",
    "{other} knows every corner of it.",
    "In {month} it is very quiet there.",
)


def _fill(template: str, p: Place, town: Town) -> str:
    opens = "is open day and night" if p.opens == "day and night" else f"opens {p.opens}"
    return template.format(
        T=p.title,
        n=p.name,
        where=p.where,
        known=p.known_for,
        k=p.keeper,
        kf=town.by_name[p.keeper].full,
        opens=opens,
    )


def _facts(rng: Random, p: Place, town: Town) -> list[str]:
    groups = [_WHERE, _KNOWN, _KEEPER, _OPENS]
    return [_fill(pick(rng, g), p, town) for g in groups]


def place(rng: Random, town: Town) -> str:
    """One place: where it is, what it is known for, who looks after it, who works there."""
    p = pick(rng, town.places)
    keeper = town.by_name[p.keeper]
    start = pick(
        rng,
        (
            f"{p.title} is one of the twenty places of Plumwick.",
            f"Do you know {p.name}?",
            f"Let us go to {p.name}.",
            f"There is a {p.kind} in Plumwick called {p.name}.",
            f"{p.title} is a {p.kind}.",
            f"This is {p.name}.",
        ),
    )
    parts = _facts(rng, p, town)
    if rng.random() < 0.5:
        parts[1], parts[2] = parts[2], parts[1]
    text = [start, *parts[: rng.randint(3, 4)]]
    text += tell(rng, keeper, merge(rng, keeper, relations(rng, keeper, rng.randint(2, 3), 0)))
    others = [x.name for x in town.people if x.workplace == p.name and x.name != p.keeper and not x.is_child]
    if others:
        text.append(f"{join_and(others)} {'work' if len(others) > 1 else 'works'} at {p.name} too.")
    for line in rng.sample(_VISIT, rng.randint(1, 2)):
        text.append(
            line.format(
                other=strangers(rng, town, keeper, 1)[0].name, day=pick(rng, DAYS), month=pick(rng, MONTHS)
            )
        )
    if rng.random() < 0.5:
        return f"{p.title}\n\n{' '.join(text)}"
    return " ".join(text)


def walk(rng: Random, town: Town) -> str:
    """A walk through the town past four or five places."""
    guide = pick(rng, town.people)
    stops = rng.sample(town.places, rng.randint(4, 5))
    lines = [
        pick(
            rng,
            (
                "A Walk through Plumwick\n\nPut on your shoes and come along.",
                "Come with me! I will show you Plumwick.",
                f"{guide.name} shows a visitor the town.",
                f"Welcome to Plumwick, the little town on the {town.river}.",
                f"Today we walk through the town with {guide.name}.",
                "What can you see in Plumwick in one day? A lot.",
            ),
        )
    ]
    order = ("First we come to", "Next comes", "Then we see", "After that we visit", "At last we stop at")
    for i, stop in enumerate(stops):
        first = order[i] if i < len(stops) - 1 else order[-1]
        facts = _facts(rng, stop, town)
        lines.append(f"{first} {stop.name}.")
        chosen = sorted(rng.sample(range(4), 2))
        lines += [facts[k] for k in chosen]
    lines.append(
        pick(
            rng,
            (
                "Now our feet are tired.",
                "That was our walk.",
                "Then it is time for a cup of tea.",
                "Was that not a lovely walk?",
                "There is more to see, but that is for tomorrow.",
                "Come again soon!",
            ),
        )
    )
    return " ".join(lines)


def feast(rng: Random, town: Town) -> str:
    """A feast of the year: when, where, what happens, what is eaten, somebody who enjoys it."""
    f = pick(rng, town.feasts)
    p = pick(rng, town.people)
    month = town.weather[f.month]
    parts = [
        pick(
            rng,
            (
                f"{f.title} is in {f.month}.",
                f"In {f.month} it is time for {f.name}.",
                f"Every {f.month}, Plumwick celebrates {f.name}.",
                f"When is {f.name}? It is in {f.month}.",
            ),
        )
    ]
    rest = [
        pick(rng, (f"{cap(f.at)}, {f.happens}.", f"What happens {f.at}? {cap(f.happens)}.")),
        pick(
            rng,
            (
                f"{cap(f.at)}, people eat {f.food}.",
                f"Everybody eats {f.food}.",
                f"To eat, there is {f.food}."
                if not f.food.endswith("s")
                else f"The tables are full of {f.food}.",
            ),
        ),
        pick(
            rng,
            (f"{f.title} is held at {f.place}.", f"People meet at {f.place}.", f"The feast is at {f.place}."),
        ),
        pick(
            rng,
            (
                f"In {f.month} it is {month.weather}.",
                f"It is {month.season}, and the weather is {month.weather}.",
            ),
        ),
    ]
    rng.shuffle(rest)
    parts += rest
    food = pick(rng, town.people)
    happy = [
        f"{p.name} waits for it all year.",
        f"Last year {p.name} stayed until midnight."
        if not p.is_child
        else f"Last year {p.name} fell asleep under a table.",
        f"{p.name} and {p.friend} always go together.",
        f"{food.name} helps with the cooking."
        if not food.is_child
        else f"{food.name} helps to carry the plates.",
        f"Last year {food.name} lost a shoe there.",
        "There is music until late in the evening.",
        "Nobody stays at home.",
        f"{p.name} always brings a friend.",
        "Dora, the mayor, makes a speech, but a short one.",
    ]
    parts += rng.sample(happy, rng.randint(2, 3))
    return (f"{f.title}\n\n" if rng.random() < 0.5 else "") + " ".join(parts)


def month(rng: Random, town: Town) -> str:
    """A month of the year: season, weather, feast, birthdays."""
    m = pick(rng, town.months)
    f: Feast = town.feast_in[m.name]
    number = MONTHS.index(m.name)
    born = [p.name for p in town.people if p.birthday == m.name]
    rng.shuffle(born)
    parts = [
        pick(
            rng,
            (
                f"{m.name} is the {_ORDER[number]} month of the year.",
                f"{m.name} is a month of {m.season}.",
                f"It is {m.name}.",
                f"What is {m.name} like in Plumwick?",
            ),
        ),
        pick(rng, (f"In {m.name} it is {m.weather}.", f"The weather is {m.weather}.")),
        pick(rng, (f"People {m.people}.", f"In {m.name} people {m.people}.")),
        pick(rng, (f"{f.title} is in {m.name}.", f"The feast of the month is {f.name}."))
        + f" {cap(f.at)}, {f.happens}.",
    ]
    if rng.random() < 0.7:
        parts.append(pick(rng, (f"{cap(f.at)}, people eat {f.food}.", f"Then everybody eats {f.food}.")))
    if born:
        some = born[: rng.randint(1, 4)]
        parts.append(
            pick(
                rng,
                (
                    f"{join_and(some)} {'have' if len(some) > 1 else 'has'} a birthday in {m.name}.",
                    f"{join_and(some)} {'were' if len(some) > 1 else 'was'} born in {m.name}.",
                ),
            )
        )
        p = town.by_name[some[0]]
        parts += tell(rng, p, merge(rng, p, [r for r in relations(rng, p, 4, 1) if r != "birthday"]))
    if rng.random() < 0.6:
        before, after = MONTHS[number - 1], MONTHS[(number + 1) % 12]
        parts.append(
            pick(
                rng,
                (
                    f"After {m.name} comes {after}.",
                    f"Before {m.name} comes {before}.",
                    f"{before} is over, and {after} comes next.",
                ),
            )
        )
    return (f"{m.name}\n\n" if rng.random() < 0.4 else "") + " ".join(parts)


_ORDER = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)
