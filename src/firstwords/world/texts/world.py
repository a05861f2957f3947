"""Texts on the real world: animals, countries, encyclopaedia entries, small facts."""

from random import Random

from firstwords.world.phrases import a_an, cap, join_and, number_word, pick, plural
from firstwords.world.town.knowledge import (
    ANIMALS,
    COLOUR_OF,
    COUNTRIES,
    DAYS,
    DAYS_IN_MONTH,
    GROUPS,
    MATERIALS,
    MONTHS,
    SEASON_OF,
    SENSES,
    SHAPES,
    USES,
    Animal,
    Country,
)
from firstwords.world.town.plumwick import Town


def _animal(rng: Random, a: Animal, town: Town) -> list[str]:
    many, one = plural(a.name), a_an(a.name)
    legs = "no legs" if a.legs == 0 else f"{number_word(a.legs)} legs"
    facts = [
        pick(rng, (f"{cap(one)} has {legs}.", f"{cap(many)} have {legs}.")),
        pick(rng, (f"{cap(many)} eat {a.food}.", f"{cap(one)} eats {a.food}.")),
        pick(rng, (f"A young {a.name} is called {a_an(a.young)}.", f"The young of {one} is {a_an(a.young)}."))
        if not a.young.startswith("baby")
        else f"A young {a.name} is simply {a_an(a.young)}.",
    ]
    where = {
        "house": "in houses", "sea": "in the sea", "ice": "on the ice", "grass": "in the grass", "web": "in a web",
        "meadow": "in meadows", "bush": "in the bush", "burrow": "in a burrow", "pond": "in and around ponds",
        "lake": "on lakes", "garden": "in gardens", "grassland": "in grassland", "jungle": "in the jungle",
        "forest": "in forests",
    }.get(a.home, f"in {a_an(a.home)}")
    facts.append(f"{cap(many)} live {where}.")
    if a.group not in ("spider", "snail"):
        facts.append(
            pick(rng, (f"{cap(one)} is {a_an(a.group)}.", f"{cap(many)} belong to the {plural(a.group)}."))
        )
    if a.sound in ("roar", "growl", "howl", "hiss", "croak", "neigh", "chirp", "squeak", "hoot", "buzz"):
        facts.append(
            pick(
                rng,
                (
                    f"{cap(many)} can {a.sound}.",
                    f"What sound does {one} make? It {a.sound}s."
                    if a.sound not in ("hiss", "buzz")
                    else f"{cap(many)} {a.sound}.",
                ),
            )
        )
    elif a.sound:
        facts.append(pick(rng, (f"{cap(one)} says {a.sound}.", f'What does {one} say? "{cap(a.sound)}!"')))
    owners = [p.name for p in town.people if p.pet_kind == a.name]
    if owners:
        owner = town.by_name[pick(rng, owners)]
        facts.append(f"In Plumwick, {owner.name} has {owner.pet} called {owner.pet_name}.")
    rng.shuffle(facts)
    return facts


def animals(rng: Random, town: Town) -> str:
    """Two or three animals, a few facts each."""
    parts = [
        pick(
            rng,
            (
                "Animals",
                "What do you know about animals?",
                "Anna, the vet, tells the class about animals.",
                "A lesson on animals.",
                "Let us talk about animals.",
                "",
            ),
        )
    ]
    for a in rng.sample(ANIMALS, rng.randint(2, 3)):
        parts.append(" ".join(_animal(rng, a, town)[: rng.randint(3, 4)]))
    return "\n".join(p for p in parts if p)


def _country(rng: Random, c: Country) -> list[str]:
    facts = [
        pick(
            rng,
            (
                f"The capital of {c.name} is {c.capital}.",
                f"{c.capital} is the capital of {c.name}.",
                f"What is the capital of {c.name}? It is {c.capital}.",
            ),
        ),
        pick(
            rng,
            (
                f"People in {c.name} speak {c.language}.",
                f"The language of {c.name} is {c.language}.",
                f"Most people in {c.name} speak {c.language}.",
            ),
        ),
        pick(rng, (f"{c.name} is in {c.continent}.", f"{c.name} is a country in {c.continent}.")),
        f"{c.name} is known for {c.known_for}.",
    ]
    rng.shuffle(facts)
    return facts


def countries(rng: Random, town: Town) -> str:
    """Two to four countries with capital, language and continent."""
    p = pick(rng, town.people)
    parts = [
        pick(
            rng,
            (
                "Countries of the World",
                "A lesson on countries",
                "Clara shows the class a map.",
                f"{p.name} reads in a book about countries.",
                "Let us travel with our finger on the map.",
                "",
            ),
        )
    ]
    for c in rng.sample(COUNTRIES, rng.randint(2, 4)):
        parts.append(" ".join(_country(rng, c)[: rng.randint(2, 4)]))
    if rng.random() < 0.3:
        parts.append(f"{p.name} wants to see all of them one day.")
    return "\n".join(x for x in parts if x)


def encyclopaedia(rng: Random, town: Town) -> str:
    """One entry: an animal, a country, a person, a place or a feast."""
    kind = rng.random()
    if kind < 0.35:
        a = pick(rng, ANIMALS)
        return f"{cap(a.name)}\n\n{' '.join(_animal(rng, a, town))}"
    if kind < 0.6:
        c = pick(rng, COUNTRIES)
        other = pick(rng, [x for x in COUNTRIES if x.continent == c.continent and x is not c] or [c])
        extra = f" Another country in {c.continent} is {other.name}." if other is not c else ""
        return f"{c.name}\n\n{' '.join(_country(rng, c))}{extra}"
    subject = pick(rng, tuple(town.facts_of))
    facts = list(town.facts_of[subject].values())
    facts = rng.sample(facts, min(len(facts), rng.randint(4, 8)))
    title = subject if subject not in town.by_name else town.by_name[subject].full
    order = [f.relation for f in facts]
    if "pet" in order and "pet name" in order and order.index("pet") > order.index("pet name"):
        i, j = order.index("pet"), order.index("pet name")
        facts[i], facts[j] = facts[j], facts[i]
    more = [x.full for x in rng.sample(town.people, 2) if x.name != subject]
    see = pick(
        rng,
        (
            "",
            f" See also: {join_and(more)}.",
            f" On the next page: {more[0]}.",
            f" Read more under {more[-1]}.",
        ),
    )
    return f"{cap(title)}\n\n{' '.join(f.sentence for f in facts)}{see}"


def _world_facts(rng: Random, kind: int) -> list[str]:
    if kind == 0:
        return [
            pick(rng, (f"{cap(t)} is {c}.", f"What colour is {t}? {cap(c)}."))
            for t, c in rng.sample(tuple(COLOUR_OF.items()), 4)
        ]
    if kind == 1:
        return [
            pick(rng, (f"{cap(t)} is made of {m}.", f"What is {t} made of? It is made of {m}."))
            for t, m in rng.sample(tuple(MATERIALS.items()), 4)
        ]
    if kind == 2:
        return [f"With {t} you can {u}." for t, u in rng.sample(tuple(USES.items()), 4)]
    if kind == 3:
        return [f"With our {part} we {verb}." for part, verb in rng.sample(tuple(SENSES.values()), 3)] + [
            "We have five senses."
        ]
    if kind == 4:
        i = rng.randint(0, 6)
        return [
            "A week has seven days.",
            f"After {DAYS[i - 1]} comes {DAYS[i]}.",
            f"Before {DAYS[i]} comes {DAYS[i - 1]}.",
            f"Two days after {DAYS[i]} comes {DAYS[(i + 2) % 7]}.",
        ]
    if kind == 5:
        i = rng.randint(0, 11)
        m = MONTHS[i]
        return [
            "A year has twelve months.",
            f"After {MONTHS[i - 1]} comes {m}.",
            f"{m} belongs to {SEASON_OF[m]}.",
            f"{m} has {DAYS_IN_MONTH[m]} days." if m != "February" else "February is the shortest month.",
        ]
    if kind == 6:
        return [
            f"{cap(a_an(s))} has {number_word(n)} sides." if n else "A circle is round and has no corners."
            for s, n in rng.sample(tuple(SHAPES.items()), 3)
        ]
    group = pick(rng, tuple(GROUPS))
    three = rng.sample(GROUPS[group], 3)
    return [
        pick(
            rng,
            (
                f"Three {plural(group)} are {join_and(three)}.",
                f"Name three {plural(group)}. {cap(join_and(three))}.",
                f"{cap(three[0])}, {three[1]} and {three[2]}: these are {plural(group)}.",
            ),
        )
        if not group.startswith(("piece", "part"))
        else _pieces(group, three)
    ]


def _pieces(group: str, three: list[str]) -> str:
    word, rest = group.split(" ", 1)
    return f"Three {word}s {rest} are {join_and([a_an(t) for t in three])}."


def what_we_know(rng: Random, town: Town) -> str:
    """Small true sentences: colours, materials, uses, senses, days, months, shapes, groups."""
    child = pick(rng, town.children)
    parts = [
        pick(
            rng,
            (
                "Things we know",
                "Did you know?",
                f"{child.name} asks, and the teacher answers.",
                "A page of small facts",
                f"{child.name} knows a lot for somebody who is {child.age}.",
                "In school today",
                "",
            ),
        )
    ]
    for kind in rng.sample(range(8), rng.randint(2, 4)):
        parts.append(" ".join(_world_facts(rng, kind)))
    return "\n".join(dict.fromkeys(p for p in parts if p))
