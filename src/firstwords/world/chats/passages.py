"""Short reading passages: questions that the text answers, questions that it does not, and summaries.

The visits in them are small events of one day, which contradict nothing that is told about the town.
"""

from random import Random
from typing import NamedTuple

from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import cap, number_word, pick, plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.names import stranger
from firstwords.world.town.people import Person
from firstwords.world.town.plumwick import Town

_CARRIED = ("basket", "bucket", "bag", "box", "umbrella", "scarf", "blanket", "ball", "kite", "lantern")
_THINGS = ("apple", "egg", "button", "pear", "nut", "stone", "candle", "letter", "carrot", "flower", "book",
           "bun")
_COLOURS = ("red", "blue", "green", "yellow", "purple", "pink", "brown", "black", "white")
_TIMES = ("in the morning", "in the afternoon", "in the evening", "before breakfast", "after lunch")
_DOINGS = (
    ("counted the clouds", "count the clouds"), ("sang a song", "sing a song"),
    ("told each other jokes", "tell each other jokes"),
    ("drank hot tea", "drink hot tea"), ("played cards", "play cards"), ("fed the birds", "feed the birds"),
    ("looked at a map", "look at a map"),
    ("painted a sign", "paint a sign"), ("swept the steps", "sweep the steps"),
    ("ate a plum cake", "eat a plum cake"),
)


class Passage(NamedTuple):
    """A passage and possible questions about it: (questions, answer, check)."""

    text: str
    summary: str
    asks: tuple[tuple[tuple[str, ...], str, Check], ...]
    unasked: tuple[str, ...]


def _two(rng: Random, town: Town) -> tuple[Person, Person]:
    one, other = rng.sample(town.people, 2)
    return one, other


def passage(rng: Random, town: Town) -> Passage:
    """A visit in four or five sentences."""
    p, q = _two(rng, town)
    place, day, when = pick(rng, town.places).name, pick(rng, know.DAYS), pick(rng, _TIMES)
    carried, colour = pick(rng, _CARRIED), pick(rng, _COLOURS)
    number, thing = rng.randint(2, 12), pick(rng, _THINGS)
    did, _ = pick(rng, _DOINGS)
    things = f"{number_word(number)} {plural(thing)}"
    n, m = p.name, q.name
    start = pick(rng, ("On {d} {w}, {n} went to {l}.", "{n} went to {l} on {d} {w}.",
                       "It was {d}. {W}, {n} went to {l}.")).format(
        d=day, w=when, W=cap(when), n=n, l=place)
    took = pick(rng, ("{H} took a {c} {b} and {t} along.", "{H} carried a {c} {b} and {t}.",
                      "{H} had a {c} {b} and {t} with {o}.")).format(
        H=cap(p.he), c=colour, b=carried, t=things, o=p.him)
    met = pick(rng, ("There {h} met {m}.", "At the door {h} met {m}.", "{M} was there too.")).format(h=p.he,
                                                                                                     m=m, M=m)
    gave = "" if rng.random() < 0.5 else f"{n} gave {m} the {plural(thing)}."
    together = pick(rng, ("Together they {d}.", "The two of them {d}.",
                          "They {d} and laughed.")).format(d=did)
    asks: list[tuple[tuple[str, ...], str, Check]] = [
        (("Where did {n} go?", "To which place did {n} go?", "Where was {n} on {d}?"),
         f"{n} went to {place}.", Check("one_of", (place,), "place")),
        (("On which day did {n} go there?", "When did {n} go to {l}?", "Which day was it?"),
         f"It was on {day}.", Check("one_of", (day,), "day")),
        (("Who did {n} meet?", "Who was at {l} too?", "Who did {n} see there?"), f"{n} met {m}.",
         Check("one_of", (m,), "name", (n,))),
        (("How many {ts} did {n} have?", "How many {ts} were there?", "What number of {ts} did {n} carry?"),
         f"{n} had {things}.",
         Check("number", (str(number),))),
        (("What colour was the {b}?", "Which colour did the {b} have?", "What was the colour of the {b}?"),
         f"The {carried} was {colour}.",
         Check("one_of", (colour,), "colour")),
        (("What did they do together?", "What did {n} and {m} do?", "What did the two of them do?"),
         f"They {did}.", Check("phrase", (did,))),
    ]
    if gave:
        asks.append((("What did {n} give to {m}?", "What did {m} get?"), f"{n} gave {m} the {plural(thing)}.",
                     Check("phrase", (plural(thing),), allow=(n, m))))
    slots = {"n": n, "m": m, "l": place, "d": day, "b": carried, "ts": plural(thing)}
    filled = tuple((tuple(a.format(**slots) for a in ask), reply, check) for ask, reply, check in asks)
    unasked = tuple(u.format(**slots) for u in _UNASKED)
    text = " ".join(part for part in (start, took, met, gave, together) if part)
    return Passage(text, f"{n} went to {place}, met {m}, and they {did}.", filled, unasked)


_UNASKED = (
    "What did {n} eat for supper?", "What was the weather like?", "How did {n} get home?",
    "What did {m} wear?", "Who opened the door?",
    "How long did they stay?", "What was in the {b}?", "What did {m} say at the end?",
    "Did it rain that night?", "What did {n} dream that night?",
    "What song did the birds sing?", "How much did the {b} cost?", "Where did {n} buy the {b}?",
    "What did {n} do the next day?",
)
_FRAMES = ('Read this: "{t}" {q}', "{t} {q}", "{t}\n\n{q}", "Here is a text: {t} {q}",
           "Text: {t}\nQuestion: {q}", "Listen: {t} {q}", "Read the text. {t} {q}",
           "I read this: {t} Now my question: {q}", "{q}\n\n{t}", "{t}\nTell me: {q}")
_NOT_SAID = ("The text does not say that.", "The text does not say.",
             "I do not know. The text does not say it.", "It does not say that.",
             "The text does not tell us.", "The text does not say that. I do not know.")


def passage_question(rng: Random, town: Town) -> list[Turn]:
    """A passage and one or two questions that it answers."""
    text = passage(rng, town)
    asks = rng.sample(text.asks, 1 if rng.random() < 0.6 else 2)
    turns = []
    for i, (questions, reply, check) in enumerate(asks):
        question = pick(rng, questions)
        turns.append(Turn(pick(rng, _FRAMES).format(t=text.text, q=question) if not i else question, reply,
                          check))
    return turns


def passage_silent(rng: Random, town: Town) -> list[Turn]:
    """A passage and a question that it does not answer."""
    text = passage(rng, town)
    turns = []
    if rng.random() < 0.4:
        questions, reply, check = pick(rng, text.asks)
        turns.append(Turn(pick(rng, _FRAMES).format(t=text.text, q=pick(rng, questions)), reply, check))
    question = pick(rng, text.unasked)
    shown = question if turns else pick(rng, _FRAMES).format(t=text.text, q=question)
    return [*turns, Turn(shown, pick(rng, _NOT_SAID), Check("abstain"))]


_SUMMARISE = ('Summarise this: "{t}"', "Say this in one sentence: {t}", "Summarise in one sentence: {t}",
              "What is this text about? {t}", "Make it short: {t}",
              "Tell me in a few words what happens. {t}", "{t}\n\nSay it in one sentence.",
              "Can you make this text shorter? {t}", "Give me a short version: {t}",
              "{t}\nWhat happened, in short?")


def summarise(rng: Random, town: Town) -> list[Turn]:
    """A passage in one sentence."""
    text = passage(rng, town)
    names = tuple(w for w in (text.summary.split()[0],))
    return [Turn(pick(rng, _SUMMARISE).format(t=text.text), text.summary, Check("words", names, least=6))]


_TOYS = ("ball", "kite", "hat", "book", "boat", "car", "cup", "bag", "box", "coat")
_PETS = ("cat", "dog", "hen", "mouse", "rabbit", "duck", "bird", "horse")
_SPOTS = ("under the table", "on the chair", "in the garden", "behind the door", "on the roof", "in the box", "under the bed", "in the kitchen")
_FOODS = ("an apple", "a pear", "bread", "cheese", "soup", "cake", "an egg", "a banana")
_SIZES = (("taller", "smaller"), ("older", "younger"), ("faster", "slower"), ("stronger", "weaker"))
_ONE_FRAMES = ("{t} {q}", "{t} {q}", "{t} {q}", "Read this: {t} {q}", '"{t}" {q}', "Text: {t} Question: {q}", "{t}\n{q}", "Here is a sentence: {t} {q}",
               'Read this: "{t}" {q}', "Listen: {t} {q}", "{t} Now: {q}")
_UNKNOWN_THINGS = ("What did {n} eat?", "How old is {n}?", "What colour is the house?", "Where does {n} live?", "What is the dog called?", "Who is {n}'s friend?")


def one_sentence(rng: Random, town: Town) -> list[Turn]:
    """One sentence and one question, which it usually answers; the answer is close to the sentence. What it does not
    say is asked about strangers: Pip knows how old the people of the town are.
    """
    one, other = _two(rng, town)
    is_silent = rng.random() < 0.12
    n, m, toy, pet = stranger(rng) if is_silent else one.name, other.name, pick(rng, _TOYS), pick(rng, _PETS)
    colour, spot, food, number = pick(rng, _COLOURS), pick(rng, _SPOTS), pick(rng, _FOODS), rng.randint(2, 9)
    (more, less), things = pick(rng, _SIZES), plural(pick(rng, _THINGS))
    text, question, reply, check = pick(rng, (
        (f"{n} has a {colour} {toy}.", f"What colour is the {toy}?", f"The {toy} is {colour}.", Check("one_of", (colour,), "colour")),
        (f"The {toy} is {colour}.", f"What colour is the {toy}?", f"The {toy} is {colour}.", Check("one_of", (colour,), "colour")),
        (f"{n} has a {colour} {toy}.", f"Who has the {toy}?", f"{n} has the {toy}.", Check("one_of", (n,), "name")),
        (f"{n} has a {toy}.", f"What does {n} have?", f"{n} has a {toy}.", Check("exact", (toy,))),
        (f"The {pet} is {spot}.", f"Where is the {pet}?", f"The {pet} is {spot}.", Check("exact", (spot,))),
        (f"The {pet} is {spot}.", f"What is {spot}?", f"The {pet} is {spot}.", Check("exact", (pet,))),
        (f"{n} ate {food}.", f"What did {n} eat?", f"{n} ate {food}.", Check("exact", (food.split()[-1],))),
        (f"{n} ate {food}.", f"Who ate {food}?", f"{n} ate {food}.", Check("one_of", (n,), "name")),
        (f"{n} has {number} {things}.", f"How many {things} does {n} have?", f"{n} has {number} {things}.", Check("number", (str(number),))),
        (f"{n} is {more} than {m}.", f"Who is {more}?", f"{n} is {more}.", Check("one_of", (n,), "name")),
        (f"{n} is {more} than {m}.", f"Who is {less}?", f"{m} is {less}.", Check("one_of", (m,), "name")),
        (f"{n} gave {m} a {toy}.", f"Who has the {toy} now?", f"{m} has the {toy}.", Check("one_of", (m,), "name")),
        (f"{n} went to the {pick(rng, ('shop', 'school', 'park', 'river', 'market'))}.", "", "", None),
    ))
    if check is None:
        place = text.removesuffix(".").split()[-1]
        question, reply, check = f"Where did {n} go?", f"{n} went to the {place}.", Check("exact", (place,))
    if is_silent and not text.startswith("The"):
        unknown = pick(rng, [u for u in _UNKNOWN_THINGS if "eat" not in u or "ate" not in text])
        question, reply, check = unknown.format(n=n), _NOT_SAID[0], Check("abstain")
    return [Turn(pick(rng, _ONE_FRAMES).format(t=text, q=question), reply, check)]
