"""Chats of the built-in world: endless short conversations with Pip, a small language model that knows one town.

`KINDS` lists every kind of instruction with its weight; each is a function in one of the other files of this folder.
About 45 % of the weight is on known facts, 15 % on unanswerable questions, the rest on everything else. Example:
next(conversations()) -> [{"role": "user", "content": "How old is Tom?"}, {"role": "assistant", ...}].
"""

from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random

from firstwords.world.chats import facts, passages, school, stories, talk, unknown
from firstwords.world.chats import words as play
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import pick
from firstwords.world.town.plumwick import Town, town
from firstwords.world.visitor import is_held_out

Maker = Callable[[Random, Town], list[Turn]]

# kind -> (weight, maker)
KINDS: dict[str, tuple[float, Maker]] = {
    # told facts
    "fact": (17, facts.fact),
    "place or feast": (4.5, facts.place_fact),
    "follow-ups": (6, facts.follow_ups),
    "and the other": (3, facts.and_the_other),
    "two steps": (4, facts.two_steps),
    "yes or no": (4.5, facts.yes_no),
    "has a pet": (0.7, facts.has_pet),
    "who is": (2, facts.who_is),
    "who does": (2, facts.who_does),
    "people with": (1.3, facts.people_with),
    "older": (1, school.older),
    # what nobody can know
    "invented person": (6, unknown.invented),
    "never told": (4, unknown.never_told),
    "held back": (2.5, unknown.held_back),
    "told, then not": (1.5, unknown.told_then_not),
    "far world": (1.7, unknown.far_world),
    # talk
    "greeting": (1.5, talk.greeting),
    "how are you": (0.7, talk.how_are_you),
    "about Pip": (2, talk.about_pip),
    "likes": (0.6, talk.likes),
    "feelings": (0.7, talk.feelings),
    "advice": (0.7, talk.advice),
    "thanks": (0.3, talk.thanks),
    "goodbye": (0.4, talk.goodbye),
    "correction": (1, talk.correction),
    "polite": (1.5, talk.polite),
    "my name": (1.5, talk.my_name),
    "joke": (0.3, talk.joke),
    # school
    "sum": (3, school.sums),
    "compare": (1.2, school.compare),
    "opposite": (1.8, school.opposite),
    "to French": (2.2, school.to_french),
    "from French": (1.5, school.from_french),
    "plural": (0.8, school.plurals),
    "animal": (1.5, school.animal),
    "country": (1.5, school.country),
    "colour of": (0.8, school.colour_of),
    "order": (1, school.order),
    "count": (0.4, school.count_days),
    # words
    "list three": (2, play.list_three),
    "odd one out": (0.8, play.odd_one_out),
    "only one letter": (1.2, play.only_letter),
    "sentiment": (1.3, play.sentiment),
    "riddle": (0.5, play.riddle),
    "rhyme": (0.7, play.rhyme),
    "poem": (0.3, play.poem),
    "uses": (0.8, play.uses),
    "repeat": (0.7, play.repeat),
    # reading and stories
    "passage": (2, passages.passage_question),
    "passage, silent": (1, passages.passage_silent),
    "summarise": (1, passages.summarise),
    "story": (2.5, stories.tell_story),
    "continue": (0.8, stories.continue_story),
    "story question": (0.8, stories.story_question),
}

SYSTEM = (
    "You are Pip. Answer shortly.", "You are Pip, a small language model.",
    "You are Pip. Be kind and honest.",
    "You are a friendly helper called Pip.", "You are Pip. You know the town of Plumwick.",
    "Answer in short sentences.",
    "You are Pip. If you do not know something, say so.", "Be polite and short.",
)
_SYSTEM_RATE = 0.1
# how often a conversation continues with another kind, begins with a greeting, ends with thanks or goodbye
_MORE_RATE, _HELLO_RATE, _END_RATE = 0.22, 0.04, 0.06
# these change who "I" is or are too long to be followed by something else
_ALONE = frozenset(("story", "continue", "story question", "goodbye", "my name", "passage", "passage, silent",
                    "summarise"))
_NAMES = tuple(KINDS)
_WEIGHTS = tuple(accumulate(weight for weight, _ in KINDS.values()))


def _turns(rng: Random, home: Town) -> tuple[str, list[Turn]]:
    kind = rng.choices(_NAMES, cum_weights=_WEIGHTS)[0]
    turns = KINDS[kind][1](rng, home)
    if kind in _ALONE:
        return kind, turns
    more = rng.random() < (0.7 if kind in ("greeting", "thanks", "joke", "how are you") else _MORE_RATE)
    while more and len(turns) < 5:
        other = rng.choices(_NAMES, cum_weights=_WEIGHTS)[0]
        if other not in _ALONE and other not in (kind, "greeting"):
            turns = [*turns, *KINDS[other][1](rng, home)]
            more = rng.random() < _MORE_RATE
    if kind != "greeting" and rng.random() < _HELLO_RATE:
        turns = [*talk.greeting(rng, home)[:1], *turns]
    if kind != "thanks" and rng.random() < _END_RATE:
        turns = [*turns, *(talk.thanks if rng.random() < 0.6 else talk.goodbye)(rng, home)]
    return kind, turns


def checked(seed: int = 0) -> Iterator[tuple[str, list[dict[str, str]], list[Check | None]]]:
    """The same conversations with their kind and, for every answer, a check or None."""
    rng, home = Random(f"chats {seed}"), town()
    while True:
        kind, turns = _turns(rng, home)
        if any(is_held_out(turn.user) for turn in turns):  # kept for measuring, see world/visitor.py
            continue
        messages = []
        if rng.random() < _SYSTEM_RATE:
            messages.append({"role": "system", "content": pick(rng, SYSTEM)})
        for turn in turns:
            messages.append({"role": "user", "content": turn.user})
            messages.append({"role": "assistant", "content": turn.pip})
        yield kind, messages, [turn.check for turn in turns]


def conversations(seed: int = 0) -> Iterator[list[dict[str, str]]]:
    """Endless conversations as lists of messages; the same seed gives the same ones in the same order."""
    for _, messages, _ in checked(seed):
        yield messages
