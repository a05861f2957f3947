"""The text of the built-in world: an endless, deterministic stream of documents of about forty kinds.

`documents(seed)` draws a kind by weight for every document. The n-th document of a seed is always the same; other seeds
give other documents about the same town.
"""

from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random

from firstwords.world.phrases import cap, pick
from firstwords.world.stories.simple import Hero, heroes, simple_story
from firstwords.world.stories.telling import story
from firstwords.world.texts import asked, basics, everyday, forms, lessons, letters, news, people, play, talk, world
from firstwords.world.texts import howto as howtos
from firstwords.world.texts import town as places
from firstwords.world.town.plumwick import Size, Town, town

Kind = Callable[[Random, Town], str]


def _story(rng: Random, town: Town) -> str:
    told = story(rng, town)
    return f"{told.title}\n\n{told.text}" if rng.random() < 0.7 else told.text


def _simple_story(rng: Random, town: Town) -> str:
    """A simple story, mostly under a title that names its hero, as a wish for it would."""
    if rng.random() < 0.15:
        person = pick(rng, town.people)
        hero = Hero(person.name, "name", person.he)
    else:
        hero = pick(rng, heroes())
    told = simple_story(rng, hero, is_long=rng.random() < 0.2)
    title = pick(rng, (f"A story about {hero.a}", f"A story about {hero.a}", cap(hero.the), ""))
    return f"{title}\n\n{told.text}" if title else told.text


# kind -> (share of the documents in per cent, function)
KINDS: dict[str, tuple[float, Kind]] = {
    "story": (14, _story),
    "simple story": (12, _simple_story),
    "asked and answered": (10, asked.answers),
    "asked": (2, asked.questions),
    "everyday": (7, everyday.scene),
    "questions of the day": (1.5, everyday.questions),
    "easy sums": (3, basics.easy_sums),
    "basics": (3, basics.mixed_lesson),
    "lesson": (1.5, basics.one_lesson),
    "portrait": (9, people.portrait),
    "two people": (3, people.two_people),
    "family": (2.5, people.family),
    "register": (2, people.register),
    "quiz": (5, people.quiz),
    "group": (2, people.group),
    "guess who": (2, people.guess_who),
    "dialogue": (4, talk.about_somebody),
    "meeting": (3, talk.meeting),
    "interview": (2.5, talk.interview),
    "shop": (1, talk.shop_talk),
    "pen friend": (2, letters.pen_friend),
    "letter": (1.5, letters.letter),
    "postcard": (1, letters.postcard),
    "diary": (1.5, letters.diary),
    "place": (4, places.place),
    "walk": (2, places.walk),
    "feast": (2, places.feast),
    "month": (2, places.month),
    "news": (1.5, news.news),
    "notice": (0.7, news.notice),
    "day": (1.5, news.day),
    "form": (4.5, forms.any_form),
    "how-to": (1.3, howtos.howto),
    "rhyme": (1, play.rhyme),
    "riddle": (1.2, play.riddle),
    "game": (1, talk.name_game),
    "introductions": (3, talk.introductions),
    "sums": (2, lessons.sums),
    "French": (1.3, lessons.french),
    "opposites": (1, lessons.opposites),
    "animals": (1, world.animals),
    "countries": (1, world.countries),
    "encyclopaedia": (1.3, world.encyclopaedia),
    "small facts": (1.2, world.what_we_know),
}

# a small town is for models with minutes to learn: more of what is simple and asked for often
SMALL_SHARES = {
    "story": 7, "simple story": 17, "easy sums": 8, "basics": 5, "lesson": 2, "sums": 4, "French": 0.8, "opposites": 0.5,
    "countries": 0.5, "encyclopaedia": 0.6, "asked and answered": 13, "asked": 3, "portrait": 8, "everyday": 6,
}  # fmt: skip


def documents_with_kinds(seed: int = 0, size: Size = "whole") -> Iterator[tuple[str, str]]:
    """Endless (kind, document) pairs, as `documents` gives them."""
    rng = Random(f"firstwords text {seed}")
    the_town = town(size)
    names = list(KINDS)
    functions = [KINDS[name][1] for name in names]
    shares = {name: share for name, (share, _) in KINDS.items()} | (SMALL_SHARES if size == "small" else {})
    bounds = list(accumulate(shares[name] for name in names))
    while True:
        i = bisect(bounds, rng.random() * bounds[-1])
        document = functions[i](rng, the_town)
        if not the_town.names_others(document):
            yield names[i], document


def documents(seed: int = 0, size: Size = "whole") -> Iterator[str]:
    """Endless documents; the same seed gives the same ones.

    Example: `next(documents(0))` is the first document of seed 0, a story or a letter or a form.
    """
    for _, document in documents_with_kinds(seed, size):
        yield document
