"""`firstwords teach`: each typed verdict is logged at once, with all that is needed to repeat the answers."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np
import pytest

from firstwords import api, home
from firstwords.commands import shared, teach
from firstwords.engine.request import Completion
from firstwords.engine.sampling import SamplingParams
from firstwords.model.hub import stage_hash
from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.rlhf import pair_choice as teaching
from firstwords.tokenizer.prompts import chat_ids

pytest_plugins = ("manners_fixtures",)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("What is it?\n\nWho are you?\nIs it blue?\nWhere is the cat?\n", encoding="utf-8")
    return path


@pytest.fixture
def typed(firstwords, own_home: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `teach pip` in this process with these lines typed; questions come from a file unless words name others."""

    def run(lines: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        where = () if "--prompts" in words else ("--prompts", prompts)
        return firstwords("teach", "pip", "--max-tokens", "12", "--seed", "5", *where, *words)

    return run


def log() -> list[Judgement]:
    return PreferenceStore().all()


def add_stage(stage: str, seed: int) -> None:
    """Another stage of pip with different weights."""
    from firstwords.model.hub import save_model

    loaded = api.load("pip/sft")
    loaded.model.init_weights(seed)
    save_model(loaded.model, home.stage_dir("pip", stage), loaded.tokenizer, {"stage": stage})


def add_reward_models(*names: str) -> None:
    from firstwords.model.heads import ScalarModel
    from firstwords.model.hub import save_model

    loaded = api.load("pip/sft")
    for seed, name in enumerate(names):
        model = ScalarModel.from_policy(loaded.model, seed)
        save_model(model, home.run_dir("pip", "reward") / name, loaded.tokenizer, {"data": {"mean": 0.1, "std": 2.0}})


def test_piped_lines_are_judgements(spawn, own_home: Path, prompts: Path) -> None:
    words = ("teach", "pip", "--prompts", prompts, "--max-tokens", "12", "--annotator", "me", "--seed", "0")
    done = spawn(*words, text="l kinder\nx\nr\ns\nt\nB\n\nq\n", env={"FIRSTWORDS_HOME": str(own_home)})
    assert done.returncode == 0, done.stderr
    rows = PreferenceStore(own_home / "firstwords.db").all()
    assert [j.verdict for j in rows] == ["left", "right", "tie", "both_bad"]
    assert [j.reasons for j in rows] == [("kinder",), (), (), ()]
    asked = [j.prompt[-1]["content"] for j in rows]
    assert asked == ["What is it?", "Who are you?", "Where is the cat?", "What is it?"], "the third was skipped"
    weights = stage_hash(own_home / "models" / "pip" / "sft")
    for j in rows:
        assert j.left_stage == j.right_stage == weights and j.model == "pip" and j.annotator == "me"
        assert j.selection == "random" and j.repeat_of is None
        assert j.params["temperature"] == 1.0 and j.params["max_tokens"] == 12
    assert "1/30 (0 of 194 decided)" in done.stderr and "3/30 (2 of 194 decided)" in done.stderr
    assert "pip/sft" not in done.stderr
    assert done.stdout == (
        "4 judgements saved; 2 decided pairs of pip are in the log\n"
        "detecting a 60% preference with 80 % power takes 194: 192 to go\n"
        "next: firstwords align pip\n"
    )


def test_what_is_shown_is_what_is_kept_and_can_be_sampled_again(typed) -> None:
    code, _, err = typed("l\nr\nt\n")
    assert code == 0
    loaded = api.load("pip/sft")
    for j in log():
        left, right = (text.replace("\n", "\n" + " " * 9) for text in (j.left, j.right))
        assert f"{j.prompt[-1]['content']}\n  left   {left}\n  right  {right}\n" in err
        ids = chat_ids(loaded.tokenizer, list(j.prompt))
        for text, seed in ((j.left, j.left_seed), (j.right, j.right_seed)):
            params = shared.sampling(max_tokens=12, temperature=1.0, top_p=1.0, seed=seed)
            assert loaded.engine().generate([ids], params)[0].text.strip() == text
    first = [(j.prompt, j.left, j.right) for j in log()]
    assert typed("l\nr\nt\n")[0] == 0
    assert [(j.prompt, j.left, j.right) for j in log()[3:]] == first, "the same seed asks the same"


def test_two_stages_answer_on_sides_that_nobody_can_guess(typed, own_home: Path) -> None:
    add_stage("rlhf-1", 7)
    home.set_promoted("pip", "rlhf-1")
    code, out, err = typed("l\n" * 12, "--against", "sft", "--pairs", "12", "--json")
    assert code == 0
    new, old = (stage_hash(home.stage_dir("pip", stage)) for stage in ("rlhf-1", "sft"))
    rows = [j for j in log() if j.repeat_of is None]
    assert {(j.left_stage, j.right_stage) for j in rows} == {(new, old), (old, new)}
    for j in rows:
        labels = {new: "pip/rlhf-1", old: "pip/sft"}
        assert (j.params["left"], j.params["right"]) == (labels[j.left_stage], labels[j.right_stage])
    won = {label: sum(j.left_stage == weights for j in rows) for weights, label in labels.items()}
    assert json.loads(out) == {"model": "pip", "judged": 12, "decided": len(rows), "needed": 194, "wins": won}
    assert "rlhf-1" not in err and "sft" not in err
    typed("l\nq\n")  # of one stage alone
    assert json.loads(typed("", "--against", "sft", "--json")[1])["decided"] == len(rows)


def test_earlier_pairs_come_back_with_their_sides_swapped(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "choose_repeat", functools.partial(teaching.choose_repeat, rate=0.5))
    assert typed("l\nl\ns\n" + "l\n" * 20, "--pairs", "16")[0] == 0
    rows = {j.id: j for j in log()}
    repeats = [j for j in rows.values() if j.repeat_of is not None]
    assert len(rows) == 16 and len(repeats) >= 4
    for again in repeats:
        first = rows[again.repeat_of]
        assert (again.left, again.right, again.prompt) == (first.right, first.left, first.prompt)
        assert (again.left_seed, again.right_seed) == (first.right_seed, first.left_seed) and first.repeat_of is None
    found = PreferenceStore().stats()
    assert found["consistency"]["n"] == len(repeats) and found["consistency"]["rate"] == 0.0, "always left"
    assert found["left"]["rate"] == 1.0 and found["usable"] == 16 - len(repeats)


def test_a_skipped_pair_does_not_come_back(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "choose_repeat", functools.partial(teaching.choose_repeat, rate=1.0))
    typed("s\n" * 6 + "l\n" * 4 + "s\nl\nq\n")
    rows = log()
    # four new pairs; then the first of them again, skipped; then the second of them
    assert [j.repeat_of for j in rows[:4]] == [None] * 4 and rows[4].repeat_of == rows[1].id


def sampled_again(j: Judgement, seed: int) -> Completion:
    """The answer of a judgement, whose seed and settings are in the log."""
    loaded = api.load("pip/sft")
    names = ("temperature", "top_p", "max_tokens")
    params = SamplingParams(**{name: j.params[name] for name in names}, seed=seed)
    return loaded.engine().generate([chat_ids(loaded.tokenizer, list(j.prompt))], params)[0]


@pytest.mark.parametrize("share", ["0", "1"])
def test_the_pair_on_which_the_reward_models_disagree(typed, monkeypatch: pytest.MonkeyPatch, share: str) -> None:
    add_reward_models("model", "member-1", "member-2")
    seen = []

    def spy(texts, scores_MC, **options):
        seen.append((list(texts), scores_MC))
        return choose(texts, scores_MC, **options)

    choose = teaching.choose_pair
    monkeypatch.setattr(teaching, "choose_pair", spy)
    assert typed("l\nr\nt\nq\n", "--select", "disagreement", "--random-share", share)[0] == 0
    rows = log()
    assert len(rows) == 3 and {j.selection for j in rows} == {"disagreement" if share == "0" else "random"}
    members = teach.load_ensemble("pip")
    assert len(members) == 3
    for j, (texts, scores_MC) in zip(rows, seen, strict=False):
        assert scores_MC.shape == (3, len(texts)) and {j.left, j.right} <= set(texts)
        answers = [sampled_again(j, seed) for seed in (j.left_seed, j.right_seed)]
        assert [answer.text.strip() for answer in answers] == [j.left, j.right]
        vocabulary = members[0].tokenizer.hash  # that of pip/sft, so that the sampled ids are scored directly
        scores = np.array([m.score_sampled([j.prompt] * 2, answers, vocabulary)[0] for m in members])
        spread = (scores[:, 0] - scores[:, 1]).var()
        assert j.params["disagreement"] == pytest.approx(spread, rel=1e-3) and j.params["random_share"] == float(share)
        assert j.params["members"] == [m.hash for m in members]
        others = scores_MC[:, :, None] - scores_MC[:, None, :]
        if share == "0":
            assert spread == pytest.approx(others.var(axis=0).max(), rel=1e-3), "no two candidates are in more doubt"


def test_an_ensemble_is_two_reward_models_or_more(typed) -> None:
    for there in ((), ("model",)):
        add_reward_models(*there)
        code, out, err = typed("l\n", "--select", "disagreement")
        assert code == 2 and out == "" and "needs an ensemble of at least two reward models" in err
        assert f"holds {len(there)}: train one with `firstwords reward pip --members 3`, or use --select random" in err
    add_reward_models("member-1", "member-2")
    assert len(teach.load_ensemble("pip")) == 3


def test_ctrl_c_ends_cleanly_and_keeps_what_was_judged(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hand(io.StringIO):
        def readline(self) -> str:
            line = super().readline()
            if not line:
                raise KeyboardInterrupt
            return line

    monkeypatch.setattr(io, "StringIO", Hand)
    code, out, err = typed("l\nr\n")
    assert code == 0 and "2 judgements saved" in out and "next: firstwords align pip" in out and "Traceback" not in err

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(teaching.PairSource, "_pair", interrupted)  # while the model answers
    code, out, _ = typed("l\nr\n")
    assert code == 0 and "0 judgements saved; 2 decided" in out and len(log()) == 2


def test_questions_of_the_world_and_of_the_log(typed) -> None:
    code, out, _ = typed("l\nr\nq\n", "--prompts", "world")
    assert code == 0 and "2 judgements saved" in out
    asked = {json.dumps(j.prompt) for j in log()}
    typed("t\nt\nt\n", "--prompts", "log")
    assert {json.dumps(j.prompt) for j in log()} == asked and len(log()) == 5


def test_a_model_that_has_made_up_its_mind(typed) -> None:
    code, out, err = typed("l\n" * 5, "--temperature", "0.00001")
    assert code == 0 and "did not give two different answers" in err
    assert out.startswith("0 judgements saved") and "next:" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--select", "best"), "--select is best"),
        (("--pairs", "0"), "--pairs is 0"),
        (("--random-share", "2"), "--random-share is 2"),
        (("--temperature", "0"), "--temperature is 0"),
        (("--temperature", "-1"), "--temperature is -1"),
        (("--against", "sft"), "already answers"),
        (("--against", "rlhf-9"), "no stage rlhf-9"),
        (("--against", "base"), "has not learned to answer"),
        (("--prompts", "none.txt"), "none.txt cannot be read"),
        (("--prompts", "log"), "holds no judgements of pip"),
    ],
)
def test_mistakes_get_one_sentence(typed, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = typed("l\n", *words)
    assert code == 2 and out == "" and log() == []
    assert sentence in err and "Traceback" not in err and err.count("firstwords: ") == 1


def test_a_directory_elsewhere_has_no_name_to_keep_judgements_under(firstwords, own_home: Path, tmp_path: Path) -> None:
    (own_home / "models" / "pip" / "sft").rename(tmp_path / "elsewhere")
    code, _, err = firstwords("teach", tmp_path / "elsewhere")
    assert code == 2 and "teach needs a model's name" in err


def test_answers_of_which_the_model_is_most_and_least_sure(typed) -> None:
    assert typed("l\nr\nl\nq\n", "--select", "uncertainty", "--random-share", "0")[0] == 0
    rows = log()
    assert len(rows) == 3 and {j.selection for j in rows} == {"uncertainty"}
    assert all(j.params["disagreement"] > 0 and "members" not in j.params for j in rows)


def test_a_model_that_cannot_be_taught_live_says_why(typed) -> None:
    for flag in ("--live", "--keep"):
        code, out, err = typed("l\n", flag)
        assert code == 2 and out == "" and "cannot be read again" in err and "Traceback" not in err
    assert "leave out --against" in typed("l\n", "--live", "--against", "base")[2]


def test_each_typed_choice_is_learned_at_once(
    firstwords, manners_home: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts.write_text("What colour is the cat?\nWhat colour is the dog?\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("l\nl\nt\nq\n"))
    code, out, err = firstwords("teach", "pip", "--live", "--prompts", prompts, "--seed", "1", "--max-tokens", "30")
    assert code == 0 and out.endswith("next: firstwords teach pip --keep\n")
    assert "teaching pip live, after 0 choices: still sure of" in err
    assert err.count("  learned") == 2 and err.count("now it answers: ") == 2, "a tie teaches nothing"
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    assert "teaching pip live, after 2 choices" in firstwords("teach", "pip", "--live", "--prompts", prompts)[2]
    code, out, err = firstwords("teach", "pip", "--keep")
    assert code == 0 and out.startswith("kept as pip/rlhf-1, not promoted: your choices show no taste")
    assert home.promoted("pip") == "sft"
