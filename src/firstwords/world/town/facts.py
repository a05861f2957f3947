"""Known facts about people, places and feasts, each with a sentence and questions for it."""

from __future__ import annotations

from dataclasses import dataclass

from firstwords.world.town.people import Feast, Person, Place

# the main relations of a person
COMMON = (
    "job", "age", "street", "friend", "pet", "pet name", "food", "colour", "hobby", "birthday", "mother", "father",
)  # fmt: skip
# the relations that texts repeat often; the others (fear, wish, ...) are occasional
OFTEN_TOLD = frozenset((*COMMON, "where", "known for", "keeper", "month"))


@dataclass(frozen=True)
class Fact:
    """One known fact: a correct answer contains `value`, `sentence` states it, `questions` ask for it.

    Example: Fact("Mila", "job", "baker", "Mila is the baker.", ("What does Mila do?", ...)).
    """

    subject: str
    relation: str
    value: str
    sentence: str
    questions: tuple[str, ...]


# relation, field, sentence, questions; {n} is the name, {v} the value, {his} the possessive pronoun
_PERSON = (
    (
        "job",
        "job",
        "{n} is {the_job}.",
        ("What does {n} do?", "What is {n}'s job?", "What is the job of {n}?"),
    ),
    ("work", "workplace", "{n} {works} {v}.", ("Where does {n} {work}?",)),
    (
        "family name",
        "family",
        "{n}'s family name is {v}.",
        ("What is {n}'s family name?", "What is {n}'s last name?"),
    ),
    ("age", "age", "{n} is {v} years old.", ("How old is {n}?", "What is {n}'s age?")),
    (
        "street",
        "street",
        "{n} lives on {v}.",
        ("Where does {n} live?", "On which street does {n} live?", "Where is {n}'s home?"),
    ),
    (
        "friend",
        "friend",
        "{n}'s best friend is {v}.",
        ("Who is {n}'s best friend?", "Who is the best friend of {n}?"),
    ),
    ("pet", "pet", "{n} has {v}.", ("What pet does {n} have?", "What animal does {n} have?")),
    (
        "pet name",
        "pet_name",
        "{n}'s {kind} is called {v}.",
        ("What is the name of {n}'s {kind}?", "What is {n}'s {kind} called?"),
    ),
    (
        "food",
        "food",
        "{n}'s favourite food is {v}.",
        ("What is {n}'s favourite food?", "What does {n} like to eat?", "What does {n} love to eat?"),
    ),
    (
        "colour",
        "colour",
        "{n}'s favourite colour is {v}.",
        ("What is {n}'s favourite colour?", "Which colour does {n} like best?"),
    ),
    (
        "hobby",
        "hobby",
        "{n} likes {v}.",
        ("What is {n}'s hobby?", "What does {n} like to do?", "What does {n} do in {his} free time?"),
    ),
    (
        "birthday",
        "birthday",
        "{n}'s birthday is in {v}.",
        ("When is {n}'s birthday?", "In which month is {n}'s birthday?"),
    ),
    (
        "mother",
        "mother",
        "{n}'s mother is {v}.",
        ("Who is {n}'s mother?", "Who is the mother of {n}?", "What is the name of {n}'s mother?"),
    ),
    (
        "father",
        "father",
        "{n}'s father is {v}.",
        ("Who is {n}'s father?", "Who is the father of {n}?", "What is the name of {n}'s father?"),
    ),
    (
        "spouse",
        "spouse",
        "{n} is married to {v}.",
        ("Who is {n} married to?", "Who is {n}'s {wife}?"),
    ),
    ("fear", "fear", "{n} is afraid of {v}.", ("What is {n} afraid of?", "What scares {n}?")),
    (
        "wish",
        "wish",
        "{n}'s biggest wish is {v}.",
        ("What is {n}'s biggest wish?", "What does {n} wish for?"),
    ),
    ("instrument", "instrument", "{n} plays {v}.", ("What instrument does {n} play?",)),
)


def person_facts(p: Person) -> list[Fact]:
    """All known facts about one person; empty fields give none."""
    words = {
        "n": p.name, "his": p.his, "the_job": p.the_job, "kind": p.pet_kind,
        "works": "goes to" if p.is_child else "works at", "work": "go to school" if p.is_child else "work",
        "wife": "wife" if p.gender == "he" else "husband",
    }  # fmt: skip
    facts = []
    for relation, field, sentence, questions in _PERSON:
        value = str(getattr(p, field))
        if value:
            asked = tuple(q.format(**words) for q in questions)
            facts.append(Fact(p.name, relation, value, sentence.format(v=value, **words), asked))
    return facts


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
