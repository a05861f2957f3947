"""What visitors ask, as plain text: lists of questions without answers, and questions with Pip's answers.

They bring the spellings of people in a hurry ("capital of france", "whats 2+2") into the vocabulary and the base model,
which otherwise meets them only in the chats. The turns are those of the chats, except the long ones; questions that are
kept for measuring are left out, as there.
"""

import re
from random import Random

from firstwords.world.chats.conversations import short_turns
from firstwords.world.phrases import pick
from firstwords.world.town.plumwick import Town

_FORMS = (("Question: ", "Answer: "), ("Q: ", "A: "), ("Visitor: ", "Pip: "), ("", ""))
_TITLES = ("What people ask Pip", "Questions and answers", "A talk with Pip", "Pip answers", "")
_IS_FOR_FORMS = re.compile(r"first name", re.I).search  # in a text it is followed by the next question of a form
_LISTS = ("What people ask", "Questions", "Some questions for Pip", "Can you answer all of them?", "")


def answers(rng: Random, town: Town) -> str:
    """A handful of questions with Pip's answers."""
    asked, answered = pick(rng, _FORMS)
    lines = [f"{asked}{turn}\n{answered}{reply}" for turn, reply in short_turns(rng, town, rng.randint(3, 8))]
    lines = [line for line in lines if not _IS_FOR_FORMS(line)]
    return "\n".join(filter(None, [pick(rng, _TITLES), *lines]))


def questions(rng: Random, town: Town) -> str:
    """A list of questions without their answers, one in a line."""
    lines = [turn for turn, _ in short_turns(rng, town, rng.randint(5, 12))]
    return "\n".join(filter(None, [pick(rng, _LISTS), *lines]))
