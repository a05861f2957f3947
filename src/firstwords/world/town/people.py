"""What the town is made of: persons, places, feasts and months."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One inhabitant. An empty field is unknown: texts skip it. Names are first names."""

    name: str
    family: str
    gender: str  # "she" or "he"
    age: int
    job: str  # "pupil" for children
    workplace: str  # name of a Place
    street: str
    house: int
    mother: str
    father: str
    siblings: tuple[str, ...]
    spouse: str
    children: tuple[str, ...]
    friend: str
    pet: str  # with its article: "a grey cat"
    pet_kind: str  # "cat"
    pet_name: str
    food: str
    colour: str
    birthday: str  # a month
    hobby: str  # "flying kites"
    instrument: str  # "the piano" or ""
    habit: str  # "whistles when it rains"
    fear: str  # "spiders"
    wish: str  # "to sail around the world"

    @property
    def full(self) -> str:
        """First and family name: "Mila Brand"."""
        return f"{self.name} {self.family}"

    @property
    def he(self) -> str:
        """The pronoun as a subject: she or he."""
        return self.gender

    @property
    def him(self) -> str:
        """The pronoun as an object: her or him."""
        return "her" if self.gender == "she" else "him"

    @property
    def his(self) -> str:
        """The possessive: her or his."""
        return "her" if self.gender == "she" else "his"

    @property
    def is_child(self) -> bool:
        """Whether this person is under eighteen (and then a pupil)."""
        return self.age < 18

    @property
    def noun(self) -> str:
        """What one calls this person: girl, boy, woman or man."""
        return (
            ("girl" if self.gender == "she" else "boy")
            if self.is_child
            else ("woman" if self.gender == "she" else "man")
        )

    @property
    def the_job(self) -> str:
        """How to mention the work of a person: "the baker", "a pupil"."""
        return "a pupil" if self.job == "pupil" else f"the {self.job}"


@dataclass(frozen=True)
class Place:
    """One of the twenty places; `where` and `known_for` complete "X is ..." and "X is known for ..."."""

    name: str
    kind: str
    where: str
    known_for: str
    keeper: str
    opens: str

    @property
    def title(self) -> str:
        """The name with a capital, for the beginning of a sentence."""
        return self.name[0].upper() + self.name[1:]


@dataclass(frozen=True)
class Feast:
    """One feast per month: "On NAME, HAPPENS; people eat FOOD; it is at PLACE"."""

    name: str
    month: str
    happens: str
    food: str
    place: str

    @property
    def title(self) -> str:
        """The name with a capital, for the beginning of a sentence."""
        return self.name[0].upper() + self.name[1:]

    @property
    def at(self) -> str:
        """The name with its preposition: "on Kite Day", "at the Apple Fair", "in Story Week"."""
        last = self.name.split()[-1]
        return {"Day": "on ", "Night": "on ", "Week": "in "}.get(last, "at ") + self.name


@dataclass(frozen=True)
class Month:
    """The weather of one month and what people do in it ("feed the birds")."""

    name: str
    season: str
    weather: str
    people: str
