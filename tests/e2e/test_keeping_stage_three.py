"""Nothing finished of stage three is lost: resuming, killed processes, reward models, comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keeping_helpers import WORDS, Command, KilledError, files, killed_after, weights

from firstwords import home
from firstwords.keeping import locks, trash
from firstwords.model.hub import read_card
from firstwords.process import FILE

pytest_plugins = ("keeping_fixtures",)
pytestmark = pytest.mark.usefixtures("own")


@pytest.fixture
def preferences(tmp_path: Path) -> list[str]:
    rows = [{"prompt": f"Say {w}. {i}", "chosen": w, "rejected": f"{w} no"} for i in range(4) for w in WORDS]
    (tmp_path / "preferences.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return ["--preferences", str(tmp_path / "preferences.jsonl")]


@pytest.mark.parametrize("method", ["dpo", "rloo"])
def test_a_finished_align_is_not_resumed_and_a_killed_one_is(
    method: str, firstwords: Command, preferences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["align", "mine", *preferences, "--method", method, "--steps", "3"]
    assert "no run of mine to resume" in firstwords("align", "mine", "--resume")[2]
    killed_after(2, firstwords, monkeypatch, *words)
    code, _, err = firstwords("align", "mine", "--resume", "--steps", "9")
    assert code == 2 and "keeps the --steps 3 it was started with" in err
    for file, contents in (("align/align.json", (b"{", b"[]", b"{}")), ("rlhf-1/parent", (b"\xff", b"", b"rlhf-9"))):
        if method == "rloo" and file.startswith("rlhf"):
            continue  # there the second step is the reward model's
        path = home.run_dir("mine") / file
        whole = path.read_bytes()
        for content in contents:
            path.write_bytes(content)
            code, _, err = firstwords("align", "mine", "--resume")
            assert code == 2 and path.name in err and "nothing was changed" in err and err.count("\n") == 1, err
        path.write_bytes(whole)
    assert firstwords("align", "mine", "--resume")[0] == 0 and home.stages("mine") == ["base", "sft", "rlhf-1"]
    before = files()
    code, _, err = firstwords("align", "mine", "--resume")
    assert code == 0 and "it made mine/rlhf-1, not promoted" in err and files() == before
    rows = json.loads(firstwords("models", "--json")[1])["models"]
    assert {row["outdated"] for row in rows} == {""} and len(rows) == 3


def test_a_version_that_was_saved_right_before_a_kill_is_not_made_twice(
    firstwords: Command, preferences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from firstwords.rlhf import align
    from firstwords.rlhf.methods import dpo

    def dying(*arguments: object) -> Path:
        save(*arguments)
        raise KilledError

    save = dpo.save_version
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(dpo, "save_version", dying)
        firstwords("align", "mine", *preferences, "--method", "dpo", "--steps", "2")
    made = weights("mine/rlhf-1")
    monkeypatch.setattr(align.dpo, "main", lambda *_: pytest.fail("trained again"))
    assert firstwords("align", "mine", "--resume")[0] == 0
    assert home.stages("mine") == ["base", "sft", "rlhf-1"] and weights("mine/rlhf-1") == made


def test_a_reward_model_is_complete_or_replaced_by_way_of_the_trash(
    firstwords: Command, preferences: list[str], tmp_path: Path
) -> None:
    words = ["reward", "mine", *preferences, "--steps", "2"]
    assert firstwords(*words)[0] == 0
    before, old = files(), weights_of_reward()
    code, _, err = firstwords("reward", "mine", "--resume")
    assert code == 0 and "the reward model of mine is complete" in err and files() == before
    assert firstwords("reward", "mine", "--preferences", str(tmp_path / "none.jsonl"))[0] == 2
    assert files(FILE) == {key: value for key, value in before.items() if not key.endswith(FILE)}
    code, _, err = firstwords(*words, "--seed", "5")
    assert code == 0 and "`firstwords models restore mine/reward` brings it back" in err
    assert weights_of_reward() != old
    assert firstwords("models", "delete", "mine/reward")[0] == 0
    oldest = trash.entries()[-1].id
    assert firstwords("models", "restore", oldest)[0] == 0 and weights_of_reward() == old


def weights_of_reward() -> str:
    return read_card(home.run_dir("mine", "reward") / "model")["weights_sha256"]


def test_a_comparison_leaves_the_record_of_a_training_alone(firstwords: Command) -> None:
    words = ["compare", "mine/sft", "mine/base", "--limit", "2", "--json"]
    before = files()
    with locks.held(["mine"], "align"):
        assert firstwords(*words)[0] == 0 and files() == before
    assert firstwords(*words)[0] == 0 and (home.run_dir("mine") / "compare.json").exists()
