"""Told facts about people, places and feasts, with a sentence that tells each and the ways to ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstwords.world.town import Feast, Person, Place


# the relations that texts repeat again and again; the others (fear, wish, ...) come up now and then
OFTEN_TOLD = frozenset(
    (
        "job",
        "age",
        "street",
        "friend",
        "pet",
        "pet name",
        "food",
        "colour",
        "hobby",
        "birthday",
        "mother",
        "father",
        "where",
        "known for",
        "keeper",
        "month",
    )
)


@dataclass(frozen=True)
class Fact:
    """One told fact: a right answer contains `value`, `sentence` says it, `questions` ask for it.

    Example: Fact("Mila", "job", "baker", "Mila is the baker.", ("What does Mila do?", ...)).
    """

    subject: str
    relation: str
    value: str
    sentence: str
    questions: tuple[str, ...]


def person_facts(p: Person) -> list[Fact]:
    """All told facts of one person; empty fields give none."""
    n, his, he = p.name, p.his, p.he
    kind = p.pet_kind
    table = (
        (
            "job",
            p.job,
            f"{n} is {p.the_job}.",
            (f"What does {n} do?", f"What is {n}'s job?", f"What is the job of {n}?"),
        ),
        (
            "work",
            p.workplace,
            f"{n} {'goes to' if p.is_child else 'works at'} {p.workplace}.",
            (f"Where does {n} {'go to school' if p.is_child else 'work'}?",),
        ),
        (
            "family name",
            p.family,
            f"{n}'s family name is {p.family}.",
            (f"What is {n}'s family name?", f"What is {n}'s last name?"),
        ),
        ("age", str(p.age), f"{n} is {p.age} years old.", (f"How old is {n}?", f"What is {n}'s age?")),
        (
            "street",
            p.street,
            f"{n} lives on {p.street}.",
            (f"Where does {n} live?", f"On which street does {n} live?", f"Where is {n}'s home?"),
        ),
        (
            "friend",
            p.friend,
            f"{n}'s best friend is {p.friend}.",
            (f"Who is {n}'s best friend?", f"Who is the best friend of {n}?"),
        ),
        ("pet", p.pet, f"{n} has {p.pet}.", (f"What pet does {n} have?", f"What animal does {n} have?")),
        (
            "pet name",
            p.pet_name,
            f"{n}'s {kind} is called {p.pet_name}.",
            (f"What is the name of {n}'s {kind}?", f"What is {n}'s {kind} called?"),
        ),
        (
            "food",
            p.food,
            f"{n}'s favourite food is {p.food}.",
            (f"What is {n}'s favourite food?", f"What does {n} like to eat?", f"What does {n} love to eat?"),
        ),
        (
            "colour",
            p.colour,
            f"{n}'s favourite colour is {p.colour}.",
            (f"What is {n}'s favourite colour?", f"Which colour does {n} like best?"),
        ),
        (
            "hobby",
            p.hobby,
            f"{n} likes {p.hobby}.",
            (f"What is {n}'s hobby?", f"What does {n} like to do?", f"What does {n} do in {his} free time?"),
        ),
        (
            "birthday",
            p.birthday,
            f"{n}'s birthday is in {p.birthday}.",
            (f"When is {n}'s birthday?", f"In which month is {n}'s birthday?"),
        ),
        (
            "mother",
            p.mother,
            f"{n}'s mother is {p.mother}.",
            (f"Who is {n}'s mother?", f"Who is the mother of {n}?", f"What is the name of {n}'s mother?"),
        ),
        (
            "father",
            p.father,
            f"{n}'s father is {p.father}.",
            (f"Who is {n}'s father?", f"Who is the father of {n}?", f"What is the name of {n}'s father?"),
        ),
        (
            "spouse",
            p.spouse,
            f"{n} is married to {p.spouse}.",
            (f"Who is {n} married to?", f"Who is {n}'s {'wife' if he == 'he' else 'husband'}?"),
        ),
        ("fear", p.fear, f"{n} is afraid of {p.fear}.", (f"What is {n} afraid of?", f"What scares {n}?")),
        (
            "wish",
            p.wish,
            f"{n}'s biggest wish is {p.wish}.",
            (f"What is {n}'s biggest wish?", f"What does {n} wish for?"),
        ),
        ("instrument", p.instrument, f"{n} plays {p.instrument}.", (f"What instrument does {n} play?",)),
    )
    return [
        Fact(n, relation, value, sentence, questions)
        for relation, value, sentence, questions in table
        if value
    ]


def place_facts(p: Place) -> list[Fact]:
    """Where a place is, who looks after it, what it is known for, when it opens."""
    n, title = p.name, p.title
    opens = f"{title} is open {p.opens}." if p.opens == "day and night" else f"{title} opens {p.opens}."
    return [
        Fact(n, "where", p.where, f"{title} is {p.where}.", (f"Where is {n}?", f"Where can I find {n}?")),
        Fact(
            n,
            "known for",
            p.known_for,
            f"{title} is known for {p.known_for}.",
            (f"What is {n} known for?", f"What is special about {n}?"),
        ),
        Fact(
            n,
            "keeper",
            p.keeper,
            f"{p.keeper} looks after {n}.",
            (f"Who looks after {n}?", f"Who takes care of {n}?"),
        ),
        Fact(n, "opens", p.opens, opens, (f"When does {n} open?", f"When is {n} open?")),
    ]


def feast_facts(f: Feast) -> list[Fact]:
    """When a feast is, where it is, what people eat and what happens."""
    n, title = f.name, f.title
    at = f.at[0].upper() + f.at[1:]
    return [
        Fact(n, "month", f.month, f"{title} is in {f.month}.", (f"When is {n}?", f"In which month is {n}?")),
        Fact(
            n,
            "food",
            f.food,
            f"{at}, people eat {f.food}.",
            (f"What do people eat {f.at}?", f"What is eaten {f.at}?"),
        ),
        Fact(n, "place", f.place, f"{title} is held at {f.place}.", (f"Where is {n} held?",)),
        Fact(
            n,
            "happens",
            f.happens,
            f"{at}, {f.happens}.",
            (f"What happens {f.at}?", f"What do people do {f.at}?"),
        ),
    ]
