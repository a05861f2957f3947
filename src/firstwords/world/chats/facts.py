"""Chats about the facts of the town: one step, two steps, yes or no, who is it, follow-ups, people with something."""

from functools import lru_cache
from random import Random
from typing import NamedTuple

from firstwords.world.chats.checks import Check
from firstwords.world.chats.phrases import DIRECT_FRAMES, EMBEDDED_FRAMES, FEAST, PERSON, PLACE, Ask
from firstwords.world.phrases import cap, join_and, pick
from firstwords.world.town.facts import OFTEN_TOLD, Fact
from firstwords.world.town.people import Feast, Person, Place
from firstwords.world.town.plumwick import Town, town

OFTEN = ("job", "age", "street", "friend", "pet", "pet name", "food", "colour", "hobby", "birthday", "mother",
         "father")
PEOPLE = frozenset(("friend", "mother", "father"))
SELDOM = ("family name", "spouse", "fear", "wish", "instrument")


class Turn(NamedTuple):
    """One question and its answer, with a check if a program can grade it.

    guesses: where no one can know, forms of what a writer who guesses says ("Doug is {job}."); see `writers.invented`.
    """

    user: str
    pip: str
    check: Check | None = None
    guesses: tuple[str, ...] = ()


def fill(template: str, slots: dict[str, str]) -> str:
    """The template with its slots filled, capitalised."""
    text = template.format_map(slots)
    return text[0].upper() + text[1:]


def framed(rng: Random, ask: Ask, slots: dict[str, str]) -> str:
    """A question in one of the chats' phrasings, direct or embedded."""
    if rng.random() < 0.7:
        question = pick(rng, ask.direct).format_map(slots)
        return pick(rng, DIRECT_FRAMES).format(q=question, Q=question[0].upper() + question[1:])
    return pick(rng, EMBEDDED_FRAMES).format(e=pick(rng, ask.embedded).format_map(slots))


def by_pronoun(rng: Random, direct: tuple[str, ...], slots: dict[str, str]) -> str:
    """A direct question with a pronoun; "the age of him" is left out."""
    while True:
        template = pick(rng, direct)
        if "of {o}" not in template:
            return template.format_map(slots)


def all_questions(ask: Ask, slots: dict[str, str]) -> set[str]:
    """Every question that `framed` can make of these slots."""
    found = set()
    for direct in ask.direct:
        question = direct.format_map(slots)
        found |= {f.format(q=question, Q=question[0].upper() + question[1:]) for f in DIRECT_FRAMES}
    for clause in ask.embedded:
        found |= {f.format(e=clause.format_map(slots)) for f in EMBEDDED_FRAMES}
    return found


def person_slots(name: str, p: Person, pronoun: bool = False) -> dict[str, str]:
    """Slots for the templates of a person, by name or by pronoun."""
    return {
        "s": p.he if pronoun else name, "p": p.his if pronoun else f"{name}'s",
        "o": p.him if pronoun else name,
        "p2": p.his, "k": p.pet_kind or "pet", "wife": "wife" if p.gender == "he" else "husband",
        "the_job": p.the_job,
    }


def thing_slots(thing: Place | Feast) -> dict[str, str]:
    """Slots for the templates of a place or a feast."""
    at = thing.at if isinstance(thing, Feast) else ""
    return {"x": thing.name, "X": thing.title, "at": at, "At": cap(at)}


_DOMAINS = {
    "job": ("one_of", "job"), "age": ("number", ""), "street": ("one_of", "street"),
    "friend": ("one_of", "name"),
    "pet": ("pet", "pet"), "pet name": ("one_of", "pet name"), "food": ("one_of", "food"),
    "colour": ("one_of", "colour"), "hobby": ("phrase", "hobby"), "birthday": ("one_of", "month"),
    "mother": ("one_of", "name"), "father": ("one_of", "name"), "spouse": ("one_of", "name"),
    "family name": ("one_of", "family"), "where": ("phrase", "where"), "known for": ("phrase", "known for"),
    "keeper": ("one_of", "name"), "month": ("one_of", "month"),
}


def fact_check(fact: Fact) -> Check:
    """The check of a fact: the right value of its domain and no rival."""
    kind, domain = _DOMAINS.get(fact.relation, ("phrase", ""))
    if fact.relation == "food" and fact.subject not in town().by_name:
        kind, domain = "one_of", "food"
    accept = (fact.value, "goes to the Yellow School",
              "goes to school") if fact.value == "pupil" else (fact.value,)
    return Check(kind, accept, domain, (fact.subject,))


@lru_cache(maxsize=1)
def _asks() -> dict[tuple[str, str], Ask]:
    table = {}
    t = town()
    for fact in t.facts:
        group = PERSON if fact.subject in t.by_name else PLACE if fact.subject in t.place_by_name else FEAST
        if fact.relation in group:
            table[fact.subject, fact.relation] = group[fact.relation]
    return table


@lru_cache(maxsize=1)
def _slots() -> dict[str, dict[str, str]]:
    t = town()
    table = {p.name: person_slots(p.name, p) for p in t.people}
    things: list[Place | Feast] = [*t.places, *t.feasts]
    table.update({x.name: thing_slots(x) for x in things})
    return table


def ask_of(fact: Fact) -> Ask | None:
    """The phrasings of a fact; None if the chats never ask it."""
    return _asks().get((fact.subject, fact.relation))


def slots_of(subject: str) -> dict[str, str]:
    """The slots of a person, place or feast by name."""
    return _slots()[subject]


def answer(rng: Random, fact: Fact) -> str:
    """A short answer that repeats the subject: "Mila is the baker."."""
    ask = _asks()[fact.subject, fact.relation]
    template = ask.answers[0] if rng.random() < 0.7 else pick(rng, ask.answers)
    if fact.relation == "job" and fact.value == "pupil":
        template = "{s} is a pupil." if rng.random() < 0.7 else "{s} is a pupil at the Yellow School."
    if fact.relation == "opens" and fact.value == "day and night":
        template = "{X} is open {v}."
    return fill(template, {**_slots()[fact.subject], "v": fact.value})


@lru_cache(maxsize=2)
def _pools(t: Town) -> tuple[tuple[Fact, ...], tuple[Fact, ...], tuple[Fact, ...]]:
    often = tuple(f for f in t.facts if f.subject in t.by_name and f.relation in OFTEN)
    seldom = tuple(f for f in t.facts if f.subject in t.by_name and f.relation in SELDOM)
    things = tuple(f for f in t.facts if f.subject not in t.by_name and (f.subject, f.relation) in _asks())
    often_told = {f for f in things if f.relation in OFTEN_TOLD}
    told = {f for f in often_told if f.subject in t.place_by_name or f.relation == "month"}
    return often, seldom, tuple(f for f in things for _ in range(3 if f in told else 1))


def fact(rng: Random, town: Town) -> list[Turn]:
    """One known fact about a person, place or feast."""
    often, seldom, things = _pools(town)
    draw = rng.random()
    chosen = pick(rng, often if draw < 0.8 else things if draw < 0.95 else seldom)
    return [Turn(framed(rng, _asks()[chosen.subject, chosen.relation], _slots()[chosen.subject]),
                 answer(rng, chosen), fact_check(chosen))]


def place_fact(rng: Random, town: Town) -> list[Turn]:
    """One known fact about a place or a feast."""
    chosen = pick(rng, _pools(town)[2])
    return [Turn(framed(rng, _asks()[chosen.subject, chosen.relation], _slots()[chosen.subject]),
                 answer(rng, chosen), fact_check(chosen))]


def _known(town: Town, p: Person, relations: tuple[str, ...] = OFTEN) -> list[Fact]:
    table = town.facts_of[p.name]
    return [table[r] for r in relations if r in table]


def follow_ups(rng: Random, town: Town) -> list[Turn]:
    """Two to four questions about one person; the later ones say "he" or "she"."""
    p = pick(rng, town.people)
    # a question that brings another person in comes last, so that "she" cannot be misread
    facts = sorted(rng.sample(_known(town, p), rng.choice((2, 2, 3, 4))), key=lambda f: f.relation in PEOPLE)
    facts = facts[: 1 + next((i for i, f in enumerate(facts) if f.relation in PEOPLE), len(facts))]
    turns = []
    slots, short = _slots()[p.name], person_slots(p.name, p, pronoun=True)
    for i, one in enumerate(facts):
        ask = _asks()[p.name, one.relation]
        if not i:
            question = framed(rng, ask, slots)
        else:
            direct = by_pronoun(rng, ask.direct, short)
            question = pick(rng, ("And {q}", "And {q}", "{Q}", "Thank you. And {q}", "I see. {Q}",
                                  "Good. {Q}",
                                  "Nice! And {q}")).format(q=direct, Q=cap(direct))
        turns.append(Turn(question, answer(rng, one), fact_check(one)))
    return turns


def and_the_other(rng: Random, town: Town) -> list[Turn]:
    """The same question about a second person in short: "And Otto?"."""
    while True:
        one, other = rng.sample(town.people, 2)
        relation = pick(rng, OFTEN)
        first, second = (town.facts_of[x.name].get(relation) for x in (one, other))
        if first and second and relation != "pet name":
            break
    short = ("And {n}?", "And what about {n}?", "What about {n}?", "And {n}, please?",
             "Now the same for {n}.")
    return [
        Turn(framed(rng, PERSON[relation], _slots()[one.name]), answer(rng, first), fact_check(first)),
        Turn(pick(rng, short).format(n=other.name), answer(rng, second), fact_check(second)),
    ]


LINKS = {
    "friend": ("best friend", "friend"), "mother": ("mother", "mum"), "father": ("father", "dad"),
    "spouse": ("{wife}",),
}
SECOND = ("job", "age", "street", "pet", "food", "colour", "hobby", "birthday")


def two_steps(rng: Random, town: Town) -> list[Turn]:
    """A fact about somebody's friend, parent, wife or husband, or about the holder of a job."""
    while True:
        p = pick(rng, town.people)
        links = town.facts_of[p.name]
        relation = pick(rng, ("friend", "friend", "mother", "father", "spouse", "job", "job"))
        if relation in links and not (relation == "job" and p.is_child):
            break
    if relation == "job":
        target, who = p, f"the {p.job}"
        first = f"The {p.job} is {p.name}."
    else:
        target = town.by_name[links[relation].value]
        who = f"{p.name}'s {pick(rng, LINKS[relation]).format_map(_slots()[p.name])}"
        first = f"{p.name}'s best friend is {target.name}."
        if relation != "friend":
            first = answer(rng, links[relation])
    second = pick(rng, _known(town, target, SECOND if relation != "job" else SECOND[1:]))
    question = framed(rng, PERSON[second.relation], {**person_slots(who, target), "k": target.pet_kind})
    check = fact_check(second)
    return [Turn(question, f"{first} {answer(rng, second)}",
                 Check(check.kind, check.accept, check.domain, (p.name, target.name, p.job)))]


_YES_NO = {
    "job": ("is {s} {v}?", "is it true that {s} is {v}?", "do you think that {s} is {v}?", "{s} is {v}, right?",
            "I heard that {s} is {v}. Is it true?"),
    "age": ("is {s} {v} years old?", "is {s} {v}?", "is it true that {s} is {v} years old?", "{s} is {v} years old, right?",
            "I heard that {s} is {v} years old. Is it true?"),
    "street": ("does {s} live on {v}?", "is {p} house on {v}?", "is it true that {s} lives on {v}?", "{s} lives on {v}, right?",
               "I heard that {s} lives on {v}. Is it true?"),
    "friend": ("is {v} {p} best friend?", "is {p} best friend {v}?",
               "is it true that {v} is {p} best friend?"),
    "food": ("is {p} favourite food {v}?", "does {s} love {v}?", "is it true that {s} loves {v}?"),
    "colour": ("is {v} {p} favourite colour?", "does {s} like {v} best?", "is {p} favourite colour {v}?",
               "{p} favourite colour is {v}, right?", "I heard that {v} is {p} favourite colour. Is it true?"),
    "birthday": ("is {p} birthday in {v}?", "does {s} have a birthday in {v}?",
                 "is it true that {p} birthday is in {v}?"),
    "mother": ("is {v} {p} mother?", "is {p} mother called {v}?", "is it true that {v} is {p} mother?"),
    "father": ("is {v} {p} father?", "is {p} father called {v}?", "is it true that {v} is {p} father?"),
    "pet": ("does {s} have {v}?", "is {p} pet {v}?", "is it true that {s} has {v}?"),
}
_YES_NO_FRAMES = ("{Q}", "{Q}", "{Q}", "Pip, {q}", "Tell me, {q}", "One question: {q}")


def statements(fact: Fact) -> tuple[str, ...]:
    """The ways in which the chats state a fact, the usual one first."""
    slots = {**_slots()[fact.subject], "v": fact.value}
    filled = dict.fromkeys(fill(answer, slots) for answer in _asks()[fact.subject, fact.relation].answers)
    return tuple(text.replace(" is the pupil", " is a pupil") for text in filled)


def _shown(fact: Fact) -> str:
    return town().by_name[fact.subject].the_job if fact.relation == "job" else fact.value


def settled(is_true: bool, fact: str, *also: str) -> tuple[str, Check]:
    """The answer to a yes or no question and its check: "Is the sky green?" -> "The sky is blue."

    The fact alone, which says it all: a model of a million parameters states it correctly, and then says "yes" or "no"
    by habit. The check takes either. also: other statements of the fact.
    """
    return fact, Check("yes" if is_true else "no", (fact, *also))


def yes_no(rng: Random, town: Town) -> list[Turn]:
    """A known fact, stated correctly or incorrectly."""
    while True:
        p = pick(rng, town.people)
        relation = pick(rng, tuple(_YES_NO))
        true = town.facts_of[p.name].get(relation)
        if true:
            break
    said = true
    if rng.random() < 0.5:
        while said.value == true.value:
            other = town.facts_of[pick(rng, town.people).name].get(relation)
            same_sex = relation not in ("friend", "mother", "father") or (other and other.value != p.name)
            said = other if other and same_sex else said
    question = pick(rng, _YES_NO[relation]).format_map({**_slots()[p.name], "v": _shown(said)})
    question = pick(rng, _YES_NO_FRAMES).format(q=question, Q=cap(question))
    is_true = said.value == true.value
    return [Turn(question, *settled(is_true, *statements(true)))]


def has_pet(rng: Random, town: Town) -> list[Turn]:
    """Does somebody have a pet?"""
    p = pick(rng, town.people)
    question = pick(rng, ("Does {n} have a pet?", "Has {n} got a pet?", "Is there a pet in {n}'s house?",
                          "Do you know if {n} has a pet?", "Tell me if {n} has a pet.",
                          "Does {n} keep an animal?",
                          "Pip, does {n} have a pet?", "Can you tell me if {n} has a pet?")).format(n=p.name)
    if p.pet:
        name = f" called {p.pet_name}" if rng.random() < 0.5 else ""
        return [Turn(question, f"Yes, {p.name} has {p.pet}{name}.", Check("yes"))]
    return [Turn(question, pick(rng, (f"I do not know if {p.name} has a pet.",
                                      f"I was never told if {p.name} has a pet.")),
                 Check("abstain"))]


def who_is(rng: Random, town: Town) -> list[Turn]:
    """A person in two or three sentences."""
    p = pick(rng, town.people)
    question = pick(rng, (
        "Who is {n}?", "Tell me about {n}.", "Tell me something about {n}.", "Do you know {n}?",
        "Who is {f}?",
        "What can you tell me about {n}?", "Please tell me who {n} is.", "What do you know about {n}?",
        "Describe {n} in two sentences.", "Can you tell me who {n} is?", "Have you heard of {n}?",
        "Who is this {n}?",
    )).format(n=p.name, f=p.full)
    is_job = not p.is_child or rng.random() < 0.5
    first = f"{p.name} is {p.the_job}." if is_job else f"{p.name} is a {p.noun} from Plumwick."
    facts = _known(town, p, ("age", "street", "friend", "food", "colour", "hobby"))
    names = person_slots(p.name, p, pronoun=True)
    parts = [first]
    chosen = rng.sample(facts, min(len(facts), 1 if "two" in question else rng.choice((1, 2, 2))))
    for one in sorted(chosen, key=lambda f: f.relation == "friend"):
        parts.append(fill(PERSON[one.relation].answers[0], {**names, "v": one.value}))
    start = "Yes, " if question.startswith(("Do you know", "Have you")) else ""
    return [Turn(question, start + " ".join(parts), Check("phrase", (parts[0],)))]


def who_does(rng: Random, town: Town) -> list[Turn]:
    """From the value back to the person: the baker, the owner of a pet."""
    p = pick(rng, town.adults) if rng.random() < 0.6 else pick(rng, town.people)
    if p.is_child and p.pet_name:
        question = pick(rng, ("Whose {k} is called {v}?", "Whose pet is {v}?", "Who is {v}?",
                              "Do you know {v}, the {k}?",
                              "Who has a {k} called {v}?", "To whom does {v} the {k} belong?",
                              "Tell me who {v} is.",
                              "Which person has a {k} called {v}?")).format(k=p.pet_kind, v=p.pet_name)
        reply = pick(rng, ("{v} is {n}'s {k}.", "{n}'s {k} is called {v}.")).format(v=p.pet_name, n=p.name,
                                                                                    k=p.pet_kind)
        return [Turn(question, reply, Check("one_of", (p.name,), "name", (p.pet_name,)))]
    if p.is_child:
        p = pick(rng, town.adults)
    question = pick(rng, ("Who is the {j}?", "Who is the {j} of Plumwick?", "Who works as {a}?",
                          "What is the {j} called?",
                          "What is the name of the {j}?", "Do you know the {j}?",
                          "Tell me the name of the {j}.",
                          "Which person is the {j}?", "Can you tell me who the {j} is?",
                          "Pip, who is the {j}?"))
    article = "an" if p.job[0] in "aeio" else "a"
    reply = pick(rng, ("The {j} is {n}.", "{n} is the {j}.", "The {j} is called {n}.")).format(j=p.job,
                                                                                               n=p.name)
    return [Turn(question.format(j=p.job, a=f"{article} {p.job}"), reply, Check("one_of", (p.name,), "name"))]


_WITH = {
    "food": ("loves {v}", "love {v}"), "colour": ("likes {v} best", "like {v} best"),
    "street": ("lives on {v}", "live on {v}"), "birthday": ("has a birthday in {v}",
                                                            "have a birthday in {v}"),
}


@lru_cache(maxsize=2)
def holders(town: Town) -> dict[tuple[str, str], tuple[str, ...]]:
    """(relation, value) -> names of all people who share it."""
    table: dict[tuple[str, str], list[str]] = {}
    for f in town.facts:
        if f.relation in _WITH and f.subject in town.by_name:
            table.setdefault((f.relation, f.value), []).append(f.subject)
    return {key: tuple(names) for key, names in table.items()}


def people_with(rng: Random, town: Town) -> list[Turn]:
    """One or three people who share something."""
    (relation, value), names = pick(rng, _holder_items(town))
    one, many = (t.format(v=value) for t in _WITH[relation])
    if len(names) >= 3 and rng.random() < 0.6:
        chosen = rng.sample(names, 3)
        question = pick(rng, ("Name three people who {m}.", "List three people who {m}.",
                              "Tell me three people who {m}.",
                              "Can you name three people who {m}?",
                              "Give me the names of three people who {m}.",
                              "Which three people {m}?", "I need three people who {m}.",
                              "Please list three people from Plumwick who {m}.")).format(m=many)
        reply = f"{join_and(chosen)}." if rng.random() < 0.5 else f"{join_and(chosen)} {many}."
        if reply.endswith(f"{many}."):
            return [Turn(question, reply, Check("one_of", names, "name"))]
        return [Turn(question, reply, Check("list", names, "name", least=3))]
    question = pick(rng, ("Who {o}?", "Name somebody who {o}.", "Do you know somebody who {o}?",
                          "Which person {o}?",
                          "Tell me who {o}.", "Can you name one person who {o}?", "Is there anybody who {o}?",
                          "Pip, who {o}?")).format(o=one)
    return [Turn(question, f"{pick(rng, names)} {one}.", Check("one_of", names, "name"))]


@lru_cache(maxsize=2)
def _holder_items(town: Town) -> tuple[tuple[tuple[str, str], tuple[str, ...]], ...]:
    return tuple(holders(town).items())
