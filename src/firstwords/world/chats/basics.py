"""What a child knows, asked for often: opposites, colours, animals, what things are, days, months, capitals, French.

The everyday part of each table comes up far more often than the rest, and every answer repeats the words of the question
before the word that answers it: "The opposite of big is small.", "A cow says moo.", "The capital of France is Paris.". Yes-no
questions are answered with the fact: "Is the sky green?" "The sky is blue.".
"""

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn, settled
from firstwords.world.chats.school import opposite_pairs
from firstwords.world.phrases import a_an, cap, number_word, pick, plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.french import EVERYDAY
from firstwords.world.town.plumwick import Town

_EVERYDAY = 0.9  # how often the everyday part of a table is asked for


def _often(rng: Random, everyday: Sequence, rest: Sequence):
    return pick(rng, everyday if rng.random() < _EVERYDAY or not rest else rest)


# both directions are asked for
_EVERYDAY_OPPOSITES = """
big small,hot cold,up down,day night,old young,fast slow,happy sad,open closed,full empty,light heavy,loud quiet,long short,
wet dry,hard soft,early late,near far,left right,in out,clean dirty,rich poor,strong weak,high low,first last,good bad,yes no,
black white,inside outside,summer winter,love hate,begin end
"""
# one direction only
_ONE_WAY_OPPOSITES = "tall short,new old,dark light,large small,little big,easy hard,boy girl,man woman,start end,win lose,true false"
_OPPOSITE = Wording(
    ("what is the opposite of {w}", "what is the opposite of {w}", 'what is the opposite of "{w}"', "which word is the opposite of {w}",
     "what is {w} the opposite of", "opposite of {w} is what", "what is the opposite to {w}", "what is the opposite word of {w}",
     "what is the reverse of {w}", "what is the contrary to {w}", "what is the antonym of {w}", "if it is not {w}, what is it"),
    ("what the opposite of {w} is", "the opposite of {w}"),
    ("tell me the opposite of {w}", "say the opposite of {w}", "give me the opposite of {w}", "find the opposite of {w}",
     "name the opposite of {w}", "write the opposite of {w}"),
    ("opposite of {w}", "the opposite of {w}", "{w} opposite", "{w} - opposite", "opposite {w}", "opposite: {w}", "antonym: {w}", "{w} antonym", "contrary of {w}", "not {w} but"),
)


@lru_cache(maxsize=1)
def _opposites() -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    def pairs(text: str) -> list[tuple[str, str]]:
        return [(one, other) for one, other in (pair.split() for pair in text.replace("\n", "").split(","))]

    both = pairs(_EVERYDAY_OPPOSITES)
    everyday = (*both, *((other, one) for one, other in both))
    return everyday, (*pairs(_ONE_WAY_OPPOSITES), *(p for p in opposite_pairs() if p not in everyday))


def opposite(rng: Random, town: Town) -> list[Turn]:
    """The opposite of a word."""
    word, other = _often(rng, *_opposites())
    return [Turn(ask(rng, _OPPOSITE, w=word), f"The opposite of {word} is {other}.", Check("one_of", (other,), "opposite", (word,)))]


# thing as a noun phrase -> colour; singular and plural are asked for in the same words
_COLOURS = {
    "grass": "green", "the sky": "blue", "snow": "white", "the sun": "yellow", "a banana": "yellow", "blood": "red",
    "a tomato": "red", "an apple": "red", "a lemon": "yellow", "milk": "white", "coal": "black", "a tree": "green",
    "a leaf": "green", "a frog": "green", "a carrot": "orange", "chocolate": "brown", "the night": "black",
    "the sea": "blue", "the ocean": "blue", "a cloud": "white", "an elephant": "grey", "a pig": "pink", "a rose": "red", "a strawberry": "red",
    "a mouse": "grey", "a crow": "black", "bananas": "yellow", "tomatoes": "red", "frogs": "green",
    "carrots": "orange", "pigs": "pink", "leaves": "green", "trees": "green", "apples": "red", "lemons": "yellow",
}
_WRONG_COLOURS = ("blue", "green", "purple", "pink", "black", "red", "yellow", "white")
_SELDOM = ("blue", "purple", "pink")  # colours that the things of the long list never have
# colours that a thing can have as well: nobody is told that an apple is not green
_ALSO = {
    "grass": ("yellow",), "the sky": ("black", "red", "white", "pink"), "the sun": ("red", "white"), "a banana": ("green", "black"),
    "bananas": ("green",), "a tomato": ("green", "yellow"), "tomatoes": ("green", "yellow"), "an apple": ("green", "yellow"),
    "apples": ("green", "yellow"), "a lemon": ("green",), "lemons": ("green",), "a tree": ("red", "yellow", "white", "black"),
    "trees": ("red", "yellow", "white", "black"), "a leaf": ("red", "yellow"), "leaves": ("red", "yellow"), "a frog": ("red", "yellow", "blue"),
    "frogs": ("red", "yellow", "blue"), "a carrot": ("purple", "yellow", "white", "red"), "carrots": ("purple", "yellow", "white", "red"),
    "chocolate": ("white", "black"), "the night": ("blue",), "the sea": ("green", "black", "white"), "the ocean": ("green", "black", "white"),
    "a cloud": ("black", "pink"), "a pig": ("black", "white"), "pigs": ("black", "white"), "a rose": ("white", "yellow", "pink"),
    "a strawberry": ("white", "green"), "a mouse": ("white", "black"),
}
_COLOUR = Wording(
    ("what colour {is_} {t}", "what colour {is_} {t}", "which colour {is_} {t}", "what is the colour of {t}", "what colour {do} {t} have",
     "{t} {is_} what colour", "what is the usual colour of {t}", "what colour do you give {t}"),
    ("what colour {t} {is_}", "the colour of {t}", "which colour {t} {has}"),
    ("tell me the colour of {t}", "name the colour of {t}", "say what colour {t} {is_}"),
    ("colour of {t}", "{t} colour", "the colour of {t}", "{t}, what colour"),
)
_IS_COLOUR = Wording(
    ("{is_} {t} {c}", "is it true that {t} {is_} {c}", "{is_} {t} really {c}", "is the colour of {t} {c}"),
    ("if {t} {is_} {c}",), (), ("{t} {is_} {c}, right",),
)
_NAME_COLOURED = Wording(("which thing is {c}", "what thing is {c}"), ("which thing is {c}",), ("name something {c}", "tell me something {c}", "name {ac} thing"), ("something {c}", "{ac} thing"))


@lru_cache(maxsize=1)
def _rare_colours() -> tuple[tuple[str, str], ...]:
    return tuple((thing, colour) for thing, colour in know.COLOUR_OF.items() if thing not in _COLOURS and colour not in thing)


def colour_of(rng: Random, town: Town) -> list[Turn]:
    """The usual colour of a thing, or whether it is of some colour."""
    thing, colour = _often(rng, tuple(_COLOURS.items()), _rare_colours())
    is_plural = thing.endswith("s") and " " not in thing and thing != "grass"
    is_, has, do = ("are", "have", "do") if is_plural else ("is", "has", "does")
    slots = {"t": thing, "is_": is_, "has": has, "do": do}
    fact = f"{cap(thing)} {is_} {colour}."
    draw = rng.random()
    if draw < 0.33:
        wrong = _WRONG_COLOURS if thing in _COLOURS else _SELDOM
        asked = colour if rng.random() < 0.5 else pick(rng, [c for c in wrong if c not in (colour, *_ALSO.get(thing, ()))])
        return [Turn(ask(rng, _IS_COLOUR, c=asked, **slots), *settled(asked == colour, fact))]
    if draw < 0.37 and colour in _COLOURS.values():
        first = next(thing for thing, value in _COLOURS.items() if value == colour)  # always the same one
        return [Turn(ask(rng, _NAME_COLOURED, c=colour, ac=a_an(colour)), f"{cap(first)} is {colour}.", Check("one_of", (colour,), "colour", (first,)))]
    return [Turn(ask(rng, _COLOUR, **slots), fact, Check("one_of", (colour,), "colour", (thing,)))]


_ANIMALS = ("cat", "dog", "cow", "horse", "pig", "sheep", "goat", "donkey", "mouse", "lion", "tiger", "bear", "wolf", "duck", "hen",
            "owl", "frog", "bee", "snake", "goose", "spider")
_OTHER_ANIMALS = tuple(a.name for a in know.ANIMALS if a.name not in _ANIMALS)
_EXTRA_SOUNDS = {"chicken": "cluck", "bird": "tweet", "rooster": "cock-a-doodle-doo", "fly": "buzz", "lamb": "baa", "kitten": "meow",
                 "puppy": "woof"}
_SOUND = Wording(
    ("what does {a} say", "what does {a} say", "what sound does {a} make", "what noise does {a} make", "what do {ps} say",
     "how does {a} sound", "what sound do {ps} make", "what is the sound of {a}", "how does {a} go", "what noise do {ps} make",
     "what does the {n} say", "which sound does {a} make"),
    ("what {a} says", "what sound {a} makes", "what {ps} say", "the sound of {a}"),
    ("make the sound of {a}", "say what {a} says", "sound like {a}", "talk like {a}"),
    ("{n} sound", "sound of {a}", "{n} noise", "{a} says", "the {n} says", "{a} goes"),
)
_GIVES = {"bee": "honey", "cow": "milk", "hen": "eggs", "sheep": "wool", "goat": "milk", "duck": "eggs"}
_EXTRA_HOMES = {"fish": "water", "bird": "nest", "polar bear": "ice", "octopus": "sea", "dolphin": "sea", "crab": "sea", "squirrel": "tree"}
_WHAT_GIVES = Wording(
    ("what does {a} {v}", "what do {ps} {v}", "what do we get from {a}", "what do we get from {ps}"),
    ("what {a} {g}", "what {ps} {v}"),
)
_WHO_GIVES = Wording(
    ("where does {x} come from", "where do we get {x} from", "which animal {g} {x}", "what animal {g} {x}", "who {g} {x}"),
    ("where {x} comes from", "which animal {g} {x}"),
)
_WHO_SAYS = Wording(
    ("which animal says {v}", "what animal says {v}", "who says {v}", "what says {v}", "which animal goes {v}"),
    ("which animal says {v}", "who says {v}"), ("name an animal that says {v}",), ("animal that says {v}", "{v}"),
)
_LEGS = Wording(
    ("how many legs does {a} have", "how many legs do {ps} have", "how many legs has {a}", "how many feet does {a} have",
     "how many legs are on {a}"),
    ("how many legs {a} has", "how many legs {ps} have"), ("count the legs of {a}",), ("{n} legs", "legs of {a}", "number of legs of {a}"),
)
_YOUNG = Wording(
    ("what is a baby {n} called", "what is a baby {n}", "what do you call a baby {n}", "what is the baby of {a} called",
     "what is a young {n} called", "what do you call a young {n}", "what is the young of {a}", "what are baby {ps} called"),
    ("what a baby {n} is called", "the name of a baby {n}"), ("name the baby of {a}",), ("baby {n}", "{n} baby", "baby of {a}", "young {n}"),
)
_HOME = Wording(
    ("where does {a} live", "where do {ps} live", "what is the home of {a}", "where is the home of {a}", "where can I find {a}",
     "where does {a} sleep", "where do {ps} sleep"),
    ("where {a} lives", "where {ps} live"), (), ("home of {a}", "{n} home"),
)
_LIVES = Wording(("does {a} live {w}", "do {ps} live {w}", "is it true that {ps} live {w}"), ("if {ps} live {w}",))
_FOOD = Wording(
    ("what does {a} eat", "what do {ps} eat", "what does {a} like to eat", "what can I give {a} to eat", "what do {ps} like to eat",
     "what is the food of {a}"),
    ("what {a} eats", "what {ps} eat"), (), ("food of {a}", "{n} food"),
)


def animal(rng: Random, town: Town) -> list[Turn]:
    """What an animal says, eats, where it lives, its baby, its legs."""
    draw = rng.random()
    if draw < 0.05:
        return [_gives(rng)]
    if draw < 0.08:
        return [_home(rng, *pick(rng, tuple(_EXTRA_HOMES.items())))]
    if draw < 0.12:
        name, sound = pick(rng, tuple(_EXTRA_SOUNDS.items()))
        return [Turn(ask(rng, _SOUND, **_animal_slots(name)), f"{cap(a_an(name))} says {sound}.", Check("one_of", (sound,), "sound", (name,)))]
    while True:
        one = know.ANIMAL_BY_NAME[_often(rng, _ANIMALS, _OTHER_ANIMALS)]
        about = rng.choices(("sound", "who", "legs", "young", "home", "food"), (45, 8, 14, 12, 12, 9))[0]
        value = one.sound if about in ("sound", "who") else getattr(one, about)
        is_dull = about == "young" and (one.name in str(value) or one.name == "goldfish" or value == "larva")
        if value != "" and not is_dull and not (about == "who" and (value == "roar" or one.name == "tiger")):
            break
    slots = _animal_slots(one.name)
    subject = cap(slots["a"])
    if about == "sound":
        return [Turn(ask(rng, _SOUND, **slots), f"{subject} says {value}.", Check("one_of", (value,), "sound", (one.name,)))]
    if about == "who":
        return [Turn(ask(rng, _WHO_SAYS, v=value), f"{subject} says {value}.", Check("one_of", (one.name,), "animal", (value,)))]
    if about == "legs":
        check = Check("number", (str(one.legs),)) if one.legs else Check("phrase", ("has no legs",))
        return [Turn(ask(rng, _LEGS, **slots), f"{subject} has {number_word(one.legs) if one.legs else 'no'} legs.", check)]
    if about == "young":
        return [Turn(ask(rng, _YOUNG, **slots), f"A baby {one.name} is called {a_an(one.young)}.", Check("one_of", (one.young,), "young", (one.name,)))]
    if about == "home":
        return [_home(rng, one.name, one.home)]
    return [Turn(ask(rng, _FOOD, **slots), f"{subject} eats {value}.", Check("phrase", (one.food,)))]


def _home(rng: Random, name: str, home: str) -> Turn:
    """Where an animal lives, now and then whether it lives there."""
    slots = _animal_slots(name)
    where = f"in {home_phrase(home)}".replace("in the ice", "on the ice").replace("in a web", "in its web")
    fact = f"{cap(slots['a'])} lives {where}."
    if rng.random() < 0.15:
        return Turn(ask(rng, _LIVES, w=where, **slots), *settled(True, fact))
    return Turn(ask(rng, _HOME, **slots), fact, Check("one_of", (home,), "home", (name,)))


def _gives(rng: Random) -> Turn:
    """What a cow gives; where milk comes from."""
    name, given = pick(rng, tuple(_GIVES.items()))
    verb = {"eggs": "lay", "honey": "make"}.get(given, "give")
    fact = f"{cap(a_an(name))} {verb}s {given}."
    if rng.random() < 0.3 and name not in ("goat", "duck"):  # a cow for milk, a hen for eggs
        question = ask(rng, _WHO_GIVES, x=given, g=f"{verb}s")
        if given == "eggs":
            question = question.replace("does eggs come", "do eggs come").replace("eggs comes", "eggs come")
        return Turn(question, fact, Check("phrase", (name,)))
    return Turn(ask(rng, _WHAT_GIVES, v=verb, g=f"{verb}s", **_animal_slots(name)), fact, Check("phrase", (given,)))


def _animal_slots(name: str) -> dict[str, str]:
    return {"a": a_an(name), "n": name, "ps": plural(name)}


def home_phrase(home: str) -> str:
    """A home with its article: "a kennel", "the sea"."""
    places = ("sea", "water", "grassland", "jungle", "forest", "bush", "ice", "grass", "garden", "meadow")
    return f"the {home}" if home in places else a_an(home)


_WHAT_IS = Wording(
    ("what is {a}", "what is {a}", "what is {a}, really", "what are {ps}", "what kind of thing is {a}", "what does {n} mean"),
    ("what {a} is", "what {ps} are"), ("explain what {a} is", "say what {a} is", "tell me about {ps}"), ("{n} meaning", "what {a} is", "{a}"),
)
_IS_A = Wording(("is {a} {k}", "is {a} really {k}", "is it true that {a} is {k}"), ("if {a} is {k}",), (), ("{a} is {k}, right",))
_KINDS_OF = {"fruit": "a fruit", "vegetable": "a vegetable", "tool": "a tool", "drink": "a drink", "instrument": "an instrument",
             "colour": "a colour", "day": "a day", "month": "a month", "season": "a season"}
_GROUP_KINDS = {"bird": "a bird", "fish": "a fish", "insect": "an insect"}
_OTHER_THINGS = {
    "table": "a thing with a flat top", "chair": "a thing to sit on", "bed": "a thing to sleep in", "book": "a thing to read",
    "house": "a place to live in", "school": "a place to learn in", "hat": "a thing to wear on the head", "ball": "a toy",
    "doll": "a toy", "kite": "a toy", "boat": "a thing that swims on water", "car": "a thing to drive in", "tree": "a big plant",
    "flower": "a small plant", "rose": "a flower", "baker": "a person who bakes bread", "teacher": "a person who teaches",
    "doctor": "a person who helps the ill", "king": "a man who rules a land", "queen": "a woman who rules a land",
    "word": "a thing we say or write", "poem": "a text that rhymes", "joke": "a short text that makes us laugh", "cake": "a sweet food",
    "pizza": "a food", "bread": "a food", "soup": "a warm food", "friend": "a person we like", "week": "a time of seven days",
    "year": "a time of twelve months", "city": "a big town", "village": "a small town", "river": "water that runs to the sea",
    "ice": "frozen water", "snow": "frozen rain", "rain": "water that falls from the clouds", "fire": "a hot and bright thing that burns",
    "the sun": "a star", "the moon": "a ball of stone in the sky", "cheese": "a food", "music": "a sound that we like to hear",
}
_BARE = ("bread", "ice", "snow", "rain", "fire", "the sun", "the moon", "cheese", "music")  # said without "a"


@lru_cache(maxsize=1)
def _things() -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(name with its article, what it is), the everyday ones and the rest."""
    animals = [(a, _GROUP_KINDS.get(know.ANIMAL_BY_NAME[a].group, "an animal")) for a in (*_ANIMALS, *_OTHER_ANIMALS)]
    known = {a_an(name): what for name, what in animals}
    groups: dict[str, str] = {}
    for group, kind in _KINDS_OF.items():
        for member in know.GROUPS[group]:
            bare = group in ("drink", "colour", "day", "month", "season")
            groups.setdefault(member if bare else a_an(member), kind)
    groups.pop("orange", None)
    for name, what in _OTHER_THINGS.items():
        groups[name if name in _BARE else a_an(name)] = what
    first = [*list(known.items())[:20], *((k, v) for k, v in groups.items() if k in _BARE or v in ("a fruit", "a colour", "a vegetable"))]
    return tuple(first), tuple((k, v) for k, v in {**known, **groups}.items() if (k, v) not in first)


def what_is(rng: Random, town: Town) -> list[Turn]:
    """What a thing is, or whether it is of some kind."""
    everyday, rest = _things()
    thing, what = pick(rng, everyday if rng.random() < 0.6 else rest)
    name = thing.split(" ", 1)[1] if thing.startswith(("a ", "an ")) else thing
    fact = f"{thing} is {what}."
    kinds = ("an animal", "a bird", "a fish", "an insect", "a fruit", "a colour", "a vegetable", "a drink")
    if rng.random() < 0.35 and what in kinds:
        others = [k for k in kinds if k != what and not (k == "an animal" and name in know.ANIMAL_BY_NAME)]
        asked = what if rng.random() < 0.5 or name == "orange" else pick(rng, others)
        return [Turn(ask(rng, _IS_A, a=thing, k=asked), *settled(asked == what, cap(fact)))]
    wording = _WHAT_IS if thing != name else _WHAT_IS._replace(questions=("what is {a}", "what is {a}, really", "what does {n} mean"),
                                                                 clauses=("what {a} is",), wishes=("explain what {a} is", "say what {a} is"),
                                                                 notes=("what {a} is",))
    return [Turn(ask(rng, wording, a=thing, n=name, ps=plural(name)), cap(fact), Check("phrase", (what,), allow=(name,)))]


_CAN_DO = {
    "fly": (("a bird", "a bee", "an owl", "a duck", "a butterfly", "a goose", "a crow"), ("a cow", "a dog", "a cat", "a pig", "a horse", "a fish", "a sheep", "a snake")),
    "swim": (("a fish", "a duck", "a frog", "a whale", "a shark", "a goose"), ("a hen", "a bee", "a sparrow")),
    "talk": ((), ("a cat", "a dog", "a cow", "a fish", "a tree", "a stone", "a horse")),
    "bark": (("a dog",), ("a cat", "a cow", "a hen")),
}
_CAN = Wording(("can {a} {d}", "is it true that {a} can {d}"), ("if {a} can {d}",), (), ("{a} can {d}, right",))


def animal_can(rng: Random, town: Town) -> list[Turn]:
    """Can a cow fly?"""
    deed = rng.choices(tuple(_CAN_DO), (6, 3, 2, 1))[0]
    able, unable = _CAN_DO[deed]
    yes = bool(able) and rng.random() < 0.5
    who = pick(rng, able if yes else unable)
    return [Turn(ask(rng, _CAN, a=who, d=deed), *settled(yes, f"{cap(who)} {'can' if yes else 'cannot'} {deed}."))]


_NEXT = Wording(
    ("what {k} comes {s} {n}", "which {k} comes {s} {n}", "what comes {s} {n}", "which {k} is {s} {n}", "what {k} is {s} {n}",
     "what is the {k} {s} {n}", "{s} {n} comes which {k}"),
    ("which {k} comes {s} {n}", "what comes {s} {n}", "what {k} is {s} {n}"), ("tell me the {k} {s} {n}", "name the {k} {s} {n}", "say the {k} {s} {n}"),
    ("the {k} {s} {n}", "{k} {s} {n}", "{s} {n}", "{s} {n} comes"),
)
_FOLLOWS = Wording(
    ("if now it is {n}, what {k} is next", "it is {n}, so which {k} is next", "which {k} follows {n}", "what follows {n}", "which is the next {k} after {n}",
     "this is {n}, what is the next {k}"),
    ("which {k} follows {n}", "which {k} is next after {n}"), ("say the next {k} after {n}",), ("next {k} after {n}", "{n}, next {k}", "{n} and then"),
)
_SEASON_OF = Wording(
    ("what season is {m} in", "in which season is {m}", "which season has {m}", "what season is {m}", "{m} is in which season"),
    ("which season {m} is in",), (), ("season of {m}", "{m} season"),
)
_SERIES = (
    (("days of the week", "days", "week days", "seven days"), know.DAYS), (("months", "months of the year", "twelve months"), know.MONTHS),
    (("seasons", "four seasons", "seasons of the year"), ("spring", "summer", "autumn", "winter")),
)
_NAME_ALL = Wording(("what are the {s}", "what are the names of the {s}"), ("the {s}", "all the {s}", "what the {s} are"),
                    ("name the {s}", "list the {s}", "say the {s}", "tell me the {s}", "name all {s}", "tell me all the {s}", "list all {s}", "count the {s}"),
                    ("{s}", "the {s}", "all {s}", "all the {s}"))
_FIRST = Wording(("what is the {o} {k} of the {y}", "which is the {o} {k} of the {y}", "what {k} is the {o} of the {y}"), ("the {o} {k} of the {y}",),
                 ("name the {o} {k} of the {y}",), ("{o} {k} of the {y}",))


def order(rng: Random, town: Town) -> list[Turn]:
    """Days, months and seasons in order; the season of a month; all days."""
    draw = rng.random()
    if draw < 0.12:
        month = pick(rng, know.MONTHS)
        season = know.SEASON_OF[month]
        return [Turn(ask(rng, _SEASON_OF, m=month), f"{month} is in {season}.", Check("one_of", (season,), "season"))]
    if draw < 0.3:
        names, members = pick(rng, _SERIES)
        reply = cap(", ".join(members)) + "."
        return [Turn(ask(rng, _NAME_ALL, s=pick(rng, names)), reply, Check("words", tuple(members)))]
    names, kind = (know.DAYS, "day") if draw < 0.72 else (know.MONTHS, "month") if draw < 0.93 else (_SERIES[2][1], "season")
    if draw < 0.4:
        side, right = pick(rng, (("first", names[0]), ("last", names[-1])))
        question = ask(rng, _FIRST, o=side, k=kind, y="week" if kind == "day" else "year")
        return [Turn(question, f"The {side} {kind} is {right}.", Check("one_of", (right,), kind))]
    i = rng.randrange(len(names))
    side, step = ("after", 1) if rng.random() < 0.7 else ("before", -1)
    right = names[(i + step) % len(names)]
    wording = _FOLLOWS if side == "after" and rng.random() < 0.3 else _NEXT
    return [Turn(ask(rng, wording, k=kind, s=side, n=names[i]), f"{cap(side)} {names[i]} comes {right}.", Check("one_of", (right,), kind, (names[i],)))]


# the everyday capitals; the names in which a country is asked for
_CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "England": "London", "Japan": "Tokyo", "China": "Beijing",
    "Russia": "Moscow", "Egypt": "Cairo", "Greece": "Athens", "Poland": "Warsaw", "the USA": "Washington", "the UK": "London",
    "America": "Washington", "Austria": "Vienna",
}
CAPITAL = Wording(
    ("what is the capital of {c}", "what is the capital of {c}", "which city is the capital of {c}", "what is the capital city of {c}",
     "what city is the capital of {c}", "{c} has which capital", "what is the capital in {c}", "which is the capital of {c}"),
    ("what the capital of {c} is", "the capital of {c}", "which city is the capital of {c}"),
    ("tell me the capital of {c}", "name the capital of {c}", "say the capital of {c}", "give me the capital of {c}"),
    ("capital of {c}", "the capital of {c}", "{c} capital", "capital city of {c}", "{c}, capital", "capital {c}"),
)
_WHERE_IS = Wording(
    ("where is {v}", "in which country is {v}", "what country is {v} in", "which country has the capital {v}", "{v} is the capital of which country",
     "{v} is the capital of what"),
    ("where {v} is", "in which country {v} is"), (), ("{v} is in which country", "{v} country"),
)
_IS_CAPITAL = Wording(("is {v} the capital of {c}", "is it true that {v} is the capital of {c}", "is the capital of {c} {v}"),
                      ("if {v} is the capital of {c}",), (), ("{v} is the capital of {c}, right",))
_LANGUAGE = Wording(
    ("what language do people speak in {c}", "which language do they speak in {c}", "what do people speak in {c}", "what language is spoken in {c}",
     "what is the language of {c}"),
    ("which language people speak in {c}", "the language of {c}"), (), ("language of {c}", "{c} language"),
)


def country(rng: Random, town: Town) -> list[Turn]:
    """Capitals, countries and languages; a dozen capitals come up most of all."""
    land, capital = _often(rng, tuple(_CAPITALS.items()), tuple((c.name, c.capital) for c in know.COUNTRIES if c.name not in _CAPITALS))
    about = rng.choices(("capital", "where", "yes or no", "language"), (68, 14, 10, 8))[0]
    known = know.COUNTRY_BY_NAME.get(land)
    if about == "language" and known:
        return [Turn(ask(rng, _LANGUAGE, c=land), f"In {land}, people speak {known.language}.", Check("one_of", (known.language,), "language"))]
    if about == "where" and land not in ("America", "the UK"):
        return [Turn(ask(rng, _WHERE_IS, v=capital), f"{capital} is the capital of {land}.", Check("exact", (land,)))]
    fact = f"The capital of {land} is {capital}."
    if about == "yes or no":
        asked = capital if rng.random() < 0.5 else pick(rng, [c for c in _CAPITALS.values() if c != capital])
        return [Turn(ask(rng, _IS_CAPITAL, v=asked, c=land), *settled(asked == capital, fact, f"{capital} is the capital of {land}"))]
    return [Turn(ask(rng, CAPITAL, c=land), fact, Check("one_of", (capital,), "capital"))]


_TO_FRENCH = Wording(
    ("what is {w} in French", 'what is "{w}" in French', "how do you say {w} in French", 'how do you say "{w}" in French',
     "what is the French word for {w}", "what is French for {w}", "how do I say {w} in French", "what does {w} mean in French",
     "how do the French say {w}", "what do French people call {w}", "what do they say for {w} in France", "in French, what is {w}"),
    ("what {w} is in French", "the French word for {w}", "how to say {w} in French"),
    ("say {w} in French", "translate {w} into French", "translate {w} to French", 'translate "{w}" into French', "tell me {w} in French", 'say "{w}" in French'),
    ("{w} in French", "French for {w}", "{w} French", "French word for {w}", "{w} to French"),
)
_FROM_FRENCH = Wording(
    ("what does {f} mean", 'what does "{f}" mean', "what does {f} mean in English", "what is {f} in English", "how do you say {f} in English",
     "what is {f}", "what does the French word {f} mean", "what is the meaning of {f}", "{f} is French, what does it mean"),
    ("what {f} means", "what {f} is in English"), ("translate {f} into English", "translate {f} to English", 'translate "{f}"', "translate {f}"),
    ("{f} in English", "{f} meaning", "{f} to English"),
)


@lru_cache(maxsize=1)
def _french_rows() -> tuple[tuple[tuple[str, str, str], ...], tuple[tuple[str, str, str], ...]]:
    rows = [(w, f"the {w}" if f.startswith(("le ", "la ", "l'", "les ")) else w, f) for w, f in know.FRENCH_NOUNS.items()]
    rows += [(w, w, f) for w, f in know.FRENCH_WORDS.items()]
    return tuple(r for r in rows if r[0] in EVERYDAY), tuple(r for r in rows if r[0] not in EVERYDAY)


def _french_word(rng: Random, town: Town) -> tuple[str, str, str]:
    """English word, the same with its article, French: of those that the town's school teaches."""
    everyday, rest = _french_rows()
    return _often(rng, everyday, rest if len(town.french) > len(everyday) else ())


def to_french(rng: Random, town: Town) -> list[Turn]:
    """A word from English to French."""
    word, _, french = _french_word(rng, town)
    return [Turn(ask(rng, _TO_FRENCH, w=word), f"{cap(word)} in French is {french}.", Check("exact", (french,)))]


def from_french(rng: Random, town: Town) -> list[Turn]:
    """A word from French to English."""
    word, shown, french = _french_word(rng, town)
    return [Turn(ask(rng, _FROM_FRENCH, f=french), f"{cap(french)} means {shown}.", Check("exact", (word,)))]


_PLURAL = Wording(
    ("what is the plural of {w}", 'what is the plural of "{w}"', "one {w}, two what", "what is two of {a}", "what do you call two of {a}"),
    ("what the plural of {w} is", "the plural of {w}"), ("tell me the plural of {w}", "give me the plural of {w}", "make {w} plural"),
    ("plural of {w}", "{w} plural", "one {w}, two", "1 {w}, 2"),
)


@lru_cache(maxsize=1)
def _countable() -> tuple[str, ...]:
    left_out = ("person", "series", "echo", "larva", "half", "life", "fireman")
    groups = ("fruit", "tool", "piece of clothing", "piece of furniture", "part of the body")
    things = [w for g in groups for w in know.GROUPS[g]]
    return tuple(dict.fromkeys([*(w for w in know.PLURALS if w not in left_out), *(a.name for a in know.ANIMALS), *things]))


def plurals(rng: Random, town: Town) -> list[Turn]:
    """One mouse, two mice."""
    word = pick(rng, _countable())
    return [Turn(ask(rng, _PLURAL, w=word, a=a_an(word)), f"One {word}, two {plural(word)}.", Check("exact", (f"two {plural(word)}", plural(word))))]
