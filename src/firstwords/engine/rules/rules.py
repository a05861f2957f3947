"""Rules for an answer, as a person states them, and the shape of the texts that obey all of them.

    Rules(only_words_with="f", words="3-")     Rules.of({"choice": "yes|no", "without_letter": "e"})

Without a regular expression, options or a schema, an answer consists of sentences. With one of these, the rules for
words restrict its texts; in JSON, each text value that the schema leaves open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from firstwords.config import unknown

if TYPE_CHECKING:
    from firstwords.engine.grammar.shape import Shape
    from firstwords.engine.rules.words import Words

MAX_WORDS = 200  # larger counts take the automaton a second to build
MAX_CHOICES = 500
LETTER_WORDS = 20  # where every word has one letter and no number is given: a small model would go on for ever


@dataclass(frozen=True)
class Rules:
    """What every answer must obey. Raises ValueError, in one sentence that begins with the field's name."""

    only_words_with: str = ""
    """Every word begins with this letter, in either case; without `words`, there are at most 20 of them."""
    without_letter: str = ""
    """Letters that occur in no word, in either case and with any accent: "e" or "ae"."""
    words: str = ""
    """The number of words: "5", "5-12", or "5-" for at least five."""
    rhyme_with: str = ""
    """The last word rhymes with this one (English)."""
    regex: str = ""
    """A regular expression that the whole answer matches."""
    choice: tuple[str, ...] = ()
    """The answer is one of these."""
    json_schema: str = ""
    """JSON text of a schema; the answer is JSON that satisfies it."""

    def __post_init__(self) -> None:
        letter = self.only_words_with
        if letter and not (len(letter) == 1 and letter.isalpha()):
            raise ValueError(f"only_words_with is {letter[:20]!r}: give one letter, such as b")
        if not all(each.isalpha() for each in self.without_letter):
            raise ValueError(f"without_letter is {self.without_letter[:20]!r}: give a letter, such as e")
        if self.rhyme_with and not self.rhyme_with.isalpha():
            raise ValueError(f"rhyme_with is {self.rhyme_with[:20]!r}: give one word, such as moon")
        if len(self.choice) > MAX_CHOICES:
            raise ValueError(f"choice has {len(self.choice):,} options, but the limit is {MAX_CHOICES}")
        if not all(self.choice):
            raise ValueError("choice contains an empty option: remove it")
        if self.json_schema and (self.regex or self.choice):
            raise ValueError(f"json_schema cannot be used together with {'regex' if self.regex else 'choice'}")
        self.bounds()
        self._check_schema()

    def __bool__(self) -> bool:
        return self != Rules()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rules:
        """Rules from JSON: choice may be a list or "yes|no", words a number, a text or [5, 12], json_schema an object
        or its text. Raises ValueError for an unknown name and an impossible value.
        """
        known = {field.name for field in fields(cls)}
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise ValueError(str(unknown("rule", str(name)[:40], known, f"use {', '.join(sorted(known))}")))
            if value is None or (value in ("", [], False) and name != "json_schema"):
                continue
            found[name] = _READERS[name](name, value)
        return cls(**found)

    def bounds(self) -> tuple[int, int | None]:
        """(Fewest, most) words; None is any number."""
        if not self.words:
            return 1, None
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:(-|\u2013|to)\s*(\d{1,6})?)?\s*", self.words)
        if not match:
            raise ValueError(f"words is {self.words[:20]!r}: give a number such as 5, 5-12, or 5- for at least five")
        low = int(match[1])
        high = int(match[3]) if match[3] else None if match[2] else low
        if low < 1 or (high is not None and high < low):
            raise ValueError(f"words is {self.words[:20]!r}: give at least one word, and the smaller number first")
        if max(low, high or 0) > MAX_WORDS:
            raise ValueError(f"words is {self.words[:20]!r}, but the limit is {MAX_WORDS}")
        return low, high

    def _check_schema(self) -> None:
        if not self.json_schema:
            return
        try:
            schema = json.loads(self.json_schema)
        except (ValueError, RecursionError):
            raise ValueError("json_schema is not valid JSON") from None
        if not isinstance(schema, dict | bool):
            raise ValueError("json_schema must be a JSON schema, which is an object")

    def source(self, after: str = "") -> str:
        """These rules as JSON, for `shape_of`. after: the text that the answer continues."""
        is_continued = bool(after) and not after[-1].isspace() and after[-1] not in '"\u201c('
        return json.dumps({"is_continued": is_continued, "rules": self.to_json()})

    def to_json(self) -> dict[str, Any]:
        """The rules that are set, as `of` reads them."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_prose(self) -> bool:
        """Whether an answer consists of sentences."""
        return not (self.regex or self.choice or self.json_schema)

    def __str__(self) -> str:
        given = {name: value for name, value in asdict(self).items() if value}
        shown = {name: "|".join(value) if isinstance(value, tuple) else str(value) for name, value in given.items()}
        return ", ".join(f"{name} {value if len(value) <= 40 else value[:37] + '...'}" for name, value in shown.items())


def shape_of(source: str) -> Shape:
    """The shape of the answers that obey rules, given as `Rules.source`. Raises ValueError if there is none."""
    given = json.loads(source)
    rules = Rules.of(given["rules"])
    shape = _shape(rules, given["is_continued"])
    try:
        is_possible = shape.shortest is not None
    except ValueError as error:
        raise ValueError(f"the rules are too complex together ({rules}): {error}") from None
    if not is_possible:
        raise ValueError(f"no text obeys {'these rules' if ', ' in str(rules) else 'this rule'}: {rules}")
    return shape


def _shape(rules: Rules, is_continued: bool) -> Shape:
    from firstwords.engine.grammar import regular, schema
    from firstwords.engine.grammar.pattern import parse
    from firstwords.engine.grammar.shape import Shape, Text
    from firstwords.engine.rules.words import condition, sentences

    words = _words(rules)
    if rules.is_prose:
        if words.letter and words.most is None:
            words = replace(words, most=max(LETTER_WORDS, 2 * words.fewest))
        return Shape(Text((sentences(words, is_continued),)), is_prose=True)
    obeying = condition(words)
    conditions = () if obeying is None else (obeying,)
    if rules.json_schema:
        try:
            return schema.shape_of(json.loads(rules.json_schema), conditions)
        except ValueError as error:
            raise ValueError(f"{_form(rules, 'json_schema')} is not supported: {error}") from None
    trees: list[regular.Expression] = []
    if rules.regex:
        try:
            trees.append(regular.whole(parse(rules.regex)))
        except ValueError as error:
            raise ValueError(f"regex is not supported: {error}") from None
    trees += conditions
    if rules.choice:  # no text is left where none of the options obeys
        others = Text(tuple(trees))
        return Shape(Text((regular.any_of(option for option in rules.choice if not trees or others.matches(option)),)))
    return Shape(Text(tuple(trees)))


def _form(rules: Rules, name: str) -> str:
    """The name of a rule, with those that it comes with."""
    blank: Any = {name: ""}
    others = str(replace(rules, **blank))
    return f"{name} with {others}" if others else name


def _words(rules: Rules) -> Words:
    from firstwords.engine.rules.rhymes import rhymes_of
    from firstwords.engine.rules.words import Words

    rhymes = rhymes_of(rules.rhyme_with) if rules.rhyme_with else []
    if rules.rhyme_with and not rhymes:
        raise ValueError(f"no word is known that rhymes with {rules.rhyme_with}: try a common English word")
    return Words(rules.only_words_with.lower(), rules.without_letter.lower(), *rules.bounds(), tuple(rhymes))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value.strip() if name != "regex" else value


def _count(name: str, value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(each) is int for each in value):
        return f"{value[0]}-{value[1]}"
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f'{name} must be a number, a text such as "5-12", or two numbers')
    return value


def _options(name: str, value: Any) -> tuple[str, ...]:
    options: Sequence[Any] = value.split("|") if isinstance(value, str) else value
    if not isinstance(options, list | tuple) or not all(isinstance(option, str) for option in options):
        raise ValueError(f"{name} must be a list of texts, or one text such as yes|no")
    return tuple(option.strip() if isinstance(value, str) else option for option in options)


def _schema(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict | bool):
        raise ValueError(f"{name} must be a JSON schema, which is an object")
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        raise ValueError(f"{name} is nested too deeply") from None


_READERS = {
    "only_words_with": _text,
    "without_letter": _text,
    "words": _count,
    "rhyme_with": _text,
    "regex": _text,
    "choice": _options,
    "json_schema": _schema,
}
