"""No finished work is lost: replacing a model, resuming, continuing, at a terminal and alongside another process."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sys
import time
from pathlib import Path

import forks
import pytest
from keeping_helpers import FIXED, Command, KilledError, files, killed_after, of_chats, of_text, weights

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks, trash
from firstwords.model.hub import read_card
from firstwords.process import FILE
from firstwords.runlog import RunLog
from firstwords.tokenizer.fast import Tokenizer

pytest_plugins = ("keeping_fixtures",)
pytestmark = pytest.mark.usefixtures("own")


# ---- over a finished model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "also"),
    [
        ("pretrain", "--continue trains mine/base further"),
        ("finetune", "--from sft trains mine/sft further"),
        ("learn", ""),
    ],
)
def test_a_finished_model_is_not_replaced_unasked(command: str, also: str, firstwords: Command, inputs: Path) -> None:
    before = files()
    flag = "--chats" if command == "finetune" else "--text"
    for words in ([command, "mine"], [command, "--name", "mine"], [command, "--name=mine"]):
        code, _, err = firstwords(*words, flag, inputs / "text.txt")
        assert code == 2 and err.count("\n") == 1 and "mine is already trained (" in err
        assert "--replace" in err and "--name NAME" in err and also in err
    assert files() == before and trash.entries() == []


@pytest.mark.parametrize("content", [None, "", "Too short."])
def test_a_start_that_fails_costs_nothing(content: str | None, firstwords: Command, tmp_path: Path) -> None:
    before, bad = files(FILE), tmp_path / "bad.txt"
    if content is not None:
        bad.write_text(content)
    for words in (
        ["pretrain", "mine", "--text", bad],
        ["learn", "mine", "--minutes", "0.2", "--text", bad],
        ["finetune", "mine", "--chats", bad],
        ["pretrain", "mine", "--continue", "--text", bad],
    ):
        code, _, err = firstwords(*words, "--replace")
        assert code == 2 and "Traceback" not in err
    assert files(FILE) == before and trash.entries() == [] and not home.starting_dir("mine").exists()


def test_what_is_replaced_goes_to_the_trash_and_comes_back(firstwords: Command, inputs: Path) -> None:
    base, sft = weights("mine/base"), weights("mine/sft")
    words = [*of_text(inputs), "--steps", "2", "--seed", "1"]
    code, _, err = firstwords("pretrain", "mine", *words, "--replace")
    assert code == 0 and "moved mine/base, mine/sft to the trash; `firstwords models restore mine --as NEW`" in err
    assert home.stages("mine") == ["base"] and weights("mine/base") != base
    listed = json.loads(firstwords("models", "--trash", "--json")[1])["trash"]
    assert [(each["ref"], each["stages"]) for each in listed] == [("mine", ["base", "sft"])] and listed[0]["bytes"] > 0
    assert firstwords("models", "restore", "mine")[0] == 2
    assert firstwords("models", "restore", "mine", "--as", "before")[0] == 0
    assert (weights("before/base"), weights("before/sft")) == (base, sft)
    assert firstwords("next", "the", "--model", "before/sft")[0] == 0
    assert "mine" not in firstwords("models", "--trash")[1] + firstwords("models", "--trash")[2]


def test_a_terminal_is_asked(firstwords: Command, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    words = ["pretrain", "mine", *of_text(inputs), "--steps", "1"]
    before, said = files(), Terminal()
    for answer in ("\n", "n\n", ""):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Terminal(answer))
            patch.setattr(sys, "stderr", said)
            assert firstwords(*words)[0] == 2
    assert said.getvalue().count("Replace it?") == 3 and files() == before
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", Terminal("y\n"))
        patch.setattr(sys, "stderr", Terminal())
        assert firstwords(*words)[0] == 0
    assert [entry.ref for entry in trash.entries()] == ["mine"]


def test_no_two_runs_share_a_name_that_nobody_gave(firstwords: Command, inputs: Path, tmp_path: Path) -> None:
    words = ["pretrain", *of_text(inputs), "--steps", "1"]
    assert "model: mine-2;" in firstwords(*words)[2].splitlines()[0]
    with locks.held(["mine-3"], "learn"):  # just started by another process
        assert "model: mine-4;" in firstwords(*words)[2]
    assert firstwords("pretrain", "--text", tmp_path / "none.txt")[0] == 2
    assert "model: mine-3;" in firstwords(*words)[2], "a start that failed takes no name"
    assert {"mine", "mine-2", "mine-3", "mine-4"} == set(home.models())
    assert "model: mine-3 (the newest)" in firstwords("finetune", *of_chats(inputs), "--steps", "1")[2]


def test_reuse_leaves_a_complete_model_alone(firstwords: Command) -> None:
    before = files()
    code, _, err = firstwords("learn", "--name", "mine", "--reuse", "--minutes", "8")
    assert code == 0 and "mine is already trained" in err and files() == before


# ---- --resume --------------------------------------------------------------------------------------------------------


def test_a_finished_run_is_not_resumed(firstwords: Command, own: Path) -> None:
    (own / "runs/mine/learn.json").write_text('{"config": {"name": "mine"}, "stages": ["base"], "done": true}')
    before = files()
    for words in (["pretrain", "mine"], ["finetune", "mine"], ["learn", "mine"], ["pretrain", "--name", "mine"]):
        code, _, err = firstwords(*words, "--resume")
        assert code == 0 and "is complete: there is nothing to resume, and nothing was changed" in err
    assert files() == before
    (own / "runs/mine/learn.json").write_text('{"config": {"name": "mine"}, "stages": ["base"], "done": false}')
    assert "`firstwords learn mine --resume` trains the next stage" in firstwords("pretrain", "mine", "--resume")[2]


def test_flags_that_a_resumed_run_would_ignore_are_refused(
    firstwords: Command, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*of_text(inputs), "--steps", "6", "--save-every-steps", "2"]
    killed_after(3, firstwords, monkeypatch, "pretrain", "tom", *words)
    (tmp_path / "flags.toml").write_text("seed = 7\n")
    for flags, said in (
        (["--steps", "9"], "--steps 6"),
        (["--text", inputs / "more.txt"], "--text "),
        (["--minutes", "3"], "--minutes"),
        (["--config", tmp_path / "flags.toml"], "--seed 0"),
        (["--optimizer=adamw"], "--optimizer muon"),
    ):
        code, _, err = firstwords("pretrain", "tom", "--resume", *flags)
        assert code == 2 and said in err and "leave" in err and err.count("\n") == 1
    assert home.stages("tom") == []
    code, _, err = firstwords("pretrain", "tom", "--resume", *words, "--threads", "2")
    assert code == 0 and "from now on --threads is 2 (the run was started with --threads 1)" in err


def test_more_minutes_are_honoured(firstwords: Command, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.train import pretrain

    words = ["pretrain", "tom", *of_text(inputs), "--minutes", "4"]
    killed_after(2, firstwords, monkeypatch, *words)
    seconds = []

    class Seen(pretrain.Pace):
        def __post_init__(self) -> None:
            seconds.append(self.seconds)
            raise KilledError

    monkeypatch.setattr(pretrain, "Pace", Seen)
    for minutes, code in ((4, None), (6, None), (5, 2), (6, None)):
        if code is None:
            with pytest.raises(KilledError):
                firstwords("pretrain", "tom", "--resume", "--minutes", str(minutes))
        else:
            assert "it can only go up" in firstwords("pretrain", "tom", "--resume", "--minutes", str(minutes))[2]
    with pytest.raises(KilledError):
        firstwords("pretrain", "tom", "--resume")
    planned = json.loads((home.run_dir("tom", "base") / "plan.json").read_text())["seconds"]
    assert seconds == [planned, planned + 120, planned + 120, planned + 120]


DAMAGED = {
    "config.json": (b'{"name": "tom"', b"{}", b"[]", b"\xff"),
    "plan.json": (b'{"shape": {', b"{}", b'{"shape": {}}'),
    "tokens/shard-00000.bin": (b"", b"x" * 2000),
    "tokenizer.json": (b"{", b""),
}


def test_a_damaged_file_of_a_run_is_named_and_its_checkpoints_stay(
    firstwords: Command, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*of_text(inputs), "--steps", "6", "--save-every-steps", "2"]
    killed_after(3, firstwords, monkeypatch, "pretrain", "tom", *words)
    folder = home.run_dir("tom", "base")
    for file, contents in DAMAGED.items():
        whole = (folder / file).read_bytes()
        for content in (None, *contents):
            if content is None:
                (folder / file).unlink()
            else:
                (folder / file).write_bytes(content)
            code, _, err = firstwords("pretrain", "tom", "--resume")
            assert code == 2 and "Traceback" not in err and err.count("\n") == 1, (file, content, err)
            assert (Path(file).parent if content is None and "/" in file else Path(file)).name in err, err
            assert "without --resume" not in err and "again" not in err and "delete" not in err, err
            assert (folder / "checkpoints" / "step-2").is_dir()
            (folder / file).write_bytes(whole)
    with open(folder / "metrics.jsonl", "ab") as log:
        log.write(b'\xff{"kind"\n[]\n{"kind": "train", "step": "x"}\n{"kind": "train", "st')
    assert firstwords("pretrain", "tom", "--resume")[0] == 0
    assert [row["step"] for row in RunLog.read(folder) if row["kind"] == "train"] == [1, 2, 3, 4, 5, 6]


def test_a_damaged_file_of_finetuning_is_named(firstwords: Command, inputs: Path, monkeypatch) -> None:
    words = ["finetune", "mine", "--from", "sft", *of_chats(inputs), "--steps", "6", "--save-every-steps", "2"]
    killed_after(3, firstwords, monkeypatch, *words)
    folder = home.run_dir("mine", "sft")
    for content in (b"{", b"{}", b"[]", None):
        whole = (folder / "chats.json").read_bytes()
        (folder / "chats.json").unlink() if content is None else (folder / "chats.json").write_bytes(content)
        code, _, err = firstwords("finetune", "mine", "--resume")
        assert code == 2 and "chats.json is damaged" in err and "nothing was changed" in err
        (folder / "chats.json").write_bytes(whole)
    for content in (b"{", b'{"config": 3}', b"\xff"):
        (home.run_dir("mine") / "learn.json").write_bytes(content)
        for flag in ("--resume", "--reuse"):
            code, _, err = firstwords("learn", "mine", flag)
            assert code == 2 and "learn.json is damaged" in err and "without --resume" not in err
    assert (folder / "checkpoints" / "step-2").is_dir()


def test_starting_over_an_interrupted_run_keeps_it(firstwords: Command, inputs: Path, monkeypatch) -> None:
    words = ["pretrain", "tom", *of_text(inputs), "--steps", "6", "--save-every-steps", "2"]
    killed_after(3, firstwords, monkeypatch, *words)
    code, _, err = firstwords("pretrain", "tom", *of_text(inputs), "--steps", "1")
    assert code == 0 and "moved an unfinished run of tom to the trash" in err
    assert firstwords("models", "restore", "tom", "--as", "ada")[0] == 0
    code, _, err = firstwords("pretrain", "ada", "--resume")
    assert code == 0 and "saved ada/base after 6 steps" in err
    assert firstwords("pretrain", "whole", *of_text(inputs), "--steps", "6")[0] == 0
    assert weights("ada/base") == weights("whole/base"), "under another name, too"


# ---- continuing ------------------------------------------------------------------------------------------------------


def test_pretraining_continues_on_new_text(firstwords: Command, inputs: Path, monkeypatch) -> None:
    code, _, err = firstwords("pretrain", "mine", "--continue", "--text", inputs / "more.txt", *FIXED, "--steps", "4")
    assert code == 2 and "mine is already trained (sft): --replace trains the base further" in err
    assert "`firstwords models copy mine NEW`" in err
    before, tokenizer = weights("mine/base"), Tokenizer.load(home.stage_dir("mine", "base"))
    assert firstwords("models", "copy", "mine", "tom")[0] == 0
    words = ["--continue", "--replace", "--text", inputs / "more.txt", *FIXED, "--steps", "4"]
    code, _, err = firstwords("pretrain", "tom", *words)
    assert code == 0 and "moved tom/base, tom/sft to the trash" in err
    card = read_card(home.stage_dir("tom", "base"))
    assert card["parent"] == before != card["weights_sha256"] and card["data"]["before"]["text"]
    assert Tokenizer.load(home.stage_dir("tom", "base")).hash == tokenizer.hash
    log = [row for row in RunLog.read(home.run_dir("tom", "base")) if row["kind"] == "train"]
    assert log[0]["lr"] < log[1]["lr"], "it warms up"
    assert not (home.run_dir("tom", "base") / "parent").exists()
    for flag in ("--layers", "--vocab-size", "--context"):
        assert f"{flag} contradicts --continue" in firstwords("pretrain", "mine", "--continue", flag, "64")[2]
    assert "no base model nobody/base to continue" in firstwords("pretrain", "nobody", "--continue")[2]
    # a run that was killed before its first checkpoint begins with the same weights, although they are in the trash
    assert firstwords("models", "copy", "mine", "ada")[0] == 0
    killed_after(2, firstwords, monkeypatch, "pretrain", "ada", *map(str, words))
    assert firstwords("pretrain", "ada", "--resume")[0] == 0
    assert weights("ada/base") == weights("tom/base")


def test_finetuning_continues_from_any_stage(firstwords: Command, inputs: Path, monkeypatch) -> None:
    before, base = weights("mine/sft"), weights("mine/base")
    assert firstwords("models", "copy", "mine", "tom")[0] == 0
    words = ["--from", "sft", *of_chats(inputs), "--steps", "4", "--save-every-steps", "9"]
    code, _, err = firstwords("finetune", "mine", *words)
    assert code == 0 and "moved mine/sft to the trash" in err
    card = read_card(home.stage_dir("mine", "sft"))
    assert (card["parent"], card["data"]["base"]) == (before, base) and card["weights_sha256"] != before
    assert weights("mine/base") == base
    killed_after(2, firstwords, monkeypatch, "finetune", "tom", *words)
    assert firstwords("finetune", "tom", "--resume")[0] == 0 and weights("tom/sft") == card["weights_sha256"]
    assert "tom has no stage rlhf-7; --from takes base, sft" in firstwords("finetune", "tom", "--from", "rlhf-7")[2]
    rows = json.loads(firstwords("models", "--json")[1])["models"]
    assert {row["outdated"] for row in rows} == {""}


def test_a_stage_of_an_earlier_base_is_marked(firstwords: Command, own: Path) -> None:
    for stage in ("base", "sft"):  # as versions before the trash left it
        card = own / "models/mine" / stage / "firstwords.json"
        found = json.loads(card.read_text())
        found["data"].pop("base", None)
        card.write_text(json.dumps(found | ({"weights_sha256": "another"} if stage == "base" else {})))
    marked = {r["ref"]: r["outdated"] for r in json.loads(firstwords("models", "--json")[1])["models"]}
    assert marked == {"mine/base": "", "mine/sft": "made from an earlier base"}
    assert firstwords("next", "the", "--model", "mine/sft")[0] == 0


def test_a_renamed_run_is_resumed_under_its_new_name(firstwords: Command, inputs: Path, monkeypatch) -> None:
    words = [*of_text(inputs), "--steps", "6", "--save-every-steps", "2"]
    killed_after(3, firstwords, monkeypatch, "pretrain", "tom", *words)
    assert firstwords("models", "rename", "tom", "ada")[0] == 0
    assert "no run of tom to resume" in firstwords("pretrain", "tom", "--resume")[2]
    assert firstwords("pretrain", "ada", "--resume")[0] == 0 and home.stages("ada") == ["base"]
    assert not home.model_dir("tom").exists() and not home.run_dir("tom").exists()


def test_transformers_opens_an_exported_stage(firstwords: Command, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    out = tmp_path / "out"
    assert firstwords("models", "export", "mine/sft", out)[0] == 0
    assert transformers.AutoModelForCausalLM.from_pretrained(out).config.hidden_size == 64
    assert transformers.AutoTokenizer.from_pretrained(out).chat_template
    assert "already exists" in firstwords("models", "export", "mine", out)[2]
    assert "inside" in firstwords("models", "export", "mine", home.home() / "new")[2]


def test_align_does_not_begin_with_a_base(firstwords: Command) -> None:
    firstwords("promote", "mine", "base")
    before = files()
    code, _, err = firstwords("align", "mine", "--preferences", "world")
    assert code == 2 and "continues text" in err and "`firstwords promote mine sft`" in err and files() == before


# ---- two terminals ---------------------------------------------------------------------------------------------------


def test_a_second_training_is_refused(firstwords: Command, inputs: Path) -> None:
    before = files()
    with locks.held(["mine"], "learn"):
        for command in (
            "learn mine --replace",
            "pretrain mine --resume",
            "finetune mine --replace",
            "reward mine",
            "align mine",
            "models delete mine",
        ):
            code, _, err = firstwords(*command.split())
            assert code == 2 and f"`firstwords learn` is working on mine (process {os.getpid()}, since 20" in err
        assert firstwords("models")[0] == firstwords("next", "the")[0] == 0
    assert files() == before


def test_killed_at_any_moment_the_old_model_is_in_place_or_in_the_trash(inputs: Path, own: Path) -> None:
    old = {ref: weights(ref) for ref in ("mine/base", "mine/sft")}
    words = ["pretrain", "mine", "--replace", *of_text(inputs), "--steps", "4", "--save-every-steps", "1"]
    shutil.copytree(own, own.with_name("kept"))
    draw, began = random.Random(time.time_ns()), time.monotonic()
    assert forks.run(words, own, own.with_name("log"))[0] == 0
    seconds = time.monotonic() - began  # of the whole command, with this much else to do
    for _ in range(4):
        shutil.rmtree(own)
        shutil.copytree(own.with_name("kept"), own)
        child = forks.start(words, own, own.with_name("log"))
        moment = draw.uniform(0.0, seconds)
        child.process.join(moment)
        child.kill()
        assert forks.run(["models"], own, own.with_name("log"))[0] == 0
        entries = trash.entries()
        folder = entries[0].folder / "model" if entries else home.model_dir("mine")
        found = {f"mine/{stage}": read_card(folder / stage)["weights_sha256"] for stage in ("base", "sft")}
        assert found == old, f"killed after {moment} s"


def test_a_run_that_stopped_between_saving_and_promoting_is_promoted_on_resume(
    inputs: Path, firstwords: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the name would keep meaning base, and `--resume` would say that there is nothing left to do."""
    with monkeypatch.context() as patch:
        patch.setattr("firstwords.home.set_promoted", lambda *_, **__: (_ for _ in ()).throw(UserError("disk full")))
        assert firstwords("finetune", "mine", *of_chats(inputs), "--steps", "2", "--replace")[0] == 2
    home.set_promoted("mine", "base")
    history = home.model_dir("mine") / "promotions.jsonl"
    old = [json.loads(line) | {"time": "2020-01-01T00:00:00+00:00"} for line in history.read_text().splitlines()]
    history.write_text("".join(json.dumps(entry) + "\n" for entry in old))
    code, _, err = firstwords("finetune", "mine", "--resume")
    assert code == 0 and "mine now uses sft (was base)" in err and home.promoted("mine") == "sft"
    home.set_promoted("mine", "base")  # by the user, after it was made: that stays
    assert firstwords("finetune", "mine", "--resume")[0] == 0 and home.promoted("mine") == "base"
