"""The exam: fixed, answerable, and scored so that guessing, listing and chatter do not pay."""

import re
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from firstwords.stats import wilson
from firstwords.world import exam
from firstwords.world.chats import conversations as chats
from firstwords.world.chats.checks import Check, abstains, domain_values, passes
from firstwords.world.exam import Question, questions, report, score
from firstwords.world.town.data import INVENTED_EXAM
from firstwords.world.town.knowledge import FRENCH
from firstwords.world.town.plumwick import town


def own_questions() -> list[Question]:
    """The exam without the visitor's list, which people worded and test_visitor.py tests."""
    return [q for q in questions() if q.part != "visitor"]


def _answers(q: Question) -> list[str]:
    """A right answer made from the check."""
    c = q.check
    first = c.accept[0] if c.accept else ""
    long = "It was a good day and everybody in the whole town came to see it before the night fell."
    return {
        "abstain": ["I do not know."],
        "yes": ["Yes, that is right."],
        "no": ["No, that is wrong."],
        "list": [", ".join(c.accept[:3]) + "."],
        "letter": [" ".join([f"{first}ig", f"{first}ob"] * 2)],
        "words": [f"Once there was a {' '.join(c.accept)}. {long}"],
        "story": [
            f"Once there was a {first}. The {first} was sad. A bird came by. The {first} smiled. {long} "
            f"So the {first} was happy, and they all went home together."
        ],
        "polite": [f"Could you {first}, please?"],
    }.get(c.kind, [f"It is {a}." for a in c.accept])


def test_the_exam_is_fixed_and_large_enough():
    assert questions() == questions()
    parts = Counter(q.part for q in questions())
    assert parts["told"] >= 200 and parts["never_told_abstained"] >= 100
    assert parts["instructions"] >= 100 and parts["two_steps"] >= 100
    texts = [str(q.messages) for q in questions()]
    assert len(set(texts)) == len(texts)
    for q in questions():
        assert q.messages[-1]["role"] == "user" and "{" not in q.messages[-1]["content"]
        assert all(isinstance(v, str) for v in (*q.check.accept, q.check.domain, *q.check.allow))


def test_a_longer_part_changes_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exam, "_TWO_STEPS", 30)
    shorter = exam._questions.__wrapped__("whole")
    assert [q for q in shorter if q.part != "two_steps"] == [q for q in questions() if q.part != "two_steps"]
    assert sum(q.part == "two_steps" for q in shorter) == 30


def test_right_answers_pass_and_must_have_stopped():
    for q in own_questions():
        for answer in _answers(q):
            assert score(q, answer, True), (q, answer)
            assert not score(q, answer, False)


def test_told_answers_are_those_of_the_town():
    facts = {(f.subject, f.value) for f in town().told_facts()}
    for q in questions():
        if q.part == "told":
            assert (q.check.allow[0], q.check.accept[0]) in facts
            assert q.check.allow[0] in q.messages[-1]["content"]


def test_an_abstention_or_nothing_or_chatter_never_passes_a_told_question():
    for q in questions():
        if q.part in ("told", "two_steps"):
            right = f"It is {q.check.accept[0]}."
            assert not score(q, "I do not know.", True)
            assert not score(q, f"I do not know. {right}", True)
            assert not score(q, "", True)
            assert not score(q, "Plumwick is a small town.", True)
        if q.part == "never_told_abstained":
            assert not score(q, "Tom is 12 years old.", True)


def test_listing_the_whole_domain_never_passes():
    for q in questions():
        if q.check.kind in ("one_of", "phrase", "pet") and len(domain_values(q.check.domain)) > 2:
            assert not score(q, "It is " + ", ".join(domain_values(q.check.domain)) + ".", True), q
        if q.check.kind == "number":
            assert not score(q, "It is " + ", ".join(str(i) for i in range(100)) + ".", True), q


def test_swapped_values_are_wrong():
    told = [q for q in questions() if q.part == "told"]
    for q, other in zip(told, told[1:] + told[:1], strict=True):
        if q.check.accept != other.check.accept:
            assert not score(q, f"It is {other.check.accept[0]}.", True), (q, other.check)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (
            Check("one_of", ("yellow",), "colour"),
            ["Mila's favourite colour is yellow.", "Yellow!"],
            ["Yellow or red.", "She likes yellowish.", "Red."],
        ),
        (
            Check("one_of", ("Hanna",), "name", ("Mila",)),
            ["Mila's best friend is Hanna.", "hanna"],
            ["Hanna or Tom.", "Mila.", "Tom"],
        ),
        (
            Check("number", ("12",)),
            ["He is 12.", "Twelve years old."],
            ["He is 12 or 13.", "He is 120.", "He is eleven."],
        ),
        (Check("one_of", ("pea soup",), "food"), ["Otto loves pea soup."], ["Otto loves soup.", "Pea soup and pizza."]),
        (
            Check("pet", ("a grey cat",), "pet"),
            ["Ruth has a grey cat.", "A cat."],
            ["A black cat.", "A grey cat and a dog.", "A dog."],
        ),
        (
            Check("phrase", ("building boats",), "hobby"),
            ["Tom likes building boats."],
            ["Tom likes boats.", "Building boats, fishing and singing."],
        ),
        (
            Check("list", ("cat", "dog", "cow", "hen"), least=3),
            ["Cat, dog and cow.", "A cat, a dog and a hen."],
            ["Cat and dog.", "Cat, cat and dog.", "Cat, dog, cow and hen."],
        ),
        (Check("letter", ("b",), least=3), ["Big bears bake bread."], ["Big bears eat bread.", "b"]),
        (Check("exact", ("le chat",)), ["Cat in French is le chat."], ["Cat in French is le chien."]),
        (
            Check("polite", ("give me the bread",)),
            ["Could you give me the bread, please?"],
            ["Give me the bread!", "Please."],
        ),
        (Check("yes"), ["Yes, she is."], ["No, she is not.", "She is.", "Yes and no."]),
        (Check("no"), ["No, he is the miller."], ["Yes.", "No, yes."]),
        (
            Check("no", ("The sky is blue.",)),
            ["The sky is blue.", "No.", "No, the sky is blue."],
            ["The sky is green.", "Yes, the sky is blue.", "The sky is blue, so yes."],
        ),
        (
            Check("abstain", domain="colour"),
            ["I do not know.", "Nobody told me.", "I was never told."],
            ["Blue.", "I do not know, perhaps blue."],
        ),
    ],
)
def test_checks(check, right, wrong):
    assert [a for a in right if not passes(check, a)] == []
    assert [a for a in wrong if passes(check, a)] == []


def test_report_counts_parts_and_intervals():
    told = [q for q in questions() if q.part == "told"][:10]
    results = [(q, f"It is {q.check.accept[0]}.", True) for q in told[:8]] + [
        (q, "I do not know.", True) for q in told[8:9]
    ]
    results.append((told[9], f"It is {told[9].check.accept[0]}.", False))
    table = report(results)
    assert table["told"]["rate"] == 0.8 and table["told"]["n"] == 10
    assert table["told_refused"]["rate"] == 0.1
    assert table["stops"]["rate"] == 0.9 and table["instructions"]["n"] == 0
    assert table["told"]["low"] == pytest.approx(0.490, abs=0.001) and table["told"]["high"] == pytest.approx(
        0.943, abs=0.001
    )
    assert wilson(0, 0) == (0.0, 1.0)


def _words(chat) -> set[str]:
    return {w for m in chat for w in re.findall(r"[a-zà-ÿ]+", m["content"].lower())}


def test_the_words_of_the_questions_are_words_of_the_chats():
    known = set().union(*(_words(chat) for chat in islice(chats.conversations(1), 20_000)))
    known |= set(re.findall(r"[a-zà-ÿ]+", " ".join((*FRENCH, *FRENCH.values(), *INVENTED_EXAM)).lower()))
    assert set().union(*(_words(q.messages) for q in own_questions())) - known == set()


def test_abstains_knows_its_markers():
    assert abstains("I don't know that.") and abstains("Nobody told me how tall Tom is.")
    assert not abstains("Tom is 12 years old.")
    assert replace(Check("abstain"), domain="colour").domain == "colour"
