"""Keep what a live lesson taught, as rlhf-N, after a comparison with the stage at which it began.

    keep("pip")    -> {"stage": "rlhf-1", "win_rate": 0.71, "promoted": True, "reason": "...", ...}

Both versions answer new questions as in a chat. A person's own taste decides, as far as the log of choices establishes
one (`preferences/taste.py`): shorter answers, say. The model practised towards the same taste (`practice.py`), so a
win shows that it learned it, and not that its answers are better otherwise. That is what the rest is for: where the
truth is known, the exam and the refusals have to hold as well (`eval/promotion.py`), and for other chats the words it
was sure of in chats that were set aside. Without an established taste nothing can be shown: the version is kept, and
not promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError
from firstwords.engine.engine import Engine
from firstwords.eval.promotion import Decision
from firstwords.eval.winrate import WinRate, win_rate
from firstwords.model.hub import add_metrics
from firstwords.preferences.taste import Taste, tastes_of
from firstwords.rlhf.by_taste import QUESTIONS, compared, decided, in_words, questions_for
from firstwords.rlhf.compare import open_engine
from firstwords.rlhf.live.check import Checked
from firstwords.rlhf.live.record import FOLDER
from firstwords.rlhf.live.session import LiveSession
from firstwords.rlhf.provenance import Seen
from firstwords.rlhf.strength import can_weaken, told, weaken
from firstwords.rlhf.version_store import next_stage, save_version
from firstwords.runlog import say, write_json
from firstwords.stats import rate_of

KEPT = "keep.json"
LEAST_PREDICTED = 20  # choices, before anything is said about how well they could be predicted


@dataclass
class Kept:
    """What a version's card records as its settings."""

    name: str
    annotator: str
    choices: int
    lesson: dict[str, Any]


def keep(name: str, annotator: str = "", seed: int = 0, questions: int = QUESTIONS) -> dict[str, Any]:
    """Compare the lesson with the stage at which it began, save it, and promote it if it is better.

    Raises UserError if nothing has been taught. The caller holds the model's lock.
    """
    session = LiveSession(name, annotator)
    if not session.choices:
        raise UserError(f"nothing has been taught live to {name}: choose between some answers first")
    found, stage = tastes_of([choice.preference for choice in session.choices]), next_stage(name)
    predicted = [choice.learned.predicted for choice in session.choices]
    say(f"comparing what {len(session.choices)} choices taught with {session.parent.name}, as in a chat")
    asked = questions_for(
        session.parent, session.tokenizer, session.chats.prompts, seed, questions, session.engine.max_length
    )
    other = Engine(session.reference, session.tokenizer, num_slots=32)

    def against_other(engine: Engine) -> tuple[WinRate, tuple[float, float]]:
        rows, refused = compared((lambda: engine, lambda: other), asked, found, seed)
        return win_rate(rows), refused

    result, refused = against_other(session.engine)
    directory, checked = save(session, stage), session.checked
    decision = judge(session, directory, checked, result, found, refused)
    while found and decision.losses and can_weaken(directory):
        share = weaken(directory, session.parent)
        say(f"{decision.reason}: trying {share:.0%} of what it learned")
        engine = open_engine(directory)
        checked = session.check.measure(engine)
        result, refused = against_other(engine)
        decision = judge(session, directory, checked, result, found, refused)
    if not found:
        decision = Decision(False, no_taste(predicted))
    if decision.is_promoted and home.promoted(name) != session.parent.name:
        decision = Decision(False, f"{name} was switched from {session.parent.name} to another version in the meantime")
    if decision.is_promoted:
        home.set_promoted(name, stage, by="teach")
    entry = {"before": session.parent.name, "promoted": decision.is_promoted, "reason": decision.reason}
    add_metrics(directory, {"promotion": entry})
    session.records.clear()  # the next lesson begins at the promoted stage, with this one's choices in the log
    facts = {"command": "teach", "stage": stage, "choices": len(predicted), "predicted": rate_of(predicted)}
    facts |= entry | (asdict(result) if found else {}) | {"tastes": [asdict(taste) for taste in found]}
    facts |= {"temperature": CHAT_TEMPERATURE, "top_p": CHAT_TOP_P, "check": checked.sentence}
    write_json(home.run_dir(name, FOLDER) / KEPT, facts)
    return facts


def save(session: LiveSession, stage: str) -> Path:
    """Save the lesson's model as a version, not promoted."""
    learned = [choice.preference for choice in session.choices]
    config = Kept(session.name, session.annotator, len(learned), asdict(session.lesson.options))
    data = {"preferences": ["log"], "num_preferences": len(learned), "reference": session.parent.name, "live": True}
    metrics = {"choices": len(learned), "check": session.checked.sentence}
    return save_version(
        config, stage, session.model, session.tokenizer, session.parent, data, metrics, Seen.of(learned)
    )


def judge(
    session: LiveSession,
    directory: Path,
    checked: Checked,
    result: WinRate,
    established: Sequence[Taste],
    refused: tuple[float, float],
) -> Decision:
    """Whether the version is promoted: better by the person's taste, and worse in nothing that is measured."""
    new, old = directory.name, session.parent.name
    if checked.is_harmed:
        reason = f"{new} wins {result.win_rate:.1%}, but it knows less: {checked.sentence}"
        decision: Decision | None = Decision(False, reason, (checked.sentence,))
    else:
        decision = decided(directory, session.parent, result, refused)
    if decision is None:
        rate = f"{result.win_rate:.1%} ({result.low:.1%}-{result.high:.1%})"
        decision = Decision(True, f"{new} wins {rate} against {old} in a chat, and {checked.sentence}")
    decision = replace(decision, reason=f"by your taste ({in_words(established)}), {decision.reason}")
    return told(decision, directory, session.parent)


def no_taste(predicted: Sequence[bool]) -> str:
    """Why nothing is promoted without an established taste, and whether the choices may be noise."""
    reason = "your choices show no taste that can be measured"
    if len(predicted) >= LEAST_PREDICTED:
        found = rate_of(predicted)
        rate = f"{found['rate']:.0%} ({found['low']:.0%}-{found['high']:.0%}) of them before it learned them"
        if found["low"] <= 0.5:
            return f"{reason}, and the model predicted {rate}, which is no better than chance: they may be noise"
        return f"{reason}, although the model predicted {rate}. Compare the two versions yourself"
    return f"{reason} yet: choose some more times, or compare the two versions yourself"
