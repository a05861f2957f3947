"""The basics: what a visitor types first, in many phrasings, with one short answer each that its own check accepts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice
from random import Random

import pytest

from firstwords.world import exam
from firstwords.world.chats import conversations as chats
from firstwords.world.chats import outside
from firstwords.world.chats.asking import Wording, ask
from firstwords.world.chats.checks import Check, abstains, numbers_in, passes, plain, words
from firstwords.world.chats.spelling import careless
from firstwords.world.town import knowledge as know
from firstwords.world.town.plumwick import town

BASICS = ("hello", "school", "play", "outside")
MAKERS = {kind: maker for group in BASICS for kind, (_, maker) in chats.GROUPS[group][1].items()}
# the same question may have several right answers
OPEN = {"joke", "poem", "list three", "only one letter", "riddle", "how are you"}
# the visitor says something short and fixed, so there are fewer phrasings
FIXED = {"thanks": 25, "goodbye": 25, "praise": 40, "insult": 40, "small words": 80, "greeting": 100}


def _turns(kind: str, num: int, seed: int = 0):
    rng, home = Random(f"{kind} {seed}"), town()
    return [turn for _ in range(num) for turn in MAKERS[kind](rng, home)]


@pytest.mark.parametrize("kind", MAKERS)
def test_every_answer_passes_its_own_check_and_is_short(kind):
    for turn in _turns(kind, 300):
        assert turn.check is not None, turn
        assert passes(turn.check, turn.pip), turn
        assert "{" not in turn.user + turn.pip and turn.user == turn.user.strip() != ""
        assert len(turn.pip.split()) <= (45 if kind == "poem" else 26), turn


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_is_asked_in_many_phrasings(kind):
    assert len({turn.user for turn in _turns(kind, 2000)}) >= FIXED.get(kind, 150)


def test_one_question_has_one_answer():
    """Nothing confuses a small model more than two answers to one question."""
    replies = defaultdict(set)
    rng, home = Random(1), town()
    for kind, maker in MAKERS.items():
        for _ in range(3000):
            turn = maker(rng, home)[0]
            if kind not in OPEN:
                replies[" ".join(re.findall(r"[\w']+|[-+*/]", turn.user.lower()))].add(turn.pip)
    assert len(replies) > 40_000
    assert {question: reply for question, reply in replies.items() if question and len(reply) > 1} == {}


def test_a_wording_is_asked_plainly_and_politely_the_same_for_the_same_seed():
    wording = Wording(("what is {x}",), ("what {x} is",), ("name {x}",), ("{x}",))
    asked = [ask(Random(seed), wording, x="Plumwick") for seed in range(3000)]
    assert asked == [ask(Random(seed), wording, x="Plumwick") for seed in range(3000)]
    found = set(asked)
    assert {
        "What is Plumwick?",
        "Can you tell me what Plumwick is?",
        "Name Plumwick.",
        "Plumwick?",
        "Plumwick",
    } <= found
    assert len(found) > 70
    for text in found:
        assert text[0].isupper() and "Plumwick" in text and "  " not in text and not re.search(r"[?.!]{2}", text), text


def test_sums_are_right_and_echo_the_question_in_digits():
    for turn in _turns("sum", 2000):
        first = turn.pip.split(". ")[0]
        a, sign, b, right = re.fullmatch(r"(\d+) (plus|minus|times|divided by) (\d+) is (\d+)\.?", first).groups()
        a, b, right = int(a), int(b), int(right)
        made = {"plus": right - b, "minus": right + b, "times": right / max(1, b), "divided by": right * b}
        assert made[sign] == a or not b
        asked = re.sub(r"(?<=\d)\s*[-+*x=/:]", " ", turn.user)
        assert {str(a), str(b)} <= numbers_in(asked), turn
        assert max(a, right) <= (100 if sign in ("times", "divided by") else 25)
    small = Counter(re.match(r"\d+ plus \d+", turn.pip)[0] for turn in _turns("sum", 4000) if " plus " in turn.pip)
    assert min(small[f"{a} plus {b}"] for a in range(1, 6) for b in range(1, 6)) >= 10


def test_numbers_are_halved_and_doubled_and_called_odd_or_even_rightly():
    for turn in _turns("double or half", 2000):
        what, n, right = re.fullmatch(r"(Double|Half of) (\d+) is (\d+)\.", turn.pip).groups()
        assert int(right) == (2 * int(n) if what == "Double" else int(n) / 2)
    for turn in _turns("odd or even", 2000):
        n, kind = re.fullmatch(r"(\d+) is (odd|even)\.", turn.pip).groups()
        assert kind == ("odd" if int(n) % 2 else "even") and n in numbers_in(turn.user)


@pytest.mark.parametrize(
    ("kind", "question", "reply"),
    [
        ("sum", "2+2", "2 plus 2 is 4."),
        ("opposite", "what is the opposite of big", "The opposite of big is small."),
        ("colour of", "what color is grass", "Grass is green."),
        ("greeting", "HELLO", "Hello! I am Pip. How can I help you?"),
        ("about Pip", "tell me your name", "My name is Pip."),
        ("animal", "what does a cow say", "A cow says moo."),
        ("country", "what is the capital of france", "The capital of France is Paris."),
        ("today", "what is the weather", "I do not know. I cannot see the sky."),
        ("count", "count to five", "1, 2, 3, 4, 5."),
        ("odd or even", "is 7 odd or even", "7 is odd."),
        ("double or half", "half of ten", "Half of 10 is 5."),
        ("bigger thing", "which is bigger, an elephant or a mouse", "An elephant is bigger than a mouse."),
        ("what it is like", "is fire cold", "Fire is hot."),
        ("spelling", "spell cat", "I do not know how to spell. I read whole words."),
    ],
)
def test_what_a_visitor_types_first_comes_up_word_by_word(kind, question, reply):
    rng = Random(5)
    replies = {
        turn.pip
        for turn in _turns(kind, 8000)
        for text in (turn.user, careless(rng, turn.user))
        if text.rstrip("?!. ") in (question, question.capitalize())
    }
    assert replies == {reply}


def test_careless_typing_keeps_numbers_names_and_quotations():
    rng = Random(2)
    names = [p.name for p in town().people]
    for _ in range(3000):
        name, n, m = rng.choice(names), rng.randint(2, 20), rng.randint(21, 900)
        text = careless(rng, f"Please tell me: is {name} {n} years old, or twelve, or {m}?")
        assert name.lower() in text.lower()
        assert {str(n), "12", str(m)} <= numbers_in(text), text
        quoted = careless(rng, f'Please say "What is {name}?" to me.')
        assert f'"What is {name}?"' in quoted
        sum_ = careless(rng, f"What is {n}-{m} + {n}?")
        assert f"{n}-{m} + {n}" in sum_
    assert numbers_in(careless(rng, "What is three in French?", numbers=False)) == {"3"}
    assert all("three" in careless(rng, "What is three in French?", numbers=False).lower() for _ in range(300))


def test_careless_typing_is_what_people_do():
    rng = Random(3)
    typed = Counter(careless(rng, "What is the opposite of big, please?") for _ in range(4000))
    assert len(typed) > 150
    for text in (
        "what is the opposite of big, please",
        "whats the opposite of big, pls",
    ):
        assert typed[text] > 0
    assert sum(n for text, n in typed.items() if text[0].islower()) > 2500
    assert not any(text.isupper() for text in typed), "the chat template reads capitals as small letters"
    for text in typed:
        assert text.strip() == text and "big" in text.lower()


def test_about_half_of_the_short_turns_are_typed_carelessly_and_the_answers_stay():
    clean, typed = (list(islice(chats.checked(9, well_spelled=flag), 3000)) for flag in (True, False))
    changed = short = 0
    for (kind, one, checks), (other_kind, other, other_checks) in zip(clean, typed, strict=True):
        assert kind == other_kind and checks == other_checks
        for a, b in zip(one, other, strict=True):
            if a["role"] == "user":
                short += 1
                changed += a != b
            else:
                assert a == b
    assert 0.3 < changed / short < 0.6
    assert all(a == b for (kind, a, _), (_, b, _) in zip(clean, typed, strict=True) if kind == "polite" and len(a) == 2)


def test_no_phrasing_of_the_exam_comes_up_in_any_spelling():
    # `plain` drops the signs of sums, so the visitor's list has a test of its own, with its own spelling
    asked = {plain(q.messages[-1]["content"]) for q in exam.questions() if q.part != "visitor"}
    slot = r"[\w' -]{1,60}"
    templates = [t for group in exam.TASKS.values() for t in group if len(t) < 90 and "{t} " not in t and '"{' not in t]
    patterns = [
        re.compile(re.sub(r"\{\w\}", lambda _: slot, t).replace("?", r"\?").replace(".", r"\."), re.I)
        for t in templates
    ]
    assert len(patterns) > 30
    rng, users = Random(8), set()
    for text in (turn.user for kind in MAKERS for turn in _turns(kind, 2500)):
        users |= {text, careless(rng, text)}
    for _, messages, _ in islice(chats.checked(4), 5000):
        users |= {message["content"] for message in messages if message["role"] == "user"}
    assert not {plain(text) for text in users} & asked
    joined = "\n".join(users)
    for pattern in patterns:
        assert not re.search(rf"^(?:{pattern.pattern})$", joined, re.M | re.I), pattern.pattern


def test_outside_of_what_it_knows_every_kind_has_its_own_honest_reply():
    replies = defaultdict(set)
    for kind in chats.GROUPS["outside"][1]:
        for turn in _turns(kind, 300):
            assert turn.check == Check("abstain") and abstains(turn.pip)
            replies[kind].add(turn.pip)
    assert all(len(found) == 1 for kind, found in replies.items() if kind != "today")
    assert len(replies["today"]) == 4
    assert not any("this person" in reply for found in replies.values() for reply in found)
    assert "only learned a little" in outside.LITTLE and "Plumwick" in outside.LITTLE


def test_what_the_world_explains_is_not_called_unknown():
    known = {
        *know.USES,
        *know.MATERIALS,
        *know.ANIMAL_BY_NAME,
        *(m for members in know.GROUPS.values() for m in members),
    }
    known = {re.sub(r"^(an?|the) ", "", word).lower() for word in known}
    unknown = {word.lower() for word in (*outside.THINGS, *outside.TOPICS)}
    assert len(unknown) > 150
    assert not known & {form for word in unknown for form in (word, word.removesuffix("s"))}


def test_this_person_is_said_of_persons_only():
    for kind, messages, _ in islice(chats.checked(6), 6000):
        for i, message in enumerate(messages[1:], 1):
            if message["role"] == "assistant" and "this person" in message["content"] and len(messages) == 2:
                assert kind in ("famous", "invented person"), (kind, messages[i - 1])


def test_nothing_else_sounds_like_a_refusal():
    for group in ("hello", "school", "play"):
        for kind in chats.GROUPS[group][1]:
            assert not any(abstains(turn.pip) for turn in _turns(kind, 300)), kind


def test_yes_no_questions_are_answered_with_the_fact():
    for kind in ("colour of", "animal can", "what is", "country", "compare"):
        for turn in _turns(kind, 2000):
            if turn.check.kind in ("yes", "no"):
                assert passes(turn.check, turn.pip) and not {"yes", "no"} & set(words(turn.pip)), turn


def test_a_thing_is_never_denied_a_colour_that_it_can_have():
    may_be = {"apple": "green", "banana": "green", "leaf": "red", "swan": "black", "sea": "green", "tomato": "yellow"}
    told = [turn for turn in _turns("colour of", 20_000) if turn.check.kind == "no"]
    denied = [turn.user for turn in told if "in summer" not in turn.user]
    assert any("sky green" in text for text in denied) and any("snow black" in text for text in denied)
    for thing, colour in may_be.items():
        assert not [text for text in denied if thing in text.lower() and colour in text.lower()], thing


def test_news_of_the_visitor_is_answered_in_kind():
    told = {turn.user: turn.pip for turn in _turns("news", 4000)}
    assert told["My dog is ill."] == told["I failed my test."] == "I am sorry to hear that."
    assert told["I passed my test."] == "I am glad to hear that."
    assert not [text for text in told if "today today" in text or "tomorrow today" in text]


def test_the_end_of_a_told_sum_does_not_give_away_its_sign():
    ends = {sign: {t.user.split(". ")[-1] for t in _turns("sum", 20_000) if ". " in t.user and f" {sign} " in t.pip}
            for sign in ("plus", "minus")}  # fmt: skip
    for end in ("How many is that?", "How many do I have?", "How many now?", "What does that make?"):
        assert end in ends["plus"] & ends["minus"]
