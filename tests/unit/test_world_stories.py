"""Stories: every plot renders, grammar that a program can see, wishes are kept, few repeats."""

import re
from random import Random

import pytest

from firstwords.world.stories.cast import ANIMALS, candidates
from firstwords.world.stories.telling import FEATURE_WORDS, MOODS, PLOTS, _tell, split_story, story
from firstwords.world.town.plumwick import town

TOWN = town()
AN_A = re.compile(r"\b[Aa] (?=[aeiouAEIOU])(?!one\b|uni|use)\w+|\b[Aa]n (?![aeiouAEIOU]|hour|honest)\w+")
SHE, HE = re.compile(r"\b(she|her|herself)\b", re.I), re.compile(r"\b(he|him|his|himself)\b", re.I)
UGLY = re.compile(r"[{}|]| {2}| [.,!?]|\.\.|,,|\bthe the\b|\ba a\b|\bthe an?\b|(?:sunny|bright) (?:night|evening)")
WORD = re.compile(r"[a-z]+")


def told(plot, seed, length):
    return _tell(Random(seed), TOWN, plot, None, length, "", None)


def genders(one):
    """The genders of everybody who takes part: people by the town, animals by their table."""
    found = {TOWN.by_name[n].gender for n in one.people}
    for kind, animal in ANIMALS.items():
        if re.search(rf"\b{kind}\b", one.text):
            found.add(animal.gender)
    return found


def test_there_are_enough_plots_and_words():
    assert len(PLOTS) >= 44
    assert len({p.name for p in PLOTS}) == len(PLOTS)
    assert len(FEATURE_WORDS) >= 120
    assert {p.mood for p in PLOTS} == set(MOODS)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda p: p.name)
def test_a_plot_renders_cleanly(plot):
    assert candidates(TOWN, plot)
    for seed in range(100):
        for length in ("short", "long"):
            one = told(plot, seed, length)
            whole = [one.text, one.title, one.summary, *(x for pair in one.questions for x in pair)]
            for text in whole:
                assert text.isascii() and text == text.strip() and (text[0] == '"' or text[0].isupper())
                assert not UGLY.search(text), text
                assert not AN_A.search(text), text
                assert text.count('"') % 2 == 0, text
            for paragraph in one.text.split("\n\n"):
                assert paragraph.count('"') % 2 == 0
            assert one.text[-1] in '.!?"'
            assert one.summary.endswith((".", '."', '!"')) and 2 <= len(one.questions) <= 3
            size = len(one.text.split())
            assert (35 <= size <= 130) if length == "short" else (85 <= size <= 215), (size, one.text)


@pytest.mark.parametrize("plot", [p for p in PLOTS if p.name != "looking for mother"], ids=lambda p: p.name)
def test_pronouns_belong_to_somebody(plot):
    for seed in range(60):
        one = told(plot, seed, "long")
        present = genders(one)
        free = re.sub(r"\b(her|his) (mother|father)\b", "", one.text)
        if "she" not in present and not re.search(r"\b(mother|woman|girl|she)\b", plot_text(plot)):
            assert not SHE.search(free), one.text
        if "he" not in present and not re.search(r"\b(father|man|boy|king|he)\b", plot_text(plot)):
            assert not HE.search(free), one.text


def plot_text(plot):
    return " ".join(text for _, phrasings in plot.beats for text in phrasings)


def test_no_possessive_stands_alone():
    for plot in PLOTS:  # "it was not {his}." would become "it was not her."
        assert not re.search(r"\{[op]?his\}(?! [a-z{])", plot_text(plot)), plot.name


def test_same_seed_same_story():
    first = [story(Random(5), TOWN, length="long") for _ in range(2)]
    assert first[0].text == first[1].text and first[0].summary == first[1].summary
    rng = Random(5)
    assert story(rng, TOWN).text != story(rng, TOWN).text


def test_every_feature_word_is_really_in_the_story():
    rng = Random(1)
    for word in FEATURE_WORDS:
        for length in ("short", "long"):
            one = story(rng, TOWN, word=word, length=length)
            assert word in WORD.findall(one.text.lower()) and word in one.words
            assert one.length == length


def test_wishes_for_hero_and_mood():
    rng = Random(2)
    for name in TOWN.by_name:
        for mood in MOODS:
            one = story(rng, TOWN, hero=name, mood=mood)
            assert one.hero == name and one.mood == mood and name in one.text and name in one.people
    for kind in ANIMALS:
        assert f" {kind}" in story(rng, TOWN, hero=kind).text
    assert story(rng, TOWN, mood="spooky").mood == "spooky-but-kind"


@pytest.mark.parametrize(
    "wish", [{"hero": "Zorro"}, {"word": "helicopter"}, {"mood": "angry"}, {"length": "huge"}], ids=str
)
def test_impossible_wishes(wish):
    with pytest.raises(KeyError):
        story(Random(0), TOWN, **wish)


def test_held_back_facts_are_not_told():
    rng = Random(3)
    for name in ("Otto", "Emma", "Julia", "Vera"):  # nobody tells their favourite colour
        assert TOWN.by_name[name].colour == ""
        for _ in range(150):
            assert f"{name} liked" not in story(rng, TOWN, hero=name, length="long").text
    assert any("liked blue" in story(rng, TOWN, hero="Tom", length="long").text for _ in range(200))


def test_a_split_story_is_the_story():
    rng = Random(4)
    for _ in range(300):
        one = story(rng, TOWN)
        beginning, rest = split_story(one)
        assert " ".join((beginning + " " + rest).split()) == " ".join(one.text.split())
        assert beginning.count('"') % 2 == 0 and 0.2 < len(beginning) / len(one.text) < 0.8


def test_stories_differ():
    rng = Random(6)
    texts = [story(rng, TOWN).text for _ in range(20000)]
    assert len(set(texts)) >= 0.995 * len(texts)


def test_near_duplicates_are_rare():
    rng = Random(7)
    shingles = []
    for _ in range(1500):
        words = story(rng, TOWN).text.split()
        shingles.append(frozenset(" ".join(words[i : i + 8]) for i in range(len(words) - 7)))
    seen: dict[str, list[int]] = {}
    for number, one in enumerate(shingles):
        for shingle in one:
            seen.setdefault(shingle, []).append(number)
    pairs: dict[tuple[int, int], int] = {}
    for numbers in seen.values():
        for i, a in enumerate(numbers):
            for b in numbers[i + 1 :]:
                pairs[a, b] = pairs.get((a, b), 0) + 1
    near = set()
    for (a, b), shared in pairs.items():
        if shared / (len(shingles[a]) + len(shingles[b]) - shared) > 0.8:
            near |= {a, b}
    assert len(near) < 0.02 * len(shingles)


def test_the_words_are_few():
    rng = Random(8)
    found = {w for _ in range(5000) for w in WORD.findall(story(rng, TOWN).text.lower())}
    assert len(found) < 1900
