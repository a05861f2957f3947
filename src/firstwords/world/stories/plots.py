"""The language in which plots are written, and its parser.

A plot begins with "# name". Then header lines "key: value"; then beats. A line that begins with a space
continues the line above. Phrasings of a beat are divided by " | ".

    * a beat of every version    + only in long versions    - only in short versions    ~ new paragraph

Headers: hero (child, adult, person, or sets of animals such as wood, farm, or single kinds; several may be
named), other and third (see `cast.companion`; "friend/wood" means a friend for a person and an animal
for an animal), mood, when (weather), day (parts of the day), need (fields that the hero must have), fear
(the hero fears one of these), pet (kinds), uses (facts that the plot tells itself, "intro" where it
introduces its hero late), words (words that every version contains), title, sum, q (question = answer), and
slot: "slot: a, b = a1, b1 / a2, b2" chooses one row; "slot-" marks words nobody should ask for.

In beats {h} is the hero ("Tom", "the fox"), {H} the same with a capital, {a}/{A} the first mention, {he}
{him} {his} {self} {went} {call}; {o1} the first mention of the helper ("his friend Leo"), {o} later, {ohe}
{ohim} {ohis}; the same with p for the third. {When} is "One windy day in March", {day} "a windy day in
March". A slot key has {Key}, {a_key} and {t_key} (for titles) too.
"""

from functools import lru_cache

from firstwords.world.phrases import a_an, cap
from firstwords.world.stories import animals, friends, home, night, things, wood, work
from firstwords.world.stories.cast import animal_kinds, when_entries
from firstwords.world.stories.plot import Plot

MOODS = ("happy", "sad", "funny", "spooky-but-kind")
_SMALL = {"of", "the", "a", "an", "and", "in", "on", "with"}


def title_case(text: str) -> str:
    """ "piece of cheese" -> "Piece of Cheese"."""
    return " ".join(w if w in _SMALL else cap(w) for w in text.split())


def _slot_rows(keys: list[str], rows: str) -> tuple[dict[str, str], ...]:
    found = []
    for row in rows.split(" / "):
        values = [v.strip() for v in row.split(",")]
        if len(values) != len(keys):
            raise ValueError(f"row {row!r} does not fit the keys {keys}")
        env: dict[str, str] = {}
        for key, value in zip(keys, values, strict=True):
            env |= {key: value, cap(key): cap(value), f"a_{key}": a_an(value), f"t_{key}": title_case(value)}
            env[f"A_{key}"] = cap(env[f"a_{key}"])
        found.append(env)
    return tuple(found)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(" | "))


def _add_slot(plot: Plot, key: str, value: str, keys_of: list[tuple[str, bool]]) -> None:
    names, rows = value.split("=", 1)
    keys = [k.strip() for k in names.split(",")]
    plot.slots.append(_slot_rows(keys, rows.strip()))
    keys_of.append((keys[0], key == "slot"))


def _header(plot: Plot, key: str, value: str, keys_of: list[tuple[str, bool]]) -> None:
    if key.startswith("slot"):
        _add_slot(plot, key, value, keys_of)
    elif key == "q":
        question, answer = value.split(" = ")
        plot.questions += ((question.strip(), answer.strip()),)
    elif key in ("title", "sum"):
        setattr(plot, {"title": "titles", "sum": "summaries"}[key], _split(value))
    elif key in ("when", "hero", "need", "pet", "words"):
        setattr(plot, key, tuple(value.split()))
    elif key in ("day", "fear"):
        setattr(plot, key, tuple(v.strip() for v in value.split(",")))
    elif key == "uses":
        plot.uses = frozenset(value.split())
    elif key in ("mood", "other", "third"):
        setattr(plot, key, value)
    else:
        raise ValueError(f"plot {plot.name}: unknown header {key!r}")


def _parse(text: str) -> Plot:
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.startswith(" "):
            lines[-1] += " " + line.strip()
        elif line.strip():
            lines.append(line.strip())
    plot = Plot(name=lines[0])
    keys_of: list[tuple[str, bool]] = []
    for line in lines[1:]:
        if line == "~":
            plot.beats.append(("~", ()))
        elif line[:2] in ("* ", "+ ", "- "):
            plot.beats.append((line[0], _split(line[2:])))
        else:
            key, value = line.split(":", 1)
            _header(plot, key.strip(), value.strip(), keys_of)
    _finish(plot, keys_of)
    return plot


def _finish(plot: Plot, keys_of: list[tuple[str, bool]]) -> None:
    """Determines which words can be requested, and the possible cast."""
    for rows, (key, is_asked) in zip(plot.slots, keys_of, strict=True):
        shown = [
            k
            for k in rows[0]
            if k[0].islower() and k[1] != "_" and plot.has_in_all(k, cap(k), f"a_{k}", f"A_{k}")
        ]
        words = [row[key].split()[-1].lower() for row in rows]
        is_told = [
            is_asked and any(w in row[k].split() for k in shown) for w, row in zip(words, rows, strict=True)
        ]
        plot.slot_words.append(tuple(w if told else "" for w, told in zip(words, is_told, strict=True)))
    plot.when_entries = when_entries(plot.when, plot.day)
    plot.hero_kinds = animal_kinds(plot.hero)
    sides = plot.other.split("/")
    plot.animal_other_kinds = animal_kinds(tuple(sides[-1].split())) if plot.hero_kinds else ()
    person_side = (
        animal_kinds(tuple(sides[0].split())) if set(plot.hero) & {"child", "adult", "person"} else ()
    )
    plot.other_kinds = tuple(dict.fromkeys(plot.animal_other_kinds + person_side))


@lru_cache(maxsize=1)
def _read() -> tuple[Plot, ...]:
    modules = (things, friends, home, night, work, animals, wood)
    return tuple(
        _parse(text) for module in modules for text in module.TEXT.strip().lstrip("# ").split("\n# ")
    )


def all_plots() -> list[Plot]:
    """Every plot of this package's files."""
    return list(_read())
