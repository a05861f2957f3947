"""Simple stories about what was asked: any everyday noun, a name, a mood, short or long, told the same way every time.

The hero is the word that was asked for. It is named in the first sentence and stays the hero to the end; there is one
small problem and a closing sentence (see `simple_plots.py`). They are so regular that a model with two layers can
learn them: it copies the asked word from the question to where the hero belongs. `telling.py` has richer stories.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from firstwords.world.phrases import a_an, cap, pick
from firstwords.world.stories.simple_plots import PLOTS

# the everyday nouns one may ask a story about; "animal" and "thing" are grammar here: a dragon is one, a ghost too
_NOUNS = {
    "animal": "dog cat bird mouse rabbit horse cow pig sheep goat hen duck frog bear fox wolf lion tiger elephant "
    "monkey owl hedgehog squirrel turtle snail bee butterfly spider ant snake penguin donkey crow goose "
    "kitten puppy lamb deer hare dragon monster dinosaur robot ghost pony kangaroo badger mole beetle "
    "chick unicorn worm parrot crocodile swan otter beaver giraffe zebra camel teddy doll",
    "swimmer": "fish whale shark goldfish",
    "person": "boy girl king queen prince princess farmer baker teacher doctor sailor pirate witch wizard giant "
    "fairy man woman child baby grandmother grandfather painter cook clown knight fisher postman nurse "
    "gardener student",
    "thing": "ball boat kite hat shoe sock key book lamp cup clock bell box bag chair table bed letter pencil drum "
    "flute lantern coat ring coin balloon car train bicycle spoon umbrella mirror candle apple cake egg "
    "cookie carrot pumpkin banana orange potato piano guitar button glove ladder basket bottle broom "
    "plate toy picture map phone computer",
    "still": "tree house flower river cloud bridge tower castle garden mountain hill island school farm stone pond "
    "forest window door ship bus rose mill lake leaf rainbow snowman star",
    "unique": "moon sun sea rain wind snow sky",
    "topic": "football music school winter summer spring autumn love friendship magic space chess water food snow "
    "dancing Christmas ice chocolate cheese bread honey milk gold",
}  # fmt: skip
_ADJECTIVES = {
    "animal": ("small", "young", "friendly", "clever"),
    "person": ("young", "kind", "friendly", "clever"),
    "thing": ("small", "beautiful", "red", "blue"),
    "still": ("big", "beautiful", "old", "small"),
    "swimmer": ("small", "young", "friendly"),
}
_ADJECTIVE_RATE = 0.4  # of the stories say what the hero is like
_MALE = "boy king prince farmer sailor pirate wizard giant man grandfather painter clown knight fisher postman gardener"
_HE = frozenset(_MALE.split())
_IT = frozenset(("child", "baby"))
MOODS = ("happy", "sad", "funny", "spooky", "bedtime")
_MOOD_RATES = (56, 8, 18, 10, 8)


@dataclass(frozen=True)
class Hero:
    """Who or what a story is about: `word` as in the question, `kind` the class that chooses the plots."""

    word: str
    kind: str  # a key of the table of nouns, or "name"
    pronoun: str = "it"

    @property
    def the(self) -> str:
        """The hero inside a sentence: "the dog", "Tom", "football"."""
        return self.word if self.kind in ("name", "topic") else f"the {self.word}"

    @property
    def a(self) -> str:
        """The hero as one asks for it: "a dog", "the moon", "Tom"."""
        return self.the if self.kind in ("name", "topic", "unique") else a_an(self.word)


@dataclass(frozen=True)
class SimpleStory:
    """One story; `mood` is one of MOODS."""

    hero: Hero
    text: str
    mood: str
    plot: str


@dataclass(frozen=True)
class _Plot:
    name: str
    mood: str
    kinds: frozenset[str]
    slots: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]  # ("", "+" or "!", phrasings)


def _parse(block: str) -> _Plot:
    head, *rows = block.strip().splitlines()
    name, mood, kinds = (part.strip() for part in head.split(":"))
    slots, lines = [], []
    for row in rows:
        key, equals, values = row.partition(" = ")
        if equals and key.isalpha():
            slots.append((key, tuple(values.split("/"))))
            continue
        mark = row[0] if row[0] in "+!" else ""
        lines.append((mark, tuple(p.strip().removeprefix(mark) for p in row[len(mark):].split(" | "))))
    return _Plot(name, mood, frozenset(kinds.split()), tuple(slots), tuple(lines))


@lru_cache(maxsize=1)
def plots() -> tuple[_Plot, ...]:
    """All plots, parsed."""
    return tuple(_parse(block) for block in PLOTS.split("\n# ")[1:])


@lru_cache(maxsize=64)
def _plots_for(kind: str, mood: str) -> tuple[_Plot, ...]:
    return tuple(p for p in plots() if kind in p.kinds and p.mood == mood)


@lru_cache(maxsize=1)
def heroes() -> tuple[Hero, ...]:
    """All nouns and topics one may ask for."""
    found: dict[str, Hero] = {}
    for kind, text in _NOUNS.items():
        for word in text.split():
            pronoun = "it"
            if kind == "person" and word not in _IT:
                pronoun = "he" if word in _HE else "she"
            found.setdefault(word, Hero(word, kind, pronoun))
    return tuple(found.values())


def _pronouns(hero: Hero) -> dict[str, str]:
    its = {"he": "his", "she": "her", "it": "its"}[hero.pronoun]
    return {"it": hero.pronoun, "It": cap(hero.pronoun), "its": its}


def _first(rng: Random, hero: Hero, adjective: str, name: str) -> str:
    """The first sentence repeats the words of the wish: "about a brave dog" becomes "Once there was a brave dog.".

    An adjective that nobody asked for has a sentence of its own, so that after "a" the model only has to copy.
    """
    if hero.kind in ("name", "topic", "unique"):
        return f"This is a story about {hero.the}."
    noun = f"{adjective} {hero.word}" if adjective else hero.word
    begin = f"Once there was {a_an(noun)}{f' called {name}' if name else ''}."
    if adjective or rng.random() > _ADJECTIVE_RATE:
        return begin
    return f"{begin} {cap(hero.the)} was {pick(rng, _ADJECTIVES[hero.kind])}."


def _slots(rng: Random, plot: _Plot, hero: Hero, other: str) -> dict[str, str]:
    found = {"the": hero.the, "The": cap(hero.the), "dear": f"dear {hero.word}", **_pronouns(hero)}
    for key, values in plot.slots:
        free = [v for v in values if v != hero.word and hero.word not in v.split()] or list(values)
        free = [v for v in free if v not in found.values()] or free
        value = other if key == "friend" and other else pick(rng, free)
        found |= {key: value, cap(key): cap(value), f"a_{key}": a_an(value), f"A_{key}": cap(a_an(value))}
    child = found.get("child", "")
    found |= {"che": "she" if child == "girl" else "he", "Che": "She" if child == "girl" else "He"}
    found["pos"] = "her" if child == "girl" else "his"
    return found


def simple_story(
    rng: Random,
    hero: Hero,
    *,
    mood: str | None = None,
    is_long: bool = False,
    adjective: str = "",
    name: str = "",
    other: str = "",
) -> SimpleStory:
    """A story about `hero`, the same for the same state of `rng`: 40 to 75 words, or about 90 if it is long.

    `adjective` describes the hero, `name` is what it is called, `other` the animal that it meets. Raises KeyError if no
    plot has this mood. Example: simple_story(Random(1), Hero("dog", "animal")).text begins "Once there was a dog."
    """
    kind = {"unique": "still", "swimmer": "still"}.get(hero.kind, hero.kind)
    if mood is not None and mood not in MOODS:
        raise KeyError(f"no simple story has the mood {mood!r}; known: {', '.join(MOODS)}")
    choices = _plots_for(kind, mood or rng.choices(MOODS, _MOOD_RATES)[0])
    if other:  # a plot in which somebody comes
        pool = choices if mood else tuple(p for p in plots() if kind in p.kinds)
        choices = tuple(p for p in pool if any(key == "friend" for key, _ in p.slots)) or choices
    plot = pick(rng, choices)
    slots = _slots(rng, plot, hero, other)
    parts = [_first(rng, hero, adjective, name)]
    for mark, phrasings in plot.lines:
        if (mark == "+" and not is_long) or (mark == "!" and hero.kind == "name"):
            continue
        parts.append(pick(rng, phrasings).format_map(slots))
    return SimpleStory(hero, " ".join(parts), plot.mood, plot.name)
