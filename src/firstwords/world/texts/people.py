"""Texts about people: portraits, families, the town register, quizzes, two people side by side, birthdays."""

from random import Random

from firstwords.world.phrases import cap, join_and, number_word, pick
from firstwords.world.texts.facts import ask, before, knows, merge, relations, say, strangers, tell
from firstwords.world.town.people import Person
from firstwords.world.town.plumwick import Town

_OPENINGS = (
    "This is {full}.",
    "Let me tell you about {full}.",
    "Do you know {full}?",
    "Meet {full} of Plumwick.",
    "Everybody in Plumwick knows {full}.",
    "There is a {noun} in Plumwick called {full}.",
    "Here is a page about {full}.",
    "Have you ever met {full}?",
    "Today we talk about {full}.",
    "{full} lives in Plumwick.",
    "The name of this {noun} is {full}.",
    "",
    "",
    "",
)
_CLOSINGS = (
    "That is {n}.",
    "If you see {n}, say hello.",
    "Now you know {n} too.",
    "Plumwick would be dull without {n}.",
    "Everybody is glad that {n} lives here.",
    "And {n} always has a smile for you.",
    "{n} {habit}.",
    "And {n} {habit}.",
    "One more thing: {n} {habit}.",
    "{n}'s neighbours say that {he} {habit}.",
    "People smile because {n} {habit}.",
    "Oh, and {n} {habit}.",
    "",
    "",
    "",
)
_TITLES = ("{full}", "About {n}", "Who is {n}?", "{n}", "A Portrait of {n}", "Our Neighbour {n}", "", "", "")


def _fill(template: str, p: Person) -> str:
    return template.format(full=p.full, n=p.name, noun=p.noun, he=p.he, habit=p.habit)


def portrait(rng: Random, town: Town) -> str:
    """One person in six to eleven sentences."""
    p = pick(rng, town.people)
    title = _fill(pick(rng, _TITLES), p)
    opening = _fill(pick(rng, _OPENINGS), p)
    chosen = merge(rng, p, relations(rng, p, rng.randint(6, 11), rng.choice((0, 1, 1, 2))))
    sentences = tell(rng, p, chosen, named=not opening or rng.random() < 0.5)
    closing = _fill(pick(rng, _CLOSINGS), p)
    if closing == f"That is {p.name}." and opening == "":
        closing = ""
    if rng.random() < 0.35 and len(sentences) > 5:
        half = len(sentences) // 2
        sentences[half] = say(rng, p, chosen[half], "name")
        body = " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])
    else:
        body = " ".join(sentences)
    text = " ".join(part for part in (opening, body, closing) if part)
    return f"{title}\n\n{text}" if title else text


def two_people(rng: Random, town: Town) -> str:
    """Two people side by side: the same things told of both, often in one sentence."""
    one = pick(rng, town.people)
    other = town.by_name[one.friend] if rng.random() < 0.4 else pick(rng, town.people)
    while other is one:
        other = pick(rng, town.people)
    start = pick(
        rng,
        (
            f"{one.name} and {other.name} both live in Plumwick.",
            f"Let us look at {one.name} and {other.name}.",
            f"Here are two people from Plumwick: {one.full} and {other.full}.",
            f"Can you tell {one.name} from {other.name}?",
            f"{one.full} and {other.full} are two people in our town.",
        ),
    )
    parts = [start]
    friends = one.friend == other.name
    same = [r for r in relations(rng, one, 12, 0) if knows(other, r) and not (friends and r == "friend")]
    for relation in before(same[: rng.randint(4, 6)], "pet", "pet name"):
        first, second = say(rng, one, relation), say(rng, other, relation)
        if rng.random() < 0.5:
            first, second = second, first
        joined = (
            f"{first[:-1]}, but {second}"
            if rng.random() < 0.4 and second.startswith((one.name, other.name)) and "," not in first
            else ""
        )
        parts.append(
            joined
            if joined and getattr(one, relation, 1) != getattr(other, relation, 2)
            else f"{first} {second}"
        )
    if friends:
        parts.append(
            pick(
                rng,
                (
                    f"{one.name}'s best friend is {other.name}.",
                    f"{one.name} and {other.name} are best friends.",
                    f"{other.name} is {one.name}'s best friend.",
                ),
            )
        )
    elif one.age != other.age:
        old, young = (one, other) if one.age > other.age else (other, one)
        parts.append(
            pick(
                rng,
                (
                    f"{old.name} is older than {young.name}.",
                    f"{young.name} is younger than {old.name}.",
                    f"Of the two, {old.name} is older.",
                ),
            )
        )
    return " ".join(parts)


def _members(town: Town, p: Person) -> list[Person]:
    if p.is_child or not (p.children or p.spouse):
        parents = [town.by_name[n] for n in (p.father, p.mother) if n]
        kids = [p, *(town.by_name[n] for n in p.siblings)]
    else:
        parents = [p, *([town.by_name[p.spouse]] if p.spouse else [])]
        kids = [town.by_name[n] for n in p.children]
    return [*parents, *sorted(kids, key=lambda k: -k.age)]


def family(rng: Random, town: Town) -> str:
    """A family with its members, each with two or three facts."""
    p = pick(rng, town.people)
    members = _members(town, p)
    names = [m.name for m in members]
    parts = [
        pick(
            rng,
            (
                f"The {p.family} family",
                f"A Visit to the {p.family} Family",
                f"The Family of {p.name}",
                f"{p.name}'s Family",
            ),
        )
    ]
    text = []
    parents = [m for m in members if m.children and set(m.children) & set(names)]
    kids = [m for m in members if m not in parents]
    if len(members) > 1:
        text.append(
            pick(
                rng,
                (
                    f"This is the family of {p.full}: {join_and(names)}.",
                    f"{join_and(names)} are one family. Their name is {p.family}.",
                    f"There are {number_word(len(members))} people in this family: {join_and(names)}.",
                ),
            )
        )
    else:
        text.append(f"{p.full} lives alone, but {p.he} is never lonely.")
    if parents and kids:
        text.append(_parents_sentence(rng, parents, kids))
    for member in members:
        chosen = relations(rng, member, rng.randint(2, 3) if len(members) > 3 else rng.randint(3, 4), 0)
        text += tell(rng, member, merge(rng, member, chosen))
    if rng.random() < 0.4:
        text.append(
            pick(
                rng,
                (
                    "At supper everybody talks at the same time."
                    if len(members) > 2
                    else "At home it is warm and bright.",
                    "On Sundays they all eat together."
                    if len(members) > 1
                    else f"On Sundays {p.he} has guests.",
                    "There is always somebody who laughs.",
                    "Visitors are always welcome.",
                    "The door is never locked.",
                    "In winter they sit by the fire." if len(members) > 1 else "Guests get tea.",
                ),
            )
        )
    if rng.random() < 0.6:
        return parts[0] + "\n\n" + " ".join(text)
    return " ".join(text)


def _parents_sentence(rng: Random, parents: list[Person], kids: list[Person]) -> str:
    who = join_and([m.name for m in parents])
    names = join_and([k.name for k in kids])
    if len(parents) == 1:
        word = "mother" if parents[0].gender == "she" else "father"
        return f"{who} is the {word} of {names}."
    return pick(
        rng,
        (
            f"{who} are the parents of {names}.",
            f"{who} are married. {names} {'is their child' if len(kids) == 1 else 'are their children'}.",
            f"The parents are called {who}.",
        ),
    )


def register(rng: Random, town: Town) -> str:
    """A few lines of the town register: name, age, work, home."""
    people = rng.sample(town.people, rng.randint(4, 7))
    title = pick(
        rng,
        (
            "The Town Book of Plumwick", "Who Lives Where", "The Register of Plumwick", "People of Plumwick",
            "A Page of the Town Book",
        ),
    )
    fields = rng.sample(
        ("job", "age", "street", "pet", "food", "colour", "friend", "birthday", "hobby"), rng.randint(3, 4)
    )
    labels = {
        "job": "Work", "age": "Age", "street": "Home", "pet": "Pet", "food": "Favourite food",
        "colour": "Favourite colour", "friend": "Best friend", "birthday": "Birthday", "hobby": "Hobby",
    }
    short = rng.random() < 0.5
    lines = [title, ""]
    for p in people:
        values = []
        for field in fields:
            value = str(getattr(p, field))
            if not value:
                continue
            if field == "pet" and p.pet_name:
                value += f" called {p.pet_name}"
            values.append(value if short and field in ("job", "street") else f"{labels[field]}: {value}")
        lines.append(f"{p.full}. " + ". ".join(cap(v) for v in values) + ".")
    return "\n".join(lines)


_QUIZ_TITLES = (
    "A Plumwick Quiz",
    "Questions and Answers",
    "How Well Do You Know Plumwick?",
    "The Town Quiz",
    "Ten Minutes of Questions",
    "Do You Know Your Neighbours?",
)


def quiz(rng: Random, town: Town) -> str:
    """Questions and answers about people, places and feasts."""
    style = pick(rng, (("Question: ", "Answer: "), ("Q: ", "A: "), ("", ""), ("", "")))
    lines = [pick(rng, _QUIZ_TITLES), ""] if rng.random() < 0.6 else []
    if rng.random() < 0.4:
        p = pick(rng, town.people)
        for relation in before(relations(rng, p, rng.randint(5, 8), 1), "pet", "pet name"):
            lines.append(f"{style[0]}{ask(rng, p, relation)}")
            lines.append(f"{style[1]}{say(rng, p, relation, 'he' if rng.random() < 0.6 else 'name')}")
        return "\n".join(lines)
    for fact in rng.sample(town.facts if rng.random() < 0.3 else town.told_facts(), rng.randint(5, 8)):
        lines.append(f"{style[0]}{pick(rng, fact.questions)}")
        lines.append(f"{style[1]}{fact.sentence if rng.random() < 0.8 else short_answer(fact.value)}")
    return "\n".join(lines)


def short_answer(value: str) -> str:
    """A value as an answer of its own: "Noodles." """
    return cap(value) + "."


_GROUPS = (
    ("street", "The people on {v}", "Who lives on {v}?", "{names} live on {v}."),
    ("birthday", "Birthdays in {v}", "Whose birthday is in {v}?", "{names} have their birthday in {v}."),
    ("colour", "People who like {v}", "Who likes {v} best?", "{names} like {v} best of all colours."),
    ("pet_kind", "Everybody with a {v}", "Who has a {v}?", "{names} have a {v} at home."),
    ("food", "Who loves {v}", "Whose favourite food is {v}?", "{names} love {v}."),
    ("workplace", "The people at {v}", "Who goes to {v} every day?", "{names} go to {v} every day."),
    ("age", "Everybody who is {v}", "Who is {v} years old?", "{names} are {v} years old."),
)


def group(rng: Random, town: Town) -> str:
    """People who have something in common: a street, a month of birth, a colour, a pet, a food, an age."""
    field, title, question, answer = pick(rng, _GROUPS)
    value = ""
    while not value:
        value = getattr(pick(rng, town.people), field)
    people = [p for p in town.people if getattr(p, field) == value]
    rng.shuffle(people)
    people = people[:6]
    if len(people) < 2:
        return two_people(rng, town)
    names = join_and([p.name for p in people])
    value = str(value)
    head = pick(rng, (title, question, "", ""))
    text = [head.format(v=value) + "\n\n"] if head else []
    text.append(answer.format(names=names, v=value) + " ")
    told = []
    for p in people:
        chosen = [r for r in relations(rng, p, 4 if len(people) < 5 else 3, 0) if r != field]
        told.append(" ".join(tell(rng, p, merge(rng, p, chosen))))
    return "".join(text) + " ".join(told)


def guess_who(rng: Random, town: Town) -> str:
    """A person described without the name, which comes last."""
    p = pick(rng, town.people)
    chosen = [r for r in relations(rng, p, rng.randint(6, 8), 1) if r not in ("family name", "siblings")]
    first = cap(p.he)
    text = [
        pick(
            rng,
            (
                "Guess who!",
                "Who is it?",
                "Who am I thinking of?",
                "Can you guess who this is?",
                "I am thinking of somebody in Plumwick.",
                f"I know a {p.noun} in Plumwick.",
                "Here is a game: guess the neighbour.",
            ),
        )
    ]
    text += [say(rng, p, r, "he") for r in merge(rng, p, chosen)]
    wrong = strangers(rng, town, p, 1)[0]
    text.append(
        pick(
            rng,
            (
                f"It is {p.full}!",
                f"Who is it? It is {p.full}.",
                f"The answer is {p.full}.",
                f"You are right: it is {p.full}.",
                f"No, it is not {wrong.name}. It is {p.full}!",
                f"{first} is called {p.full}.",
                f"Of course, it is {p.name}!",
                f"Is it {wrong.name}? No. It is {p.name}.",
            ),
        )
    )
    return " ".join(text)
