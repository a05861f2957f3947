"""Simple stories: the asked word is the hero from the first sentence to the last; the check of a story sees it."""

import re
from random import Random

import pytest

from firstwords.world.chats.checks import Check, passes
from firstwords.world.chats.stories import tell_story
from firstwords.world.phrases import a_an, plural
from firstwords.world.stories.simple import MOODS, Hero, heroes, plots, simple_story
from firstwords.world.town.plumwick import town

TOWN = town()
DOG = Hero("dog", "animal")
GOOD = (
    "Once there was a little dog. The dog was hungry. The dog looked in the kitchen, but there was no food. "
    "Then a cat came with a big cake. So the dog and the cat sat down and ate. The dog was happy, and they went home."
)


def _people() -> list[Hero]:
    return [Hero(p.name, "name", p.he) for p in TOWN.people]


def test_there_are_enough_heroes_and_plots():
    words = [hero.word for hero in heroes()]
    assert len(words) == len(set(words)) >= 150
    assert len(plots()) >= 30
    for hero in heroes():
        for mood in MOODS:  # every wish can be kept
            assert simple_story(Random(1), hero, mood=mood).mood == mood


@pytest.mark.parametrize("is_long", [False, True])
def test_every_story_is_about_its_hero(is_long: bool):
    rng = Random(3)
    for hero in (*heroes(), *_people()):
        for mood in MOODS:
            told = simple_story(rng, hero, mood=mood, is_long=is_long)
            assert passes(Check("story", (hero.word,), least=30), told.text), told
            assert 38 <= len(told.text.split()) <= 100, told
            assert hero.word in told.text.split(". ")[0], told


def test_wishes_for_adjective_name_and_other():
    rng = Random(4)
    for _ in range(200):
        told = simple_story(rng, DOG, adjective="brave", name="Rex", other="owl")
        assert told.text.startswith("Once there was a brave dog called Rex. ")
        assert "owl" in told.text, told
        assert simple_story(rng, DOG).text.startswith("Once there was a dog. ")
    assert "an old dog" in simple_story(rng, DOG, adjective="old").text
    with pytest.raises(KeyError, match="angry"):
        simple_story(rng, DOG, mood="angry")


def test_only_the_hero_follows_the_at_the_beginning_of_a_sentence():
    rng = Random(5)
    for hero in heroes():
        if hero.kind == "topic":
            continue
        for _ in range(20):
            text = simple_story(rng, hero, is_long=True).text
            for word in re.findall(r'(?:^|[.!?]"? )"?The (\w+)', text):
                assert word == hero.word, text


def test_clean_english():
    rng = Random(6)
    for _ in range(6000):
        hero = rng.choice((*heroes(), *_people()))
        told = simple_story(rng, hero, is_long=rng.random() < 0.5)
        text = told.text
        assert text.isascii() and text.count('"') % 2 == 0 and text[-1] in '.!"', text
        assert not re.search(r"[{}|+]| {2}| [.,!?]|\.\.|,,|\b(\w{2,}) \1\b", text), text
        assert not re.search(r"\b[Aa] [aeiou](?!ni)|\b[Aa]n [^aeiou]", text), text
        assert not re.search(rf"\b(a|an) {hero.word} .*\band (a|an) {hero.word}\b", text), text
        if hero.pronoun != "he" and hero.kind != "topic":
            assert not re.search(rf"{hero.word}[^.]*\bbut he\b", text), text


def test_the_hero_is_not_somebody_else_too():
    """In a story about the moon, the moon neither comes by nor is it gone."""
    rng = Random(10)
    for word in ("moon", "sun", "wind", "river", "sky", "star", "owl", "cow", "girl"):
        hero = next(h for h in heroes() if h.word == word)
        for mood in MOODS:
            for _ in range(40):
                text = simple_story(rng, hero, mood=mood, is_long=True).text
                other = rf"(Then|waited for|at) (the|an?) {word} (came|looked|and)|{word} was gone|the {word} slept too"
                assert not re.search(other, text), text


def test_people_of_the_town_keep_their_facts():
    """No story of a person says where they live, that they have no friend or when their birthday is."""
    rng = Random(7)
    for hero in _people():
        for _ in range(40):
            text = simple_story(rng, hero, is_long=True).text
            assert not re.search(r" lived |birthday|no friend|good friend", text), text


def test_same_seed_same_story():
    assert simple_story(Random(9), DOG) == simple_story(Random(9), DOG)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (GOOD.replace("dog", "cow"), "about something else"),
        (GOOD.replace("little dog", "little cat", 1), "the first sentence names somebody else"),
        (GOOD.replace("The dog", "The cow"), "another subject takes over"),
        (GOOD.rsplit(" ", 12)[0], "it stops in the middle"),
        (" ".join(["Once there was a dog.", *["The dog was happy and sat down in the sun."] * 6]), "it repeats itself"),
        ("Once there was a dog. The dog ran. The dog ate. The dog was happy.", "too short"),
        (GOOD.replace("The dog was happy, and they went home.", "Then it rained on the hill and the sea."), "no end"),
    ],
)
def test_a_story_must_be_one(answer: str, reason: str):
    check = Check("story", ("dog",), least=30)
    assert passes(check, GOOD)
    assert not passes(check, answer), reason


def test_two_heroes_must_both_be_there():
    assert passes(Check("story", ("dog", "cat"), least=30), GOOD)
    assert not passes(Check("story", ("dog", "owl"), least=30), GOOD)


def test_wishes_name_the_hero_and_the_answer_keeps_it():
    rng, simple, again, wishes = Random(8), 0, 0, set()
    for _ in range(4000):
        turn, *more = tell_story(rng, TOWN)
        again += len(more)
        assert all(passes(t.check, t.pip) for t in (turn, *more)), turn
        simple += turn.check.kind == "story"
        wishes.add(re.sub(r"\b(an?|the) \w+", "X", turn.user.lower()))
        for word in turn.check.accept:
            assert word in turn.user or plural(word) in turn.user, turn
        if turn.check.kind == "story" and turn.check.accept and f" {a_an(turn.check.accept[0])}" in turn.user:
            begin = re.match(r"(?:Here is an? \w+(?: \w+)? story\. )?([^.]+)", turn.pip)[1]
            assert turn.check.accept[0] in begin, turn
    assert 0.8 < simple / 4000 < 0.9
    assert 100 < again < 400
    assert len(wishes) > 500
