"""The chats: deterministic, well formed, true to the town, and apart from the exam."""

import math
import re
from collections import Counter
from itertools import islice

import pytest

from firstwords.world.chats import conversations as chats
from firstwords.world.chats import hello, outside
from firstwords.world.chats.checks import ABSTENTIONS, abstains, passes
from firstwords.world.chats.facts import all_questions, ask_of, slots_of
from firstwords.world.chats.phrases import FEAST, NEVER, PERSON, PLACE
from firstwords.world.chats.unknown import STRANGERS, gaps
from firstwords.world.exam import questions
from firstwords.world.town.data import HELD_BACK, INVENTED_EXAM
from firstwords.world.town.names import USUAL
from firstwords.world.town.plumwick import town

NUM = 20_000


@pytest.fixture(scope="module")
def sample():
    return list(islice(chats.checked(0, well_spelled=True), NUM))


@pytest.fixture(scope="module")
def typed():
    return list(islice(chats.checked(0), NUM))


def _texts(sample):
    return [m["content"] for _, messages, _ in sample for m in messages]


def test_same_seed_same_chats_and_a_longer_run_begins_the_same():
    short, long = list(islice(chats.conversations(3), 200)), list(islice(chats.conversations(3), 400))
    assert short == long[:200]
    assert short != list(islice(chats.conversations(4), 200))
    plain = [messages for messages in short if "Tools:" not in messages[0]["content"]]
    assert [m for _, m, _ in islice(chats.checked(3), len(plain))] == plain


def test_roles_alternate_and_end_with_the_assistant(sample):
    systems = 0
    for _, messages, checks in sample:
        roles = [m["role"] for m in messages]
        systems += roles[0] == "system"
        roles = roles[1:] if roles[0] == "system" else roles
        assert roles == ["user", "assistant"] * (len(roles) // 2) and roles
        assert len(checks) == len(roles) // 2
        assert all(m["content"] == m["content"].strip() != "" for m in messages)
    assert 0.07 * NUM < systems < 0.13 * NUM


def test_every_answer_with_a_check_passes_it(sample):
    wrong, checked = [], 0
    for kind, messages, checks in sample:
        answers = [m["content"] for m in messages if m["role"] == "assistant"]
        for answer, check in zip(answers, checks, strict=True):
            if check is not None:
                checked += 1
                if not passes(check, answer):
                    wrong.append((kind, answer, check))
    assert checked > 0.8 * NUM
    assert wrong == []


def test_answers_of_other_questions_fail_the_check(sample):
    """Swapping answers between questions of one kind is (nearly) always noticed."""
    passed = total = 0
    for name in (
        "fact",
        "place or feast",
        "two steps",
        "opposite",
        "to French",
        "country",
        "animal",
        "only one letter",
    ):
        rows = [(m[-1]["content"], c[-1]) for kind, m, c in sample if kind == name and len(c) == 1][:150]
        for (_, check), (answer, other) in zip(rows, rows[1:] + rows[:1], strict=True):
            if check.accept != other.accept:
                total += 1
                passed += passes(check, answer)
    assert total > 500
    assert passed < 0.03 * total


def test_unknowable_questions_are_answered_with_a_marker(sample):
    for kind, messages, checks in sample:
        for answer, check in zip((m["content"] for m in messages if m["role"] == "assistant"), checks, strict=True):
            if check is not None and check.kind == "abstain":
                assert abstains(answer), answer
            elif kind in ("fact", "two steps", "yes or no", "sum", "opposite") and check is not None:
                assert not abstains(answer), answer
    assert all(marker == marker.lower() for marker in ABSTENTIONS)


def test_no_gap_is_ever_filled():
    told = {(f.subject, f.relation) for f in town().facts}
    assert not told & set(gaps(town()))
    assert set(HELD_BACK) <= set(gaps(town()))
    assert not set(STRANGERS) & set(town().by_name)
    assert not set(STRANGERS) & set(INVENTED_EXAM)


def test_no_exam_question_and_no_exam_template_can_be_produced(sample):
    told = [q.messages[-1]["content"] for q in questions()]
    users = {m["content"] for _, messages, _ in sample for m in messages if m["role"] == "user"}
    assert not users & set(told)
    for group in (PERSON, PLACE, FEAST):
        for relation, ask in group.items():
            assert not set(ask.exam) & {*ask.direct, *ask.embedded}, relation
    for fact in town().facts:
        ask = ask_of(fact)
        if ask is not None and ask.exam:
            slots = slots_of(fact.subject)
            exam = {t.format_map(slots) for t in ask.exam}
            assert not exam & all_questions(ask, slots), fact
            assert not exam & set(fact.questions), fact
    templates = [t for group in (PERSON, PLACE, FEAST) for ask in group.values() for t in ask.exam]
    templates += [t for _, _, exam in NEVER.values() for t in exam]
    some_name = r"[\w' ]{2,40}"
    patterns = [re.compile(re.sub(r"\\{\w+\\}", lambda _: some_name, re.escape(t))) for t in templates]
    joined = "\n".join(users)
    for pattern in patterns:
        assert not re.search(rf"^(?:{pattern.pattern})$", joined, re.MULTILINE), pattern.pattern


def test_exam_people_are_in_no_chat(sample):
    words = {w for text in _texts(sample) for w in re.findall(r"[A-Z]\w+", text)}
    assert not words & set(INVENTED_EXAM)


def test_kinds_balance_and_distinctness(sample):
    assert len(chats.KINDS) >= 30
    kinds = Counter(kind for kind, _, _ in sample)
    assert set(kinds) == set(chats.KINDS)
    share = {group: sum(kinds[kind] for kind in table) / NUM for group, (_, table) in chats.GROUPS.items()}
    assert 0.55 < share["hello"] + share["school"] + share["play"] + share["outside"] < 0.70
    assert 0.12 < share["town"] < 0.25 and 0.05 < share["unknown"] < 0.12
    assert math.fsum(percent for percent, _ in chats.GROUPS.values()) == 100
    assert sum(weight for weight, _ in chats.KINDS.values()) == pytest.approx(100)
    assert len({str(m) for _, m, _ in sample}) >= 0.9 * NUM


def test_every_kind_has_many_phrasings(sample):
    """Questions without their names and numbers: at least eight shapes of a kind."""
    shapes = {}
    for kind, messages, _ in sample:
        first = next(m["content"] for m in messages if m["role"] == "user")
        shapes.setdefault(kind, set()).add(re.sub(r"[A-Z]\w+|\d+", "*", first))
    assert {k: len(v) for k, v in shapes.items() if len(v) < 8} == {}


def test_told_facts_come_up_often_enough():
    """In the small town; the whole one has more than twice as many facts, and the minutes for more chats."""
    sample = islice(chats.checked(0, "small", well_spelled=True), NUM)
    told = [f for f in town("small").told_facts() if ask_of(f)]
    wanted = {(f.subject, f.value) for f in told}
    seen = Counter()
    for _, _, checks in sample:
        for check in checks:
            if check is not None and check.allow and check.accept and (check.allow[0], check.accept[0]) in wanted:
                seen[check.allow[0], check.accept[0]] += 1
    assert sum(seen[key] >= 3 for key in wanted) > 0.97 * len(wanted)
    assert sum(seen[key] >= 1 for key in wanted) > 0.99 * len(wanted)


def _clean(sample):
    """All texts except greetings and nonsense, which are typed as people type them."""
    for _, messages, _ in sample:
        for i, message in enumerate(messages):
            reply = messages[i + 1]["content"] if message["role"] == "user" else ""
            if not reply.startswith(outside.NONSENSE) and not reply.startswith(hello.HELLO_BACK[:14]):
                yield message["content"]


def test_clean_english(sample):
    words = Counter()
    for text in _clean(sample):
        assert "  " not in text and " ," not in text and " ." not in text and ".." not in text, text
        assert not re.search(r"[{};“”’—]", text), text
        assert text.count('"') % 2 == 0, text
        assert not re.search(r"\b[Aa] [aeiou]", re.sub(r"\ba (use|one|uni)|\bA and B\b", "", text)), text
        assert not re.search(r"\b[Aa]n (?!hour|honest)[b-df-hj-np-tv-z]", text), text
        assert not re.search(r"\b(?!knock|bye|night|tap)(\w{2,}) \1\b", text), text
    for text in _clean([chat for chat in sample if chat[0] not in ("my name", "repeat")]):  # names of their own
        words.update(re.findall(r"[a-zà-ÿ]+", text.lower()))
    assert len(words) < 3000


def test_visitors_are_called_by_the_name_that_they_gave():
    """Usual names, those of people who live only in the whole town among them, and names that nobody has."""
    told, later = [], 0
    for kind, messages, _ in islice(chats.checked(3, "small"), 6000):
        if kind == "my name" and messages[-1]["content"].startswith(("Hello ", "Your name is ")):
            turns = [m["content"] for m in messages if m["role"] != "system"]
            name = re.match(r"Hello (\w+)! (Nice to meet you|I am Pip)", turns[1])[1]
            assert name.lower() in re.findall(r"\w+", turns[0].lower())
            assert len(turns) == 2 or turns[-1].startswith(f"Your name is {name}.")
            told.append(name)
            later += len(turns) > 4
    assert 0.1 * len(told) < later < 0.5 * len(told), "some ask for it after they talked of something else"
    others = {p.name for p in town("whole").people} - {p.name for p in town("small").people}
    assert others & set(told) and set(told) - set(USUAL) - set(town("whole").by_name)
    assert not set(USUAL) & set(INVENTED_EXAM)
