"""Rules for words as regular expressions: sentences that obey them, and the same rules for texts of another form.

sentences(Words(letter="f", fewest=3)) -> an expression that matches "Fine foxes fly."
condition(Words(without="e"))          -> an expression that any text without an e matches

A word is what stands between spaces: letters, marks and digits, joined by apostrophes and hyphens.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from firstwords.engine.grammar.pattern import category
from firstwords.engine.grammar.regular import (
    ANY,
    Chars,
    Concat,
    Either,
    Expression,
    Times,
    any_of,
    chars,
    literal,
    without,
)

_SPACE = chars([(32, 32), (10, 10)])
_GAPS = chars([(9, 10), (13, 13), (32, 32)])
_MARKS = chars((ord(char), ord(char)) for char in ".!?\u2026")
_WIDE_MARKS = chars((ord(char), ord(char)) for char in "\u3002\uff01\uff1f")  # end sentences that have no spaces
_PAUSES = chars((ord(char), ord(char)) for char in ",;:")
_WIDE_PAUSES = chars((ord(char), ord(char)) for char in "\uff0c\u3001\uff1b\uff1a")
_OPENING = chars((ord(char), ord(char)) for char in '"\u201c(')
_CLOSING = chars((ord(char), ord(char)) for char in '"\u201d)')
_JOINTS = chars((ord(char), ord(char)) for char in "'\u2019-")


@dataclass(frozen=True)
class Words:
    """What every word must obey. letter: they begin with it; without: letters that they lack; fewest, most: how many
    there are; rhymes: what the last one may be (lower case or as a name).
    """

    letter: str = ""
    without: str = ""
    fewest: int = 1
    most: int | None = None
    rhymes: tuple[str, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether there is a rule for the number of words."""
        return self.fewest > 1 or self.most is not None


def sentences(words: Words, is_continued: bool = False) -> Expression:
    """Sentences of which every word obeys, ending with a mark and at a word's end; nothing matches if no word can.

    is_continued: they begin after a word or a mark, so that a space or another mark comes first.
    """
    gap = _gap(words)
    word = _word(words)
    most = None if words.most is None else words.most - 1
    body = Concat((Times(Concat((word, gap)), max(0, words.fewest - 1), most), _last(words)))
    begin: Expression = gap if is_continued else Times(_OPENING, 0, 1)
    return Concat((begin, body, _end(words)))


def condition(words: Words) -> Expression | None:
    """An expression that a text of any form must match to obey; None if every text does.

    One expression and not several: the matcher takes long for intersections of large sets of characters.
    """
    if not (words.letter or words.is_counted or words.rhymes):
        return Times(without(ANY, _forbidden(words.without)), 0, None) if words.without else None
    forbidden = _forbidden(words.without)
    inside = category("L", "M", "Nd", "Pc")
    letters, others = without(inside, forbidden), without(without(category("P", "S"), inside), forbidden)
    word: Expression = Times(letters, 1, None)
    if words.letter:
        word = Concat((without(_first(words.letter), forbidden), Times(letters, 0, None)))
    around, between = Times(others, 0, None), Times(others, 1, None)
    run = Concat((around, word, Times(Concat((between, word)), 0, None), around))  # what stands between spaces
    gap, edge = Times(_GAPS, 1, None), Times(_GAPS, 0, None)
    last: Expression = run
    if words.rhymes:
        last = Concat((around, Times(Concat((word, between)), 0, None), any_of(_spellings(words)), around))
    more = None if words.most is None else words.most - 1
    return Concat((edge, Times(Concat((run, gap)), words.fewest - 1, more), last, edge))


def _word(words: Words) -> Expression:
    """Any word that obeys. With a rule for its first letter it has no joints: another word might begin after one."""
    forbidden = _forbidden(words.without)
    if words.letter:
        rest = without(category("L", "M"), forbidden)
        return Concat((without(_first(words.letter), forbidden), Times(rest, 0, None)))
    first = without(category("L", "Nd"), forbidden)
    rest = without(category("L", "M", "Nd"), forbidden)
    joined = Concat((_JOINTS, Times(rest, 1, None)))
    return Concat((first, Times(rest, 0, None), Times(joined, 0, 2)))


def _last(words: Words) -> Expression:
    return any_of(_spellings(words)) if words.rhymes else _word(words)


def _spellings(words: Words) -> Sequence[str]:
    """The rhyming words that obey the other rules, in lower case and with a capital letter."""
    spelled = dict.fromkeys(form for word in words.rhymes for form in (word, word[:1].upper() + word[1:]))
    forbidden = _forbidden(words.without)
    return [
        form
        for form in spelled
        if (not words.letter or form[0].lower() == words.letter)
        and not any(low <= ord(char) <= high for char in form for low, high in forbidden.ranges)
    ]


def _gap(words: Words) -> Expression:
    """What stands between two words."""
    mark = Either((_PAUSES, _MARKS, literal("...")))
    closed = Concat((Times(_CLOSING, 0, 1), Times(Concat((mark, Times(_CLOSING, 0, 1))), 0, 1)))
    spaces = Either((_SPACE, literal("\n\n"), literal(" \u2013 "), literal(" \u2014 ")))
    if words.is_counted:  # a dash between spaces might count as a word
        spaces = Either((_SPACE, literal("\n\n")))
    spaced = Concat((closed, spaces, Times(_OPENING, 0, 1)))
    if words.is_counted or words.letter:
        return spaced
    return Either((spaced, _WIDE_PAUSES, _WIDE_MARKS))


def _end(words: Words) -> Expression:
    marks: tuple[Expression, ...] = (_MARKS, literal("..."))
    marks = marks if words.is_counted or words.letter else (*marks, _WIDE_MARKS)
    return Concat((Times(_CLOSING, 0, 1), Either(marks), Times(_CLOSING, 0, 1)))


@functools.cache
def _first(letter: str) -> Chars:
    """A letter in both cases."""
    return chars((ord(char), ord(char)) for char in {letter, letter.lower(), letter.upper()} if len(char) == 1)


@functools.cache
def _forbidden(letters: str) -> Chars:
    """Every character that is one of the letters, in any case, with or without accents: e, E and \u00e9 for "e"."""
    plain = {char for letter in letters for char in (letter, *_plain(letter))} if letters else set()
    return chars((code, code) for code, parts in _parts() if not plain.isdisjoint(parts)) if plain else Chars(())


@functools.cache
def _parts() -> list[tuple[int, frozenset[str]]]:
    """Each letter and what it is made of: ("\u00c9", {"\u00e9", "e"}). A third of a second, once."""
    found = []
    for low, high in category("L", "M", "N", "So").ranges:
        for code in range(low, high + 1):
            char = chr(code)
            folded = unicodedata.normalize("NFKD", char).casefold()
            if 0x3400 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7A3 or code > 0x1FFFF:  # unified and composed by script
                folded = char
            found.append((code, frozenset({char, char.lower(), char.casefold(), *folded})))
    return found


def _plain(letter: str) -> set[str]:
    """The forms of a forbidden letter: "\u00e9" forbids itself only, "e" all that are made of it."""
    return {form for form in (letter.lower(), letter.casefold(), letter.upper()) if len(form) == 1}
