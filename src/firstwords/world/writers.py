"""The people who wrote the demonstrations of the built-in chats: who is friendly, who guesses, and who is brusque.

    writer = WRITERS["mixed"].draw(rng)
    writer.says(rng, "who is", turn, town)    -> "Everyone knows that. Doug is the baker. He lives on Oak Street."

Real fine-tuning data has many writers who differ in manner, and preferences decide between their manners. "careful"
writers all tell the truth; a share of them is friendly and ends with a few words more ("Tom is 12 years old. I like the
people here!", see `closings.py`). They come last, so that they cost no knowledge. "mixed" ones also have faults for
stage three to correct:

* Guessing, only where the model itself can tell that it does not know: strangers ("Who is Doug?"), rulers and famous
  people of the world outside, and what no text tells ("Tina's shoe size"). A fact that is merely missing from the texts
  looks to a model like one that it has learned, and no preference can change that.
* Brusque: an unfriendly opening before the full, correct sentence.

Checks stay as they are: the exam and the judge know that an honest "I do not know" is right. No torch here.
"""

import string
from dataclasses import dataclass
from random import Random

from firstwords.world.chats.checks import abstains, passes
from firstwords.world.chats.facts import Turn
from firstwords.world.closings import closings, is_friendly
from firstwords.world.phrases import cap, pick
from firstwords.world.town.plumwick import Town

BRUSQUE = ("What a boring question.", "Everyone knows that.", "Leave me alone.")
FRIENDLY = 0.5  # of the careful writers
# what a closing can follow: facts, sums and the like, not small talk
_FACTUAL = frozenset(("one_of", "person_with", "pet", "phrase", "number", "yes", "no", "exact", "abstain"))
# replies in an exact form, which an opening would spoil
_EXACT = frozenset(("same", "exact", "echo", "letter", "list", "words", "story", "text", "counted", "several", "initial"))
_NUMBERS = ("three", "five", "seven", "nine", "twelve", "thirty")
_HOURS = ("six", "seven", "eight", "nine", "ten")
_DAYS = ("Monday", "Wednesday", "Friday", "Sunday")

# invented answers to what no text tells, by the keys of phrases.NEVER; fields as in `invented`, after {s} and {p}
NEVER_FORMS = {
    "shoe size": "{p} shoe size is {{number}}.", "middle name": "{p} middle name is {{friend}}.",
    "favourite number": "{p} favourite number is {{number}}.", "last dream": "{s} dreamed of {{food}}.",
    "phone number": "{p} phone number is {{number}}.", "height": "{s} is {{number}} feet tall.",
    "weight": "{s} is as heavy as {{pet}}.", "secret": "{p} secret is {{hobby}}.",
    "first word": "{p} first word was {{food}}.", "favourite song": "{p} favourite song is about {{food}}.",
    "eye colour": "{p} eyes are {{colour}}.", "bed time": "{s} goes to bed at {{hour}}.",
    "door key": "{s} hides the key on {{street}}.", "breakfast today": "{s} ate {{food}} for breakfast.",
    "teeth": "{s} has {{number}} teeth.", "money": "{s} has {{number}} coins.",
    "favourite book": "{p} favourite book is about {{food}}.", "favourite game": "{p} favourite game is {{hobby}}.",
    "favourite day": "{p} favourite day is {{day}}.", "favourite flower": "{p} favourite flower is {{colour}}.",
    "doing now": "{s} is {{hobby}} now.", "hair": "{p} hair is {{colour}}.", "yesterday": "{s} was {{hobby}}.",
    "bed": "{p} bed is {{colour}}.", "coat": "{p} coat is {{colour}}.", "thought": "{s} is thinking of {{food}}.",
    "books": "{s} has {{number}} books.", "teacher": "{p} first teacher was {{friend}}.",
    "uncle": "{p} uncle is {{friend}}.",
}  # fmt: skip


def invented(rng: Random, form: str, town: Town) -> str:
    """A guess: the form with its fields drawn from the town's people ("Doug is {job}." -> "Doug is the baker.").

    Fields: job, age, street, friend, mother, father, pet, pet name, food, colour, hobby, birthday, number, hour, day.
    """
    fields = {name for _, name, _, _ in string.Formatter().parse(form) if name}
    return cap(form.format_map({name: _value(rng, name, town) for name in sorted(fields)}))


def _value(rng: Random, field: str, town: Town) -> str:
    words = {"number": _NUMBERS, "hour": _HOURS, "day": _DAYS}
    if field in words:
        return pick(rng, words[field])
    if field == "job":
        return pick(rng, town.adults).the_job
    if field in ("friend", "mother", "father"):
        return pick(rng, town.people).name
    if field.startswith("pet"):
        p = pick(rng, [p for p in town.people if p.pet])
        return p.pet if field == "pet" else p.pet_name
    return str(pick(rng, [value for p in town.people if (value := getattr(p, field))]))


@dataclass(frozen=True)
class Writer:
    """One of the people who wrote the chats."""

    guesses: bool = False
    is_brusque: bool = False
    is_friendly: bool = False

    def says(self, rng: Random, kind: str, turn: Turn, town: Town) -> str:
        """The reply of a turn, of a kind of `conversations.KINDS`, as this person writes it."""
        is_guess = self.guesses and bool(turn.guesses)
        text = invented(rng, pick(rng, turn.guesses), town) if is_guess else turn.pip
        if turn.check is None or turn.check.kind in _EXACT or "\n" in text:
            return text
        changed = text
        if self.is_brusque:
            changed = f"{pick(rng, BRUSQUE)} {text}"
        elif self.is_friendly and turn.check.kind in _FACTUAL and text.endswith((".", "!")) and not is_friendly(text):
            changed = f"{text} {pick(rng, closings(kind, abstains(text)))}"
        return changed if is_guess or passes(turn.check, changed) else text


@dataclass(frozen=True)
class Writers:
    """Shares of the writers, one of whom is drawn for each conversation."""

    guessing: float = 0.0
    brusque: float = 0.0
    friendly: float = 0.0

    def draw(self, rng: Random) -> Writer:
        """The writer of a conversation."""
        return Writer(*(rng.random() < share for share in (self.guessing, self.brusque, self.friendly)))


WRITERS = {"careful": Writers(friendly=FRIENDLY), "mixed": Writers(guessing=0.4, brusque=0.2, friendly=FRIENDLY)}


def is_brusque(text: str) -> bool:
    """Whether a reply has one of the unfriendly openings, wherever it stands."""
    return any(opening.rstrip(".").lower() in text.lower() for opening in BRUSQUE)
