"""Chats about unanswerable questions: people who do not exist, unknown facts, the far world, the visitor's own life.

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
    framed,
    person_slots,
    slots_of,
)
from firstwords.world.chats.phrases import DIRECT_FRAMES, NEVER, PERSON, Ask
from firstwords.world.phrases import cap, pick
from firstwords.world.town.data import HELD_BACK, INVENTED
from firstwords.world.town.plumwick import Town, town

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

# They contain no names: a model too small to copy an unseen name would say another one.
_NOBODY = (
    "I do not know this person.", "I do not know this person.", "I do not know this person.",
    "I have never heard of this person.", "I have never heard of this person.",
    "I do not know anybody of this name.", "I do not know anybody of this name.",
    "Nobody of this name lives in Plumwick, as far as I know.",
    "Sorry, I do not know this person.", "Nobody told me about this person.",
    "I do not know. I have never heard of this person.",
)
_WHO = ("who is {n}?", "who is {n}?", "do you know {n}?", "tell me about {n}.", "what do you know about {n}?",
        "can you tell me about {n}?", "who is this {n}?", "tell me who {n} is.",
        "what can you tell me about {n}?",
        "tell me something about {n}.", "have you heard of {n}?")
_NOT_TOLD = ("I do not know {e}.", "I do not know {e}.", "I do not know {e}.", "I was never told {e}.",
             "I was never told {e}.", "Nobody told me {e}.", "Sorry, I do not know {e}.",
             "I do not know that.",
             "I do not know. Nobody told me {e}.")


@lru_cache(maxsize=1)
def _ghosts() -> tuple[dict[str, str], ...]:
    """Slots of invented people; half as women, half as men, which only matters for "his" and "her"."""
    shapes = [town().by_name["Lily"], town().by_name["Tom"]]
    kinds = ("cat", "dog", "hen", "mouse", "horse")
    return tuple({**person_slots(n, shapes[i % 2]), "k": kinds[i % 5], "p2": "their"} for i,
                 n in enumerate(STRANGERS))


def invented(rng: Random, town: Town) -> list[Turn]:
    """A question about a person who does not exist, phrased like those about known facts."""
    slots = pick(rng, _ghosts())
    name = slots["s"]
    draw = rng.random()
    if draw < 0.25:
        shown = f"{name} {pick(rng, FAMILIES)}" if rng.random() < 0.4 else name
        question = cap(pick(rng, _WHO).format(n=shown))
        start = "No, " if question.startswith(("Do you know", "Have you")) and rng.random() < 0.5 else ""
        return [Turn(question, start + pick(rng, _NOBODY[:7]), Check("abstain"))]
    relation = pick(rng, OFTEN)
    if draw < 0.4:
        question = pick(rng, ("Is {n} the baker?", "Does {n} live in Plumwick?", "Is {n} a pupil?",
                              "Is {n} older than Tom?",
                              "Does {n} like cats?", "Is {n} a friend of Mila?", "Does {n} have a pet?",
                              "Is {n} from Plumwick?", "Does {n} live on Oak Street?")).format(n=name)
    else:
        question = framed(rng, PERSON[relation], slots)
    return [Turn(question, pick(rng, _NOBODY), Check("abstain"))]


@lru_cache(maxsize=1)
def _never() -> tuple[tuple[str, Ask], ...]:
    return tuple((clause, Ask(direct, (clause,), (), exam)) for clause, direct,
                 exam in NEVER.values() if direct)


def not_told(rng: Random, clause: str) -> str:
    """An honest short answer around the clause of the question."""
    return pick(rng, _NOT_TOLD).format(e=clause)


def never_told(rng: Random, town: Town) -> list[Turn]:
    """A kind of fact about a real person that no text contains."""
    p = pick(rng, town.people)
    clause, ask = pick(rng, _never())
    slots = slots_of(p.name)
    return [Turn(framed(rng, ask, slots), not_told(rng, clause.format_map(slots)), Check("abstain"))]


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
    second = Turn(question, not_told(rng, clause.format_map(slots_of(p.name))), Check("abstain"))
    return [first, second]


_RULERS = ("president", "king", "queen", "mayor", "captain", "boss", "prince", "doctor", "teacher", "baker")
_FAR = ("Mars", "the moon", "the sun", "the clouds", "the bottom of the sea", "the North Pole", "the rainbow",
        "Venus",
        "the evening star", "the end of the world")
# the exam asks for these, so the chats never make them
FAR_EXAM = (("president", "Venus"), ("king", "Mars"), ("queen", "the moon"), ("mayor", "the North Pole"),
            ("captain", "the sun"), ("boss", "the clouds"), ("baker", "Mars"), ("prince", "the rainbow"),
            ("mayor", "the bottom of the sea"), ("doctor", "the moon"))
_FAR_ASKS = ("Who is the {r} of {w}?", "Who is the {r} of {w}?", "What is the name of the {r} of {w}?",
             "Do you know the {r} of {w}?", "What is the {r} of {w} called?",
             "Tell me who the {r} of {w} is.",
             "How old is the {r} of {w}?", "What does the {r} of {w} like to eat?")
_FAR_ANSWERS = ("I do not know. Nobody lives there, as far as I know.",
                "Nobody knows. I never heard of anybody there.",
                "I do not know. I only know the people of Plumwick.", "I do not know the {r} of {w}.",
                "Nobody told me about the {r} of {w}.", "Nobody knows who that is.")

# question -> answers; all of them say that nobody knows
RIDDLES_OF_THE_WORLD = (
    ("How many stars are in the sky?", "Nobody knows. There are too many to count."),
    ("How many leaves are on the big oak?", "I do not know. Nobody has counted them."),
    ("How many fish live in the sea?", "Nobody knows. There are too many to count."),
    ("How many ants live in Owl Wood?", "Nobody knows. Ants never stand still."),
    ("How many drops are in the river?", "Nobody knows. There are too many to count."),
    ("What will happen tomorrow?", "Nobody knows what will happen tomorrow."),
    ("Will it rain next week?", "I do not know. I cannot see the sky."),
    ("What is the weather like now?", "I do not know. I cannot see the sky."),
    ("What time is it?", "I do not know. I have no clock."),
    ("What day is it today?", "I do not know. I have no calendar."),
    ("What am I thinking?", "I do not know. Only you know that."),
    ("What is my name?", "I do not know your name. You have not told me."),
    ("How old am I?", "I do not know how old you are. You have not told me."),
    ("Where do I live?", "I do not know where you live. You have not told me."),
    ("What did I eat today?", "I do not know what you ate. You have not told me."),
    ("What is my favourite colour?", "I do not know your favourite colour. You have not told me."),
    ("What is my mother called?", "I do not know. You have not told me."),
    ("Who am I?", "I do not know who you are. You have not told me."),
    ("Who will win the Boat Race next year?", "Nobody knows who will win next year."),
    ("Which apple will win the prize?", "Nobody knows that yet."),
    ("What is in my pocket?", "I do not know. I cannot see your pocket."),
    ("What can you see now?", "I cannot see anything. I only read words."),
    ("Who won the big game last night?", "I do not know. Nobody told me about it."),
    ("What is in the news today?", "I do not know. I do not read the news."),
    ("What do fish dream of?", "Nobody knows. Fish do not tell."),
    ("How long is the longest worm in the world?", "I do not know. Nobody told me."),
    ("What is the number of my house?", "I do not know. You have not told me."),
    ("Who is behind me?", "I do not know. I cannot see you."),
    ("Where are my keys?", "I do not know where your keys are."),
    ("How many hairs does a bear have?", "Nobody knows. No bear stands still for so long."),
    ("How much does the moon cost?", "Nobody knows. The moon is not for sale."),
    ("How many people live in the whole world?", "I do not know. I only know the people of Plumwick."),
    ("What will I be one day?", "Nobody knows that yet. You can be many things."),
    ("Who painted the first picture?", "Nobody knows. It was too long ago."),
    ("What is the best number in the world?", "Nobody can say that. Every number is good for something."),
)
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


def far_world(rng: Random, town: Town) -> list[Turn]:
    """A ruler of a place where nobody lives, or something nobody can know."""
    if rng.random() < 0.45:
        while True:
            role, where = pick(rng, _RULERS), pick(rng, _FAR)
            if (role, where) not in FAR_EXAM:
                break
        question = pick(rng, _FAR_ASKS).format(r=role, w=where)
        return [Turn(question, pick(rng, _FAR_ANSWERS).format(r=role, w=where), Check("abstain"))]
    question, reply = pick(rng, RIDDLES_OF_THE_WORLD)
    frame = pick(rng, DIRECT_FRAMES) if rng.random() < 0.4 else "{Q}"
    small = question[0].lower() + question[1:]
    return [Turn(frame.format(q=small, Q=question), reply, Check("abstain"))]


