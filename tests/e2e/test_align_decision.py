"""Which version a model uses after `align`: what was measured decides, strictly, and one line says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from firstwords import home
from firstwords.config import UserError
from firstwords.eval import exam
from firstwords.eval.exam import put_on_card
from firstwords.eval.winrate import Comparison
from firstwords.keeping.promote import rollback
from firstwords.model.hub import load_model, read_card, save_model
from firstwords.preferences.formats import read_preferences
from firstwords.preferences.records import Preference, split_by_prompt
from firstwords.rlhf import align
from firstwords.rlhf import compare as comparing
from firstwords.rlhf.align import Align
from firstwords.rlhf.methods import dpo
from firstwords.rlhf.methods.dpo import Dpo
from firstwords.rlhf.strength import share_of
from firstwords.serve import jobs
from firstwords.tokenizer.fast import Tokenizer


class KilledError(Exception):
    pass


def table(
    told: float = 0.889,
    two_steps: float = 0.525,
    told_refused: float = 0.048,
    visitor: float = 0.8,
    sums: float = 0.7,
    townspeople: float = 0.7,
    colours: int = 20,
) -> dict:
    """Exam results, as `run_exam` returns them."""
    rates = {
        "told": (told, 252),
        "told_refused": (told_refused, 252),
        "two_steps": (two_steps, 40),
        "visitor": (visitor, 464),
    }
    parts = {part: {"rate": rate, "low": rate, "high": rate, "n": n} for part, (rate, n) in rates.items()}
    kinds = {"sums": {"rate": sums, "n": 54}, "townspeople": {"rate": townspeople, "n": 6}}
    kinds["colours"] = {"rate": colours / 26, "n": 26}
    parts["visitor"]["kinds"] = kinds
    return parts | {"version": exam.version(), "examples": [], "seconds": 1.0}


@pytest.fixture
def aligned(pip: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """aligned(...) -> (stage in use, align.json) after an `align` whose measurements came out like this."""

    def run(
        won: float = 1.0,
        refused: tuple[float, float] = (0.02, 0.02),
        now: dict | None = None,
        before: dict | None = None,
        less: dict | None = None,
        preferences: list[str] | None = None,
    ) -> tuple[str, dict]:
        made, sft = home.stage_dir("pip", "rlhf-1"), home.stage_dir("pip", "sft")
        found = {
            (made, 1.0): now or table(),
            **{(made, share): less or now or table() for share in (0.75, 0.5, 0.25)},
            (sft, 1.0): before or table(),
        }
        rows = [Comparison(f"question {i}", won) for i in range(60)]
        sides = [{"invented": 0.1, "refused": share, "reward": 1.0} for share in refused]
        asked = []

        def compare(*_, **settings):
            asked.append(settings)
            return rows, sides

        monkeypatch.setattr(align, "compare_on_world", compare)
        opened = lambda path, device: SimpleNamespace(path=path, tokenizer=object())  # noqa: E731
        monkeypatch.setattr(comparing, "open_engine", opened)

        def examine(engine, _, size):
            examined.append(engine.path.name)
            return found[engine.path, share_of(engine.path)]

        monkeypatch.setattr(comparing, "run_exam", examine)
        monkeypatch.setattr(align, "check_prompts", lambda *_: None)
        monkeypatch.setattr(align, "_by_reward", lambda *_: made)
        save_model(load_model(sft), made, Tokenizer.load(sft), {"stage": "rlhf-1"})
        home.set_promoted("pip", "sft")
        align.main(Align("pip", preferences=preferences or ["world"]))
        # once for all of what was learned and for each part of it that was tried; as in a chat: the default
        assert len(asked) in (0, {1.0: 1, 0.75: 2, 0.5: 3, 0.25: 4}[share_of(made)])
        assert not any(settings.get("temperature") for settings in asked)
        return home.promoted("pip"), json.loads((home.run_dir("pip", "align") / "align.json").read_text())

    examined = run.examined = []
    return run


def test_a_version_that_wins_and_is_worse_in_nothing_is_promoted(aligned: Callable, capsys) -> None:
    stage, found = aligned()
    assert stage == "rlhf-1" and found["promoted"]
    assert found["reason"].startswith("rlhf-1 wins 100.0% (") and "no part of the exam is worse" in found["reason"]
    line = f"promoted: pip now uses rlhf-1 (was sft), because {found['reason']}"
    assert line in capsys.readouterr().err
    assert read_card(home.stage_dir("pip", "rlhf-1"))["metrics"]["promotion"]["reason"] == found["reason"]
    assert rollback("pip") == "sft"  # an automatic promotion is undone like any other


def test_winning_does_not_help_a_version_that_knows_less(aligned: Callable, capsys) -> None:
    """A false "better": its answers win, but it gets 4 points fewer of the known facts right."""
    stage, found = aligned(now=table(told=0.849))
    assert stage == "sft" and not found["promoted"]
    assert found["reason"].endswith("but it is worse in known facts (88.9% -> 84.9%)")
    assert "100.0%" in found["reason"] and f"not promoted: {found['reason']}" in capsys.readouterr().err
    metrics = read_card(home.stage_dir("pip", "rlhf-1"))["metrics"]
    assert metrics["promotion"] == {"before": "sft", "promoted": False, "reason": found["reason"]}
    assert metrics["exam"]["told"]["rate"] == 0.849


def test_less_of_what_was_learned_is_tried_where_the_whole_costs_knowledge(aligned: Callable, capsys) -> None:
    stage, found = aligned(now=table(told=0.849), less=table(told=0.88))
    assert stage == "rlhf-1" and found["promoted"] and aligned.examined == ["rlhf-1", "sft", "rlhf-1"]
    assert found["reason"].startswith("three quarters of the way from sft to what was learned, rlhf-1 wins 100.0% (")
    told = capsys.readouterr().err
    assert "worse in known facts (88.9% -> 84.9%): trying 75% of what it learned" in told
    metrics = read_card(home.stage_dir("pip", "rlhf-1"))["metrics"]
    assert metrics["share"] == 0.75 and metrics["exam"]["told"]["rate"] == 0.88


@pytest.mark.parametrize(
    ("outcome", "stage", "reason"),
    [
        ({"won": 0.5}, "sft", "not shown to be better than sft: in a chat its answers win 50.0%"),
        ({"won": 0.0}, "sft", "rlhf-1 is worse than sft: in a chat its answers win 0.0%"),
        ({"refused": (0.045, 0.02)}, "sft", "worse in answerable questions refused (2.0% -> 4.5%)"),
        ({"refused": (0.04, 0.02)}, "rlhf-1", "is worse by more than 2 points"),
        ({"now": table(told_refused=0.083)}, "sft", "worse in known facts refused (4.8% -> 8.3%)"),
        ({"now": table(told_refused=0.01)}, "rlhf-1", "is worse by more than 2 points"),
        ({"now": table(visitor=0.77)}, "sft", "worse in sensible replies to visitors (80.0% -> 77.0%)"),
        ({"now": table(sums=0.63)}, "sft", "worse in replies to visitors about sums (70.0% -> 63.0%)"),
        ({"now": table(sums=0.69)}, "rlhf-1", "is worse by more than 2 points"),
        ({"now": table(colours=18)}, "rlhf-1", "is worse by more than 2 points"),  # two answers
        ({"now": table(colours=17)}, "sft", "worse in replies to visitors about colours (76.9% -> 65.4%)"),
        ({"now": table(townspeople=0.5)}, "rlhf-1", "is worse by more than 2 points"),  # one answer of six
        (
            {"now": table(told=0.8, two_steps=0.4, told_refused=0.1, visitor=0.7, sums=0.5), "refused": (0.1, 0.02)},
            "sft",
            "known facts refused (4.8% -> 10.0%); two-step facts (52.5% -> 40.0%); sensible replies to visitors "
            "(80.0% -> 70.0%); and 2 more parts",
        ),
        ({"now": table(told=0.869)}, "rlhf-1", "is worse by more than 2 points"),
        ({"now": table(two_steps=0.475, told=0.8)}, "sft", "known facts (88.9% -> 80.0%); two-step facts ("),
    ],
)
def test_promotion_is_strict(outcome: dict, stage: str, reason: str, aligned: Callable) -> None:
    used, found = aligned(**outcome)
    assert used == stage and reason in found["reason"] and "\n" not in found["reason"]


@pytest.mark.parametrize("number", [60, 4])
def test_the_owners_taste_counts_instead_of_the_judges(number: int, aligned: Callable, monkeypatch) -> None:
    """With too few choices of the owner's own, the built-in judge decides as before."""
    prompts = [({"role": "user", "content": f"Question {i}?"},) for i in range(number)]
    pairs = [Preference(prompt, "Yes.", "Yes, it is so.") for prompt in prompts]
    asked = [(pair.prompt, None) for pair in pairs]
    monkeypatch.setattr(align, "choices_of_people", lambda specs: iter(pairs if specs != ["world"] else ()))
    monkeypatch.setattr(align, "open_engine", lambda path, device: SimpleNamespace(path=path, max_length=256))
    monkeypatch.setattr(align, "knows_world", lambda path: True)
    monkeypatch.setattr(align, "questions_for", lambda *_: asked)
    rows = [Comparison(f"question {i}", 0.0) for i in range(60)]
    monkeypatch.setattr(align, "compared", lambda *_: (rows, (0.02, 0.02)))
    stage, found = aligned(preferences=["log", "world"])
    is_by_taste = found["reason"].startswith("by the taste shown (shorter answers")
    assert is_by_taste == (number == 60), found["reason"]
    assert stage == ("sft" if is_by_taste else "rlhf-1"), "the judge prefers rlhf-1, the owner's taste does not"


def test_the_exam_of_the_version_before_is_taken_once(aligned: Callable) -> None:
    aligned(won=0.5)
    assert aligned.examined == []  # the win rate has decided
    aligned()
    assert aligned.examined == ["rlhf-1", "sft"]
    aligned()
    assert aligned.examined[2:] == ["rlhf-1"]  # it is on the card of sft
    put_on_card(home.stage_dir("pip", "sft"), table() | {"version": "another exam"})
    aligned()
    assert aligned.examined[3:] == ["rlhf-1", "sft"]


def test_a_person_who_promoted_another_version_meanwhile_is_not_overruled(aligned: Callable, monkeypatch) -> None:
    decide = align.decide

    def while_it_measures(*arguments):
        make = home.stage_dir("pip", "other")
        shutil.copytree(home.stage_dir("pip", "sft"), make)
        home.set_promoted("pip", "other")
        return decide(*arguments)

    monkeypatch.setattr(align, "decide", while_it_measures)
    stage, found = aligned()
    assert stage == "other" and "pip was switched from sft to another version" in found["reason"]


def test_a_run_that_was_killed_after_promoting_ends_as_if_it_had_not_been(aligned: Callable, monkeypatch) -> None:
    def killed(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(align, "_close", killed)
        with pytest.raises(KilledError):
            aligned()
    assert home.promoted("pip") == "rlhf-1"
    align.main(Align("pip", preferences=["world"], resume=True))
    found = json.loads((home.run_dir("pip", "align") / "align.json").read_text())
    assert found["promoted"] and found["done"] and rollback("pip") == "sft"


def test_nothing_begins_with_a_base_model(pip: Path) -> None:
    tokenizer = Tokenizer.load(home.stage_dir("pip", "sft"))
    save_model(load_model(home.stage_dir("pip", "sft")), home.stage_dir("pip", "base"), tokenizer, {"stage": "base"})
    home.set_promoted("pip", "base")
    for main in (lambda: align.main(Align("pip", preferences=[str(pip)])), lambda: dpo.main(Dpo("pip"))):
        with pytest.raises(UserError, match=r"pip uses base, which continues text.*`firstwords promote pip sft`"):
            main()
    assert not home.run_dir("pip", "reward").exists() and not home.run_dir("pip", "rlhf-1").exists()


def test_dpo_that_improves_nothing_saves_nothing_and_says_so(pip: Path, capsys, monkeypatch) -> None:
    rows = [json.loads(line) for line in pip.read_text().splitlines()]
    heldout = {p.prompt[0]["content"] for p in split_by_prompt(list(read_preferences([pip])), dpo.HELDOUT_SHARE)[1]}
    for row in rows:  # held out, the opposite is right
        if row["prompt"] in heldout:
            row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    pip.write_text("".join(json.dumps(row) + "\n" for row in rows))
    align.main(Align("pip", preferences=[str(pip)], method="dpo", steps=12, learning_rate=3.0))
    said = capsys.readouterr().err
    assert home.stages("pip") == ["sft"] and home.promoted("pip") == "sft"
    assert "no improvement: in 12 steps" in said and "not promoted: no improvement" in said
    found = json.loads((home.run_dir("pip", "align") / "align.json").read_text())
    assert found["done"] and not found["promoted"] and found["reason"].startswith("no improvement")
    align.main(Align("pip", preferences=[str(pip)], method="dpo", resume=True))
    assert "complete" in capsys.readouterr().err and home.stages("pip") == ["sft"]
    # its leftovers are not taken for the start of the next run
    with monkeypatch.context() as patch:
        patch.setattr(align.reward, "main", lambda *_: (_ for _ in ()).throw(KilledError))
        with pytest.raises(KilledError):
            align.main(Align("pip", preferences=[str(pip)], steps=2))
    align.main(Align("pip", preferences=[str(pip)], steps=2, resume=True))
    assert read_card(home.stage_dir("pip", "rlhf-1"))["data"]["reward_model"]


def test_a_person_is_told_how_to_judge_what_the_truth_cannot(pip: Path, capsys) -> None:
    align.main(Align("pip", preferences=[str(pip)], steps=2))
    found = json.loads((home.run_dir("pip", "align") / "align.json").read_text())
    command = "firstwords compare pip/rlhf-1 pip/sft --judge human"
    assert found["reason"].endswith(f"Compare the two yourself: {command}") and found["command"] == command
    assert f"not promoted: {found['reason']}" in capsys.readouterr().err
    shown = jobs.result(home.run_dir("pip"), "align")  # the page has a button for it
    assert shown["reason"].endswith("Compare the two yourself") and shown["stage"] == "rlhf-1"
