"""Everyday scenes and the basics: "The cat is ..." goes on as expected, every lesson is right, all is plain."""

import re
from collections import Counter
from functools import lru_cache
from itertools import islice
from random import Random

import pytest

from firstwords.world.chats.checks import numbers_in
from firstwords.world.phrases import plural
from firstwords.world.texts import basics, everyday
from firstwords.world.texts.documents import documents
from firstwords.world.town import knowledge as know
from firstwords.world.town.plumwick import town

TOWN = town()
LESSONS = (basics.easy_sums, basics.mixed_lesson, basics.one_lesson)


@lru_cache(maxsize=1)
def sample() -> str:
    """20,000 documents of seed 6 in one text: orders of words are close to those of 80,000."""
    return "\n\n".join(islice(documents(6), 20_000))


def lessons(num: int = 1500) -> list[str]:
    rng = Random(5)
    return [function(rng, TOWN) for function in LESSONS for _ in range(num)]


def scenes(num: int = 3000) -> list[str]:
    rng = Random(6)
    return [everyday.scene(rng, TOWN) for _ in range(num)]


def _next_words(start: str) -> Counter[str]:
    return Counter(re.findall(rf"\b{start} ([\w'-]+)", sample()))


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("The cat is", {"sleeping", "hungry", "running", "playing"}),
        ("The dog is", {"running", "hungry", "sleeping", "barking"}),
        ("The bird is", {"singing", "flying", "small"}),
        ("The sun is", {"shining", "warm", "yellow"}),
        ("The water is", {"cold"}),
        ("The children are", {"playing", "happy"}),
        ("The sky is", {"blue"}),
    ],
)
def test_subjects_continue_with_what_they_are_and_do(start: str, first: set[str]):
    counts = _next_words(start)
    assert sum(counts.values()) > 150, counts
    assert first <= {word for word, _ in counts.most_common(6)}, counts
    assert counts.most_common(1)[0][0] in first
    assert counts["called"] < 0.1 * sum(counts.values()), counts
    assert counts.most_common(1)[0][1] < 0.7 * sum(counts.values())  # many things may follow


def test_scenes_are_short_and_plain():
    for text in scenes():
        sentences = re.split(r"(?<=[.!?]) ", text)
        assert 3 <= len(sentences) <= 14 and len(set(sentences)) == len(sentences), text
        assert all(len(s.split()) <= 11 and s[0].isupper() for s in sentences), text


def test_nobody_does_two_things_and_nothing_has_two_colours():
    colours = "|".join(know.COLOURS)
    for text in scenes():
        said: dict[str, list[str]] = {}
        for subject, predicate in re.findall(r"(?:The|My|Our) (\w+) (?:is|are) ([^.]+)\.", text):
            said.setdefault(subject, []).append(predicate)
        for subject, predicates in said.items():
            assert sum(bool(re.fullmatch(colours, p)) for p in predicates) <= 1, (subject, text)
            assert sum(p.split()[0].endswith("ing") for p in predicates) <= 1, (subject, text)
            if any(p.startswith("sleeping") for p in predicates):
                assert not {"hungry", "loud", "awake"} & set(predicates), text


def test_sums_are_right_in_digits_and_words():
    found = 0
    for text in lessons():
        for x, sign, y, z in re.findall(r"\b(\w+) ?(plus|minus|\+|-) ?(\w+) (?:is|=) (\w+)\b", text):
            a, b, c = (int(numbers_in(n.lower()).pop()) for n in (x, y, z))
            assert a + (b if sign in ("plus", "+") else -b) == c, text
            found += 1
    assert found > 5000


def test_sums_with_small_numbers_are_the_most_frequent():
    pairs = Counter((int(a), int(b)) for t in lessons() for a, b in re.findall(r"\b(\d+) plus (\d+) is", t))
    small, large = (sum(pairs[a, b] for a in side for b in side) for side in (range(1, 4), range(8, 11)))
    assert small > 3.5 * large > 0
    assert all(pairs[a, b] for a in range(1, 6) for b in range(1, 6))


def test_lessons_say_what_is_true():
    opposites = {**{y: x for x, y in know.OPPOSITES.items()}, **know.OPPOSITES}
    seen: Counter[str] = Counter()
    for text in lessons():
        for x, y in re.findall(r"The opposite of (\w+) is (\w+)\.", text):
            assert y == opposites[x] or know.OPPOSITES.get(y) == x, text
            seen["opposite"] += 1
        for country, capital in re.findall(r"The capital of (\w+) is (\w+)\.", text):
            assert know.COUNTRY_BY_NAME[country].capital == capital
            seen["capital"] += 1
        for animal, sound in re.findall(r"\bAn? (\w+) says ([\w-]+)\.", text):
            assert know.ANIMAL_BY_NAME[animal].sound == sound
            seen["sound"] += 1
        for animal, legs in re.findall(r"\bAn? (\w+) has (\w+) legs\.", text):
            if animal not in ("bird", "fish"):
                assert {"no": 0, "two": 2, "four": 4, "six": 6, "eight": 8}[legs] == know.ANIMAL_BY_NAME[animal].legs
        for word, french in re.findall(r'In French, ([\w ]+) is "([^"]+)"', text):
            assert know.FRENCH[word] == french
            seen["French"] += 1
        for names in (know.DAYS, know.MONTHS):
            for one, other in re.findall(rf"After ({'|'.join(names)}) comes (\w+)", text):
                assert other == names[(names.index(one) + 1) % len(names)]
                seen["after"] += 1
        for one, other in re.findall(r"(\w+) rhymes with (\w+)\.", text):
            assert one.lower()[-1] == other[-1] or {one.lower(), other} & {"bear", "snow", "blue", "go", "shoe"}, text
            seen["rhyme"] += 1
        for one, many in re.findall(r"One (\w+), two (\w+)\.", text):
            assert plural(one) == many
    assert len(seen) == 6 and min(seen.values()) > 200, seen
    for thing, colour in basics.COLOURS.items():
        assert know.COLOUR_OF.get(thing, colour) == colour


def test_the_common_comes_before_the_rare():
    text = "\n".join(lessons())
    for often, rarely in (("of big is", "of out is"), ("A cow says", "A crow says"), ("of France is", "of Norway is")):
        assert text.count(often) > 2 * text.count(rarely) > 0, (often, rarely)
