"""Comparisons by a reward model and by a person: who may judge, what was seen before, and when to stop."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from firstwords import home
from firstwords.config import UserError
from firstwords.engine.request import Completion
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.decoding import Decoding
from firstwords.model.hub import read_card, save_model, weights_hash
from firstwords.rlhf import reward
from firstwords.rlhf.compare import check_judge, compare_by_reward
from firstwords.rlhf.methods import dpo, rloo
from firstwords.rlhf.provenance import SEEN, Seen, read_seen
from firstwords.rlhf.reward_model import load_reward_model
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids

WORDS = ["cat", "dog", "mat", "house", "blue", "first", "name"]


def write_preferences(path: Path, seed: int, word: str) -> Path:
    draw = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for i in range(40):
            answer = " ".join(draw.choices(WORDS, k=2))
            row = {"prompt": f"What is {word} {i}?", "chosen": f"{answer} is", "rejected": f"{answer} my"}
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(_built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with pip/rlhf-1 (RLOO against pip's reward model), pip/rlhf-2 (DPO), and a reward model of `other`."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("trained")
        shutil.copytree(_built_home, root / "home")
        shutil.copytree(root / "home/models/pip", root / "home/models/other")
        patch.setenv("FIRSTWORDS_HOME", str(root / "home"))
        mine = str(write_preferences(root / "mine.jsonl", 0, "it"))
        fresh = str(write_preferences(root / "fresh.jsonl", 1, "that"))
        reward.main(reward.Reward("pip", preferences=[mine], steps=2))
        rloo.main(rloo.Rloo("pip", prompts=[mine], steps=1, step_prompts=2, samples=2, max_tokens=4, sft_share=0.0))
        home.set_promoted("pip", "rlhf-1")
        dpo.main(dpo.Dpo("pip", preferences=[fresh], steps=1))
        reward.main(reward.Reward("other", preferences=[fresh], steps=2))
    return root


@pytest.fixture
def own(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "t")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "t" / "home"))
    return tmp_path / "t"


def questions(own: Path, *texts: str) -> Path:
    path = own / "questions.txt"
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def test_a_reward_model_judges_those_it_has_not_taught(firstwords, own: Path) -> None:
    asked = questions(own, "What is it 3?", "Who are you?", "What is that 5?", "Is it blue?")
    words = ("compare", "pip/rlhf-1", "pip/sft", "--prompts", asked, "--max-tokens", "8", "--json")
    for judge in ("other", own / "home" / "runs" / "other" / "reward" / "model"):
        code, out, err = firstwords(*words, "--judge", judge)
        result = json.loads(out)
        assert code == 0 and result["n"] == 4 and result["warnings"] == [] and "warning" not in err
        assert result["order_consistency"]["agreement"] == 1.0
        assert result["reward_model"] == read_card(home.run_dir("other", "reward") / "model")["weights_sha256"]
        assert result["decoding"]["max_tokens"] == 8 and result["decoding"]["template"]
        assert result["seen_prompts"] == 1 and "1 of 4 questions were used as prompts" in err


def test_the_higher_score_wins_and_equal_answers_tie(own: Path) -> None:
    judge = load_reward_model(home.run_dir("other", "reward") / "model")
    prompts = [[{"role": "user", "content": f"What is {i}?"}] for i in range(6)]
    a, b = ["cat is", "cat", "dog", "", "blue", "mat is"], ["cat my", "cat", "house", "dog", "blue", "is"]
    sides = [[whole(text, judge.tokenizer) for text in texts] for texts in (a, b)]
    record, own_ids = Decoding.of(SamplingParams()), [judge.tokenizer.hash] * 2
    rows, shortened = compare_by_reward(prompts, sides, own_ids, (record, record), judge)
    scores = judge.score(list(zip(prompts, a, strict=True))), judge.score(list(zip(prompts, b, strict=True)))
    for row, one, other, said_a, said_b in zip(rows, *scores, a, b, strict=True):
        assert row.outcome == (0.5 if said_a == said_b else float(one > other))
    mirrored, _ = compare_by_reward(prompts, sides[::-1], own_ids, (record, record), judge)
    assert [row.outcome for row in mirrored] == [1 - row.outcome for row in rows] and shortened == 0
    with pytest.raises(UserError, match=r"temperature is 1\.0 and 0\.5"):
        compare_by_reward(prompts, sides, own_ids, (record, Decoding.of(SamplingParams(temperature=0.5))), judge)


def whole(text: str, tokenizer: Tokenizer) -> Completion:
    """An answer that stopped by itself."""
    return Completion([*tokenizer.encode(text), tokenizer.im_end_id], text, "stop", [], [], 0, 0, 0)


def test_sampled_ids_are_scored_as_they_are_and_those_of_another_vocabulary_as_text(own: Path) -> None:
    judge = load_reward_model(home.run_dir("other", "reward") / "model")
    messages = [{"role": "user", "content": "What is it?"}]
    ids = [*(judge.tokenizer.encode(letter)[0] for letter in "cat"), judge.tokenizer.im_end_id]
    assert ids != [*judge.tokenizer.encode("cat"), judge.tokenizer.im_end_id]  # the text has other tokens
    answer = Completion(ids, "cat", "stop", [], [], 0, 0, 0)
    prompt = chat_ids(judge.tokenizer, messages)
    as_sampled, as_text = judge.score_ids([[*prompt, *ids]], [len(prompt)]), judge.score([(messages, "cat")])
    assert abs(as_sampled - as_text) > 1e-4
    (own_ids, _), (other_ids, _) = (judge.score_sampled([messages], [answer], v) for v in (judge.tokenizer.hash, "x"))
    np.testing.assert_allclose([own_ids, other_ids], [as_sampled, as_text], atol=1e-6)


def test_texts_that_are_too_long_are_shortened_or_left_out_and_counted(firstwords, own: Path, tmp_path: Path) -> None:
    judge = load_reward_model(home.run_dir("other", "reward") / "model")
    messages = [{"role": "user", "content": "What is it?"}]
    room = judge.limit - len(chat_ids(judge.tokenizer, messages)) - 1
    text = "cat " * 400
    kept = judge.tokenizer.decode(judge.tokenizer.encode(text.strip())[:room])
    answers = [whole(each, judge.tokenizer) for each in (text, kept)]
    scores, shortened = judge.score_sampled([messages] * 2, answers, "x")
    assert shortened == 1 and judge.score([(messages, text)])[0] == pytest.approx(scores[0], abs=1e-5)
    filling = [*chat_ids(judge.tokenizer, messages), *judge.tokenizer.encode(text.strip())[: room + 1]]
    np.testing.assert_allclose(scores[0], judge.score_ids([filling]), atol=1e-5)
    prompts = tmp_path / "long.txt"
    prompts.write_text(f"What is it?\n{text}\nWho are you?\n", encoding="utf-8")
    words = ("compare", "pip/sft", "pip/base", "--judge", "other", "--prompts", prompts, "--json")
    code, out, err = firstwords(*words)
    assert code == 0 and json.loads(out)["left_out"] == 1 and json.loads(out)["n"] == 2
    assert "left out 1 of 3 questions, too long for a context of 160 tokens" in err
    prompts.write_text(text, encoding="utf-8")
    code, out, err = firstwords(*words)
    assert code == 2 and "none of the 1 questions fits a context of 160 tokens" in err


@pytest.mark.parametrize("sides", [("pip/rlhf-1", "pip/sft"), ("pip/sft", "pip/rlhf-1"), ("pip/sft", "pip/rlhf-2")])
def test_the_reward_model_that_was_optimised_is_refused(firstwords, own: Path, sides: tuple[str, str]) -> None:
    code, out, err = firstwords("compare", *sides, "--judge", "pip")
    guilty = next(side for side in sides if side != "pip/sft")
    assert code == 2 and out == "" and err.count("firstwords: ") == 1
    assert f"{guilty} was optimised against the reward model" in err


def test_a_version_without_the_file_is_refused_by_its_card(own: Path) -> None:
    judge = home.run_dir("pip", "reward") / "model"
    (home.stage_dir("pip", "rlhf-1") / SEEN).unlink()
    with pytest.raises(UserError, match="was optimised against"):
        check_judge(judge, load_reward_model(judge).hash, [home.stage_dir("pip", "rlhf-1")], ["pip/rlhf-1"])


def test_a_judge_of_the_same_preferences_may_judge_with_a_warning(firstwords, own: Path) -> None:
    asked = questions(own, "Who are you?", "Is it blue?")
    words = ("compare", "pip/rlhf-2", "pip/sft", "--judge", "other", "--prompts", asked, "--max-tokens", "4")
    code, out, err = firstwords(*words)
    assert code == 0 and "win rate" in out
    assert "warning: pip/rlhf-2 was trained on 40 of the 40 preferences behind this judge" in err


def test_a_reward_model_comes_with_its_reliability_plot(own: Path) -> None:
    plot = home.run_dir("pip", "reward") / "model" / "report_card.svg"
    ece = read_card(plot.parent)["metrics"]["report_card"]["ece"]
    assert plot.read_text().startswith("<svg") and f"(ECE) {ece:.3f}" in plot.read_text()


def test_what_was_seen_is_handed_on(own: Path) -> None:
    judge = read_seen(home.run_dir("pip", "reward") / "model")
    first, second = (read_seen(home.stage_dir("pip", f"rlhf-{i}")) for i in (1, 2))
    assert len(judge.prompts) == len(judge.preferences) == 40 and judge.reward_models == set()
    assert first.preferences == judge.preferences and len(first.reward_models) == 1
    assert len(second.prompts) == 80 and second.reward_models == first.reward_models
    assert read_seen(home.stage_dir("pip", "sft")) == Seen()
    (home.stage_dir("pip", "rlhf-1") / SEEN).write_text("[1]")
    with pytest.raises(UserError, match="damaged"):
        read_seen(home.stage_dir("pip", "rlhf-1"))


@pytest.mark.parametrize(
    ("judge", "sentence"),
    [
        ("coin", "--judge is coin, but it must be truth, human, or a reward model"),
        ("pip/sft", "--judge is pip/sft"),
        ("sft", "is not a reward model"),
    ],
)
def test_who_is_no_judge(firstwords, own: Path, judge: str, sentence: str) -> None:
    judge = str(home.stage_dir("pip", "sft")) if judge == "sft" else judge
    code, out, err = firstwords("compare", "pip/sft", "pip/base", "--judge", judge)
    assert code == 2 and out == "" and sentence in err and err.count("firstwords: ") == 1


def person(own: Path, spawn, keys: str) -> tuple[dict, str]:
    asked = questions(own, *(f"What is it {i}?" for i in range(12)))
    words = ("compare", "pip/sft", "pip/base", "--judge", "human", "--prompts", asked, "--max-tokens", "12")
    done = spawn(*words, "--json", text=keys, env={"FIRSTWORDS_HOME": str(own / "home")})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_who_stops_before_the_last_question_gets_the_interval_for_it(spawn, own: Path) -> None:
    result, _ = person(own, spawn, "t\nt\nt\nq\n")
    assert result["stopped_early"] and result["n"] == 3 and result["seen_prompts"] == 0
    assert result["always_low"] < result["low"] and result["high"] < result["always_high"]
    assert person(own, spawn, "t\n" * 3)[0]["stopped_early"], "the end of the input is a stop too"
    assert not person(own, spawn, "t\n" * 12)[0]["stopped_early"]


def test_the_terminal_names_both_intervals(firstwords, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("t\nt\nq\n"))
    asked = questions(own, *(f"What is it {i}?" for i in range(6)))
    words = ("compare", "pip/sft", "pip/base", "--judge", "human", "--prompts", asked, "--max-tokens", "8")
    code, out, _ = firstwords(*words)
    assert code == 0 and "anytime-valid interval" in out and "you stopped early" in out


def test_other_peoples_models_have_seen_nothing_that_is_known(own: Path) -> None:
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    sft = home.stage_dir("pip", "sft")
    model = load_model(sft)
    save_model(model, own / "plain", Tokenizer.load(sft))
    judge = home.run_dir("other", "reward") / "model"
    assert check_judge(judge, weights_hash(model), [own / "plain"], ["plain"]) == []
