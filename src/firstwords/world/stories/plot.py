"""One plot, as passed from the parser (`plots.py`) to the cast and the telling."""

from dataclasses import dataclass, field


@dataclass
class Plot:
    """One plot, parsed. `slots` holds, for each slot, its rows as ready dictionaries."""

    name: str
    mood: str = "happy"
    hero: tuple[str, ...] = ()
    other: str = ""
    third: str = ""
    when: tuple[str, ...] = ("any",)
    day: tuple[str, ...] = ("day",)
    need: tuple[str, ...] = ()
    fear: tuple[str, ...] = ()
    pet: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    summaries: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = ()
    slots: list[tuple[dict[str, str], ...]] = field(default_factory=list)
    slot_words: list[tuple[str, ...]] = field(default_factory=list)
    beats: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    hero_kinds: tuple[str, ...] = ()
    other_kinds: tuple[str, ...] = ()
    animal_other_kinds: tuple[str, ...] = ()
    when_entries: tuple[dict[str, str], ...] = ()

    def has_in_all(self, *keys: str) -> bool:
        """Whether every version has a beat that uses one of these keys in each of its phrasings."""
        marks = tuple("{" + key + "}" for key in keys)
        return any(
            kind == "*" and all(any(m in text for m in marks) for text in phrasings)
            for kind, phrasings in self.beats
        )

    def shows(self, what: str) -> bool:
        """Whether every version shows the helper ("other") or the weather ("when")."""
        if what == "when":
            return self.has_in_all("When", "day")
        return self.has_in_all("o1", "O1", "o", "O")
