"""Teach live: one choice is learned at once, can be undone bit by bit, is replayed after a crash, and does no harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from manners import prompts
from people import PEOPLE, POLITE, RANDOM, SHORT, followed, teach

from firstwords import home
from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.eval.promotion import Decision
from firstwords.model.hub import load_model, read_card, weights_hash
from firstwords.preferences.records import Judgement, Preference
from firstwords.preferences.store import PreferenceStore
from firstwords.rlhf.live import keep as keeping
from firstwords.rlhf.live import session as sessions
from firstwords.rlhf.live.keep import keep, no_taste
from firstwords.rlhf.live.lesson import LessonOptions
from firstwords.rlhf.live.record import LiveRecords
from firstwords.rlhf.live.session import LiveSession

WILD = LessonOptions(matrix_lr=0.5, table_lr=0.5, vector_lr=0.5)  # a step that destroys what the model knows


pytest_plugins = ("manners_fixtures",)


@pytest.fixture
def pip(manners_home: Path) -> Path:
    return manners_home


def choice(number: int = 0) -> tuple[Preference, int]:
    """A choice that is in the log, and its id: the short answer is better."""
    j = Judgement(prompts()[number], "It is red.", "Thank you for asking, it is red, please.", "left", model="pip")
    found = j.preference
    assert found is not None
    return found, PreferenceStore().add(j)


def test_a_choice_is_learned_at_once(pip: Path) -> None:
    session = LiveSession("pip")
    (pair,) = session.lesson.encoded([choice()[0]])
    first = session.lesson.learn(pair)
    margins = [chosen - rejected for chosen, rejected in (pair.ref, session.lesson.logprobs(pair))]
    second = session.lesson.learn(pair)
    assert margins[1] > margins[0] + 0.1 and second < first
    step = LiveSession("pip").choose(*choice())
    assert step.outcome == "learned" and step.check.kind == "words" and step.check.value > 0.95 * step.check.start
    assert step.before == pytest.approx(pair.ref, abs=1e-4), "the first choice starts from the model as it was"
    assert step.after[0] - step.after[1] > step.before[0] - step.before[1] + 0.1
    assert step.answer.startswith(("It is", "The cat is", "Thank you"))


def test_undo_and_redo_are_exact(pip: Path) -> None:
    session = LiveSession("pip")
    hashes = [session.hash]
    for number in range(3):
        session.choose(*choice(number))
        hashes.append(session.hash)
    assert len(set(hashes)) == 4
    undone = session.undo()
    assert session.hash == hashes[2] and undone.outcome == "undone" and undone.after[0] < undone.before[0]
    session.undo()
    assert session.hash == hashes[1] and (session.can_undo, session.can_redo) == (1, 2)
    session.redo()
    session.redo()
    assert session.hash == hashes[3]
    session.undo()
    session.undo()
    session.choose(*choice(1))
    assert session.hash == hashes[2], "the optimizer went back as well: the same choice moves the same weights"
    assert session.can_redo == 0
    session.undo()
    session.undo()
    assert session.hash == hashes[0]
    with pytest.raises(UserError, match="there is no choice to undo"):
        session.undo()


def test_only_the_last_choices_can_be_undone(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "UNDO_CHOICES", 2)
    session = LiveSession("pip")
    for number in range(4):
        session.choose(*choice(number))
    assert session.can_undo == 2
    session.undo()
    session.undo()
    with pytest.raises(UserError, match="earlier choices can't be undone"):
        session.undo()


def test_a_lesson_is_rebuilt_from_the_log(pip: Path) -> None:
    session = LiveSession("pip", "anna")
    for step in range(24):  # past the point at which a taste is established, so that practice is replayed too
        session.choose(*choice(step))
    session.undo()
    assert session.lesson.practised
    again = LiveSession("pip", "anna")
    assert again.hash == session.hash and len(again.choices) == 23 and again.checked == session.checked
    assert again.is_current and not session.is_current, "what was undone is gone after a restart"
    assert len(LiveSession("pip", "ben").choices) == 0, "lessons belong to their users"
    LiveRecords("pip", "anna").path.write_text("{", encoding="utf-8")
    assert len(LiveSession("pip", "anna").choices) == 0 and len(PreferenceStore().all("pip")) == 24


def test_a_harmful_step_is_refused(pip: Path) -> None:
    session = LiveSession("pip", options=WILD)
    before = session.hash
    step = session.choose(*choice())
    assert step.outcome == "refused" and session.hash == before and step.after == pytest.approx(step.before)
    assert not session.choices and not session.can_undo and not session.checked.is_harmed
    unchecked = LiveSession("pip", options=WILD)
    unchecked.check = _Blind(unchecked.checked)
    assert unchecked.choose(*choice()).outcome == "learned"
    harmed = session.check.measure(unchecked.engine)
    assert harmed.is_harmed, "the step was harmful indeed"


class _Blind:
    def __init__(self, checked) -> None:
        self.checked = checked

    def measure(self, engine: Engine):
        return self.checked


def test_a_choice_that_would_harm_is_tried_more_gently(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = LiveSession("pip")
    found = iter([replace(session.checked, value=0), session.checked])
    monkeypatch.setattr(session.check, "measure", lambda engine: next(found))
    step = session.choose(*choice())
    assert step.outcome == "gently" and session.choices[0].learned.strength == sessions.GENTLE
    assert LiveSession("pip").hash == session.hash, "and is replayed as gently"


@pytest.mark.parametrize("person", [SHORT, POLITE], ids=["short", "polite"])
def test_people_with_a_taste_are_followed(pip: Path, person) -> None:
    session = LiveSession("pip", person.name)
    teach(session, PEOPLE[person.name], prompts(), 60)
    measured = followed(person, session.engine, Engine(session.reference, session.tokenizer, num_slots=32), prompts())
    assert measured["low"] > 0.55, measured
    weights = session.hash
    kept = keep("pip", person.name)
    assert kept["win_rate"] > 0.6 and kept["reason"].startswith("by your taste ("), kept["reason"]
    if person is POLITE:  # too few answers of the toy differ in politeness for a verdict
        return
    assert kept["promoted"] and kept["verdict"] == "better"
    assert home.promoted("pip") == kept["stage"] == "rlhf-1"
    card = read_card(home.stage_dir("pip", "rlhf-1"))
    assert card["weights_sha256"] == weights and card["metrics"]["promotion"]["promoted"]
    assert json.loads((pip / "runs" / "pip" / "live" / "keep.json").read_text())["stage"] == "rlhf-1"
    assert not LiveSession("pip", person.name).choices, "the next lesson begins at the new version"


def test_one_who_chooses_at_random_is_reported_as_noise(pip: Path) -> None:
    session = LiveSession("pip", "random")
    teach(session, RANDOM, prompts(), 50)
    assert not session.lesson.practised
    kept = keep("pip", "random")
    assert not kept["promoted"] and "they may be noise" in kept["reason"] and "win_rate" not in kept
    assert home.promoted("pip") == "sft" and home.stages("pip") == ["sft", "rlhf-1"]


def test_a_lesson_that_knows_less_is_not_promoted(pip: Path) -> None:
    session = LiveSession("pip")
    for number in range(24):
        session.choose(*choice(number))
    session.records.path.write_text(json.dumps(json.loads(session.records.path.read_text())), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions.Lesson, "learn", _wildly(sessions.Lesson.learn))
        kept = keep("pip")
    assert not kept["promoted"] and "but it knows less: still sure of" in kept["reason"]
    assert kept["reason"].startswith("a quarter of the way from sft to what was learned, "), "less was tried as well"


def test_most_of_a_lesson_is_kept_where_the_whole_costs_knowledge(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = LiveSession("pip")
    for number in range(24):
        session.choose(*choice(number))
    sft, taught = (list(model.parameters()) for model in (session.reference, session.model))
    decisions = iter([Decision(False, "it is worse in sums", ("sums",)), Decision(True, "it is worse in nothing")])
    monkeypatch.setattr(keeping, "decided", lambda *_: next(decisions))
    kept = keep("pip")
    assert kept["promoted"] and home.promoted("pip") == "rlhf-1"
    assert kept["reason"].startswith("three quarters of the way from sft to what was learned, by your taste (")
    for most, start, end in zip(load_model(home.stage_dir("pip", "rlhf-1")).parameters(), sft, taught, strict=True):
        torch.testing.assert_close(most, start + 0.75 * (end - start))


def _wildly(learn):
    return lambda lesson, pair, strength=1.0, practice=(): learn(lesson, pair, 300 * strength, practice)


def test_without_anything_taught_nothing_is_kept(pip: Path) -> None:
    with pytest.raises(UserError, match="nothing has been taught live to pip"):
        keep("pip")


def test_models_that_cannot_be_taught_live_say_why(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_PARAMS", 1000)
    with pytest.raises(UserError, match="million parameters, and learning live is for models of up to"):
        LiveSession("pip")
    monkeypatch.undo()
    card = pip / "models" / "pip" / "sft" / "firstwords.json"
    whole = json.loads(card.read_text())
    Path(whole["data"]["chats"][0]).rename(pip / "elsewhere.jsonl")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(pip))
    try:
        with pytest.raises(UserError, match="chats that pip was fine-tuned on cannot be read again"):
            LiveSession("pip")
    finally:
        (pip / "elsewhere.jsonl").rename(whole["data"]["chats"][0])


def test_how_noise_is_reported() -> None:
    assert "choose some more times" in no_taste([True] * 10)
    assert "they may be noise" in no_taste([True, False] * 20)
    assert "Compare the two versions yourself" in no_taste([True] * 30)


def test_the_weights_that_are_kept_are_those_that_were_taught(pip: Path) -> None:
    session = LiveSession("pip")
    session.choose(*choice())
    assert weights_hash(session.model) == session.hash != session.weights
