"""No finished work is lost: replacing a model, resuming, continuing, at a terminal and alongside another process."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from firstwords import home
from firstwords.keeping import locks, trash
from firstwords.model.hub import read_card
from firstwords.plan.budget import Machine
from firstwords.process import FILE
from firstwords.runlog import RunLog
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.run import Run

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "old", "dog", "run", "to", "its", "red", "house"]
SHAPE = ["--hidden-size", "64", "--layers", "1", "--vocab-size", "300", "--context", "64"]
FIXED = ["--batch-tokens", "64", "--precision", "fp32", "--threads", "1", "--compile", "no", "--prompt", "the"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    draw = random.Random(0)
    for name in ("text", "more"):
        lines = (" ".join(draw.choices(WORDS, k=9)) + "." for _ in range(400))
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    chats = [[{"role": "user", "content": f"Say {w}."}, {"role": "assistant", "content": w}] for w in WORDS * 3]
    (folder / "chats.jsonl").write_text("\n".join(json.dumps({"messages": c}) for c in chats), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with mine/base and mine/sft, of three steps each."""
    from firstwords.cli import main

    folder = tmp_path_factory.mktemp("trained") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTWORDS_HOME", str(folder))
        patch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
        assert main(["pretrain", "mine", *of_text(inputs), "--steps", "3"]) == 0
        assert main(["finetune", "mine", *of_chats(inputs), "--steps", "3"]) == 0
    return folder


@pytest.fixture(autouse=True)
def own(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    """A copy of it for each test."""
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
    return tmp_path / "home"


def of_text(inputs: Path, name: str = "text") -> list[str]:
    return ["--text", str(inputs / f"{name}.txt"), *SHAPE, *FIXED]


def of_chats(inputs: Path) -> list[str]:
    return ["--chats", str(inputs / "chats.jsonl"), *FIXED]


def files(*without: str) -> dict[str, bytes]:
    """Everything in models and runs."""
    paths = [p for part in ("models", "runs") for p in (home.home() / part).rglob("*") if p.is_file()]
    return {str(p.relative_to(home.home())): p.read_bytes() for p in paths if p.name not in without}


def weights(ref: str) -> str:
    return read_card(home.models_dir() / ref)["weights_sha256"]


class KilledError(BaseException):
    pass


def killed_after(step: int, firstwords: Command, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run a command line that a SIGKILL ends after that step."""
    finish = Run.finish_step

    def dying(self: Run, *arguments: object) -> None:
        finish(self, *arguments)
        if self.step == step:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Run, "finish_step", dying)
        with pytest.raises(KilledError):
            firstwords(*words)


# ---- over a finished model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "also"),
    [("pretrain", "--continue trains mine/base further"), ("finetune", "--from sft trains mine/sft further"),
     ("learn", "")],
)  # fmt: skip
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
    for words in (["pretrain", "mine", "--text", bad], ["learn", "mine", "--minutes", "0.2", "--text", bad],
                  ["finetune", "mine", "--chats", bad], ["pretrain", "mine", "--continue", "--text", bad]):  # fmt: skip
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
        (["--steps", "9"], "--steps 6"), (["--text", inputs / "more.txt"], "--text "),
        (["--minutes", "3"], "--minutes"),
        (["--config", tmp_path / "flags.toml"], "--seed 0"), (["--optimizer=adamw"], "--optimizer muon"),
    ):  # fmt: skip
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
    "config.json": (b'{"name": "tom"', b"{}", b"[]", b"\xff"), "plan.json": (b'{"shape": {', b"{}", b'{"shape": {}}'),
    "tokens/shard-00000.bin": (b"", b"x" * 2000),
    "tokenizer.json": (b"{", b""),
}  # fmt: skip


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
        for command in ("learn mine --replace", "pretrain mine --resume", "finetune mine --replace", "reward mine",
                        "align mine", "models delete mine"):  # fmt: skip
            code, _, err = firstwords(*command.split())
            assert code == 2 and f"`firstwords learn` is working on mine (process {os.getpid()}, since 20" in err
        assert firstwords("models")[0] == firstwords("next", "the")[0] == 0
    assert files() == before


def test_killed_at_any_moment_the_old_model_is_in_place_or_in_the_trash(inputs: Path, own: Path) -> None:
    old = {ref: weights(ref) for ref in ("mine/base", "mine/sft")}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = ["pretrain", "mine", "--replace", *of_text(inputs), "--steps", "4", "--save-every-steps", "1"]
    shutil.copytree(own, own.with_name("kept"))
    draw = random.Random(time.time_ns())
    for _ in range(4):
        shutil.rmtree(own)
        shutil.copytree(own.with_name("kept"), own)
        child = subprocess.Popen([sys.executable, "-m", "firstwords", *words], env=environment, stderr=subprocess.PIPE)
        moment = draw.uniform(0.5, 8)
        with suppress(subprocess.TimeoutExpired):
            child.wait(moment)
        child.kill()
        child.communicate()
        subprocess.run([sys.executable, "-m", "firstwords", "models"], env=environment, check=True, capture_output=True)
        entries = trash.entries()
        folder = entries[0].folder / "model" if entries else home.model_dir("mine")
        found = {f"mine/{stage}": read_card(folder / stage)["weights_sha256"] for stage in ("base", "sft")}
        assert found == old, f"killed after {moment} s"


# ---- stage three -----------------------------------------------------------------------------------------------------


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
