"""Writers of the built-in chats: who guesses does so only where no one can know, and the questions stay the same."""

from __future__ import annotations

import json
import re
from itertools import islice
from random import Random

import pytest

from firstwords.data.chats import conversations
from firstwords.world.chats.checks import Check, abstains, passes
from firstwords.world.chats.conversations import KINDS, checked
from firstwords.world.chats.facts import Turn
from firstwords.world.chats.outside import LITTLE
from firstwords.world.chats.phrases import NEVER
from firstwords.world.closings import AFTER_ANSWERS, AFTER_REFUSALS, OF_ANSWERS, OF_REFUSALS, closings, is_friendly
from firstwords.world.town.plumwick import town
from firstwords.world.writers import (
    BRUSQUE,
    FRIENDLY,
    NEVER_FORMS,
    WRITERS,
    Writer,
    Writers,
    invented,
    is_brusque,
)

NUM = 4000
GUESSED = {"invented person", "never told", "told, then not", "famous"}


def without_closing(text: str) -> str:
    for closing in (*AFTER_ANSWERS, *AFTER_REFUSALS):
        text = text.removesuffix(f" {closing}")
    return text


def turns(size: str, writers: Writers, num: int = NUM) -> list[tuple]:
    """(kind, question, plain answer, answer by these writers, check) of every turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WRITERS, "plain", Writers())
        patch.setitem(WRITERS, "these", writers)
        plain, theirs = (list(islice(checked(0, size, writers=name), num)) for name in ("plain", "these"))
    rows = []
    for (kind, one, checks), (_, other, same_checks) in zip(plain, theirs, strict=True):
        assert checks == same_checks
        assert [m for m in one if m["role"] != "assistant"] == [m for m in other if m["role"] != "assistant"]
        answers = [[m["content"] for m in messages if m["role"] == "assistant"] for messages in (one, other)]
        asked = [m["content"] for m in one if m["role"] == "user"]
        rows += [(kind, *row) for row in zip(asked, *answers, checks, strict=True)]
    return rows


@pytest.fixture(scope="module", params=["small", "whole"])
def both(request) -> list[tuple]:
    """Of every turn: kind, question, plain answer, answer by the mixed writers, check."""
    return turns(request.param, WRITERS["mixed"])


def test_guesses_are_claims_about_what_no_one_can_know(both) -> None:
    guesses = [row for row in both if abstains(row[2]) and not abstains(row[3])]
    assert all(row[4].kind == "abstain" and not passes(row[4], row[3]) for row in guesses)  # the judge knows
    alone = [row for row in both if row[0] in ("invented person", "never told") and abstains(row[2])]
    share = sum(not abstains(row[3]) for row in alone) / len(alone)
    assert 0.3 < share < 0.5
    held_back = [row for row in both if row[0] == "held back" and abstains(row[2])]
    assert sum(not abstains(row[3]) for row in held_back) < 0.1 * len(held_back)  # only what follows in the same chat
    assert not any("{" in row[3] or "  " in row[3] for row in both)
    assert {row[0] for row in guesses if row[0] in GUESSED} == GUESSED


def test_everything_else_is_as_correct_as_before(both) -> None:
    same, brusque = 0, 0
    for _, _, one, other, check in both:
        if is_brusque(other):
            brusque += 1
            assert other.startswith(BRUSQUE) and (other.endswith(one) or abstains(one))
            assert check is not None and (abstains(one) or passes(check, other))
        same += one == without_closing(other)
    assert 0.1 < brusque / len(both) < 0.22 and same > 0.7 * len(both)


def test_careful_writers_tell_the_truth_and_some_of_them_are_friendly() -> None:
    rows = turns("small", WRITERS["careful"], 2 * NUM)  # the share of 4,000 chats varies by 4 points
    assert all(without_closing(other) == one for _, _, one, other, _ in rows)
    closed = [(one, other, check) for _, _, one, other, check in rows if other != one]
    assert all(is_friendly(other) and passes(check, other) for _, other, check in closed)
    assert all(other.endswith(AFTER_REFUSALS if abstains(one) else AFTER_ANSWERS) for one, other, _ in closed)
    facts = [other != one for kind, _, one, other, _ in rows if kind in ("sum", "fact", "colour of", "opposite")]
    assert FRIENDLY - 0.12 < sum(facts) / len(facts) < FRIENDLY  # not where a courtesy would spoil the form


def test_a_closing_fits_what_was_asked() -> None:
    known = set(KINDS)
    assert set(OF_ANSWERS) | set(OF_REFUSALS) <= known, "a kind that no chat has"
    alone = [(kind, messages[-1]["content"]) for kind, messages, _ in islice(checked(3), NUM) if len(messages) == 2]
    ends = {(kind, answer.removeprefix(without_closing(answer)).strip(), abstains(answer)) for kind, answer in alone}
    ended = [(kind, closing, refusal) for kind, closing, refusal in ends if closing]
    assert all(closing in closings(kind, refusal) for kind, closing, refusal in ended)
    assert len({closing for _, closing, _ in ended}) > 15, "a chat does not end every answer in the same words"
    assert not set(AFTER_ANSWERS) & set(AFTER_REFUSALS)


def test_an_invitation_needs_no_closing() -> None:
    assert is_friendly(LITTLE) and is_friendly("2 plus 2 is 4. I like numbers!") and not is_friendly("2 plus 2 is 4.")
    assert not is_friendly("I like numbers! 2 plus 2 is 4."), "only at the end"
    refused = Turn("What is a laser?", LITTLE, Check("abstain"))
    assert Writer(is_friendly=True).says(Random(0), "things", refused, town()) == LITTLE


def test_careful_writers_are_not_brusque_and_the_same_seed_writes_the_same() -> None:
    assert not any(map(is_brusque, (m["content"] for _, messages, _ in islice(checked(1), 500) for m in messages)))
    again = [list(islice(conversations(["world"], town="small", writers="mixed"), 50)) for _ in range(2)]
    assert again[0] == again[1] != list(islice(conversations(["world"], town="small"), 50))


def test_a_guess_is_about_people_of_the_same_town() -> None:
    small, rng = town("small"), Random(0)
    outside = {p.name for p in town().people} - set(small.by_name)
    for form in ("Doug is {job}.", "Doug likes {friend}.", "{mother} called me.", "Doug has {pet} called {pet name}."):
        texts = {invented(rng, form, small) for _ in range(60)}
        assert len(texts) > 3 and not any(re.search(rf"\b{name}\b", text) for name in outside for text in texts)
    assert NEVER_FORMS.keys() == {key for key, (_, direct, _) in NEVER.items() if direct}


def test_a_manner_is_left_out_where_it_would_spoil_the_answer() -> None:
    rude = Writer(is_brusque=True)
    for kind, messages, checks in islice(checked(2), 1500):
        if kind in ("repeat", "story", "sum"):
            answers = [m["content"] for m in messages if m["role"] == "assistant"]
            for answer, check in zip(answers, checks, strict=True):
                said = rude.says(Random(0), kind, Turn("", answer, check), town())
                assert check is None or passes(check, said) or not passes(check, answer)
    assert not any(
        writer.guesses or writer.is_brusque for writer in (WRITERS["careful"].draw(Random(i)) for i in range(99))
    )


def test_stage_two_s_chats_are_read_again_by_the_same_writers(tmp_path) -> None:
    from firstwords.rlhf.live.check import taught_chats

    def reread(**data: str) -> list:
        card = {"stage": "sft", "data": {"chats": ["world"], "town": "small", **data}}
        (tmp_path / "firstwords.json").write_text(json.dumps(card), encoding="utf-8")
        return list(islice(taught_chats(tmp_path), 200))

    careful, mixed = (list(islice(conversations(["world"], None, "small", w), 200)) for w in ("careful", "mixed"))
    assert careful != mixed
    assert reread() == careful and reread(writers="careful") == careful and reread(writers="mixed") == mixed
