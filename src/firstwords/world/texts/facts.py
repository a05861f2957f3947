"""How facts about a person are said and asked: many phrasings of every relation, in four voices.

Voices: "name" (Mila is the baker), "he" (She is the baker), "I" (I am the baker), "you" (only for questions).
All sentences are built once for the fixed town, so that a document only picks some.

Markup of the templates: {S} {s} subject, {P} {p} possessive, {o} object, [verb] in the right person; in the
voice "name" the first of these is the name and the later ones are pronouns. Other {words} are the person's
own values.
"""

import re
from functools import lru_cache
from random import Random

from firstwords.world.phrases import a_an, cap, join_and, pick
from firstwords.world.town.facts import COMMON
from firstwords.world.town.people import Person
from firstwords.world.town.plumwick import Town, town

SAY = {
    "job": (
        "{S} [be] {the_job}.",
        "{S} [work] as {a_job}.",
        "{S} [be] {the_job} of Plumwick.",
        "{P} job is easy to say: {s} [be] {the_job}.",
        "People know {o} as {the_job}.",
        "{S} [be] {the_job}.",
    ),
    "pupil": (
        "{S} [be] a pupil.",
        "{S} [be] a pupil at the Yellow School.",
        "{S} [go] to the Yellow School.",
        "{S} [be] still a pupil.",
        "{S} [be] a pupil and [go] to the Yellow School.",
    ),
    "work": (
        "{S} [work] at {work}.",
        "Every morning {s} [go] to {work}.",
        "You can find {o} at {work}.",
        "{P} place of work is {work}.",
    ),
    "age": (
        "{S} [be] {age} years old.",
        "{S} [be] {age}.",
        "{P} age is {age}.",
        "This year {s} [be] {age} years old.",
        "{S} [be] {age} years old.",
    ),
    "street": (
        "{S} [live] on {street}.",
        "{P} house is on {street}.",
        "{P} home is on {street}.",
        "{S} [live] on {street}, at number {house}.",
        "If you go along {street}, you pass {p} house.",
        "{S} [live] in a small house on {street}.",
    ),
    "friend": (
        "{P} best friend is {friend}.",
        "{friend} is {p} best friend.",
        "{both} are best friends.",
        "{P} best friend is called {friend}.",
        "{S} [like] nobody better than {p} best friend {friend}.",
    ),
    "pet": (
        "{S} [have] {pet}.",
        "{P} pet is {pet}.",
        "{S} [have] a pet: {pet}.",
        "{S} [have] {pet} at home.",
        "{S} [share] {p} home with {pet}.",
    ),
    "pet name": (
        "{P} {pet_kind} is called {pet_name}.",
        "The name of {p} {pet_kind} is {pet_name}.",
        "{P} {pet_kind} has a good name: {pet_name}.",
        "{pet_name} is {p} {pet_kind}.",
    ),
    "food": (
        "{P} favourite food is {food}.",
        "{S} [like] {food} more than anything else on a plate.",
        "{S} could eat {food} every day.",
        "{S} [love] {food}.",
        "Nothing tastes better to {o} than {food}.",
        "{S} [love] to eat {food}.",
        "{P} favourite food is {food}.",
    ),
    "colour": (
        "{P} favourite colour is {colour}.",
        "Of all colours, {s} [like] {colour} best.",
        "{Colour} is {p} favourite colour.",
        "{S} [like] the colour {colour} best.",
        "{P} favourite colour is {colour}.",
    ),
    "hobby": (
        "{S} [like] {hobby}.",
        "{P} hobby is {hobby}.",
        "In {p} free time {s} [like] {hobby}.",
        "{S} [love] {hobby}.",
        "On free days {p} favourite thing is {hobby}.",
    ),
    "birthday": (
        "{P} birthday is in {birthday}.",
        "{S} was born in {birthday}.",
        "In {birthday} {s} [have] a birthday.",
        "{S} [have] a birthday in {birthday}.",
        "{P} birthday comes in {birthday}.",
    ),
    "mother": (
        "{P} mother is {mother}.",
        "{mother} is {p} mother.",
        "{P} mother is called {mother}.",
        "The name of {p} mother is {mother}.",
    ),
    "father": (
        "{P} father is {father}.",
        "{father} is {p} father.",
        "{P} father is called {father}.",
        "The name of {p} father is {father}.",
    ),
    "siblings": ("{S} [have] {siblings}.",),
    "spouse": ("{S} [be] married to {spouse}.", "{P} {wife} is {spouse}.", "{spouse} is {p} {wife}."),
    "children": ("{children_are}", "{S} [have] {children_count}: {children}."),
    "fear": (
        "{S} [be] afraid of {fear}.",
        "{S} [be] not afraid of much, only of {fear}.",
        "One thing scares {o}: {fear}.",
    ),
    "wish": ("{P} biggest wish is {wish}.", "One day {s} [want] {wish}.", "{S} [want] {wish}."),
    "instrument": (
        "{S} [play] {instrument}.",
        "{S} [play] {instrument} in the evening.",
        "{P} instrument is {instrument}.",
    ),
    "habit": ("{S} {habit}.", "Everybody in town knows that {s} {habit}."),
    "family name": ("{P} family name is {family}.", "{P} last name is {family}.", "{P} full name is {full}."),
    # two facts in one sentence
    "age+street": (
        "{S} [be] {age} years old and [live] on {street}.",
        "{S} [be] {age} and [live] on {street}.",
    ),
    "job+street": ("{S} [be] {the_job} and [live] on {street}.",),
    "food+colour": (
        "{P} favourite food is {food} and {p} favourite colour is {colour}.",
        "{S} [like] {food} and the colour {colour}.",
    ),
    "hobby+food": ("{S} [like] {hobby} and [love] {food}.",),
    "pet+pet name": (
        "{S} [have] {pet} called {pet_name}.",
        "{S} [have] {pet}. The {pet_kind} is called {pet_name}.",
        "{S} [have] {pet} and [call] it {pet_name}.",
        "{P} pet is {pet} called {pet_name}.",
    ),
    "mother+father": (
        "{P} parents are {mother} and {father}.",
        "{P} mother is {mother} and {p} father is {father}.",
        "{father} and {mother} are {p} parents.",
    ),
}
ASK = {
    "job": ("What [do] {s} do?", "What is {p} job?", "What [do] {s} do all day?"),
    "pupil": ("What [do] {s} do?", "[Do] {s} work or go to school?"),
    "work": ("Where [do] {s} work?",),
    "age": ("How old [be] {s}?", "What is {p} age?"),
    "street": ("Where [do] {s} live?", "On which street [do] {s} live?", "Where is {p} house?"),
    "friend": ("Who is {p} best friend?",),
    "pet": ("What pet [do] {s} have?", "[Do] {s} have a pet?", "What animal [do] {s} have?"),
    "pet name": ("What is {p} {pet_kind} called?", "What is the name of {p} {pet_kind}?"),
    "food": ("What is {p} favourite food?", "What [do] {s} like to eat?"),
    "colour": ("What is {p} favourite colour?", "Which colour [do] {s} like best?"),
    "hobby": ("What is {p} hobby?", "What [do] {s} like to do?", "What [do] {s} do in {p} free time?"),
    "birthday": ("When is {p} birthday?", "In which month is {p} birthday?"),
    "mother": ("Who is {p} mother?", "What is the name of {p} mother?"),
    "father": ("Who is {p} father?", "What is the name of {p} father?"),
    "siblings": ("[Do] {s} have brothers or sisters?",),
    "spouse": ("Who is {p} {wife}?", "Who [be] {s} married to?"),
    "children": ("[Do] {s} have children?",),
    "fear": ("What [be] {s} afraid of?",),
    "wish": ("What is {p} biggest wish?",),
    "instrument": ("What instrument [do] {s} play?",),
    "family name": ("What is {p} last name?", "What is {p} family name?"),
}
# the occasional relations of a page about a person; the main ones are COMMON
RARE = ("work", "siblings", "spouse", "children", "fear", "wish", "instrument", "family name")
# after these the next sentence names its subject again
NAMES_OTHERS = frozenset(("friend", "mother", "father", "siblings", "spouse", "children", "mother+father"))

_IRREGULAR = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_TOKEN = re.compile(r"\{(\w+)\}|\[(\w+)\]")


def _verb(base: str, voice: str) -> str:
    low = base.lower()
    if voice in ("name", "he"):
        form = _IRREGULAR.get(low, low + "s")
    else:
        form = low if low != "be" else {"I": "am", "you": "are"}[voice]
    return cap(form) if base[0].isupper() else form


def _values(p: Person, voice: str) -> dict[str, str]:
    people = town().by_name

    def own(text: str) -> str:
        return re.sub(r"\b(his|her)\b", "my", text) if voice == "I" else text

    sisters = [s for s in p.siblings if people[s].gender == "she"]
    brothers = [s for s in p.siblings if people[s].gender == "he"]
    parts = []
    for word, names in (("brother", brothers), ("sister", sisters)):
        if names:
            count = f"a {word}" if len(names) == 1 else f"two {word}s"
            parts.append(f"{count} called {join_and(names)}")
    counts = ("", "one child", "two children", "three children")
    child = "" if not p.children else ("daughter" if people[p.children[0]].gender == "she" else "son")
    first = {"name": p.name + "'s", "he": cap(p.his), "I": "My", "you": "Your"}[voice]
    are = (
        f"{first} children are {join_and(p.children)}."
        if len(p.children) > 1
        else (f"{first} {child} is called {p.children[0]}." if child else "")
    )
    both = {
        "name": f"{p.name} and {p.friend}",
        "he": f"{cap(p.he)} and {p.friend}",
        "I": f"{p.friend} and I",
        "you": f"You and {p.friend}",
    }[voice]
    return {
        "the_job": p.the_job,
        "a_job": "the mayor" if p.job == "mayor" else a_an(p.job),
        "work": p.workplace,
        "age": str(p.age),
        "street": p.street,
        "house": str(p.house),
        "friend": p.friend,
        "both": both,
        "pet": p.pet,
        "pet_name": p.pet_name,
        "pet_kind": p.pet_kind,
        "food": p.food,
        "colour": p.colour,
        "Colour": cap(p.colour),
        "hobby": own(p.hobby),
        "birthday": p.birthday,
        "mother": p.mother,
        "father": p.father,
        "siblings": " and ".join(parts),
        "spouse": p.spouse,
        "wife": "wife" if p.gender == "he" else "husband",
        "children_are": are,
        "children_count": counts[len(p.children)],
        "children": join_and(p.children),
        "fear": own(p.fear),
        "wish": own(p.wish),
        "instrument": p.instrument,
        "habit": p.habit,
        "family": p.family,
        "full": p.full,
    }


def _render(template: str, p: Person, voice: str, values: dict[str, str]) -> str:
    pronouns = {
        "he": {"s": p.he, "p": p.his, "o": p.him},
        "I": {"s": "I", "p": "my", "o": "me"},
        "you": {"s": "you", "p": "your", "o": "you"},
    }
    named = {"s": p.name, "p": p.name + "'s", "o": p.name}
    seen = "{both}" in template

    def repl(match: re.Match[str]) -> str:
        nonlocal seen
        token, verb = match.groups()
        if verb:
            return _verb(verb, voice)
        low = token.lower()
        if len(token) == 1 and low in "spo":
            table = named if voice == "name" and not seen else pronouns["he" if voice == "name" else voice]
            seen = True
            return cap(table[low]) if token.isupper() else table[low]
        return values[token]

    return cap(_TOKEN.sub(repl, template))


def _has(p: Person, relation: str) -> bool:
    names = {"pet name": "pet_name", "family name": "family", "work": "workplace", "pupil": "job"}
    return all(getattr(p, names.get(part, part)) for part in relation.split("+"))


@lru_cache(maxsize=1)
def _book() -> dict[tuple[str, str, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    book = {}
    for p in town().people:
        for voice in ("name", "he", "I", "you"):
            values = _values(p, voice)
            for relation in SAY:
                if relation == "pupil" or not _has(p, relation) or (voice == "I" and relation == "habit"):
                    continue
                if p.is_child and relation == "work":
                    continue
                source = "pupil" if relation == "job" and p.is_child else relation
                said = tuple(_render(t, p, voice, values) for t in SAY[source]) if voice != "you" else ()
                asked = (
                    tuple(_render(t, p, voice, values) for t in ASK.get(source, ())) if voice != "I" else ()
                )
                book[p.name, relation, voice] = (said, asked)
    return book


@lru_cache(maxsize=1)
def _relations() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    known = {(name, relation) for name, relation, _ in _book()}
    return {
        p.name: (
            tuple(r for r in COMMON if (p.name, r) in known),
            tuple(r for r in RARE if (p.name, r) in known),
        )
        for p in town().people
    }


def say(rng: Random, p: Person, relation: str, voice: str = "name") -> str:
    """One sentence that tells this fact of `p`; the fact must be known (see `relations`)."""
    return pick(rng, _book()[p.name, relation, voice][0])


def ask(rng: Random, p: Person, relation: str, voice: str = "name") -> str:
    """One question for this fact of `p`."""
    return pick(rng, _book()[p.name, relation, voice][1])


def knows(p: Person, relation: str) -> bool:
    """Whether this fact about `p` is known."""
    return (p.name, relation, "name") in _book()


def relations(rng: Random, p: Person, number: int, rare: int = 1) -> list[str]:
    """`number` different relations of `p` in random order, at most `rare` of them rare ones."""
    common, seldom = _relations()[p.name]
    extra = rng.sample(seldom, min(rare, len(seldom))) if rare else []
    chosen = rng.sample(common, min(number - len(extra), len(common))) + extra
    rng.shuffle(chosen)
    return before(chosen, "pet", "pet name")


def before(chosen: list[str], first: str, second: str) -> list[str]:
    """The list with `first` moved right before `second`, when both are in it."""
    if first in chosen and second in chosen:
        chosen.remove(first)
        chosen.insert(chosen.index(second), first)
    return chosen


def merge(rng: Random, p: Person, chosen: list[str], chance: float = 0.7) -> list[str]:
    """Some pairs of relations replaced by a relation that tells both in one sentence."""
    for pair in ("pet+pet name", "mother+father", "age+street", "food+colour", "job+street", "hobby+food"):
        one, other = pair.split("+")
        if one in chosen and other in chosen and rng.random() < chance and (p.name, pair, "he") in _book():
            chosen[chosen.index(one)] = pair
            chosen.remove(other)
    return chosen


def tell(rng: Random, p: Person, chosen: list[str], named: bool = True) -> list[str]:
    """Third-person sentences on these relations; the name comes back where a pronoun could be misread."""
    sentences = []
    for relation in chosen:
        voice = "name" if named or rng.random() < 0.2 else "he"
        sentences.append(say(rng, p, relation, voice))
        named = relation in NAMES_OTHERS
    return sentences


def strangers(rng: Random, town: Town, p: Person, number: int) -> list[Person]:
    """People who are neither `p` nor of the same family nor the best friend."""
    found: list[Person] = []
    while len(found) < number:
        other = pick(rng, town.people)
        if other.family != p.family and other.name != p.friend and other not in found:
            found.append(other)
    return found


def spoken(sentence: str, tag: str) -> str:
    """A sentence as speech: spoken("She is nice.", "said Tom") == '"She is nice," said Tom.'"""
    if sentence.endswith("."):
        sentence = sentence[:-1] + ","
    return f'"{sentence}" {tag}.'
