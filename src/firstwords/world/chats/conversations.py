"""Chats of the built-in world: endless short conversations with Pip, a small language model that knows one town.

`GROUPS` is the table of the mixture: the share of each group in all conversations and, within a group, the weight of each
kind. A kind is a function in one of the other files of this folder. About half of the visitor's short turns are typed
carelessly (`spelling.py`). Example: next(conversations()) -> [{"role": "user", "content": "how old is tom"},
{"role": "assistant", "content": "Tom is 12 years old."}].
"""

from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random

from firstwords.world import tool_chats
from firstwords.world.chats import basics, facts, hello, outside, passages, school, stories, sums, talk, unknown
from firstwords.world.chats import words as play
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.chats.spelling import RATE, TOO_LONG, careless
from firstwords.world.phrases import pick
from firstwords.world.town.plumwick import Size, Town, town
from firstwords.world.visitor import is_held_out
from firstwords.world.writers import WRITERS

Maker = Callable[[Random, Town], list[Turn]]

# group -> (share of all conversations in percent, {kind: (weight within the group, maker)})
GROUPS: dict[str, tuple[float, dict[str, tuple[float, Maker]]]] = {
    "hello": (14.5, {
        "greeting": (4, hello.greeting),
        "how are you": (2, hello.how_are_you),
        "about Pip": (7, hello.about_pip),
        "small words": (2.5, hello.small_words),
        "thanks": (1, hello.thanks),
        "goodbye": (1, hello.goodbye),
        "praise": (1.6, hello.saying("praise")),
        "insult": (1, hello.saying("insult")),
        "feelings": (1.5, hello.feelings),
        "news": (1.8, hello.news),
    }),
    "school": (33.4, {
        "sum": (19.5, sums.sums),
        "count": (4.5, sums.count_to),
        "compare": (3, sums.compare),
        "how many": (1.5, sums.how_many),
        "days of a month": (0.3, sums.months_days),
        "double or half": (0.7, sums.double_or_half),
        "odd or even": (0.5, sums.odd_or_even),
        "pick a number": (0.3, sums.pick_a_number),
        "opposite": (5.5, basics.opposite),
        "colour of": (4.5, basics.colour_of),
        "animal": (6.5, basics.animal),
        "what is": (3.5, basics.what_is),
        "animal can": (1.5, basics.animal_can),
        "order": (3, basics.order),
        "country": (4, basics.country),
        "to French": (2.5, basics.to_french),
        "from French": (1.5, basics.from_french),
        "plural": (0.6, basics.plurals),
        "bigger thing": (0.9, school.bigger_thing),
        "what it is like": (0.9, school.what_it_is_like),
    }),
    "play": (10, {
        "list three": (4, play.lists),
        "only one letter": (3.2, play.only_letter),
        "sentiment": (3, play.sentiment),
        "joke": (2.5, play.joke),
        "rhyme": (2.5, play.rhyme),
        "repeat": (2.5, play.repeat),
        "riddle": (1, play.riddle),
        "poem": (1.5, play.poem),
        "odd one out": (0.4, play.odd_one_out),
        "uses": (0.4, play.uses),
    }),
    "outside": (7.9, {
        "famous": (2.5, outside.famous),
        "things": (3.5, outside.things),
        "today": (2.5, outside.today),
        "visitor's life": (1.5, outside.visitor),
        "future": (1, outside.future),
        "countless": (0.7, outside.countless),
        "big question": (1.2, outside.big_question),
        "nonsense": (1.5, outside.nonsense),
        "orders": (2, outside.orders),
        "big sum": (1.2, outside.big_sums),
        "other languages": (0.7, outside.other_languages),
        "spelling": (0.5, outside.spelling),
    }),
    "town": (13, {
        "fact": (17, facts.fact),
        "place or feast": (4.5, facts.place_fact),
        "follow-ups": (6, facts.follow_ups),
        "and the other": (3, facts.and_the_other),
        "two steps": (4.5, facts.two_steps),
        "yes or no": (4.5, facts.yes_no),
        "has a pet": (0.7, facts.has_pet),
        "who is": (3, facts.who_is),
        "who does": (2, facts.who_does),
        "people with": (1.3, facts.people_with),
        "older": (0.8, school.older),
    }),
    "unknown": (7.6, {
        "invented person": (6, unknown.invented),
        "never told": (4, unknown.never_told),
        "held back": (1.8, unknown.held_back),
        "told, then not": (1.5, unknown.told_then_not),
    }),
    "reading": (8, {
        "one sentence": (3, passages.one_sentence),
        "passage": (1, passages.passage_question),
        "passage, silent": (0.5, passages.passage_silent),
        "summarise": (0.5, passages.summarise),
        "story": (3, stories.tell_story),
        "continue": (0.5, stories.continue_story),
        "story question": (0.5, stories.story_question),
    }),
    "talk": (5.6, {
        "advice": (0.7, talk.advice),
        "correction": (0.8, talk.correction),
        "polite": (1.2, talk.polite),
        "my name": (9, talk.my_name),
    }),
}


def _kinds() -> dict[str, tuple[float, Maker]]:
    """kind -> (percent of all conversations, maker)."""
    table = {}
    for share, kinds in GROUPS.values():
        total = sum(weight for weight, _ in kinds.values())
        table.update({kind: (share * weight / total, maker) for kind, (weight, maker) in kinds.items()})
    return table


KINDS = _kinds()

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
_LATER_RATE = 0.5  # how often a visitor talks of something else before asking for the name that he or she gave
# these change who "I" is or are too long to be followed by something else
_ALONE = frozenset(("story", "continue", "story question", "goodbye", "my name", "passage", "passage, silent",
                    "summarise"))
_OPENERS = frozenset(("greeting", "how are you", "thanks", "joke", "small words", "praise"))  # seldom the whole conversation
_EXACT = frozenset(("polite", "repeat", "nonsense", "continue", "story question", "passage", "passage, silent", "summarise"))
_NUMBERS_AS_THEY_ARE = frozenset(("to French", "from French", "one sentence", "sentiment", "plural"))
TOOLS_RATE, _USE_RATE = 0.05, 0.65  # chats with tools, and questions in them that need one
_FOR_TOOLS = {"calculator": ("sum", "big sum"), "clock": ("today",)}  # what Pip answers by itself only without them
_UNKNOWN = frozenset(GROUPS["unknown"][1])  # what no text may mention
_NAMES = tuple(KINDS)
_WEIGHTS = tuple(accumulate(weight for weight, _ in KINDS.values()))


def _made(kind: str, rng: Random, home: Town) -> list[tuple[str, Turn]]:
    return [(kind, turn) for turn in KINDS[kind][1](rng, home)]


def _some_kind(rng: Random) -> str:
    return rng.choices(_NAMES, cum_weights=_WEIGHTS)[0]


def _turns(rng: Random, home: Town) -> tuple[str, list[tuple[str, Turn]]]:
    """The kind of a conversation and its turns, each with its own kind."""
    kind = _some_kind(rng)
    turns = _made(kind, rng, home)
    if kind == "my name" and len(turns) == 2 and rng.random() < _LATER_RATE:
        turns[1:1] = _between(rng, home)
    if kind in _ALONE:
        return kind, turns
    more = rng.random() < (0.6 if kind in _OPENERS else _MORE_RATE)
    while more and len(turns) < 5:
        other = _some_kind(rng)
        if other not in _ALONE and other not in (kind, "greeting"):
            turns = [*turns, *_made(other, rng, home)]
            more = rng.random() < _MORE_RATE
    if kind != "greeting" and rng.random() < _HELLO_RATE:
        turns = [*_made("greeting", rng, home)[:1], *turns]
    if kind != "thanks" and rng.random() < _END_RATE:
        turns = [*turns, *_made("thanks" if rng.random() < 0.6 else "goodbye", rng, home)]
    return kind, turns


def _between(rng: Random, home: Town) -> list[tuple[str, Turn]]:
    """One to three turns about something else, after which the visitor asks what was said before."""
    found: list[tuple[str, Turn]] = []
    for _ in range(pick(rng, (1, 1, 2, 3))):
        while (kind := _some_kind(rng)) in _ALONE or kind in ("greeting", "visitor's life"):
            pass
        found += _made(kind, rng, home)[:1]
    return found


def _typed(rng: Random, kind: str, text: str) -> str:
    """A turn as the visitor types it, carelessly half of the time; where each letter matters, as it is."""
    if kind in _EXACT or len(text) > TOO_LONG or rng.random() >= RATE:
        return text
    return careless(rng, text, numbers=kind not in _NUMBERS_AS_THEY_ARE)


def checked(
    seed: int = 0, size: Size = "whole", well_spelled: bool = False, writers: str = "careful"
) -> Iterator[tuple[str, list[dict[str, str]], list[Check | None]]]:
    """The same conversations with their kind and, for every answer, a check or None.

    size: of the town that they know. With `well_spelled`, the visitor types without slips; everything else is the same.
    writers: who wrote the answers, a key of `writers.WRITERS`; the questions and the checks stay the same.
    """
    rng, home = Random(f"chats {seed}"), town(size)
    hand, pen = Random(f"typing {seed}"), Random(f"writers {seed}")
    while True:
        kind, turns = _drawn(rng, hand, home)
        system = pick(rng, SYSTEM) if rng.random() < _SYSTEM_RATE else ""
        if _is_left_out(home, turns):
            continue
        messages = [{"role": "system", "content": system}] if system else []
        writer = WRITERS[writers].draw(pen)
        for turn_kind, turn, text in turns:
            messages.append({"role": "user", "content": turn.user if well_spelled else text})
            messages.append({"role": "assistant", "content": writer.says(pen, turn_kind, turn, home)})
        yield kind, messages, [turn.check for _, turn, _ in turns]


def _drawn(rng: Random, hand: Random, home: Town) -> tuple[str, list[tuple[str, Turn, str]]]:
    """The kind of a conversation and its turns: kind, turn, and what the visitor typed."""
    kind, turns = _turns(rng, home)
    return kind, [(turn_kind, turn, _typed(hand, turn_kind, turn.user)) for turn_kind, turn in turns]


def _is_left_out(home: Town, turns: list[tuple[str, Turn, str]]) -> bool:
    """Whether a turn is kept for measuring (see world/visitor.py), or names people who don't live in this town. A
    visitor may be called like one of them.
    """
    return any(
        is_held_out(turn.user) or (text != turn.user and is_held_out(text))
        or (kind != "my name" and home.names_others(f"{turn.user} {turn.pip}"))
        for kind, turn, text in turns)


def short_turns(rng: Random, home: Town, number: int) -> list[tuple[str, str]]:
    """`number` or more (question as typed, answer) of short conversations, without what is kept for measuring."""
    found: list[tuple[str, str]] = []
    while len(found) < number:
        kind, turns = _drawn(rng, rng, home)
        is_unknown = any(turn_kind in _UNKNOWN for turn_kind, _, _ in turns)
        if kind not in _ALONE and not is_unknown and not _is_left_out(home, turns):
            found += [(text, turn.pip) for _, turn, text in turns]
    return found


def conversations(
    seed: int = 0, size: Size = "whole", writers: str = "careful"
) -> Iterator[list[dict[str, str]]]:
    """Endless conversations as lists of messages; the same seed gives the same ones in the same order.

    size: of the town that they know. writers: who wrote the answers, a key of `writers.WRITERS`. A few of them have
    tools (see `tool_chats.py`), which `checked` leaves out.
    """
    rng, home = Random(f"tools {seed}"), town(size)
    for _, messages, _ in checked(seed, size, writers=writers):
        if rng.random() < TOOLS_RATE:
            yield with_tools(rng, home, writers)
        yield messages


def with_tools(rng: Random, home: Town, writers: str) -> list[dict[str, str]]:
    """A conversation with tools: one to three questions, of which most need a tool."""
    names, writer = tool_chats.tools(rng), WRITERS[writers].draw(rng)
    system = tool_chats.system(names, pick(rng, SYSTEM) if rng.random() < 0.5 else "")
    messages = [{"role": "system", "content": system}]
    while len(messages) == 1 or (len(messages) < 8 and rng.random() < 0.3):
        if rng.random() < _USE_RATE:
            made = tool_chats.use(rng, names, home)
            typed = careless(rng, made.turn.user, numbers=False) if rng.random() < RATE else made.turn.user
            if is_held_out(made.turn.user) or is_held_out(typed):
                continue
            messages += [
                {"role": "user", "content": typed},
                {"role": "assistant", "content": made.call},
                {"role": "tool", "content": made.result},
                {"role": "assistant", "content": writer.says(rng, made.kind, made.turn, home)},
            ]
            continue
        kind, turns = _drawn(rng, rng, home)
        if kind in _ALONE or any(kind in _FOR_TOOLS[name] for name in names) or _is_left_out(home, turns):
            continue
        for turn_kind, turn, text in turns[:1]:
            messages.append({"role": "user", "content": text})
            messages.append({"role": "assistant", "content": writer.says(rng, turn_kind, turn, home)})
    return messages
