"""Stories on more than forty plots, about the people of the town and the animals around it.

A plot (see `animals.py` and its neighbours, parsed by `plots.py`) is a list of beats; each beat has several phrasings.
`story()` casts the plot (hero, helper, weather, things), picks one phrasing per beat and fills it. Beats marked "+"
appear only in long stories, those marked "-" only in short ones, so that both lengths have the same events, cause and
ending.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from firstwords.world.phrases import pick
from firstwords.world.stories.cast import (
    ANIMALS,
    Actor,
    animal_actor,
    candidates,
    companion,
    fact_sentence,
    person_actor,
    when_words,
)
from firstwords.world.stories.plot import Plot
from firstwords.world.stories.plots import MOODS, all_plots
from firstwords.world.town.plumwick import Town

__all__ = ["FEATURE_WORDS", "MOODS", "PLOTS", "Story", "feature_words", "split_story", "story"]

PLOTS: list[Plot] = all_plots()
LENGTHS = ("short", "long")
_WORD = re.compile(r"[A-Za-z]+")


@dataclass
class Story:
    """One story. `text` has no title in it; `parts` are its beats in order (joined they give the text)."""

    title: str
    text: str
    hero: str  # first name of a person, or an animal kind such as "fox"
    mood: str  # one of MOODS
    length: str  # "short" or "long"
    plot: str
    parts: tuple[str, ...] = field(repr=False)
    people: tuple[str, ...] = field(repr=False)  # first names of everybody who takes part
    _plot: Plot = field(repr=False)
    _names: dict[str, str] = field(repr=False)
    _draw: float = field(repr=False)

    @cached_property
    def words(self) -> frozenset[str]:
        """The feature words that the text really contains."""
        return _features() & {w.lower() for w in _WORD.findall(self.text)}

    @cached_property
    def summary(self) -> str:
        """One true sentence that tells the story."""
        options = self._plot.summaries
        return options[int(self._draw * len(options))].format_map(self._names)

    @cached_property
    def questions(self) -> list[tuple[str, str]]:
        """Two or three questions that the text answers, each with its answer as a short sentence."""
        return [(q.format_map(self._names), a.format_map(self._names)) for q, a in self._plot.questions]


@lru_cache(maxsize=1)
def _by_word() -> dict[str, list[tuple[Plot, str, Any]]]:
    """Feature word -> the plots that can hold it, and how: (plot, kind of place in the plot, choice)."""
    table: dict[str, list[tuple[Plot, str, Any]]] = {}
    for plot in PLOTS:
        for word in plot.words:
            table.setdefault(word, []).append((plot, "fixed", None))
        for number, rows in enumerate(plot.slots):
            for row, word in zip(rows, plot.slot_words[number], strict=True):
                if word:
                    table.setdefault(word, []).append((plot, "slot", (number, row)))
        for kind in plot.hero_kinds:
            table.setdefault(kind, []).append((plot, "hero", kind))
        if plot.shows("other"):
            for kind in plot.other_kinds:
                table.setdefault(kind, []).append((plot, "other", kind))
        if plot.shows("when"):
            for word, entries in when_words(plot.when, plot.day).items():
                table.setdefault(word, []).append((plot, "when", entries))
    return dict(sorted(table.items()))


def feature_words() -> tuple[str, ...]:
    """All words that `story(..., word=...)` accepts."""
    return tuple(_by_word())


@lru_cache(maxsize=1)
def _features() -> frozenset[str]:
    return frozenset(_by_word())


FEATURE_WORDS: list[str] = list(feature_words())


def _mood(mood: str | None) -> str | None:
    if mood is None or mood in MOODS:
        return mood
    for known in MOODS:
        if mood.startswith(known.split("-")[0]):
            return known
    raise KeyError(f"no story has the mood {mood!r}; known: {', '.join(MOODS)}")


def _choices(town: Town, hero: str | None, word: str | None, mood: str | None) -> list[tuple[Plot, str, Any]]:
    if word is None:
        found: Iterable[tuple[Plot, str, Any]] = ((plot, "fixed", None) for plot in PLOTS)
    else:
        found = _by_word().get(word.lower(), ())
    kept = [c for c in found if (mood is None or c[0].mood == mood) and _is_possible(town, c)]
    if hero is None:
        return kept
    if hero not in town.by_name and hero not in ANIMALS:
        raise KeyError(f"no story is about {hero!r}")
    return [
        c
        for c in kept
        if hero in candidates(town, c[0]) and not (c[1] in ("hero", "other") and _bad(c, hero))
    ]


def _is_possible(town: Town, choice: tuple[Plot, str, Any]) -> bool:
    """Whether somebody in this town can be the hero: a small town has fewer people than the plots name."""
    plot, where, kind = choice
    heroes = candidates(town, plot)
    if where == "hero":
        return kind in heroes
    if where == "other":
        return any((name in ANIMALS) == (kind in plot.animal_other_kinds) and name != kind for name in heroes)
    return bool(heroes)


def _bad(choice: tuple[Plot, str, Any], hero: str) -> bool:
    plot, where, kind = choice
    if where == "hero":
        return hero != kind
    return hero == kind or (hero in ANIMALS) != (kind in plot.animal_other_kinds)


@lru_cache(maxsize=4096)
def _cached_choices(town_key: int, hero: str | None, word: str | None, mood: str | None) -> tuple[Any, ...]:
    return tuple(_choices(_TOWNS[town_key], hero, word, mood))


_TOWNS: dict[int, Town] = {}


def story(
    rng: Random,
    town: Town,
    *,
    hero: str | None = None,
    word: str | None = None,
    mood: str | None = None,
    length: str | None = None,
) -> Story:
    """A story, the same for the same state of `rng`.

        hero: a first name or an animal kind ("fox"); word: one of FEATURE_WORDS, the text will contain it;
    mood: one of
    MOODS ("spooky" will do for "spooky-but-kind"); length: "short" (about 80 words) or "long" (about 140).
    Raises KeyError if no plot fits all requirements.
    """
    _TOWNS.setdefault(id(town), town)
    choices = _cached_choices(id(town), hero, word, _mood(mood))
    if not choices:
        raise KeyError(f"no story for hero={hero!r}, word={word!r}, mood={mood!r}")
    if length is not None and length not in LENGTHS:
        raise KeyError(f"length must be one of {LENGTHS}, not {length!r}")
    for _ in range(50):
        plot, where, choice = pick(rng, choices)
        told = _tell(
            rng, town, plot, hero, length or ("long" if rng.random() < 0.7 else "short"), where, choice
        )
        if word is None or word.lower() in told.words:
            return told
    raise KeyError(f"no story for hero={hero!r}, word={word!r}, mood={mood!r}")


def _cast(
    rng: Random, town: Town, plot: Plot, hero: str | None, where: str, choice: Any
) -> tuple[Actor, dict[str, str], list[str]]:
    if where == "hero":
        hero = choice
    elif hero is None:
        pool = candidates(town, plot)
        if where == "other":
            if choice in plot.animal_other_kinds:
                pool = tuple(n for n in pool if n in ANIMALS and n != choice)
            else:
                pool = tuple(n for n in pool if n not in ANIMALS)
        hero = pick(rng, pool)
    lead = animal_actor(hero) if hero in ANIMALS else person_actor(town, hero)
    names = dict(lead.keys)
    taken = [hero]
    for role, rule in (("o", plot.other), ("p", plot.third)):
        if rule:
            forced = choice if role == "o" and where == "other" else None
            actor, first = companion(rng, town, lead, rule, taken, forced)
            taken.append(actor.name)
            names.update(actor.as_role(role, first))
    return lead, names, taken


@lru_cache(maxsize=4096)
def _two_shortest(phrasings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(phrasings, key=len)[:2])


def _tell(
    rng: Random, town: Town, plot: Plot, hero: str | None, length: str, where: str, choice: Any
) -> Story:
    lead, names, taken = _cast(rng, town, plot, hero, where, choice)
    for number, rows in enumerate(plot.slots):
        names.update(choice[1] if where == "slot" and choice[0] == number else pick(rng, rows))
    names.update(pick(rng, choice) if where == "when" else pick(rng, plot.when_entries))
    is_long = length == "long"
    fact = ""
    if "intro" not in plot.uses and rng.random() < (0.85 if is_long else 0.12):
        fact = fact_sentence(rng, town, lead, plot.uses)
    lead.first_mention(rng, names, bool(fact))
    parts: list[str] = []
    is_new = False
    for kind, phrasings in plot.beats:
        if kind == "~":
            is_new = is_long
            continue
        if (kind == "+" and not is_long) or (kind == "-" and is_long):
            continue
        if not is_long:
            phrasings = _two_shortest(phrasings)
        text = pick(rng, phrasings).format_map(names)
        if not parts and fact:
            text = f"{fact} {text}"
        parts.append(("\n\n" if is_new else " ") + text if parts else text)
        is_new = False
    title = pick(rng, plot.titles).format_map(names)
    people = tuple(n for n in taken if n in town.by_name)
    return Story(
        title,
        "".join(parts),
        lead.name,
        plot.mood,
        length,
        plot.name,
        tuple(parts),
        people,
        plot,
        names,
        rng.random(),
    )


def split_story(told: Story) -> tuple[str, str]:
    """Beginning and continuation, cut between two beats near the middle."""
    half, size = len(told.text) * 0.45, 0
    for number, part in enumerate(told.parts):
        size += len(part)
        if size >= half and number + 1 < len(told.parts):
            return "".join(told.parts[: number + 1]).strip(), "".join(told.parts[number + 1 :]).strip()
    return "".join(told.parts[:-1]).strip(), told.parts[-1].strip()
