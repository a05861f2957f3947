"""A small grammar of how people ask: a kind states its content once and gets hundreds of phrasings.

A `Wording` lists the cores of one question by form, in lower case and without final punctuation. `ask` picks a form, fills
the slots and puts an opener and a closer around it. The result is well spelled; `spelling.careless` comes later. Example:
ask(rng, Wording(("what is the opposite of {w}",), clauses=("what the opposite of {w} is",)), w="big") ->
"Can you tell me what the opposite of big is?"
"""

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from firstwords.world.phrases import cap, pick


class Wording(NamedTuple):
    """The cores of one question, by grammatical form."""

    questions: tuple[str, ...] = ()  # "what is the opposite of {w}"
    clauses: tuple[str, ...] = ()  # "what the opposite of {w} is", after "can you tell me"
    wishes: tuple[str, ...] = ()  # "tell me the opposite of {w}", a request as a verb phrase
    notes: tuple[str, ...] = ()  # "opposite of {w}", a few key words as in a search box


# how often a form is chosen where a wording has it, and what stands around it. Plain text is the most frequent. The exam
# begins its questions with "Could you", "I forgot" and the like, so these frames don't.
_PLAIN = 0.65
_QUESTION_FRAMES = (
    "Pip, {q}?", "Hey Pip, {q}?", "Hi Pip, {q}?", "Hello, {q}?", "Hey, {q}?", "So, {q}?", "Ok, {q}?", "Well, {q}?",
    "And {q}?", "Now, {q}?", "Tell me, {q}?", "Please tell me: {q}?", "Question: {q}?", "Quick question: {q}?",
    "I have a question. {Q}?", "One more question: {q}?", "My question is: {q}?", "Next question: {q}?",
    "{Q}, please?", "{Q}? Please tell me.", "{Q}, Pip?", "{Q}? Thanks!", "Do you know? {Q}?",
    "Help me: {q}?", "I want to know: {q}?", "Hello! {Q}?", "Hi! {Q}?", "Excuse me, {q}?", "Let me ask: {q}?",
)
_CLAUSE_FRAMES = (
    "Can you tell me {e}?", "Do you know {e}?", "Tell me {e}.", "I want to know {e}.", "Please tell me {e}.",
    "I would like to know {e}.", "Can you please tell me {e}?", "Pip, do you know {e}?", "Hey, can you tell me {e}?",
    "Pip, can you tell me {e}?", "Pip, tell me {e}.", "Do you know {e}, Pip?",
    "Tell me {e}, please.", "Hi, do you know {e}?", "So do you know {e}?", "Will you tell me {e}?", "I need to know {e}.",
    )
# only around "what ...", "how ...", "if ...": not "I wonder the name of a baby cat"
_ASKING = ("what", "which", "who", "where", "how", "if", "when", "why")
_ASKING_FRAMES = ("I wonder {e}.", "Any idea {e}?", "My question is {e}.", "Have you any idea {e}?", "Do you happen to know {e}?")
_WISH_FRAMES = (
    "Please {w}.", "{W}, please.", "Can you {w}?", "Can you {w}, please?", "Can you please {w}?", "Pip, {w}.", "Hey, {w}.",
    "Pip, can you {w}?", "Pip, please {w}.", "Now {w}.", "I want you to {w}.", "Will you {w}?", "Would you {w}?",
    "Hi Pip, {w}.", "Hey Pip, can you {w}?", "Ok, {w}.", "So {w}.", "{W} now.", "{W}, Pip.", "{W}!", "Please {w}. Thanks!",
    "I would like you to {w}.",
)
_NOTE_FRAMES = (
    "{N}?", "{N}?", "{N}, please.", "{N} please?", "Pip, {n}?", "Hey, {n}?", "{N}!", "{N}, Pip?", "Ok, {n}?",
    "Please: {n}.", "Next: {n}.",
)
_RATES = (0.42, 0.18, 0.2, 0.2)
_ENDS = ("?", "?", ".", "")


def varied(rng: Random, pattern: str) -> str:
    """One of the texts of a pattern: "is it (cold/hot) (today/)" -> "is it cold today", "is it hot", ..."""
    text = _CHOICE.sub(lambda found: pick(rng, found[1].split("/")), pattern)
    return " ".join(text.split())


_CHOICE = re.compile(r"\(([^()]*/[^()]*)\)")


def ask(rng: Random, wording: Wording, **slots: object) -> str:
    """A question in one of the wording's forms, filled and framed; the same state of `rng` gives the same question."""
    forms = [i for i, cores in enumerate(wording) if cores]
    form = rng.choices(forms, [_RATES[i] for i in forms])[0]
    core = varied(rng, pick(rng, wording[form])).format(**slots)
    frames: Sequence[str] = (_QUESTION_FRAMES, _CLAUSE_FRAMES, _WISH_FRAMES, _NOTE_FRAMES)[form]
    if form == 1 and core.startswith(_ASKING):
        frames = (*frames, *_ASKING_FRAMES)
    if form == 1 or rng.random() > _PLAIN:
        return _filled(pick(rng, frames), core)
    end = ("?", "", ".", "")[form] if form != 3 else pick(rng, _ENDS)
    return cap(core) + (end if core[-1] not in "?=!." else "")


def _filled(frame: str, core: str) -> str:
    core = core.rstrip("?!. ")
    key = cap(core)
    return cap(frame.format(q=core, Q=key, e=core, w=core, W=key, n=core, N=key))
