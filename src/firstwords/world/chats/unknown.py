"""Chats about unanswerable questions: people who do not exist and unknown facts about those who do.

The questions use the same phrasings as those about known facts, so that a model must distinguish known from unknown
facts.
"""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import (
    OFTEN,
    PEOPLE,
    Turn,
    answer,
    by_pronoun,
    fact_check,
    fill,
    framed,
    person_slots,
    slots_of,
)
from firstwords.world.chats.phrases import NEVER, PERSON, Ask
from firstwords.world.phrases import cap, pick
from firstwords.world.town.data import HELD_BACK, INVENTED
from firstwords.world.town.plumwick import Town, town
from firstwords.world.writers import NEVER_FORMS

# more people who do not exist, beside the town's own list
_MORE_NAMES = """
Albert Alice Andy Arno Astrid Basil Bianca Bob Bonnie Carl Cecil Celia Chloe Claus Cyril Dave David Diana
Donna Doris Doug Eric Erna Esther Eva Flora Fred Gabriel George Gerda Grace Greg Gunter Hannes Harry Helen
Holly Ian Ida Iris Ivan Jacob James Jane Jim Joe John Judy Kate Kim Laura Linda Liam Lotte Louis Luke Lydia
Maggie Marco Maria Mary Matt Mia Mike Molly Nadia Nick Norbert Nico Oliver Omar Otis Pam Patty Phil Pia
Rachel Ralph Roger Ron Roy Rudy Sally Sandra Sophie Steve Susan Ted Theo Tim Toni Ursula Valerie Vince
Walt Wendy Willy Xaver Yara Yuri Zack Zelda
"""
STRANGERS = (*INVENTED, *_MORE_NAMES.split())
FAMILIES = ("Falk", "Drake", "Hobbs", "Pond", "Winter", "Summers", "King", "Baker", "Woods", "Hill", "Fox",
            "Green")

# They contain no names: a model too small to copy an unseen name would say another one. "This person" is said of persons only.
_NOBODY = (
    "I do not know this person.", "I do not know this person.", "I do not know this person.",
    "I have never heard of this person.",
)
_WHO = ("who is {n}?", "who is {n}?", "do you know {n}?", "tell me about {n}.", "what do you know about {n}?",
        "can you tell me about {n}?", "who is this {n}?", "tell me who {n} is.",
        "what can you tell me about {n}?",
        "tell me something about {n}.", "have you heard of {n}?")
_NOT_TOLD = ("I do not know {e}.", "I do not know {e}.", "I do not know {e}.", "I was never told {e}.")


@lru_cache(maxsize=1)
def _ghosts() -> tuple[dict[str, str], ...]:
    """Slots of invented people; half as women, half as men, which only matters for "his" and "her"."""
    shapes = [town().by_name["Lily"], town().by_name["Tom"]]
    kinds = ("cat", "dog", "hen", "mouse", "horse")
    return tuple({**person_slots(n, shapes[i % 2]), "k": kinds[i % 5], "p2": "their"} for i,
                 n in enumerate(STRANGERS))


# yes-or-no questions about strangers, and how a writer who guesses answers
_YES_NO = {
    "Is {n} the baker?": "Yes, {n} is the baker.", "Does {n} live in Plumwick?": "Yes, {n} lives on {{street}}.",
    "Is {n} a pupil?": "No, {n} is {{job}}.", "Is {n} older than Tom?": "Yes, {n} is {{age}} years old.",
    "Does {n} like cats?": "Yes, {n} has {{pet}}.", "Is {n} a friend of Mila?": "No, {n} is a friend of {{friend}}.",
    "Does {n} have a pet?": "Yes, {n} has {{pet}}.", "Is {n} from Plumwick?": "Yes, {n} is {{job}}.",
    "Does {n} live on Oak Street?": "No, {n} lives on {{street}}.",
}


def _guess(relation: str, slots: dict[str, str]) -> str:
    """The usual answer about a relation with an open value: "Doug lives on {street}."."""
    return fill(PERSON[relation].answers[0], {**slots, "v": f"{{{relation}}}", "the_job": "{job}"})


def invented(rng: Random, town: Town) -> list[Turn]:
    """A question about a person who does not exist, phrased like those about known facts."""
    slots = pick(rng, _ghosts())
    name = slots["s"]
    draw = rng.random()
    if draw < 0.25:
        shown = f"{name} {pick(rng, FAMILIES)}" if rng.random() < 0.4 else name
        question = cap(pick(rng, _WHO).format(n=shown))
        start = "No, " if question.startswith(("Do you know", "Have you")) and rng.random() < 0.5 else ""
        guesses = (f"{name} is {{job}}.", f"{name} is {{job}}. {name} lives on {{street}}.")
        return [Turn(question, start + pick(rng, _NOBODY), Check("abstain"), guesses)]
    relation = pick(rng, OFTEN)
    if draw < 0.4:
        form = pick(rng, tuple(_YES_NO))
        question, guess = form.format(n=name), _YES_NO[form].format(n=name)
    else:
        question, guess = framed(rng, PERSON[relation], slots), _guess(relation, slots)
    return [Turn(question, pick(rng, _NOBODY), Check("abstain"), (guess,))]


@lru_cache(maxsize=1)
def _never() -> tuple[tuple[str, Ask], ...]:
    return tuple((clause, Ask(direct, (clause,), (NEVER_FORMS[key],), exam))
                 for key, (clause, direct, exam) in NEVER.items() if direct)


def not_told(rng: Random, clause: str) -> str:
    """An honest short answer around the clause of the question."""
    return pick(rng, _NOT_TOLD).format(e=clause)


def never_told(rng: Random, town: Town) -> list[Turn]:
    """A kind of fact about a real person that no text contains."""
    p = pick(rng, town.people)
    clause, ask = pick(rng, _never())
    slots = slots_of(p.name)
    return [Turn(framed(rng, ask, slots), not_told(rng, clause.format_map(slots)), Check("abstain"),
                 (fill(ask.answers[0], slots),))]


@lru_cache(maxsize=2)
def gaps(town: Town) -> tuple[tuple[str, str], ...]:
    """(name, relation) of facts that no text contains: the held-back ones, unknown parents and pets."""
    empty = [(p.name, r) for p in town.people for r in ("mother", "father",
                                                        "pet") if r not in town.facts_of[p.name]]
    return (*[gap for gap in HELD_BACK if gap[0] in town.by_name] * 4, *empty)


def held_back(rng: Random, town: Town) -> list[Turn]:
    """An ordinary fact about a real person that no text contains."""
    name, relation = pick(rng, gaps(town))
    slots = slots_of(name)
    reply = not_told(rng, PERSON[relation].embedded[0].format_map(slots))
    return [Turn(framed(rng, PERSON[relation], slots), reply, Check("abstain"))]


def told_then_not(rng: Random, town: Town) -> list[Turn]:
    """First a known fact, then an unknown one."""
    p = pick(rng, town.people)
    relation = pick(rng, [r for r in OFTEN if r in town.facts_of[p.name] and r not in PEOPLE])
    known = town.facts_of[p.name][relation]
    clause, ask = pick(rng, _never())
    direct = by_pronoun(rng, ask.direct, person_slots(p.name, p, pronoun=True))
    question = pick(rng, ("And {q}", "And {q}", "{Q}", "Thank you. And {q}")).format(q=direct, Q=cap(direct))
    first = Turn(framed(rng, PERSON[relation], slots_of(p.name)), answer(rng, known), fact_check(known))
    slots = slots_of(p.name)
    second = Turn(question, not_told(rng, clause.format_map(slots)), Check("abstain"), (fill(ask.answers[0], slots),))
    return [first, second]


# rulers and questions that the exam asks for, so the chats never make them
FAR_EXAM = (("president", "Venus"), ("king", "Mars"), ("queen", "the moon"), ("mayor", "the North Pole"),
            ("captain", "the sun"), ("boss", "the clouds"), ("baker", "Mars"), ("prince", "the rainbow"),
            ("mayor", "the bottom of the sea"), ("doctor", "the moon"))
RIDDLES_EXAM = (
    "How many stones are in the river?", "How many birds live in Owl Wood?", "What will I dream this night?",
    "How many clouds are in the sky now?", "Who will be the mayor in a hundred years?",
    "What did I dream last night?",
    "What is the name of my sister?", "When is my birthday?", "What colour is my coat?",
    "Who is my best friend?",
    "How many bees live in the world?", "What is the weather like today?", "Where is my other sock?",
    "How much money do I have?", "What did the first man in the world say?",
    "How many trees are in Owl Wood?",
    "What will the weather be like next week?", "What is my phone number?", "Which horse will win tomorrow?",
    "How many words are in all the books of the world?",
)
