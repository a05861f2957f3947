"""All-or-nothing renames, and the trash built on them: killed at every single one."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks, moves, operations, trash
from firstwords.process import FILE, Job, recorded
from firstwords.runlog import write_json
from firstwords.train.opening import begin


class KilledError(BaseException):
    """Simulates SIGKILL: no further code of the process runs."""


def stage(path: Path, weights: str) -> None:
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_text(weights)


def make(name: str, stages: tuple[str, ...] = ("base", "sft", "rlhf-1"), mark: str = "old") -> None:
    """A finished model with run folders, a reward model, a report, and which stage is promoted."""
    for each in stages:
        stage(home.stage_dir(name, each), f"{mark} {each}")
        (home.run_dir(name, each) / "checkpoints" / "step-4").mkdir(parents=True)
        (home.run_dir(name, each) / "metrics.jsonl").write_text(f"{mark} {each}")
    stage(home.run_dir(name, "reward") / "model", f"{mark} reward")
    (home.run_dir(name) / "report.html").write_text(f"{mark} report")
    (home.run_dir(name) / FILE).write_text('{"command": "learn"}')
    (home.model_dir(name) / "promoted").write_text("rlhf-1")


def prepare(name: str, what: str) -> None:
    """A new run that has read its text and made its plan."""
    folder = home.starting_dir(name) / what
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text("new")


def content(*folders: Path) -> dict[str, str]:
    """Every file below these folders of home, with what it holds."""
    root = home.home()
    paths = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_text() for path in paths if path.name not in (FILE, "entry.json")}


def everything() -> dict[str, str]:
    return content(Path("models"), Path("runs"), Path("trash"))


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> bool:
    """Kill the process before its n-th rename; returns whether it got that far."""
    done = 0

    def counting(real: Callable[..., None]) -> Callable[..., None]:
        def rename(*arguments: object, **keywords: object) -> None:
            nonlocal done
            done += 1
            if done > number:
                raise KilledError
            real(*arguments, **keywords)

        return rename

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "link", "unlink", "rmdir", "mkdir"):
            patch.setattr(os, name, counting(getattr(os, name)))
        try:
            do()
        except KilledError:
            return True
    return False


def replace_base() -> None:
    begin("pip", "base", "pretrain")


def replace_sft() -> None:
    begin("pip", "sft", "finetune")


OPERATIONS: dict[str, Callable[[], object]] = {
    "replace base": replace_base,
    "replace sft": replace_sft,
    "delete": lambda: operations.delete("pip"),
    "delete a stage": lambda: operations.delete("pip/rlhf-1"),
    "rename": lambda: operations.rename("pip", "tom"),
    "copy": lambda: operations.copy("pip", "tom"),
    "restore": lambda: operations.restore("gone"),
    "restore a stage": lambda: operations.restore("half/rlhf-1"),
    "restore as": lambda: operations.restore("gone", "tom"),
}


def build(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTWORDS_HOME", str(folder))
    for name in ("pip", "gone", "half"):
        make(name, mark=name)
    operations.delete("gone")
    operations.delete("half/rlhf-1")
    if what.startswith("replace"):
        prepare("pip", what.partition(" ")[2])


@pytest.mark.parametrize("what", OPERATIONS)
def test_a_kill_at_any_moment_leaves_the_state_before_or_the_one_after(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(what, tmp_path / "whole", monkeypatch)
    before = everything()
    OPERATIONS[what]()
    after = everything()
    assert before != after
    lost = set(before.values()) - set(after.values())
    assert not lost, "nothing is deleted"
    outcomes = set()
    for number in range(200):
        build(what, tmp_path / str(number), monkeypatch)
        was_killed = killed_at(number, monkeypatch, OPERATIONS[what])
        if not was_killed:
            break
        moves.recover()
        assert all((entry.folder / "model").exists() for entry in trash.entries()), "what is listed can be restored"
        found = {key: value for key, value in everything().items() if not key.split("/")[-1].startswith(".")}
        found = {key: value for key, value in found.items() if visible(key)}
        assert same(found, before) or same(found, after), f"killed at {number}"
        outcomes.add(same(found, after))
    assert not was_killed and outcomes == {True, False}, "both happened"


def visible(key: str) -> bool:
    """Whether a file belongs to a model, a run or an entry of the trash that is listed."""
    parts = key.split("/")
    return parts[0] != "trash" or parts[1] in {entry.id for entry in trash.entries()}


def same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Equal but for the moment in the names of trash entries."""

    def without_time(files: dict[str, str]) -> dict[str, str]:
        return {re.sub(r"^trash/\d+-\d+-", "trash/", key): value for key, value in files.items()}

    return without_time(one) == without_time(other)


def test_a_replaced_model_is_whole_in_the_trash_and_comes_back(empty_home: Path) -> None:
    make("pip")
    model = content(Path("models/pip"), Path("runs/pip"))
    earlier = Job("learn", {}, 1, "x", 1.0, state="done")
    earlier.write(home.run_dir("pip"))
    prepare("pip", "base")
    with recorded(home.run_dir("pip"), "pretrain", {}):
        begin("pip", "base", "pretrain")
        assert home.stages("pip") == [] and (home.run_dir("pip", "base") / "plan.json").read_text() == "new"
        assert (home.run_dir("pip") / FILE).exists(), "the process at work is still known"
    (entry,) = trash.entries()
    assert (entry.ref, entry.stages) == ("pip", ("base", "sft", "rlhf-1")) and "pretrain" in entry.why
    assert '"done"' in (entry.folder / "runs" / FILE).read_text(), "the old run keeps its own record"
    operations.restore("pip", "old")
    back = content(Path("models/old"), Path("runs/old"))
    assert {key.replace("/old/", "/pip/"): value for key, value in back.items()} == model
    assert trash.entries() == [] and not any(home.trash_dir().iterdir())


def test_replacing_sft_leaves_base_in_place_and_shares_its_weights_with_the_copy(empty_home: Path) -> None:
    make("pip")
    prepare("pip", "sft")
    begin("pip", "sft", "finetune")
    assert home.stages("pip") == ["base"] and (home.run_dir("pip", "base") / "checkpoints" / "step-4").exists()
    assert sorted(path.name for path in home.run_dir("pip").iterdir()) == ["base", FILE, "sft"]
    (entry,) = trash.entries()
    copy = entry.folder / "model" / "base" / "model.safetensors"
    assert copy.samefile(home.stage_dir("pip", "base") / "model.safetensors")
    kept = {path.name for path in (entry.folder / "runs").iterdir()}
    assert kept == {"base", "sft", "rlhf-1", "reward", "report.html", FILE}
    assert trash.size() < sum(path.stat().st_size for path in home.trash_dir().rglob("*") if path.is_file())


def test_a_failed_rename_puts_everything_back(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("pip")
    before, rename, done = everything(), os.rename, []

    def failing(source: Path, target: Path) -> None:
        if len(done) == 2:
            done.append(3)
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        done.append(1)
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(UserError, match=r"cannot move .*: Invalid cross-device link"):
        operations.delete("pip")
    assert everything() == before and trash.entries() == [] and not any(home.work_dir("moves").iterdir())


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("pip")
    prepare("pip", "sft")
    before = everything()

    def full(source: str, target: str, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr(shutil, "copy2", full)
    for do in (
        lambda: operations.copy("pip", "tom"),
        lambda: begin("pip", "sft", "finetune"),
        lambda: operations.export(home.stage_dir("pip", "sft"), empty_home.parent / "out"),
    ):
        with pytest.raises((UserError, OSError), match="No space left on device") as caught:
            do()
        assert getattr(caught.value, "errno", errno.ENOSPC) == errno.ENOSPC
        assert everything() == before and trash.entries() == [] and not (empty_home.parent / "out").exists()
        assert not home.trash_dir().exists() or not any(home.trash_dir().iterdir())


def test_remains_of_a_run_without_a_checkpoint_are_no_model(empty_home: Path) -> None:
    (home.run_dir("pip", "base") / "tokens").mkdir(parents=True)
    (home.run_dir("pip") / FILE).write_text("{}")
    assert trash.kept_runs("pip") == []
    prepare("pip", "base")
    begin("pip", "base", "pretrain")
    assert trash.entries() == [] and [p.name for p in home.run_dir("pip", "base").iterdir()] == ["plan.json"]
    (home.run_dir("pip", "base") / "checkpoints" / "step-1").mkdir(parents=True)
    prepare("pip", "base")
    begin("pip", "base", "pretrain")
    (entry,) = trash.entries()
    assert entry.stages == () and (entry.folder / "runs/base/checkpoints/step-1").is_dir()
    operations.restore("pip", "tom")
    assert (home.run_dir("tom", "base") / "checkpoints/step-1").is_dir()


def test_names_and_stages_that_are_taken(empty_home: Path) -> None:
    make("pip")
    operations.delete("pip")
    make("pip", mark="new")
    with pytest.raises(UserError, match=r"pip already exists: .*models delete pip.*--as NEW"):
        operations.restore("pip")
    with pytest.raises(UserError, match="there is no tom in the trash; it holds pip"):
        operations.restore("tom")
    operations.delete("pip/sft")
    stage(home.stage_dir("pip", "sft"), "newer")
    with pytest.raises(UserError, match="pip/sft already exists"):
        operations.restore("pip/sft")
    operations.delete("pip")
    with pytest.raises(UserError, match="there is no model pip"):
        operations.delete("pip")
    newest = trash.find("pip")
    assert newest.stages == ("base", "sft", "rlhf-1")
    operations.restore("pip")
    assert (home.stage_dir("pip", "sft") / "model.safetensors").read_text() == "newer"
    oldest = trash.entries()[-1]
    operations.restore(oldest.id, "oldest")
    assert (home.stage_dir("oldest", "base") / "model.safetensors").read_text() == "old base"


def test_emptying_frees_what_nobody_else_has(empty_home: Path) -> None:
    make("pip")
    with open(home.stage_dir("pip", "base") / "model.safetensors", "wb") as file:
        file.write(bytes(500_000))
    prepare("pip", "sft")
    begin("pip", "sft", "finetune")
    assert trash.size() < 1000, "base is shared with the model in place"
    operations.delete("pip")
    assert 500_000 < trash.size() < 502_000
    assert trash.empty()[0] == 2 and trash.entries() == [] and not home.trash_dir().exists()


def test_who_works_on_a_model_keeps_others_from_moving_it(empty_home: Path) -> None:
    for name in ("pip", "tom", "gone"):
        make(name)
    operations.delete("gone")
    before = everything()
    with locks.held(["pip"], "learn"):
        for do in (
            lambda: operations.rename("pip", "new"),
            lambda: operations.copy("pip", "new"),
            lambda: operations.delete("pip"),
            lambda: operations.delete("pip/sft"),
            lambda: operations.restore("gone", "pip"),
        ):
            with pytest.raises(UserError, match="`firstwords learn` is working on pip"):
                do()
    assert everything() == before


def test_a_rename_takes_no_name_that_is_taken(empty_home: Path) -> None:
    make("pip")
    make("tom")
    for do in (operations.rename, operations.copy):
        with pytest.raises(UserError, match="tom already exists"):
            do("pip", "tom")
        with pytest.raises(UserError, match="did you mean pip"):
            do("pipp", "new")
        with pytest.raises(UserError, match="is not a valid model name"):
            do("pip", "../x")
    write_json(home.run_dir("new") / FILE, {"command": "learn"})  # what a failed start leaves is no obstacle
    operations.rename("pip", "new")
    assert home.stages("new") and not home.run_dir("pip").exists()
