"""Promotions are recorded: rollback undoes the last one, and no crash loses the history."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from firstwords import home, promotions
from firstwords.config import UserError
from firstwords.keeping.promote import promote, rollback, rollback_stage

STAGES = ("base", "sft", "rlhf-1", "rlhf-2")


def make(*stages: str, name: str = "pip", parents: dict[str, str] | None = None) -> None:
    """Stages without weights; each is trained from the one before it, or from what `parents` says."""
    before = None
    for stage in stages:
        directory = home.stage_dir(name, stage)
        directory.mkdir(parents=True)
        (directory / "config.json").write_text("{}")
        (directory / "model.safetensors").write_bytes(b"")
        parent = (parents or {}).get(stage, before)
        card = {"stage": stage, "weights_sha256": f"hash of {stage}", "parent": parent and f"hash of {parent}"}
        (directory / "firstwords.json").write_text(json.dumps(card))
        before = stage


def remove(stage: str) -> None:
    for path in home.stage_dir("pip", stage).iterdir():
        path.unlink()
    home.stage_dir("pip", stage).rmdir()


def trained() -> None:
    """As after pretrain, finetune and an align whose version was promoted, then one that was not."""
    for stage, before, command in zip(STAGES, (None, *STAGES), ("pretrain", "finetune", "align", ""), strict=False):
        make(stage, parents={stage: before} if before else None)
        if command:
            home.set_promoted("pip", stage, by=command)


def test_rollback_undoes_the_last_promotion_and_not_the_stage_before_in_the_list(empty_home: Path) -> None:
    trained()
    promote("pip", "sft")
    assert rollback_stage("pip") == "rlhf-1" == rollback("pip") == home.promoted("pip")
    assert rollback("pip") == "sft"  # what align promoted is undone too
    with pytest.raises(UserError, match=r"no earlier promotion to go back to: it uses sft.*promote pip STAGE"):
        rollback("pip")  # never the base model
    assert home.promoted("pip") == "sft" and rollback_stage("pip") is None


def test_promoting_after_a_rollback_starts_a_new_branch(empty_home: Path) -> None:
    trained()
    rollback("pip")
    promote("pip", "rlhf-2")
    assert rollback("pip") == "sft"  # and not rlhf-1, which was undone
    stages = [entry["stage"] for entry in promotions.read(home.model_dir("pip"))]
    assert stages[-5:] == ["sft", "rlhf-1", "sft", "rlhf-2", "sft"]  # nothing is rewritten


def test_a_base_model_is_promoted_by_name_and_only_left_by_rollback(empty_home: Path) -> None:
    trained()
    promote("pip", "base")
    assert home.promoted("pip") == "base" and rollback("pip") == "rlhf-1"
    promote("pip", "base")
    promote("pip", "sft")
    assert rollback("pip") == "rlhf-1"  # base is passed over
    promote("pip", "base")
    promote("pip", "sft")
    assert rollback("pip", to="base") == "base"  # asked for by name, as an undo asks
    assert rollback("pip") == "rlhf-1"
    with pytest.raises(UserError, match="did not use rlhf-2 before rlhf-1"):
        rollback("pip", to="rlhf-2")


def test_promoting_what_is_in_use_is_no_promotion(empty_home: Path) -> None:
    trained()
    promote("pip", "rlhf-1")
    assert rollback("pip") == "sft"


def test_a_deleted_stage_is_passed_over(empty_home: Path) -> None:
    trained()
    promote("pip", "rlhf-2")
    remove("rlhf-1")
    assert rollback("pip") == "sft"


def test_when_the_stage_in_use_is_deleted_the_one_before_takes_its_place(empty_home: Path) -> None:
    trained()  # rlhf-2 is the latest, and was never promoted
    remove("rlhf-1")
    assert home.promoted("pip") == "sft"


@pytest.mark.parametrize(
    ("stages", "parents", "way"),
    [
        (("base", "sft", "rlhf-1"), {}, ["sft"]),
        (("base", "sft", "rlhf-1", "rlhf-2"), {"rlhf-2": "sft"}, ["sft"]),  # rlhf-1 was not promoted then
        (("base", "sft", "rlhf-1", "rlhf-2"), {}, ["rlhf-1", "sft"]),
        (("base", "sft"), {}, []),
    ],
)
def test_a_home_without_a_history(stages: tuple, parents: dict, way: list, empty_home: Path) -> None:
    make(*stages, parents=parents)
    (home.model_dir("pip") / "promoted").write_text(stages[-1] + "\n")
    for stage in way:
        assert rollback("pip") == stage
    with pytest.raises(UserError, match="no earlier promotion"):
        rollback("pip")


def test_models_of_other_tools_have_an_order_at_least(empty_home: Path) -> None:
    make("base", "sft", "rlhf-1")
    for stage in ("base", "sft", "rlhf-1"):
        (home.stage_dir("pip", stage) / "firstwords.json").unlink()
        (home.stage_dir("pip", stage) / "tokenizer.json").write_text('{"added_tokens": ["<|im_start|>"]}')
    assert home.promoted("pip") == "rlhf-1" and rollback("pip") == "sft"
    with pytest.raises(UserError, match="no earlier promotion"):
        rollback("pip")


@pytest.mark.parametrize("damage", [b'{"stage": "rlhf-2", "earl', b"[]\n", b'{"stage": 3}\n', b"\xff\xfe\n", b"\n"])
def test_a_damaged_line_is_passed_over_and_none_after_it_is_lost(damage: bytes, empty_home: Path) -> None:
    trained()
    with open(home.model_dir("pip") / promotions.FILE, "ab") as file:
        file.write(damage)
    assert home.promoted("pip") == "rlhf-1"
    promote("pip", "rlhf-2")
    assert [rollback("pip"), rollback("pip")] == ["rlhf-1", "sft"]


def test_a_crash_between_the_two_files_leaves_the_old_stage_and_its_way_back(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    with monkeypatch.context() as patch:
        patch.setattr(home, "_pin", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        for stage in ("rlhf-2", "sft"):
            with pytest.raises(KeyboardInterrupt):
                promote("pip", stage)
    assert home.promoted("pip") == "rlhf-1" and rollback("pip") == "sft"
    promote("pip", "rlhf-2")
    assert rollback("pip") == "sft"  # not the stage whose promotion was never completed


def test_a_version_that_is_saved_never_becomes_the_one_in_use_by_itself(empty_home: Path) -> None:
    make("base", "sft")  # no file says which is promoted: the latest is
    home.pin_promoted("pip")
    make("rlhf-1")
    assert home.promoted("pip") == "sft" and rollback_stage("pip") is None


def test_the_way_back_is_kept_short(empty_home: Path) -> None:
    trained()
    for _ in range(promotions.MAX_EARLIER):
        promote("pip", "sft")
        promote("pip", "rlhf-2")
    lines = (home.model_dir("pip") / promotions.FILE).read_bytes().splitlines()
    assert len(home.earlier("pip")) == promotions.MAX_EARLIER and len(lines[-1]) < 3000
    assert rollback("pip") == "sft"


def test_a_full_disk_changes_nothing(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTWORDS_HOME", str(small_disk / "home"))
    trained()
    path = home.model_dir("pip") / promotions.FILE
    path.write_bytes(path.read_bytes().ljust(4096, b"\n"))  # the next line needs another page
    rest = os.statvfs(small_disk)
    with suppress(OSError):
        (small_disk / "ballast").write_bytes(b"x" * rest.f_bavail * rest.f_frsize)
    with pytest.raises(UserError, match=r"promotions\.jsonl: No space left"):
        promote("pip", "rlhf-2")
    (small_disk / "ballast").unlink()
    assert home.promoted("pip") == "rlhf-1"
    promote("pip", "rlhf-2")
    assert [rollback("pip"), rollback("pip")] == ["rlhf-1", "sft"]


CHILD = """
import sys
from firstwords.commands.promote import promote
print("ready", flush=True)
while True:
    for stage in ("sft", "rlhf-1", "rlhf-2"):
        promote("pip", stage)
"""


def test_sigkill_at_any_moment_leaves_a_stage_in_use_and_its_way_back(empty_home: Path) -> None:
    trained()
    order = ["sft", "rlhf-1", "rlhf-2"]
    draw = random.Random(0)
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        child.stdout.readline()
        time.sleep(draw.uniform(0.02, 0.2))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        current, way = home.promoted("pip"), home.earlier("pip")
        assert current in order and len(way) > 3
        assert way[-1] == order[order.index(current) - 1]
        promote("pip", "base")
        assert rollback("pip") == current
