"""Who plays in a story: the people of the town, the animals around it, and the weather of the day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from firstwords.world.phrases import a_an, cap, number_word, pick
from firstwords.world.stories.plot import Plot
from firstwords.world.town.people import Person
from firstwords.world.town.plumwick import Town

# kind|pronoun|adjectives|home|how it goes|sets
_ANIMALS = """
fox|he|young,little,clever|in a den under an old oak|ran|wood winter land
hare|she|young,quick,brown|in the long grass beside Owl Wood|hopped|wood winter land
hedgehog|he|small,shy,young|under a heap of leaves in Owl Wood|walked|wood land small slow
squirrel|she|small,busy,red|in a hole high up in an oak tree|ran|wood winter land small
mouse|she|tiny,little,grey|in a hole under a root in Owl Wood|ran|wood winter land small
badger|he|big,old,friendly|in a long tunnel under Owl Wood|walked|wood land big
mole|he|small,old,shy|under the meadow beside the river|walked|land small slow
owl|she|young,wise,grey|in a hollow tree in Owl Wood|flew|bird winter
crow|he|young,clever,black|at the top of the tallest tree in Owl Wood|flew|bird winter
sparrow|she|little,brown,cheerful|under the roof of the Old Mill|flew|bird winter small
robin|he|little,red,cheerful|in the hedge beside the Green Farm|flew|bird winter small
duck|she|young,white,round|on an island in the Duck Pond|walked|water
frog|he|small,green,young|under a big leaf beside the Duck Pond|hopped|water small
turtle|he|old,small,friendly|between two flat stones beside the river|walked|water slow
snail|she|small,young,brown|under a flower pot in the Glass Garden|crept|slow small
otter|she|young,brown,quick|in a hole on the river bank|ran|water land
beaver|he|young,busy,brown|in a house of sticks in the river|walked|water land
bear|he|big,young,brown|in a cave behind Kettle Hill|walked|wood land big
deer|she|young,shy,brown|between the trees of Owl Wood|ran|wood winter land big
rabbit|he|young,small,white|in a hole on Kettle Hill|hopped|wood winter land
lamb|he|young,white,little|on the Green Farm|ran|farm
goat|she|young,white,cheerful|on the Green Farm|ran|farm
donkey|he|old,grey,friendly|on the Green Farm|walked|farm big
pig|he|young,pink,round|on the Green Farm|ran|farm
hen|she|young,brown,proud|on the Green Farm|ran|farm
pony|he|young,brown,strong|on the Green Farm|trotted|farm big
cow|she|big,brown,friendly|on the Green Farm|walked|farm big
"""
_PARTS = {
    "day": ("morning", "afternoon", "day", "Saturday", "Sunday"),
    "evening": ("evening",),
    "night": ("night",),
    "morning": ("morning",),
}
_WEATHER = {
    "mild": "mild May/sunny May/warm June/bright June/sunny June/sunny July/golden September/mild September",
    "wind": "windy March/windy October",
    "rain": "rainy April/wet October/rainy October",
    "snow": "snowy December/cold December/cold January/snowy January",
    "ice": "icy February/icy January",
    "fog": "foggy November",
    "grey": "grey November/cold February",
    "hot": "hot July/hot August",
    "spring": "mild April/sunny April/mild May/sunny May",
    "autumn": "golden September/mild September/windy October",
}
_WEATHER["any"] = "/".join(_WEATHER[k] for k in ("mild", "wind", "grey", "hot"))
_DAYLIGHT = ("sunny", "bright", "golden")  # no night is like that
_FACT_FORMS = (
    "{n} {told}.",
    "{n} {told}.",
    "{n} {told}.",
    "There was once a {noun} called {n}. {he} {told}.",
    "This is a story about {n}, who {told}.",
    "In Plumwick lived a {noun} called {n}, who {told}.",
)
# what each job needs
_TOOL_OF = {
    "clock maker": "screwdriver", "candle maker": "big pot", "miller": "shovel", "baker": "rolling pin",
    "fisher": "net", "doctor": "bag", "train driver": "whistle", "teacher": "piece of chalk", "boat builder": "hammer",
    "cheese maker": "big spoon", "vet": "bag", "smith": "hammer", "mayor": "pen", "music teacher": "song book",
    "painter": "brush", "farmer": "rake", "beekeeper": "honey spoon", "firefighter": "helmet",
    "star watcher": "star map", "librarian": "stamp", "nurse": "thermometer", "tailor": "needle", "shoemaker": "hammer",
    "station master": "flag", "cook": "wooden spoon", "postman": "bag", "gardener": "watering can", "carpenter": "saw",
    "toymaker": "brush", "actor": "crown", "dancer": "ribbon", "writer": "pen", "barber": "comb",
    "ice cream seller": "ice cream spoon", "bus driver": "key", "police officer": "whistle", "dentist": "little mirror",
}
_FAMILY = {"she": ("mother", "sister", "wife", "daughter", "grandmother"),
           "he": ("father", "brother", "husband", "son", "grandfather")}  # fmt: skip


@dataclass(frozen=True)
class Animal:
    """A kind of animal that can be in a story."""

    kind: str
    gender: str
    adjectives: tuple[str, ...]
    home: str
    went: str
    sets: tuple[str, ...]


ANIMALS: dict[str, Animal] = {
    row[0]: Animal(row[0], row[1], tuple(row[2].split(",")), row[3], row[4], tuple(row[5].split()))
    for row in (line.split("|") for line in _ANIMALS.strip().splitlines())
}


@dataclass(frozen=True)
class Actor:
    """Somebody in a story with the words for him or her, ready for `format_map`."""

    name: str
    gender: str  # "she", "he" or "it"
    is_animal: bool
    keys: dict[str, str]

    def as_role(self, role: str, first: str) -> dict[str, str]:
        """The keys of a helper: role "o" gives {o}, {o1}, {ohe}, {ohim}, {ohis} and their capitals."""
        k, up = self.keys, role.upper()
        return {
            role: k["h"], up: k["H"], f"{role}1": first, f"{up}1": cap(first), f"{role}he": k["he"],
            f"{up}he": k["He"], f"{role}him": k["him"], f"{role}his": k["his"], f"{up}his": k["His"],
            f"{role}call": k["call"], f"{role}went": k["went"],
        }  # fmt: skip

    def first_mention(self, rng: Random, names: dict[str, str], is_known: bool) -> None:
        """Sets {a} and {A}: how the first beat names the hero."""
        if is_known:
            first = self.keys["he"] if rng.random() < 0.5 else self.keys["h"]
        elif self.is_animal:
            first = a_an(f"{pick(rng, ANIMALS[self.name].adjectives)} {self.name}")
        else:
            first = self.keys["full"] if rng.random() < 0.25 else self.name
        names["a"], names["A"] = first, cap(first)


def _pronouns(gender: str) -> dict[str, str]:
    him, his, myself = {
        "she": ("her", "her", "herself"),
        "he": ("him", "his", "himself"),
        "it": ("it", "its", "itself"),
    }[gender]
    return {"he": gender, "him": him, "his": his, "self": myself, "He": cap(gender), "His": cap(his)}


@lru_cache(maxsize=64)
def animal_actor(kind: str) -> Actor:
    """The fox, and what it is called in a story."""
    one = ANIMALS[kind]
    title = cap(kind)
    keys = {"h": f"the {kind}", "H": f"The {kind}", "T": f"the {title}", "Tc": f"The {title}", "call": kind}
    keys |= {"Call": title, "went": one.went, "full": kind} | _pronouns(one.gender)
    return Actor(kind, one.gender, True, keys)


@lru_cache(maxsize=256)
def _person(p: Person) -> Actor:
    tool = _TOOL_OF.get(p.job, "pencil")
    fields = {"street": p.street, "food": p.food, "colour": p.colour, "hobby": p.hobby, "job": p.job}
    names = dict.fromkeys(("h", "H", "T", "Tc", "call", "Call"), p.name)
    extra = {"tool": tool, "a_tool": a_an(tool), "t_tool": tool.title(), "went": "walked", "full": p.full}
    more = {"noun": p.noun, "pet_kind": p.pet_kind, "pet": p.pet_name, "month": p.birthday}
    keys = names | fields | extra | more | _pronouns(p.gender)
    return Actor(p.name, p.gender, False, keys)


def person_actor(town: Town, name: str) -> Actor:
    """A person of the town as an actor."""
    return _person(town.by_name[name])


@lru_cache(maxsize=256)
def animal_kinds(words: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds named by sets ("wood") or by themselves ("fox")."""
    return tuple(kind for kind, one in ANIMALS.items() if kind in words or set(one.sets) & set(words))


_CANDIDATES: dict[tuple[int, str], tuple[str, ...]] = {}


def candidates(town: Town, plot: Plot) -> tuple[str, ...]:
    """The names and animal kinds that can be the hero of the plot."""
    key = (id(town), plot.name)
    if key not in _CANDIDATES:
        fixed = {rule.strip("=") for side in (plot.other, plot.third) for rule in side.split("/")}
        found = []
        for p in town.people:
            role = "child" if p.is_child else "adult"
            if role not in plot.hero and "person" not in plot.hero and p.name not in plot.hero:
                continue
            if p.name in fixed or not all(getattr(p, field) for field in plot.need):
                continue
            if (plot.fear and p.fear not in plot.fear) or (plot.pet and p.pet_kind not in plot.pet):
                continue
            found.append(p.name)
        people, animals = (_has_named(town, plot, side) for side in (0, -1))
        _CANDIDATES[key] = (*(found if people else ()), *(plot.hero_kinds if animals else ()))
    return _CANDIDATES[key]


def _has_named(town: Town, plot: Plot, side: int) -> bool:
    """Whether the people that a plot names ("=Anna") live in this town; side: 0 for a person as hero, -1 for animals."""
    rules = [rule.split("/")[side] for rule in (plot.other, plot.third)]
    return all(rule[1:] in town.by_name for rule in rules if rule.startswith("="))


def _relatives(town: Town, p: Person, only_parents: bool) -> list[tuple[str, str]]:
    found = [(n, 0) for n in (p.mother, p.father) if n]
    if not only_parents:
        for parent in (p.mother, p.father):
            if parent:
                found += [(n, 4) for n in (town.by_name[parent].mother, town.by_name[parent].father) if n]
        found += [(n, 1) for n in p.siblings] + [(n, 3) for n in p.children]
        found += [(p.spouse, 2)] if p.spouse else []
    return [(n, _FAMILY[town.by_name[n].gender][i]) for n, i in found]


def companion(
    rng: Random, town: Town, lead: Actor, rule: str, taken: list[str], forced: str | None
) -> tuple[Actor, str]:
    """Chooses a helper and how to mention him or her first.

    Rules: friend, family, parent, child, adult, pet, "=Anna" (this person), or sets of animals.
    """
    sides = rule.split("/")
    rule = sides[-1] if lead.is_animal else sides[0]
    if rule.startswith("="):
        return _named(town, rule[1:])
    kinds = animal_kinds(tuple(rule.split()))
    if kinds:
        kind = forced or pick(rng, [k for k in kinds if k not in taken])
        return animal_actor(kind), a_an(f"{pick(rng, ANIMALS[kind].adjectives)} {kind}")
    p = town.by_name[lead.name]
    if rule == "pet":
        keys = {"h": p.pet_name, "H": p.pet_name, "call": p.pet_name, "went": "ran"} | _pronouns("it")
        return Actor(p.pet_name, "it", False, keys), f"{p.his} {p.pet_kind} {p.pet_name}"
    if rule == "friend" and p.friend not in taken:
        return person_actor(
            town, p.friend
        ), f"{p.his} {'best ' if rng.random() < 0.5 else ''}friend {p.friend}"
    if rule in ("family", "parent"):
        free = [r for r in _relatives(town, p, rule == "parent") if r[0] not in taken]
        if free:
            name, relation = pick(rng, free)
            return person_actor(town, name), f"{p.his} {relation} {name}"
    pool = town.children if rule == "child" else town.adults
    return _named(town, pick(rng, [x.name for x in pool if x.name not in taken]))


def _named(town: Town, name: str) -> tuple[Actor, str]:
    p = town.by_name[name]
    return person_actor(town, name), p.name if p.is_child else f"{p.name} the {p.job}"


@lru_cache(maxsize=256)
def _fact_parts(p: Person) -> tuple[tuple[str, str], ...]:
    """(relation, predicate) for a sentence "Tom ...", true and never held back."""
    work = f"worked at {p.workplace}" if not p.is_child else ""
    rows = (
        ("street", p.street and f"lived on {p.street}"),
        ("age", p.is_child and f"was {number_word(p.age)} years old"),
        ("job", "" if p.is_child else f"was the {p.job} of Plumwick"),
        ("job", work),
        ("friend", p.friend and f"had a best friend called {p.friend}"),
        ("hobby", p.hobby and f"loved {p.hobby}"),
        ("food", p.food and f"loved {p.food}"),
        ("pet", p.pet_name and f"had {p.pet} called {p.pet_name}"),
        ("instrument", p.instrument and f"played {p.instrument}"),
        ("colour", p.colour and f"liked {p.colour} better than all other colours"),
        ("wish", p.wish and f"wanted {p.wish}"),
        ("fear", p.fear and f"was afraid of {p.fear}"),
    )
    return tuple((relation, str(text)) for relation, text in rows if text)


def fact_sentence(rng: Random, town: Town, lead: Actor, uses: frozenset[str]) -> str:
    """One or two facts about the hero in a sentence: "Tom was twelve years old and loved building boats."."""
    if lead.is_animal:
        one = ANIMALS[lead.name]
        who = a_an(f"{pick(rng, one.adjectives)} {one.kind}")
        return pick(rng, (f"{cap(who)} lived {one.home}.", f"There was once {who} who lived {one.home}.",
                          f"{cap(one.home)} lived {who}."))  # fmt: skip
    p = town.by_name[lead.name]
    parts = _fact_parts(p)
    first = pick(rng, parts)
    while first[0] in uses:
        first = pick(rng, parts)
    second = pick(rng, parts)
    if first[0] == "wish":
        first, second = second, first
    if first[0] in uses:
        first, second = second, first
    told = first[1]
    if second[0] not in uses and second[0] != first[0] and rng.random() < 0.6:
        verb, rest = second[1].split(" ", 1)
        told += f" and {rest if first[1].startswith(verb + ' ') and verb != 'was' else second[1]}"
    return pick(rng, _FACT_FORMS).format(n=p.name, noun=p.noun, told=told, he=cap(p.gender))


@lru_cache(maxsize=256)
def when_entries(weather: tuple[str, ...], day: tuple[str, ...]) -> tuple[dict[str, str], ...]:
    """All {When} and {day} of these kinds of weather and parts of the day."""
    found = []
    for kind in weather:
        for pair in _WEATHER[kind].split("/"):
            adjective, month = pair.split()
            for part in (p for d in day for p in _PARTS[d]):
                if part in ("evening", "night") and adjective in _DAYLIGHT:
                    adjective = "mild" if month in ("May", "September") else "warm"
                text = f"{adjective} {part} in {month}"
                on = {"weather_on": f"on {a_an(text)}"}
                found.append(
                    on | {"When": f"One {text}", "day": a_an(text), "weather": adjective, "monthname": month}
                )
    return tuple(found)


def when_words(weather: tuple[str, ...], day: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    """Weather word -> the entries that contain it."""
    table: dict[str, list[dict[str, str]]] = {}
    for entry in when_entries(weather, day):
        table.setdefault(entry["weather"], []).append(entry)
    return table
