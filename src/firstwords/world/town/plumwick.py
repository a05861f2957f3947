"""The town: sixty people, twenty places, a year of feasts and weather. It is the same for every seed.

`town()` builds it once from the rows of `data.py` and caches it; `town("small")` is the part of it around four
families, for models that have only minutes to learn it; its school teaches less French. `Town.told_facts()` lists the facts that the texts
repeat often (and that chats and the exam may ask for); `NEVER_TOLD`, `HELD_BACK` and `INVENTED` in `data.py` list what
is unknown.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

from firstwords.world.town import data
from firstwords.world.town.facts import OFTEN_TOLD, Fact, feast_facts, person_facts, place_facts
from firstwords.world.town.french import EVERYDAY, FRENCH
from firstwords.world.town.people import Feast, Month, Person, Place

Size = Literal["small", "whole"]
SMALL_TOWN = ("Brand", "Moss", "Lark", "Finch")  # families; best friends and relatives of each are among them


@dataclass(frozen=True, eq=False)  # compared and hashed by identity, as a key of caches
class Town:
    """The town, whole or small."""

    name: str
    river: str
    hill: str
    wood: str
    neighbours: tuple[tuple[str, str], ...]
    people: tuple[Person, ...]
    places: tuple[Place, ...]
    feasts: tuple[Feast, ...]
    months: tuple[Month, ...]
    french: dict[str, str]  # the words that its school teaches: English to French

    @cached_property
    def by_name(self) -> dict[str, Person]:
        """First name -> person."""
        return {p.name: p for p in self.people}

    @cached_property
    def place_by_name(self) -> dict[str, Place]:
        """ "the Old Mill" -> place."""
        return {p.name: p for p in self.places}

    @cached_property
    def _others(self) -> re.Pattern[str]:
        names = [p.name for p in _whole().people if p.name not in self.by_name]
        return re.compile(rf"\b({'|'.join(names)})\b" if names else "(?!)")

    def names_others(self, text: str) -> bool:
        """Whether a text names people of the whole town who do not live in this one."""
        return bool(self._others.search(text))

    @cached_property
    def weather(self) -> dict[str, Month]:
        """Month name -> its weather."""
        return {m.name: m for m in self.months}

    @cached_property
    def children(self) -> tuple[Person, ...]:
        return tuple(p for p in self.people if p.is_child)

    @cached_property
    def adults(self) -> tuple[Person, ...]:
        return tuple(p for p in self.people if not p.is_child)

    @cached_property
    def streets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p.street for p in self.people))

    @cached_property
    def feast_in(self) -> dict[str, Feast]:
        """Month name -> its feast."""
        return {f.month: f for f in self.feasts}

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        found: list[Fact] = []
        for person in self.people:
            found += person_facts(person)
        for place in self.places:
            found += place_facts(place)
        for feast in self.feasts:
            found += feast_facts(feast)
        return tuple(found)

    def told_facts(self) -> tuple[Fact, ...]:
        """The facts that the texts repeat often (about 700), in fixed order; `facts` includes the rarer ones."""
        return tuple(f for f in self.facts if f.relation in OFTEN_TOLD)

    @cached_property
    def facts_of(self) -> dict[str, dict[str, Fact]]:
        """Subject -> relation -> fact."""
        table: dict[str, dict[str, Fact]] = {}
        for fact in self.facts:
            table.setdefault(fact.subject, {})[fact.relation] = fact
        return table


def _rows(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.strip().replace("\n|", "|").splitlines()]


def _family_ties() -> dict[str, dict[str, Any]]:
    ties: dict[str, dict[str, Any]] = {}

    def of(name: str) -> dict[str, Any]:
        return ties.setdefault(
            name, {"mother": "", "father": "", "siblings": (), "spouse": "", "children": ()}
        )

    for father, mother, names in data.PARENTS:
        kids = tuple(names.split())
        for kid in kids:
            of(kid).update(
                father=father.strip("-"),
                mother=mother.strip("-"),
                siblings=tuple(k for k in kids if k != kid),
            )
        for parent, other in ((father, mother), (mother, father)):
            if parent != "-":
                of(parent).update(children=kids, spouse=other.strip("-"))
    for one, other in data.SPOUSES_WITHOUT_CHILDREN:
        of(one)["spouse"], of(other)["spouse"] = other, one
    for row in data.SIBLINGS_WITHOUT_PARENTS:
        for name in row.split():
            of(name)["siblings"] = tuple(n for n in row.split() if n != name)
    return ties


def _people() -> tuple[Person, ...]:
    ties = _family_ties()
    homes = {
        name: (family, street, house)
        for family, street, house, names in data.HOUSEHOLDS
        for name in names.split()
    }
    friends: dict[str, str] = {}
    for pair in data.FRIENDS.split(", "):
        one, other = pair.split()
        friends[one], friends[other] = other, one
    people = []
    for row in _rows(data.PEOPLE):
        (
            name,
            gender,
            age,
            job,
            workplace,
            pet,
            pet_name,
            food,
            colour,
            birthday,
            hobby,
            instrument,
            habit,
            fear,
            wish,
        ) = row
        family, street, house = homes[name]
        people.append(
            Person(
                name=name,
                family=family,
                gender=gender,
                age=int(age),
                job=job,
                workplace=workplace,
                street=street,
                house=house,
                friend=friends[name],
                pet=pet,
                pet_kind=pet.split()[-1] if pet else "",
                pet_name=pet_name,
                food=food,
                colour=colour,
                birthday=birthday,
                hobby=hobby,
                instrument=instrument,
                habit=habit,
                fear=fear,
                wish=wish,
                **ties[name],
            )
        )
    return tuple(people)


@lru_cache(maxsize=1)
def _whole() -> Town:
    return Town(
        name=data.TOWN_NAME,
        river=data.RIVER,
        hill=data.HILL,
        wood=data.WOOD,
        neighbours=data.NEIGHBOURS,
        people=_people(),
        places=tuple(Place(*row) for row in _rows(data.PLACES)),
        feasts=tuple(Feast(*row) for row in _rows(data.FEASTS)),
        months=tuple(Month(*row) for row in _rows(data.WEATHER)),
        french=FRENCH,
    )


@lru_cache(maxsize=1)
def _small() -> Town:
    """The families of SMALL_TOWN and the places where they work, with the whole town's feasts and weather."""
    whole = _whole()
    people = tuple(p for p in whole.people if p.family in SMALL_TOWN)
    names = {p.name for p in people}
    places = []
    for place in whole.places:
        workers = [p.name for p in people if p.workplace == place.name and not p.is_child]
        if workers:  # the first of them looks after a place whose keeper lives elsewhere
            places.append(place if place.keeper in names else replace(place, keeper=workers[0]))
    french = {word: FRENCH[word] for word in EVERYDAY}
    return replace(whole, people=people, places=tuple(places), french=french)


def town(size: Size = "whole") -> Town:
    """The town of the built-in world; the same object every time."""
    return _small() if size == "small" else _whole()
