"""The visitor's list: two equal halves, kept out of training, and checks that sense passes and nonsense fails."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from firstwords.world.chats import conversations as chats
from firstwords.world.chats.checks import Check, passes
from firstwords.world.exam import questions
from firstwords.world.visitor import HALVES, is_final, is_held_out, is_sensible, normalised, rates, visits

CASES = Path(__file__).parent.parent / "cases"
# what training needs exactly as it is
CANONICAL = """
hello|hi|hey|HELLO|good morning|thanks|thank you|bye|goodbye|good night|how are you|who are you|what are you
what is your name|what is your first name|how old are you|where do you live|are you human|what can you do
can you help me|tell me a joke|tell me a riddle|tell me a story|tell me a story about a cat
tell me a story about a dog|2+2|1+1|what is 2 plus 2?|what is two plus two?|what colour is grass
what colour is the sky|what does a cow say|what does a dog say|what does a cat say|who is the president of mars
what is the opposite of big|name three animals|what is the capital of france|how do you say cat in french
what is the weather today|what time is it|what is my name|the cat is|i am sad|i love you|you are stupid
"""


def good_replies(half: str) -> list[tuple[str, str]]:
    lines = (CASES / f"visitor_{half}.tsv").read_text(encoding="utf-8").splitlines()
    return [(text, reply) for text, reply in (line.split("\t") for line in lines)]


def test_two_halves_of_equal_composition_share_no_input():
    sizes = {half: {kind: len(rows) for kind, rows in kinds.items()} for half, kinds in HALVES.items()}
    assert sizes["work"] == sizes["final"] and sum(sizes["work"].values()) >= 220
    inputs = Counter(normalised(visit.text) for visit in visits())
    assert [text for text, count in inputs.items() if count > 1] == []
    assert {visit.half for visit in visits("final")} == {"final"} and len(visits()) == 2 * len(visits("work"))


def test_they_are_typed_as_people_type():
    texts = [visit.text for visit in visits()]
    bare = sum(text == text.lower() and text[-1].isalnum() for text in texts)
    assert bare > 0.6 * len(texts) and sum(text.isupper() for text in texts) >= 15
    careless = (" u ", " ur ", "whats", " pls", " r ", "youre", "opposit ", "hows", "im ")
    assert sum(any(word in f" {text} " for word in careless) for text in texts) >= 80


def test_normalising_ignores_spelling_but_not_the_sign():
    assert normalised("Whats 2+3 ?") == normalised("what's 2 plus 3") == "whats2plus3"
    assert normalised("7-2") == normalised("7 − 2 = ?") == normalised("7 minus 2") != normalised("72")
    assert normalised("????") == "????"


def test_canonical_inputs_stay_in_training():
    assert [text for text in re.split(r"[|\n]", CANONICAL) if is_held_out(text)] == []
    assert is_held_out("WHATS 2 + 3") and is_final("gotta go, bye!") and not is_final("WHATS 2 + 3")


def test_no_user_turn_of_the_training_chats_is_an_input():
    turns = [
        m["content"] for messages in islice(chats.conversations(0), 20_000) for m in messages if m["role"] == "user"
    ]
    assert [text for text in turns if is_held_out(text)] == []


def test_without_the_rule_some_inputs_would_be_trained(monkeypatch):
    monkeypatch.setattr(chats, "is_held_out", lambda text: False)
    turns = [
        m["content"] for messages in islice(chats.conversations(0), 20_000) for m in messages if m["role"] == "user"
    ]
    assert sum(map(is_held_out, turns)) > 5


@pytest.mark.parametrize("half", HALVES)
def test_a_sensible_reply_to_each_input_passes(half):
    replies = good_replies(half)
    assert [text for text, _ in replies] == [visit.text for visit in visits(half)]
    wrong = [
        (visit.text, reply)
        for visit, (_, reply) in zip(visits(half), replies, strict=True)
        if not is_sensible(visit, reply)
    ]
    assert wrong == []
    assert not is_sensible(visits(half)[0], replies[0][1], stopped=False)


@pytest.mark.parametrize("half", HALVES)
def test_replies_to_other_kinds_of_input_fail(half):
    asked, replies = visits(half), [reply for _, reply in good_replies(half)]
    outcomes = [
        is_sensible(visit, reply)
        for visit in asked
        for other, reply in zip(asked, replies, strict=True)
        if other.kind != visit.kind
    ]
    assert sum(outcomes) < 0.025 * len(outcomes)


@pytest.mark.parametrize(
    ("nonsense", "most"),
    [
        ("", 0),
        ("I do not know this person.", 4),
        ("Nobody told me what colour Vera's bed is.", 0),
        ("23 is 27 years old.", 0),
        ("A cow says quack.", 0),
        ("Two plus three is three.", 0),
        ("Bear, sheep and sheep and sheep.", 0),
        ("I am Pip. What am I?", 6),
        ("The text does not say that.", 0),
        ("the cat the cat the cat the cat the cat the cat the cat", 0),
    ],
)
def test_what_small_models_say_out_of_place_fails(nonsense, most):
    assert sum(is_sensible(visit, nonsense) for visit in visits()) <= most


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (
            Check("reply", ("well", "fine"), reject=("years old",)),
            ["I am well, thank you.", "Fine!"],
            ["I do not know.", "I am well and 12 years old.", "Mila is fine."],
        ),
        (
            Check("honest", ("small", "no")),
            ["No, I do not know everything.", "I am a small model."],
            ["Nobody of this name is small.", "A cow says moo."],
        ),
        (
            Check("outside"),
            ["I have only learned a little.", "I do not know. I have no clock."],
            ["I do not know this person.", "It is ten o'clock.", "Nobody told me what colour Vera's bed is."],
        ),
        (
            Check("outside", domain="person"),
            ["I do not know this person.", "I don't know. Nobody lives there."],
            ["The president is Tom.", "The text does not say that."],
        ),
        (
            Check("text", ("dog",), least=8),
            ["A dog lived in a house by the sea.", "Two dogs ran over the hill and came home."],
            ["A dog ran.", "A cat lived in a house by the sea.", "I am Pip, a language model, and I like a dog."],
        ),
        (
            Check("text", least=6, domain="joke"),
            ["Why do bees hum? They forgot the words.", "Knock, knock! Who is there? A cow."],
            ["Tom is 12 years old now.", "Here."],
        ),
        (
            Check("text", least=5, domain="riddle"),
            ["I have hands but no fingers. What am I?", "What has a bed and never sleeps?"],
            ["What am I?", "It is a clock with two hands."],
        ),
        (
            Check("first_number", ("8",), allow=("3",)),
            ["8", "Eight is bigger than three."],
            ["3 is smaller than 8.", "8 is bigger than 9."],
        ),
        (
            Check("result", ("10",), allow=("9", "1")),
            ["9 plus 1 is 10.", "Ten!"],
            ["10 plus 1 is 10.", "9 plus 1 is 11."],
        ),
        (
            Check("counted", ("1", "2", "3")),
            ["1, 2, 3.", "One, two, three!"],
            ["1, 2, 3, 4.", "1, 3, 2."],
        ),
        (
            Check("several", ("cat", "dog", "cow", "hen", "mouse"), least=3),
            ["Cat, dog and cow.", "Here are three animals: cats, mice, a hen."],
            ["Cat, cat and dog.", "Cat and dog.", "Cat, dog, cow, table and chair."],
        ),
        (
            Check("initial", ("b",)),
            ["Ball.", "A word with B is bread."],
            ["Apple.", "I do not know but ask me."],
        ),
        (
            Check("echo", ("one two three",)),
            ["One two three.", "You said: one two three!"],
            ["One two.", "One two three is what I like to say all day."],
        ),
    ],
    ids=lambda value: f"{value.kind} {value.domain}".strip() if isinstance(value, Check) else "",
)
def test_each_kind_of_check(check, right, wrong):
    assert [answer for answer in right if not passes(check, answer)] == []
    assert [answer for answer in wrong if passes(check, answer)] == []


def test_rejected_words_make_any_check_fail():
    assert passes(Check("one_of", ("cold",), "opposite", ("hot",)), "The opposite of cold is hot.")
    check = Check("one_of", ("cold",), "opposite", ("hot",), reject=("opposite of cold",))
    assert not passes(check, "The opposite of cold is hot.") and passes(check, "The opposite of hot is cold.")


def test_rates_count_all_halves_and_kinds():
    table = rates((visit, visit.half == "work") for visit in visits())
    assert table["visitor"]["rate"] == 0.5 and table["work"]["rate"] == 1 and table["final"]["rate"] == 0
    assert table["sums"]["n"] == 54 and table["visitor"]["low"] < 0.5 < table["visitor"]["high"]


def test_the_exam_asks_every_input_as_it_was_typed():
    asked = [q.messages[-1]["content"] for q in questions() if q.part == "visitor"]
    assert asked == [visit.text for visit in visits()]
