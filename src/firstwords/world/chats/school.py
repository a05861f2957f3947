"""Chats about what a child learns at school: sums, opposites, French, animals, countries, colours, days, lists."""

from functools import lru_cache
from random import Random

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import a_an, cap, number_word, pick, plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.plumwick import Town

SUM_ASKS = ("What is {a} {sign} {b}?", "How much is {a} {sign} {b}?", "{a} {sign} {b}?",
            "Can you tell me what {a} {sign} {b} is?",
            "Please work out {a} {sign} {b}.", "Pip, what is {a} {sign} {b}?",
            "Tell me, how much is {a} {sign} {b}?",
            "Do you know how much {a} {sign} {b} is?", "A sum for you: {a} {sign} {b}.",
            "What do I get for {a} {sign} {b}?",
            "Help me with a sum: {a} {sign} {b}.", "{A} {sign} {b} is how much?")


def sums(rng: Random, town: Town) -> list[Turn]:
    """Plus and minus up to twenty, in words or digits, sometimes with things."""
    if rng.random() < 0.55:
        a = rng.randint(0, 10) if rng.random() < 0.9 else rng.randint(1, 15)
        b = rng.randint(0, min(10, 20 - a))
        sign, right = "plus", a + b
    else:
        a = rng.randint(1, 20)
        b = rng.randint(0, min(a, 10))
        sign, right = "minus", a - b
    if rng.random() < 0.2 and a and b:
        return [_story_sum(rng, town, a, b, sign, right)]
    if rng.random() < 0.5:
        one, two, three = number_word(a), number_word(b), number_word(right)
    else:
        one, two, three = str(a), str(b), str(right)
    question = pick(rng, SUM_ASKS).format(a=one, A=cap(one), b=two, sign=sign)
    return [Turn(question[0].upper() + question[1:], f"{cap(one)} {sign} {two} is {three}.",
                 Check("number", (str(right),), allow=(str(a), str(b))))]


def _story_sum(rng: Random, town: Town, a: int, b: int, sign: str, right: int) -> Turn:
    p = pick(rng, town.people)
    thing = pick(rng, ("apple", "egg", "button", "cherry", "book", "pear", "nut", "stone", "coin", "carrot"))

    def some(n: int) -> str:
        return f"{number_word(n)} {thing if n == 1 else plural(thing)}"

    verb = pick(rng, ("gets", "finds", "buys")) if sign == "plus" else pick(rng,
                                                                            ("gives away", "loses", "sells"))
    more = f"{number_word(b)} more" if sign == "plus" else number_word(b)
    end = pick(rng, (f"How many {plural(thing)} does {p.he} have now?",
                     f"How many {plural(thing)} are there now?",
                     f"How many {plural(thing)} does {p.name} have then?"))
    have = some(right) if right else f"no {plural(thing)}"
    return Turn(f"{p.name} has {some(a)} and {verb} {more}. {end}",
                f"{cap(number_word(a))} {sign} {number_word(b)} is {number_word(right)}. "
                f"{p.name} has {have}.",
                Check("number", (str(right),), allow=(str(a), str(b))))


def compare(rng: Random, town: Town) -> list[Turn]:
    """Which of two numbers is bigger or smaller; what comes after or before."""
    if rng.random() < 0.5:
        a, b = rng.sample(range(1, 41), 2)
        word = pick(rng, ("bigger", "smaller"))
        right = max(a, b) if word == "bigger" else min(a, b)
        other = a + b - right
        shown = (str if rng.random() < 0.5 else number_word)
        question = pick(rng, ("Which number is {w}, {a} or {b}?", "What is {w}: {a} or {b}?",
                              "Which is {w}, {a} or {b}?",
                              "Tell me which number is {w}, {a} or {b}.", "Is {a} or {b} {w}?",
                              "Take {a} and {b}. Which one is {w}?", "Pip, which is {w}, {a} or {b}?",
                              "{A} or {b}: which number is {w}?"))
        return [Turn(question.format(w=word, a=shown(a), A=cap(shown(a)), b=shown(b)),
                     f"{cap(shown(right))} is {word} than {shown(other)}.",
                     Check("phrase", (f"{shown(right)} is {word}",), allow=(shown(other),)))]
    n = rng.randint(1, 29)
    side, right = pick(rng, (("after", n + 1), ("before", n - 1)))
    question = pick(rng, ("Which number comes {s} {n}?", "What number comes {s} {n}?", "What comes {s} {n}?",
                          "Tell me the number {s} {n}.", "Count for me: what is {s} {n}?",
                          "Which number is right {s} {n}?",
                          "Do you know the number {s} {n}?", "I am counting. What comes {s} {n}?"))
    return [Turn(question.format(s=side, n=number_word(n)),
                 f"{cap(number_word(right))} comes {side} {number_word(n)}.",
                 Check("number", (str(right),), allow=(str(n),)))]


def older(rng: Random, town: Town) -> list[Turn]:
    """Two people compared by age."""
    one, other = rng.sample(town.people, 2)
    while one.age == other.age:
        one, other = rng.sample(town.people, 2)
    word = pick(rng, ("older", "younger"))
    right = max(one, other, key=lambda p: p.age) if word == "older" else min(one, other, key=lambda p: p.age)
    question = pick(rng, ("Who is {w}, {a} or {b}?", "Who is {w}: {a} or {b}?",
                          "Which of the two is {w}, {a} or {b}?",
                          "{a} and {b}: who is {w}?", "Tell me who is {w}, {a} or {b}.", "Is {a} or {b} {w}?",
                          "Look at {a} and {b}. Who is {w}?", "Do you know who is {w}, {a} or {b}?"))
    reply = f"{one.name} is {one.age} and {other.name} is {other.age}, so {right.name} is {word}."
    return [Turn(question.format(w=word, a=one.name, b=other.name), reply,
                 Check("phrase", (f"so {right.name} is {word}",)))]


@lru_cache(maxsize=1)
def opposite_pairs() -> tuple[tuple[str, str], ...]:
    """Word and opposite in both directions, where the way back is clear."""
    back: dict[str, list[str]] = {}
    for word, other in know.OPPOSITES.items():
        back.setdefault(other, []).append(word)
    return (*know.OPPOSITES.items(), *((o, w[0]) for o,
                                       w in back.items() if len(w) == 1 and o not in know.OPPOSITES))


def opposite(rng: Random, town: Town) -> list[Turn]:
    """The opposite of a word."""
    word, other = pick(rng, opposite_pairs())
    question = pick(rng, ('What is the opposite of "{w}"?', "What is the opposite of {w}?",
                          "Tell me the opposite of {w}.",
                          "Do you know the opposite of {w}?", "Give me the opposite of {w}.",
                          "The opposite of {w}, please.",
                          "Which word is the opposite of {w}?", "Say the opposite of {w}.",
                          "Find the opposite of {w}.", "I need the opposite of {w}.",
                          "Pip, what is the opposite of {w}?"))
    return [Turn(question.format(w=word), f"The opposite of {word} is {other}.",
                 Check("one_of", (other,), "opposite", (word,)))]


@lru_cache(maxsize=1)
def _french() -> tuple[tuple[str, str, str], ...]:
    rows = [(w, f"the {w}" if f.startswith(("le ", "la ", "l'", "les ")) else w, f) for w,
            f in know.FRENCH_NOUNS.items()]
    return (*rows, *((w, w, f) for w, f in know.FRENCH_WORDS.items()))


def to_french(rng: Random, town: Town) -> list[Turn]:
    """A word from English to French."""
    word, _, french = pick(rng, _french())
    question = pick(rng, ('What is "{w}" in French?', "How do you say {w} in French?",
                          'Translate "{w}" into French.',
                          "Translate {w} to French.", "What is the French word for {w}?",
                          "Tell me {w} in French.",
                          'Say "{w}" in French.', "Can you say {w} in French?",
                          "I need the French word for {w}.",
                          "Pip, what is {w} in French?", "Do you know {w} in French?"))
    reply = pick(rng, ("{s} in French is {f}.", '{s} in French is "{f}".', "In French, {w} is {f}."))
    return [Turn(question.format(w=word), cap(reply.format(s=word, w=word, f=french)),
                 Check("exact", (french,)))]


def from_french(rng: Random, town: Town) -> list[Turn]:
    """A word from French to English."""
    word, shown, french = pick(rng, _french())
    question = pick(rng, ('What does "{f}" mean?', 'What does "{f}" mean in English?',
                          'Translate "{f}" into English.',
                          "What is {f} in English?", 'The French word "{f}" means what?',
                          "Tell me what {f} means.",
                          'How do you say "{f}" in English?', 'I read the French word "{f}". What is it?',
                          "Do you know what {f} means?", "Pip, what does {f} mean?"))
    reply = pick(rng, ("{f} means {s}.", '"{f}" means {s}.', "In English, {f} is {s}."))
    return [Turn(question.format(f=french), cap(reply.format(s=shown, f=french)), Check("exact", (word,)))]


def plurals(rng: Random, town: Town) -> list[Turn]:
    """One mouse, two mice."""
    word = pick(rng, _countable())
    question = pick(rng, ('What is the plural of "{w}"?', "What is the plural of {w}?", "One {w}, two what?",
                          "I have one {w}. What do I call two of them?",
                          "I see one {w}. What are two of them called?", "Tell me the plural of {w}.",
                          "Give me the plural of {w}.", "Do you know the plural of {w}?",
                          "There is one {w}. Now there are many. What are they?"))
    return [Turn(question.format(w=word), f"One {word}, two {plural(word)}.",
                 Check("exact", (f"two {plural(word)}", plural(word))))]


@lru_cache(maxsize=1)
def _countable() -> tuple[str, ...]:
    kept = ("person", "series", "echo", "larva", "half", "life", "fireman")
    animals = [a.name for a in know.ANIMALS]
    things = [w for g in ("fruit", "tool", "piece of clothing", "piece of furniture",
                          "part of the body") for w in know.GROUPS[g]]
    return tuple(dict.fromkeys([*(w for w in know.PLURALS if w not in kept), *animals, *things]))


_ANIMAL_ASKS = {
    "sound": (("What does {a} say?", "What sound does {a} make?", "Which animal sound does {a} make?",
               "How does {a} sound?",
               "Tell me what {a} says.", "Do you know what {a} says?", "What noise does {a} make?",
               "Pip, what does {a} say?"),
              "{A} says {v}."),
    "young": (("What is the young of {a} called?", "What do you call the baby of {a}?",
               "What is a baby {n} called?",
               "Tell me the name of a young {n}.", "Do you know what a young {n} is called?",
               "How do we call a young {n}?",
               "What is the child of {a} called?", "Pip, what is a young {n}?"),
               "A young {n} is called {av}."),
    "home": (("Where does {a} live?", "What is the home of {a}?", "Where is the home of {a}?",
              "Tell me where {a} lives.",
              "In what kind of home does {a} live?", "Do you know where {a} lives?", "Where can I find {a}?",
              "Pip, where does {a} live?"), "{A} lives in {h}."),
    "food": (("What does {a} eat?", "What do {ps} eat?", "What is the food of {a}?", "Tell me what {a} eats.",
              "What can I give {a} to eat?", "Do you know what {ps} eat?", "What does {a} like to eat?",
              "Pip, what does {a} eat?"), "{A} eats {v}."),
    "legs": (("How many legs does {a} have?", "How many legs has {a}?", "Count the legs of {a}.",
              "Tell me how many legs {a} has.",
              "Do you know how many legs {a} has?", "What number of legs does {a} have?",
              "How many legs do {ps} have?",
              "Pip, how many legs has {a}?"), "{A} has {v} legs."),
}


def animal(rng: Random, town: Town) -> list[Turn]:
    """What an animal says, eats, where it lives, its young, its legs."""
    while True:
        a = pick(rng, know.ANIMALS)
        about = pick(rng, ("sound", "sound", "sound", "young", "home", "food", "legs"))
        value = getattr(a, about)
        is_dull = about == "young" and (a.name in value or a.name == "goldfish" or value == "larva")
        if value != "" and not is_dull:
            break
    asks, reply = _ANIMAL_ASKS[about]
    home = home_phrase(a.home)
    slots = {"a": a_an(a.name), "A": cap(a_an(a.name)), "n": a.name, "ps": plural(a.name), "v": value,
             "h": home,
             "av": a_an(str(value))}
    if about == "legs":
        slots["v"] = number_word(a.legs) if a.legs else "no"
        check = Check("number", (str(a.legs),)) if a.legs else Check("phrase", ("has no legs",))
    else:
        check = Check("phrase", (value,)) if about == "food" else Check("one_of", (value,), about, (a.name,))
    text = reply.format(**slots).replace("lives in the ice", "lives on the ice").replace("in the web",
                                                                                         "in its web")
    return [Turn(pick(rng, asks).format(**slots), text, check)]


def home_phrase(home: str) -> str:
    """A home with its article: "a kennel", "the sea"."""
    return f"the {home}" if home in ("sea", "grassland", "jungle", "forest", "bush", "ice", "grass", "garden",
                                     "meadow") else a_an(home)


_COUNTRY_ASKS = {
    "capital": (("What is the capital of {c}?", "Which city is the capital of {c}?",
                 "Tell me the capital of {c}.",
                 "Do you know the capital of {c}?", "Name the capital of {c}.", "The capital of {c}, please.",
                 "What is the capital city of {c}?", "Pip, what is the capital of {c}?",
                 "{c}: what is the capital?"),
                "The capital of {c} is {v}."),
    "language": (("What language do people speak in {c}?", "Which language do they speak in {c}?",
                  "What do people speak in {c}?",
                  "Tell me which language people speak in {c}.", "How do people talk in {c}?",
                  "What is the language of {c}?",
                  "Do you know the language of {c}?", "Which language is spoken in {c}?"),
                 "In {c}, people speak {v}."),
    "country": (("{v} is the capital of which country?", "Which country has the capital {v}?",
                 "Where is {v}?",
                 "In which country is {v}?", "Tell me in which country {v} is.", "Do you know where {v} is?",
                 "What country is {v} in?", "Pip, where is {v}?"), "{v} is the capital of {c}."),
}


def country(rng: Random, town: Town) -> list[Turn]:
    """Capitals and languages."""
    c = pick(rng, know.COUNTRIES)
    about = pick(rng, ("capital", "capital", "language", "country"))
    asks, reply = _COUNTRY_ASKS[about]
    value = c.language if about == "language" else c.capital
    accept = (c.name,) if about == "country" else (value,)
    check = Check("exact", accept) if about == "country" else Check("one_of", accept, about)
    slots = {"c": c.name, "v": value}
    return [Turn(pick(rng, asks).format(**slots), reply.format(**slots), check)]


def colour_of(rng: Random, town: Town) -> list[Turn]:
    """The usual colour of a thing."""
    thing = pick(rng, tuple(t for t in know.COLOUR_OF if t not in ("an orange", "a brown bear", "blood",
                                                                   "the night")))
    value = know.COLOUR_OF[thing]
    question = pick(rng, ("What colour is {t}?", "Which colour is {t}?", "What is the colour of {t}?",
                          "Tell me the colour of {t}.",
                          "Do you know what colour {t} is?", "I want to paint {t}. What colour do I need?",
                          "What colour does {t} have?", "Pip, what colour is {t}?"))
    return [Turn(question.format(t=thing), f"{cap(thing)} is {value}.", Check("one_of", (value,), "colour"))]


_ORDER = ("What {k} comes {s} {n}?", "Which {k} comes {s} {n}?", "What comes {s} {n}?",
          "Tell me the {k} {s} {n}.",
          "Which {k} is {s} {n}?", "Do you know the {k} {s} {n}?", "{n} is here. What {k} {tense} {s} it?",
          "Pip, what {k} comes {s} {n}?")


def order(rng: Random, town: Town) -> list[Turn]:
    """Days and months in order; the season of a month."""
    draw = rng.random()
    if draw < 0.25:
        month = pick(rng, know.MONTHS)
        question = pick(rng, ("In which season is {m}?", "What season is {m} in?",
                              "Is {m} in winter or in summer?", "Which season has {m}?",
                              "Tell me the season of {m}.", "{m} is in which season?",
                              "To which season does {m} belong?",
                              "Do you know the season of {m}?"))
        if question.startswith("Is") and know.SEASON_OF[month] not in ("winter", "summer"):
            question = "In which season is {m}?"
        return [Turn(question.format(m=month), f"{month} is in {know.SEASON_OF[month]}.",
                     Check("one_of", (know.SEASON_OF[month],), "season"))]
    names, kind = (know.DAYS, "day") if draw < 0.6 else (know.MONTHS, "month")
    i = rng.randrange(len(names))
    side = pick(rng, ("after", "before"))
    right = names[(i + (1 if side == "after" else -1)) % len(names)]
    question = pick(rng, _ORDER).format(k=kind, s=side, n=names[i], tense="comes")
    return [Turn(question, f"{right} comes {side} {names[i]}.", Check("one_of", (right,), kind, (names[i],)))]


def count_days(rng: Random, town: Town) -> list[Turn]:
    """How many days, months, legs of the calendar."""
    rows = (("How many days are in a week?", "A week has seven days.", "7"),
            ("How many months are in a year?", "A year has twelve months.", "12"),
            ("How many seasons are in a year?", "A year has four seasons.", "4"),
            ("How many hours are in a day?", "A day has 24 hours.", "24"),
            ("How many minutes are in an hour?", "An hour has 60 minutes.", "60"),
            ("How many fingers are on one hand?", "One hand has five fingers.", "5"),
            ("How many days are in {m}?", "{m} has {d} days.", ""),
            ("How many sides does a triangle have?", "A triangle has three sides.", "3"),
            ("How many sides does a square have?", "A square has four sides.", "4"),
            ("How many wheels are on a bicycle?", "A bicycle has two wheels.", "2"))
    question, reply, right = pick(rng, rows)
    month = pick(rng, know.MONTHS)
    days = str(know.DAYS_IN_MONTH[month])
    question, reply = (t.format(m=month, d=days) for t in (question, reply))
    small = question[0].lower() + question[1:]
    frame = pick(rng, ("{Q}", "{Q}", "Pip, {q}", "Tell me, {q}", "Do you know {q}", "I have a question. {Q}",
                       "Please tell me: {q}"))
    if frame.startswith("Do"):
        frame = "{Q} Do you know?"
    allow = ("1",) if "one hand" in question else ()
    return [Turn(frame.format(q=small, Q=question), reply, Check("number", (right or days,), allow=allow))]
