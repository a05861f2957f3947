"""Transcripts of the commands of stage three: the log of preferences, comparisons, versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstwords import home
from firstwords.model.hub import stage_hash
from firstwords.preferences.store import Judgement, PreferenceStore
from firstwords.rlhf.compare import COMPARE_SAMPLES

ROWS = [
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
    {"prompt": "Bye", "chosen": "Goodbye!", "rejected": "Goodbye!"},
    {"prompt": "Who?", "chosen": "Pip.", "rejected": "Guess."},
]


def test_preferences_go_in_and_out(firstwords, empty_home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    code, _, err = firstwords("preferences", "import", source, "--model", "pip")
    assert code == 0 and "added 2 preferences; left out 1 row" in err
    assert "in.jsonl:2: the two answers are equal" in err
    code, _, err = firstwords("preferences", "import", source, "--model", "pip")
    assert code == 0 and "added 0 preferences; left out 1 row; 2 were already in the log" in err
    assert firstwords("preferences", "add", "--prompt", "Why?", "--chosen", "So.", "--rejected", "No.")[0] == 0
    code, out, _ = firstwords("preferences", "stats", "--json")
    assert code == 0 and json.loads(out)["usable"] == 3 and json.loads(out)["verdicts"]["left"] == 3
    code, out, _ = firstwords("preferences", "list", "--limit", "1")
    assert "Why?" in out and "Hi" not in out
    assert firstwords("preferences", "export", target, "--plain", "--model", "pip")[0] == 0
    back = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert back == [ROWS[0], ROWS[2]]


def test_stats_say_how_fair_and_how_consistent_the_judge_was(firstwords, empty_home: Path) -> None:
    log = PreferenceStore()
    for i, (first, again) in enumerate([("left", "right"), ("right", "left"), ("left", "left"), ("tie", "tie")]):
        question = ({"role": "user", "content": f"{i}?"},)
        number = log.add(Judgement(question, "a", "b", first))
        log.add(Judgement(question, "b", "a", again, repeat_of=number))
        log.add(Judgement(question, "good", verdict="up", kind="thumb"))
    code, out, _ = firstwords("preferences", "stats")
    assert code == 0 and "12 judgements (4 left, 2 right, 2 tie, 4 up), 3 usable for training" in out
    assert "the left side won: 67% (30%-90%, n = 6)\n" in out
    assert "same verdict on a hidden repeat: 75% (30%-95%, n = 4), kappa 0.64\n" in out  # (3/4 - 5/16) / (1 - 5/16)
    assert "4 thumbs are unpaired" in out
    assert json.loads(firstwords("preferences", "stats", "--json")[1])["consistency"]["n"] == 4


def test_a_version_against_itself_by_the_truth(firstwords, own_home: Path) -> None:
    code, out, _ = firstwords("compare", "pip/sft", "pip/sft", "--limit", "12", "--json")
    result = json.loads(out)
    assert code == 0 and result["num_prompts"] == 12
    assert result["n"] == 12 * COMPARE_SAMPLES == result["wins"] + result["ties"] + result["losses"]
    assert result["verdict"] == "not yet shown" and result["low"] <= 0.5 <= result["high"]
    assert {"win_rate", "more_needed", "length_controlled", "order_consistency", "judge"} <= result.keys()


def test_a_person_judges_blindly_and_the_log_keeps_it(spawn, own_home: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("What is it?\nWho are you?\nIs it blue?\nWhere is the cat?\n", encoding="utf-8")
    words = ("compare", "pip/sft", "pip/base", "--judge", "human", "--prompts", prompts, "--max-tokens", "12")
    done = spawn(*words, "--json", text="l kinder\nx\nr\ns\nq\n", env={"FIRSTWORDS_HOME": str(own_home)})
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n"] == 2 == result["wins"] + result["losses"]
    said = PreferenceStore(own_home / "firstwords.db").all()
    assert [(j.verdict, j.reasons) for j in said] == [("left", ("kinder",)), ("right", ())] and said[0].model == "pip"
    hashes = {stage_hash(own_home / "models" / "pip" / stage) for stage in ("sft", "base")}
    assert all({j.left_stage, j.right_stage} == hashes for j in said) and len(hashes) == 2
    assert "pip/base" not in done.stderr and "pip/sft" not in done.stderr


def test_promote_and_rollback(firstwords, own_home: Path) -> None:
    assert home.promoted("pip") == "sft"
    code, _, err = firstwords("rollback", "pip")
    assert code == 2 and home.promoted("pip") == "sft"
    assert "pip has no earlier promotion to go back to: it uses sft" in err and "chooses from base" in err
    code, _, err = firstwords("promote", "pip", "base")
    assert code == 0 and home.promoted("pip") == "base" and "pip now uses base (was sft)" in err
    assert "pip/base continues text and does not answer" in err and "`firstwords rollback pip` undoes this" in err
    code, _, err = firstwords("align", "pip", "--preferences", "world")
    assert code == 2 and "pip uses base, which continues text" in err and "`firstwords promote pip sft`" in err
    code, _, err = firstwords("rollback", "pip")
    assert code == 0 and home.promoted("pip") == "sft" and err == "pip now uses sft (was base)\n"
    code, _, err = firstwords("promote", "pip", "sft")
    assert code == 0 and err == "pip already uses sft\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("preferences", "export", "x.jsonl"), "holds no preference"),
        (("preferences", "import", "none.jsonl"), "does not exist"),
        (("preferences", "add", "--prompt", "Hi", "--chosen", "a", "--rejected", "a"), "equal"),
        (("preferences",), "needs one of these words"),
        (("compare", "pip/sft", "pip/rlhf-9"), "no stage rlhf-9"),
        (("compare", "pip/sft", "pip/base", "--judge", "coin"), "--judge is coin"),
        (("compare", "pip/sft", "pip/base", "--prompts", "x"), "needs --judge human"),
        (("promote", "pip", "rlhf-9"), "no stage rlhf-9"),
        (("rollback", "nobody"), "no model nobody"),
        (("align", "pip", "--method", "magic"), "--method is magic"),
        (("align", "pip"), "no preferences in log"),
    ],
)
def test_mistakes_get_one_sentence(firstwords, own_home: Path, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = firstwords(*words)
    assert code == 2 and out == ""
    assert sentence in err and "Traceback" not in err and err.count("firstwords: ") == 1
