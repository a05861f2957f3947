"""How friendly writers end an answer: by what was asked, so that it fits, and a chat doesn't repeat itself.

    closings("sum", is_refusal=False)    -> ("Please give me more numbers!", "I like numbers!")
    is_friendly("2 plus 2 is 4. I like numbers!")    -> True

Most groups have a polite closing and one without a polite word: a person who likes polite answers has a choice. An
answer that invites the visitor already ("Ask me about Plumwick, sums or animals.") needs none. No torch here.
"""

from firstwords.world.chats.hello import ASK_ME

_ANSWERED = {  # kinds of chat: the closings
    ("sum", "compare", "how many", "days of a month", "double or half", "odd or even"): ("Please give me more numbers!", "I like numbers!"),
    ("opposite", "plural", "rhyme", "sentiment", "odd one out", "uses"): ("Please try another word!", "Words are fun!"),
    ("colour of",): ("Please ask me about another thing!", "I like colours!"),
    ("animal", "animal can", "what is", "what it is like", "bigger thing"): ("Please ask me more!", "That is good to know!"),
    ("order",): ("Thank you for asking!", "How time flies!"),
    ("country",): ("Thank you for asking!", "It must be lovely there!"),
    ("fact", "place or feast", "follow-ups", "and the other", "two steps", "yes or no", "has a pet", "who is", "who does", "people with", "older"):
        ("Please ask me more about Plumwick!", "I like the people here!"),
    ("my name",): ("Please tell me more!", "I like to hear about you!"),
}  # fmt: skip
_REFUSED = {
    ("visitor's life",): ("Please tell me!", "I would like to know!"),
    ("future",): ("I am sorry!", "We will see!"),
    ("countless",): ("I am sorry!", "It would take years!"),
    ("big question",): ("I am sorry!", "What do you think?"),
    ("orders",): ("I am sorry!", "I wish I could!"),
    ("big sum",): ("Please give me a smaller sum!",),
    ("other languages",): ("Please ask me for a French word!",),
}
ANY_ANSWER, ANY_REFUSAL = ("Thank you for asking!", "Ask me anything!"), ("I am sorry!", "I wish I knew!")
AFTER_ANSWERS = tuple(dict.fromkeys((*(c for group in _ANSWERED.values() for c in group), *ANY_ANSWER)))
AFTER_REFUSALS = tuple(dict.fromkeys((*(c for group in _REFUSED.values() for c in group), *ANY_REFUSAL)))
_FRIENDLY_ENDS = (*AFTER_ANSWERS, *AFTER_REFUSALS, ASK_ME)
OF_ANSWERS = {kind: closings for kinds, closings in _ANSWERED.items() for kind in kinds}
OF_REFUSALS = {kind: closings for kinds, closings in _REFUSED.items() for kind in kinds}


def closings(kind: str, is_refusal: bool) -> tuple[str, ...]:
    """What may end an answer to a chat of this kind (a key of `conversations.KINDS`), or the refusal of one."""
    return OF_REFUSALS.get(kind, ANY_REFUSAL) if is_refusal else OF_ANSWERS.get(kind, ANY_ANSWER)


def is_friendly(text: str) -> bool:
    """Whether an answer ends with one of the closings, or with an invitation."""
    return text.rstrip().endswith(_FRIENDLY_ENDS)
