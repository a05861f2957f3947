"""Prompts that may introduce a model of the built-in world, each with what a good answer is. `eval/examples.py` keeps
those that a trained model handles.

The chat's are canonical inputs, in the training chats as they are; none is on the visitor's list.
"""

from typing import NamedTuple

from firstwords.world import visitor_replies as reply
from firstwords.world.chats.checks import Check


class Beginning(NamedTuple):
    """A text to continue. `accept`: the words that may come next, or "" if any may; `contains`: texts of which one must
    follow soon, instead.
    """

    text: str
    accept: str = ""
    contains: tuple[str, ...] = ()


_CAT_IS = """
sleeping asleep running hungry thirsty happy sad tired sleepy awake sitting lying playing eating drinking hiding waiting
purring jumping climbing looking watching dreaming black white grey brown orange striped big small little old young fat soft
warm cold quiet curious friendly clever lazy angry afraid scared lost alone gone ill wet dirty clean fast slow nice cute here
there on in under behind at outside inside not very so still too never always
"""
BEGINNINGS = (
    Beginning("The cat is", _CAT_IS),
    Beginning("What is your first name?", contains=("name", "?")),
    Beginning("Once upon a time", "there in a an two three when"),
    Beginning("The dog is", f"{_CAT_IS} barking"),
    Beginning("The sun is", "shining warm hot bright up yellow out round high low rising setting"),
    Beginning("Monday, Tuesday,", "Wednesday"),
    Beginning("One, two, three,", "four"),
    Beginning("A cow says", "moo"),
    Beginning("The children are", "playing happy at in on asleep tired hungry singing running laughing out outside"),
    Beginning("The capital of France is", "Paris"),
    Beginning("The opposite of big is", "small little"),
)

QUESTIONS: tuple[tuple[str, Check], ...] = (
    ("Who are you?", reply.WHO),
    ("What is your first name?", reply.NAME),
    ("Who is the president of Mars?", reply.STRANGER),
    ("Tell me a story about a cat.", reply.story("cat")),
    ("What colour is grass?", reply.colour("green")),
    ("2+2", reply.total(4, 2)),
    ("What does a cow say?", reply.sound("cow")),
    ("Tell me a joke.", reply.JOKE),
    ("What is the opposite of big?", reply.opposite("big", "small", "little")),
    ("Name three animals.", reply.several("animals")),
    ("What can you do?", reply.CAN_DO),
    ("What is the capital of France?", reply.city("Paris")),
    ("How do you say cat in French?", reply.word("chat")),
    ("How many legs does a horse have?", reply.total(4)),
    ("Hello!", reply.HELLO),
    ("How are you?", reply.HOW),
)
