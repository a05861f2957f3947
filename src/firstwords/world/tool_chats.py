"""Chats in which Pip may use tools: a calculator for sums up to a thousand, and a clock.

The system message lists the tools in the plain form of `tokenizer/tools.py`. Where a tool helps, the answer is a call,
then comes its result, and then the answer in words; everything else is answered as always. Example:

    system     Tools: ...
    user       what is 17 times 23
    assistant  {"name": "calculator", "arguments": {"expression": "17 * 23"}}
    tool       391
    assistant  17 times 23 is 391.
"""

import json
from dataclasses import dataclass
from random import Random

from firstwords.world.chats import sums
from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import number_word, pick
from firstwords.world.town.knowledge import DAYS, MARKS, MONTHS
from firstwords.world.town.plumwick import Town

# the plain form of `tokenizer/tools.py` and the lines of the built-in tools (a test compares them)
HOW_TO_CALL = 'To call one, write {"name": "...", "arguments": {...}}.'
LINES = {
    "calculator": "calculator(expression: string): Calculate a sum.",
    "clock": "clock(zone?: string): The date and the time.",
}
_SETS = ((("calculator", "clock"), 5), (("calculator",), 4), (("clock",), 1))

_SHARES = (30, 35, 21, 14)
_STORIES, _VERBAL = 0.3, 0.4  # of sums that are told with things, or asked with words such as "take away"

# what is asked of the clock -> the answer, with the fields of its result
_CLOCK = (
    (Wording(("what day is it", "what day is it today", "which day is today", "what day of the week is it", "which day of the week is it today"),
             ("what day it is",), ("tell me what day it is",), ("today's day", "which day today")), "It is {day}."),
    (Wording(("what is the date", "what is today's date", "what date is it", "which date is it today", "what is the date today"),
             ("what the date is",), ("tell me the date", "give me the date"), ("the date", "date today", "today's date")), "It is {date} {month} {year}."),
    (Wording(("what time is it", "what is the time", "how late is it", "what time is it now", "can you tell the time"),
             ("what time it is", "how late it is"), ("tell me the time", "give me the time"), ("the time", "time now")), "It is {time}."),
    (Wording(("what month is it", "which month is it now", "what month are we in"), ("which month it is",), (), ("this month",)), "It is {month}."),
    (Wording(("what year is it", "which year is it now", "what year are we in"), ("which year it is",), (), ("this year",)), "It is {year}."),
)  # fmt: skip
_ASKED = (30, 25, 30, 7, 8)


@dataclass(frozen=True)
class Use:
    """A turn that a tool helps with: the kind of chat in which Pip answers it by itself, the call as it is written, and
    its result.
    """

    kind: str
    turn: Turn
    call: str
    result: str


def system(names: tuple[str, ...], before: str = "") -> str:
    """The system message that lists these tools, after the text of another one."""
    listed = "\n".join(["Tools:", *(LINES[name] for name in names), HOW_TO_CALL])
    return f"{before}\n\n{listed}" if before else listed


def tools(rng: Random) -> tuple[str, ...]:
    """The names of the tools of a chat."""
    return rng.choices([names for names, _ in _SETS], [weight for _, weight in _SETS])[0]


def use(rng: Random, names: tuple[str, ...], home: Town) -> Use:
    """A question for one of these tools; mostly for the calculator if it is among them."""
    return a_sum(rng, home) if "calculator" in names and (len(names) == 1 or rng.random() < 0.7) else a_time(rng)


def a_sum(rng: Random, home: Town) -> Use:
    """A sum with numbers up to a thousand, as people ask for it, now and then with things that are gained or lost."""
    sign, a, b, right = numbers(rng)
    if sign in ("plus", "minus") and a and b and rng.random() < _STORIES:
        return called(sums.story_sum(rng, home, a, b, sign, right), sign, a, b, right)
    return called(Turn(_asked(rng, sign, a, b), f"{a} {sign} {b} is {right}."), sign, a, b, right)


def called(turn: Turn, sign: str, a: int, b: int, right: int) -> Use:
    """The turn with the calculator's call and result; its answer has the result and no other number."""
    check = Check("number", (str(right),), allow=(str(a), str(b)))
    return Use("sum", turn._replace(check=check), _call("calculator", {"expression": f"{a} {MARKS[sign]} {b}"}), str(right))


def _call(name: str, arguments: dict[str, str]) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def numbers(rng: Random) -> tuple[str, int, int, int]:
    """(sign, two numbers, result); the numbers have one, two or three digits, often not equally many."""
    sign = rng.choices(list(MARKS), _SHARES)[0]
    a, b = (rng.randint(0, pick(rng, (10, 20, 100, 100, 1000, 1000, 1000))) for _ in range(2))
    if sign == "plus":
        return sign, a, b, a + b
    if sign == "minus":
        a, b = max(a, b), min(a, b)
        return sign, a, b, a - b
    if sign == "times":
        a, b = rng.randint(0, pick(rng, (10, 20, 100, 1000))), rng.randint(0, pick(rng, (10, 20, 100)))
        return sign, a, b, a * b
    b, right = rng.randint(1, pick(rng, (10, 20, 50))), rng.randint(0, pick(rng, (10, 20)))
    return sign, b * right, b, right


def _asked(rng: Random, sign: str, a: int, b: int) -> str:
    marks, verbal = sums.SIGNS[sign]
    if rng.random() < _VERBAL:
        return ask(rng, verbal, a=a, b=b)
    if rng.random() < 0.45:
        return ask(rng, sums.SUM, a=a, b=b, p=pick(rng, marks))
    are_words = a <= 20 and b <= 20 and rng.random() < 0.5
    one, two = (number_word(a), number_word(b)) if are_words else (a, b)
    return ask(rng, sums.SUM, a=one, b=two, p=f" {sign} ")


def a_time(rng: Random) -> Use:
    """A question for the clock."""
    wording, answer = rng.choices(_CLOCK, _ASKED)[0]
    month = rng.randrange(12)
    fields = {
        "day": pick(rng, DAYS), "date": rng.randint(1, 28), "month": MONTHS[month], "year": rng.randint(2024, 2039),
        "time": f"{rng.randrange(24):02}:{rng.randrange(60):02}",
    }  # fmt: skip
    said = answer.format_map(fields)
    result = "{day}, {date} {month} {year}, {time}".format_map(fields)
    return Use("today", Turn(ask(rng, wording), said, Check("exact", (said.strip("."),))), _call("clock", {}), result)
