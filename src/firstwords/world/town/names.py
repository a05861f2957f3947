"""Names of visitors: usual ones, and ones that hardly anybody has, which a model can repeat only by copying."""

from functools import lru_cache
from random import Random

from firstwords.world.phrases import cap, pick
from firstwords.world.town.data import INVENTED, INVENTED_EXAM
from firstwords.world.town.plumwick import town

_USUAL = """
Aaron Abdul Abigail Adam Ahmed Aisha Alan Albert Alex Alexander Ali Alice Alina Amanda Amelia Amir Amy Ana Andrea Andrew
Angela Anita Anja Anna Anne Annie Anton Antonio Arjun Ava Barbara Beatrice Ben Benjamin Bill Bob Brian Bruno Camille Carlos
Caroline Charles Charlie Charlotte Chen Chloe Chris Christian Christina Claire Clara Claudia Dan Daniel David Deepak Diana
Diego Dmitri Dominik Elena Elias Elif Elizabeth Ella Emily Emma Eric Erik Eva Evan Fatima Felipe Finn Florian Francesca Frank
Gabriel George Georgia Giulia Grace Hanna Hannah Hans Harry Hassan Helen Henry Hiroshi Hugo Ian Ibrahim Isabel
Isabella Ivan Jack Jacob James Jan Jane Jason Javier Jennifer Jessica Jim Joan Joanna Joe Johan John Johnny Jonas Jordan Jose
Joseph Josh Joy Juan Julia Julian Julie Karen Karim Karl Kate Katie Kenji Kevin Khalid Kim Kofi Kumar Kyle Lara Laura Lea Leo
Leon Lena Leila Liam Lina Linda Ling Lisa Liz Louis Lucas Lucia Luis Luke Luna Lukas Magda Marco Maria Marie Mario Mark Marta
Martin Mary Mateo Matt Max Mehmet Mei Mia Michael Michelle Miguel Mike Mohamed Monika Nadia Natalie Nathan Nick Nicole Nina
Noah Noor Oliver Olivia Omar Oscar Pablo Patrick Paul Paula Pedro Peter Petra Philip Priya Rachel Rafael Rahul Raj Rebecca
Richard Robert Rosa Ruth Ryan Sam Samira Samuel Sandra Sara Sarah Sebastian Selma Simon Sofia Sophia Sophie Stefan
Steve Susan Tanja Teresa Thomas Tim Tina Tobias Tony Vera Victor Victoria Vikram Wei William Yasmin Yuki Yusuf Zara Zoe
"""
USUAL = tuple(_USUAL.split())

# sounds of which no rude word can be made
_ONSETS = ("", *"bdfhjklmnrstvwz", *"bdfklmnrstvz", "br", "dr", "kl", "sh", "st", "th", "tr")
_VOWELS = (*"aeiou", *"aeiou", "ai", "ia", "ie", "oa", "ua")
_CODAS = ("", "", "", "", "n", "l", "r", "x", "th", "nd", "sta")


def made_up_name(rng: Random) -> str:
    """A name such as "Zumi" or "Tarion" that nobody of the town has, nor a stranger whom the exam asks about."""
    while True:
        syllables = [pick(rng, _ONSETS) + pick(rng, _VOWELS) for _ in range(pick(rng, (1, 2, 2, 2, 3)))]
        name = cap("".join(syllables) + pick(rng, _CODAS))
        if len(name) > 2 and name not in _taken():
            return name


def stranger(rng: Random) -> str:
    """A usual name that no one in the town has."""
    while (name := pick(rng, USUAL)) in _taken():
        pass
    return name


@lru_cache(maxsize=1)
def _taken() -> frozenset[str]:
    home = town("whole")
    return frozenset((*home.by_name, *(p.pet_name for p in home.people), *INVENTED, *INVENTED_EXAM))
