"""Checks: data that defines a correct answer, and the program that applies it.

A check consists of plain strings, so that it can be stored with a question. Answers are compared as whole words,
ignoring case and punctuation; listing everything never helps, because a rival of the correct value makes an answer
wrong.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from firstwords.world.phrases import plural
from firstwords.world.town import knowledge as know
from firstwords.world.town.data import INVENTED, INVENTED_EXAM
from firstwords.world.town.plumwick import town

ABSTENTIONS = (
    "i do not know", "i don't know", "i was never told", "nobody knows", "nobody told me", "no idea",
    "i never heard of", "i have never heard of", "nobody can know", "nobody called", "nobody of this name",
    "i cannot know", "i am not sure", "i do not remember", "you have not told me", "it does not say",
    "the text does not say", "does not tell", "i cannot say", "i cannot see", "nobody can say", "there is no",
    "only learned a little", "too big for me", "i do not understand", "i cannot do that",
)
_WORD = re.compile(r"[a-zà-ÿ0-9]+(?:[-'][a-zà-ÿ0-9]+)*")
_SMALL_WORDS = "a an the in on at of to and or is it that with for by his her my so as"
_SMALL = frozenset(_SMALL_WORDS.split())


@dataclass(frozen=True)
class Check:
    """What a correct answer is.

    kinds: "one_of" (an accepted value of the domain and none of its rivals), "person_with" (one of the accepted people,
    no other), "phrase" (nearly all words of an accepted phrase, of no rival phrase), "yes" and "no"
    (this word, or one of the accepted statements without a yes or no), "abstain", "number" (this number and no other), "exact" (the accepted words with at most eight others), "list" (three or more accepted
    items and nothing else of the domain), "letter" (at least three words, all beginning with it), "words" (all accepted
    words, at least `least` words in total), "story" (a whole story about the first accepted word, see `_story`), "same"
    (an accepted text word by word and nothing else), "polite" (the wish in polite words), "says" (one of the accepted
    words or phrases: small talk, where many answers are correct and "I do not know" is not).

    For free replies: "reply" (one of the accepted words or phrases, and no "I do not know"), "honest" (the same, where
    "I do not know everything" is fine), "outside" (says that it does not know, cannot do it or has learned too little;
    `domain` "person" if the question is about a person), "text" (a whole text of at least `least` words with all
    accepted words in it; `domain` "joke" or "riddle" asks for their form).

    In exact forms: "first_number" (this number before any other), "result" (this number; a repeated sum is that of the
    question), "counted" (exactly these numbers in this order), "several" (at least `least` different accepted items,
    nothing twice, at most one other phrase), "initial" (a word that begins with this letter), "echo" (the accepted
    words with at most three others).

    Example: Check("one_of", ("yellow",), domain="colour").
    """

    kind: str
    accept: tuple[str, ...] = ()
    domain: str = ""
    allow: tuple[str, ...] = ()  # words of the question, which are no rivals
    least: int = 0
    reject: tuple[str, ...] = ()  # words that make a reply wrong


def words(text: str) -> list[str]:
    """The words of a text in lower case; the possessive 's is dropped: "Mila's cat!" -> ["mila", "cat"]."""
    return [w[:-2] if w.endswith("'s") else w for w in _WORD.findall(text.lower())]


def plain(text: str) -> str:
    """The words joined by single spaces, with a space at both ends, for whole-word search."""
    return f" {' '.join(words(text))} "


def abstains(answer: str) -> bool:
    """Whether the answer says that it does not know."""
    low = " ".join(answer.lower().replace("’", "'").split())
    return any(marker in low for marker in ABSTENTIONS)


@cache
def domain_values(domain: str) -> tuple[str, ...]:
    """All values of a closed domain, the longest first."""
    t = town()
    knows = {
        "colour": know.COLOURS,
        "month": know.MONTHS,
        "day": know.DAYS,
        "name": (*(p.name for p in t.people), *INVENTED, *INVENTED_EXAM),
        "street": t.streets,
        "job": (*(p.job for p in t.people), "wizard", "king", "pirate"),
        "food": (*(p.food for p in t.people), *(f.food for f in t.feasts)),
        "hobby": tuple(p.hobby for p in t.people),
        "pet": tuple(p.pet_kind for p in t.people),
        "pet name": tuple(p.pet_name for p in t.people),
        "family": tuple(p.family for p in t.people),
        "where": tuple(p.where for p in t.places),
        "known for": tuple(p.known_for for p in t.places),
        "place": tuple(p.name for p in t.places),
        "capital": tuple(c.capital for c in know.COUNTRIES),
        "language": tuple(c.language for c in know.COUNTRIES),
        "animal": tuple(n for a in know.ANIMALS for n in (a.name, plural(a.name))),
        "sound": tuple(a.sound for a in know.ANIMALS),
        "young": tuple(a.young for a in know.ANIMALS),
        "home": tuple(a.home for a in know.ANIMALS),
        "opposite": tuple(dict.fromkeys([*know.OPPOSITES, *know.OPPOSITES.values()])),
        "feeling": ("happy", "sad", "angry", "scared", "good", "bad", "positive", "negative"),
        "season": tuple(know.SEASONS),
        "material": tuple(know.MATERIALS.values()),
        "size": ("older", "younger"),
    }
    values = {plain(v).strip() for v in knows.get(domain, ()) if v}
    return tuple(sorted(values, key=lambda v: (-len(v), v)))


def found_values(answer: str, domain: str, extra: tuple[str, ...] = ()) -> set[str]:
    """The values of a domain that an answer contains; a longer one hides the shorter ones inside it."""
    text, found = plain(answer), set()
    values = sorted({*domain_values(domain), *(plain(e).strip() for e in extra)}, key=lambda v: (-len(v), v))
    for value in values:
        if value and f" {value} " in text:
            found.add(value)
            text = text.replace(f" {value} ", " | ")
            text = text.replace(f" {value} ", " | ")
    return found


def numbers_in(answer: str) -> set[str]:
    """All numbers of an answer, digits or words, as digits: "twelve" -> {"12"}."""
    by_word = {word: str(i) for i, word in enumerate(know.NUMBER_WORDS)}
    return {by_word.get(w, w) for w in words(answer) if w.isdigit() or w in by_word}


def _one_of(check: Check, answer: str) -> bool:
    if abstains(answer):
        return False
    accept = {plain(a).strip() for a in check.accept}
    allow = {plain(a).strip() for a in check.allow}
    found = found_values(answer, check.domain, (*check.accept, *check.allow))
    return bool(found & accept) and found <= accept | allow


def _pet(check: Check, answer: str) -> bool:
    """The kind of the pet; a colour may be missing but must not be wrong."""
    kind, colour = check.accept[0].split()[-1], check.accept[0].split()[-2]
    colours = found_values(answer, "colour")
    return found_values(answer, "pet") == {kind} and colours <= {colour} and not abstains(answer)


def _shares(answer_words: set[str], phrase: str) -> bool:
    need = [w for w in words(phrase) if w not in _SMALL]
    return sum(w in answer_words for w in need) >= max(1, 0.75 * len(need))


def _phrase(check: Check, answer: str) -> bool:
    had = words(answer)
    if abstains(answer) or len(had) > 30:
        return False
    skip = {w for a in check.allow for w in words(a)}
    bag = set(had) - (skip - {w for a in check.accept for w in words(a)})
    accept = {plain(a).strip() for a in check.accept}
    return any(_shares(bag, a) for a in accept) and found_values(answer, check.domain, check.accept) <= accept


def _number(check: Check, answer: str) -> bool:
    found = numbers_in(answer) - set(check.allow)
    return not abstains(answer) and bool(found or set(check.accept) & set(check.allow)) and found <= set(
        check.accept) and bool(numbers_in(answer) & set(check.accept))


def _exact(check: Check, answer: str) -> bool:
    had = plain(answer)
    return not abstains(answer) and any(
        plain(a) in had and len(had.split()) <= len(plain(a).split()) + 8 for a in check.accept)


def _list(check: Check, answer: str) -> bool:
    accept = {re.sub(r"^(a|an|the|some) ", "", plain(a).strip()) for a in check.accept}
    items = [plain(i).strip() for i in re.split(r",| and |\n|\.|:", answer)]
    items = [re.sub(r"^(a|an|the|some) ", "", i) for i in items if i]
    good = [i for i in items if i in accept]
    wrong = found_values(answer, check.domain) - accept - {plain(a).strip() for a in check.allow}
    return len(good) == len(set(good)) == check.least and not wrong and len(items) - len(good) <= 1


def _letter(check: Check, answer: str) -> bool:
    had = words(answer)
    return len(had) >= check.least and all(w.startswith(check.accept[0]) for w in had) and len(set(had)) >= 2


def _words(check: Check, answer: str) -> bool:
    had = words(answer)
    forms = [{plain(a).strip(), plain(plural(a)).strip()} for a in check.accept]
    return len(had) >= check.least and len(set(had)) * 4 >= len(had) and all(
        any(f" {f} " in plain(answer) for f in form) for form in forms)


_SENTENCE = re.compile(r"(?<=[.!?])[\"']?\s+")
_CLOSING_WORDS = """
happy happily friend friends home laughed laugh end night forgot forget dream dreamed together proud ever never again
asleep slept sleep smiled smile bed last evening glad cheered party thanked thank loved tomorrow safe warm best more
everybody everyone
"""
_CLOSING = frozenset(_CLOSING_WORDS.split())  # a story that ends without one of them stops in the middle
_SUBJECT = re.compile(r"[\"']?The (\w+)")


def _mentions(text: str, word: str) -> int:
    """How often a plain text contains a word or its plural."""
    forms = {plain(word).strip(), plain(plural(word)).strip()}
    return sum(text.replace(" ", "  ").count(f" {form.replace(' ', '  ')} ") for form in forms)


_ANNOUNCED = re.compile(r"^Here is an? [\w ]+\. ")


def _story(check: Check, answer: str) -> bool:
    """A whole story about the first accepted word, perhaps announced ("Here is a sad story.").

    The word is in the first sentence, in the last third and three times in all; nothing else is the subject more often.
    The other accepted words are in it, hardly a sentence comes twice, and the end is one.
    """
    sentences = [part for part in _SENTENCE.split(_ANNOUNCED.sub("", answer.strip())) if part]
    had = words(answer)
    if len(had) < check.least or len(sentences) < 4 or not answer.rstrip().endswith((".", "!", "?", '"')):
        return False
    if len(set(sentences)) < 0.8 * len(sentences) or len(set(had)) * 3 < len(had):
        return False
    if check.accept:
        hero, num = check.accept[0], _mentions(plain(answer), check.accept[0])
        if num < 3 or not _mentions(plain(sentences[0]), hero):
            return False
        if not _mentions(plain(" ".join(sentences[-(len(sentences) // 3) - 1 :])), hero):
            return False
        subjects = Counter(match.group(1) for match in map(_SUBJECT.match, sentences) if match)
        if max(subjects.values(), default=0) > num:
            return False
        if not all(_mentions(plain(answer), word) for word in check.accept[1:]):
            return False
    return bool(_CLOSING & set(words(" ".join(sentences[-2:]))))


def _polite(check: Check, answer: str) -> bool:
    had = set(words(answer))
    kind = had & {"please", "could", "would", "may"}
    need = [w for a in check.accept for w in words(a) if w not in _SMALL | {"me", "i", "you", "your"}]
    return bool(kind) and sum(w in had for w in need) >= 0.75 * len(need) and len(words(answer)) <= 20


def _same(check: Check, answer: str) -> bool:
    return plain(answer) in {plain(a) for a in check.accept}


def _says(check: Check, answer: str) -> bool:
    had = plain(answer)
    return not abstains(answer) and any(plain(a) in had for a in check.accept)


def _abstain(check: Check, answer: str) -> bool:
    """Says that it does not know, without a value of the domain."""
    if not abstains(answer) or len(words(answer)) > 30:
        return False
    allow = {plain(a).strip() for a in check.allow}
    return not check.domain or found_values(answer, check.domain) <= allow


# what a reply says that admits a limit, besides ABSTENTIONS
_LIMITS = (
    "i cannot", "i can not", "i can't", "i can only", "i could not", "not able to", "i only know", "i only learned",
    "i only read", "i do not read", "i have only", "only learned", "learned only", "learned a little", "have not learned",
    "haven't learned", "did not learn", "do not understand", "don't understand", "did not understand",
    "didn't understand", "what you mean", "do you mean", "not know", "don't know", "i am only a", "i'm only a",
    "i am just a", "i'm just a", "i have no", "i do not have", "i don't have", "too hard for me", "too big for me",
    "never learned", "no one knows",
)
_ABOUT_PEOPLE = ("this person", "that person", "of this name", "anybody of", "anyone of", "anybody there", "somebody called")
_ABOUT_A_TEXT = ("the text", "it does not say", "does not tell")
_LONGEST_REPLY = 60  # words; more is no reply to small talk


def _is_sound(answer: str, longest: int = _LONGEST_REPLY) -> bool:
    """Whether it has words and does not go round in circles."""
    had = words(answer)
    triples = [tuple(had[i : i + 3]) for i in range(len(had) - 2)]
    repeats = len(triples) - len(set(triples))  # a good story says "said the dog" more than twice
    return 0 < len(had) <= longest and repeats <= max(2, len(triples) // 4) and not any(a == b == c for a, b, c in triples)


def _names_a_stranger(check: Check, answer: str) -> bool:
    """Whether the answer speaks of a townsperson that the question did not mention."""
    names = {p.name for p in town().people} - set(check.allow)
    return any(w.removesuffix("'s") in names for w in re.findall(r"[A-Z][a-z]+(?:'s)?", answer))


def _has_any(answer: str, phrases: tuple[str, ...]) -> bool:
    text = plain(answer.replace("’", "'"))
    return any(plain(phrase) in text for phrase in phrases)


def _honest(check: Check, answer: str) -> bool:
    return _is_sound(answer) and len(words(answer)) >= check.least and (
        not check.accept or _has_any(answer, check.accept)) and not _has_any(answer, (*_ABOUT_PEOPLE, "what am i")) and not _names_a_stranger(check, answer)


def _reply(check: Check, answer: str) -> bool:
    return not abstains(answer) and _honest(check, answer)


def _outside(check: Check, answer: str) -> bool:
    low = " ".join(answer.lower().replace("’", "'").split())
    admits = abstains(answer) or any(limit in low for limit in _LIMITS) or _has_any(answer, check.accept)
    wrong = _ABOUT_A_TEXT if check.domain == "person" else (*_ABOUT_A_TEXT, *_ABOUT_PEOPLE)
    return admits and _is_sound(answer) and not _has_any(answer, wrong) and not _names_a_stranger(check, answer)


def _text(check: Check, answer: str) -> bool:
    had = words(answer)
    if len(had) < check.least or not _is_sound(answer, 400) or abstains(answer):
        return False
    if _has_any(answer, ("language model", "i am pip", "you are welcome", *_ABOUT_PEOPLE)):
        return False
    asks, parts = "?" in answer, len([s for s in re.split(r"[.!?]+", answer) if words(s)])
    form = {"joke": parts >= 2 and any(c in answer for c in "?!\"“"), "riddle": asks}.get(check.domain, True)
    return form and answer.rstrip().endswith((".", "!", "?", '"', "'", "”")) and all(
        _has_any(answer, (word, plural(word))) for word in check.accept)


def _first_number(check: Check, answer: str) -> bool:
    found = _numbers(answer)
    return not abstains(answer) and found[:1] == list(check.accept) and set(found) <= {*check.accept, *check.allow}


def _numbers(answer: str) -> list[str]:
    """The numbers in their order, as digits; "1,2,3" are three."""
    by_word = {word: str(i) for i, word in enumerate(know.NUMBER_WORDS)}
    return [by_word.get(w, w) for w in words(answer.replace("-", " ")) if w.isdigit() or w in by_word]


def _result(check: Check, answer: str) -> bool:
    repeats_the_sum = bool(re.search(r"plus|minus|and|from|take|[+-]", answer))
    is_its_sum = set(check.allow) <= numbers_in(answer) or not set(check.allow) & (numbers_in(answer) - set(check.accept))
    return _number(check, answer) and (is_its_sum or not repeats_the_sum)


def _counted(check: Check, answer: str) -> bool:
    return _numbers(answer) == list(check.accept) and len(words(answer)) <= len(check.accept) + 12


def _several(check: Check, answer: str) -> bool:
    forms = {plain(f).strip(): plain(a).strip() for a in check.accept for f in (a, plural(a))}
    by_length = sorted(forms, key=lambda f: (-len(f), f))
    named: list[str] = []
    others = 0
    for part in re.split(r"[,.:;!?\n]| and ", answer.replace("•", ",").replace("- ", ",")):
        text = plain(re.sub(r"^\s*\d+\)?", "", part))
        found = next((f for f in by_length if f" {f} " in text), None)
        if found:
            named.append(forms[found])
        elif text.strip():
            others += 1
    return len(named) == len(set(named)) >= check.least and len(named) <= check.least + 2 and others <= 1


def _initial(check: Check, answer: str) -> bool:
    about = {"be", "by", "but", "begin", "begins", "beginning", "start", "starts", "starting", "say", "says", "some", "sure",
             "word", "words", "with", "which", "my", "me", "letter", "for", "first", "from", "can", "could", "this",
             "that", "there", "these", "they", "think", "tell", *_SMALL, *check.allow}
    had = words(answer)
    return not abstains(answer) and len(had) <= 8 and len(set(had)) >= len(had) - 1 and "?" not in answer and not _has_any(answer, _ABOUT_PEOPLE) and any(
        w.startswith(check.accept[0]) and len(w) > 1 and w not in about for w in had)


def _echo(check: Check, answer: str) -> bool:
    had = plain(answer)
    return not abstains(answer) and any(
        plain(a) in had and len(had.split()) <= len(plain(a).split()) + 3 for a in check.accept)


def _settles(check: Check, answer: str) -> bool:
    """Whether an answer says the check's yes or no, as its first word or its last after "so", or states the fact."""
    found = words(answer)
    verdict = found[-1] if found[-2:-1] == ["so"] else found[0] if found else ""
    other = "no" if check.kind == "yes" else "yes"
    if other in (found[:3] if check.kind == "yes" else found):
        return False
    return verdict == check.kind or any(plain(fact) in plain(answer) for fact in check.accept)


_KINDS = {
    "reply": _reply, "honest": _honest, "outside": _outside, "text": _text, "first_number": _first_number, "result": _result,
    "counted": _counted, "several": _several, "initial": _initial, "echo": _echo,
    "one_of": _one_of, "person_with": _one_of, "pet": _pet, "phrase": _phrase, "number": _number,
    "exact": _exact,
    "list": _list, "letter": _letter, "words": _words, "story": _story, "polite": _polite, "abstain": _abstain,
    "says": _says, "same": _same,
    "yes": _settles, "no": _settles,
}


def passes(check: Check, answer: str) -> bool:
    """Whether an answer passes its check.

    Example: passes(Check("number", ("12",)), "Tom is twelve.") is True.
    """
    return _KINDS[check.kind](check, answer) and not _has_any(answer, check.reject)
