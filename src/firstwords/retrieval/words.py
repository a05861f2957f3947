"""The words of a question, to look them up and to compare texts.

    matching("Where's Tom's cat?")   -> Terms(words=["tom", "cat"], grams=[])
    matching("猫はどこ")               -> Terms(words=[], grams=["猫は", "はど", "どこ"])

FTS5 gets every word quoted, so that nothing a person types is syntax. Chinese, Japanese, Thai and other scripts without
spaces are indexed by pairs of characters: most of their words have two, which FTS5's trigrams cannot find.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

# Questions consist of these to a large part, and every passage contains them.
_ENGLISH = """
a about after all also am an and any are as at be been before being both but by can could did do does
doing done for from give had has have having he her here him his how i if in into is it its just kind
many may me might more most much must my name no not of on one or our out over shall she should so some
such tell than that the their them then there these they this those to type up us very was we were what
when where which while who whom whose why will with would you your s t d ll re ve
"""
_GERMAN = """
aber als am an auch auf aus bei bin bis bitte da darf darfst das dass dein deine dem den denn der des die
dies diese dieser dieses du durch dürfen ein eine einem einen einer eines er es für gibt hat habe haben
hatte ich ihr ihre im in ins ist ja kann kannst können lange man mein meine meinem meinen meiner mich mir
mit muss musst müssen möchte nach nicht noch nur ob oder sehr sich sie sind so soll sollen und uns unser
unsere unter viel viele vom von vor war waren warum was weil welche welchem welchen welcher welches wem
wen wenn wer werden wie wieviel will wir wird wo woher wohin wollen wurde wurden zu zum zur über
"""
STOP_WORDS = (frozenset(_ENGLISH.split()), frozenset(_GERMAN.split()))
MAX_TERMS = 40  # of a query; a longer one is cut
UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Japanese, Chinese
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(rf"[^\W_{UNSPACED}]+")
_SHORT_SUFFIX = re.compile(r"[se]$")
_SUFFIX = re.compile(r"(?:ies|es|s|ing|ed|en|er|e)$")


class Terms(NamedTuple):
    """What to look for in the index of words and in that of pairs of characters."""

    words: list[str]
    grams: list[str]


def matching(query: str, every: bool = False) -> Terms:
    """The terms of a query, each once. every: no word is left out as a stop word."""
    found = dict.fromkeys(all_words(query) if every else content_words(query))
    return Terms(list(found)[:MAX_TERMS], list(dict.fromkeys(grams(query).split()))[:MAX_TERMS])


def quoted(term: str) -> str:
    """A term as an FTS5 literal: in double quotes, with inner quotes doubled."""
    return '"' + term.replace('"', '""') + '"'


def all_words(text: str) -> list[str]:
    """The words of a text in lower case, in order; scripts without spaces are left out."""
    return _WORD.findall(text.lower())  # casefold would turn ß into ss, which the index does not


def content_words(text: str) -> list[str]:
    """The words of a question without stop words; all of them if it consists of nothing else."""
    found = all_words(text)
    left_out = stop_words(found)
    return [word for word in found if word not in left_out] or found


def stop_words(found: Sequence[str]) -> frozenset[str]:
    """The stop words of a text's language, the one of which it has more: "war" is one in German only."""
    return max(STOP_WORDS, key=lambda known: sum(word in known for word in found))


def grams(text: str) -> str:
    """All pairs of neighbouring characters in scripts without spaces, and single characters that have no neighbour."""
    parts: list[str] = []
    for run in _UNSPACED_RUN.findall(unicodedata.normalize("NFKC", text)):
        parts += [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
    return " ".join(parts)


def indexed_grams(text: str) -> str:
    """`grams` with every single character as well, so that queries of one character find something."""
    return " ".join(
        part
        for run in _UNSPACED_RUN.findall(unicodedata.normalize("NFKC", text))
        for part in (*run, *(run[i : i + 2] for i in range(len(run) - 1)))
    )


@functools.lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without its commonest endings and accents, to compare questions with sentences: "Cats" -> "cat"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return (_SUFFIX if len(plain) > 4 else _SHORT_SUFFIX).sub("", plain) if len(plain) > 3 else plain


def stems(text: str) -> list[str]:
    """Stems of the content words of a text, and its pairs of characters in scripts without spaces."""
    found = all_words(text)
    left_out = stop_words(found)
    return [stem(word) for word in found if word not in left_out] + grams(text).split()
