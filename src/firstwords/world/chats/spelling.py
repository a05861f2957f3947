"""What people do at a keyboard: no capitals, no full stop, "whats", "u", "pls", a slip in a long word, digits for numbers.

Only the words of asking are misspelled, never what is asked about: a name, an animal or a number keeps its letters, so
that an answer stays correct. Text in double quotes is left alone. Capitals need no practice: the chat template reads
"HELLO" as "hello".
"""

import re
from random import Random

from firstwords.world.phrases import pick
from firstwords.world.town.knowledge import NUMBER_WORDS

RATE = 0.5  # of the visitor's short turns
TOO_LONG = 140  # characters: a pasted text is not typed by hand

_LOWER, _NO_END, _SLIP, _SPACES, _MARKS = 0.85, 0.7, 0.1, 0.02, 0.08
_SHORT, _DIGITS, _AMERICAN = 0.4, 0.25, 0.5

# (pattern, what people type instead)
_SHORTER = tuple((re.compile(rf"\b{pattern}\b", re.IGNORECASE), typed) for pattern, typed in (
    ("what is", ("whats", "whats", "what's", "wats")), ("who is", ("whos", "who's")), ("where is", ("wheres", "where's")),
    ("how is", ("hows", "how's")), ("I am", ("im", "i'm")), ("you are", ("ur", "you're", "youre", "u r")),
    ("do not", ("dont", "don't")), ("does not", ("doesnt",)), ("cannot", ("cant", "can't")), ("are you", ("r u", "are u")),
    ("you", ("u",)), ("your", ("ur",)), ("please", ("pls", "plz")), ("thank you", ("thank u", "thx", "ty")),
    ("thanks", ("thx",)), ("give me", ("gimme",)), ("want to", ("wanna",)), ("going to", ("gonna",)),
    ("let me", ("lemme",)), ("because", ("cuz",)), ("tomorrow", ("tmrw",)), ("okay", ("k",)), ("that is", ("thats",)),
    ("it is", ("its",)), ("is not", ("isnt",)), ("did not", ("didnt",)), ("have not", ("havent",)),
    ("I would", ("id", "i'd")), ("something", ("smth",)), ("good night", ("gn", "goodnight")),
    ("'s", ("s", "s", "'s")),
))
_US = tuple((re.compile(british), american) for british, american in (
    (r"(?<=olo)ur(?=s?\b)", "r"), (r"(?<=avo)ur(?=ite)", "r"), (r"\bgrey\b", "gray"), (r"\bmum\b", "mom"),
))
# words in which a slip of the finger changes no meaning
_SAFE_WORDS = """
what which where opposite colour color capital please animal animals french mean means number tell know question comes
after before bigger smaller sound make story sentence letter words start begin begins rhymes rhyme repeat lives called
favourite favorite language country joke riddle poem about would think could many much month street hello morning
something hobby birthday mother father
"""
_SAFE = frozenset(_SAFE_WORDS.split())
_DIGIT_OF = {word: str(i) for i, word in enumerate(NUMBER_WORDS[:21]) if i > 1}  # "one" is often no number
_WORD_OF = {digit: word for word, digit in _DIGIT_OF.items()}
_NUMBER = re.compile(rf"(?<![\w'-])({'|'.join(_DIGIT_OF)})(?![\w'-])")
_DIGIT = re.compile(r"(?<![\w.,+*/=-])(?<![+*/=-] )(\d+)(?! ?[+*/=-])(?![\w.,])")
_QUOTED = re.compile(r'("[^"]*")')


def careless(rng: Random, text: str, numbers: bool = True) -> str:
    """The text as a hurried person types it; `numbers=False` keeps digits and number words as they are.

    Numbers, names and quoted passages keep their meaning. Example: "What is two plus three?" -> "whats 2 plus 3".
    """
    parts = _QUOTED.split(text)
    steps = [step for rate, step in (
        (_AMERICAN, _american), (_SHORT, _short), (_DIGITS if numbers else 0, _other_numbers), (_SLIP, _slip),
    ) if rng.random() < rate]
    lower, spaces = rng.random() < _LOWER, rng.random() < _SPACES
    for i in range(0, len(parts), 2):
        for step in steps:
            parts[i] = step(rng, parts[i])
        if lower:
            parts[i] = parts[i].lower()
        if spaces and " " in parts[i].strip():
            parts[i] = parts[i].replace(" ", "  ", 1)
    return _ending(rng, "".join(parts)).strip() or text


def _ending(rng: Random, text: str) -> str:
    bare = text.rstrip("?!. ")
    if not bare or bare.endswith("="):
        return text
    draw = rng.random()
    if draw < _NO_END:
        return bare
    return bare + pick(rng, ("??", "!!", "!", " ?", "...", "?!")) if draw < _NO_END + _MARKS else text


def _american(rng: Random, text: str) -> str:
    for british, american in _US:
        text = british.sub(american, text)
    return text


def _short(rng: Random, text: str) -> str:
    for pattern, typed in _SHORTER:
        if rng.random() < 0.7:
            text = pattern.sub(pick(rng, typed), text)
    return text


def _other_numbers(rng: Random, text: str) -> str:
    if _NUMBER.search(text):
        return _NUMBER.sub(lambda m: _DIGIT_OF[m[1]], text)
    return _DIGIT.sub(lambda m: _WORD_OF.get(m[1], m[1]), text)


def _slip(rng: Random, text: str) -> str:
    """One letter dropped, doubled or swapped with its neighbour, in one of the safe words."""
    places = [m for m in re.finditer(r"[A-Za-z]{4,}", text) if m[0].lower() in _SAFE]
    if not places:
        return text
    at = pick(rng, places)
    word, i = at[0], rng.randint(1, len(at[0]) - 2)
    typed = pick(rng, (
        word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:], word[:i] + word[i + 1] + word[i] + word[i + 2 :],
    ))
    return text[: at.start()] + typed + text[at.end() :]
