"""Checkpoints: bit-exact, and never lost to a kill, a full disk, a cut file or a closed folder."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.hub import weights_hash
from firstwords.model.transformer import Transformer
from firstwords.train import checkpoint
from firstwords.train.learner import Learner, OptimConfig
from firstwords.train.losses import next_token_loss

ROOT = Path(__file__).resolve().parents[2]
V, T = 31, 12
PROGRESS = {"tokens": 7, "elapsed": 1.5, "decisions": [], "state": {}}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learner_of(optimizer: str = "muon", seed: int = 0, vocab_size: int = V) -> Learner:
    config = ModelConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=T,
        tie_word_embeddings=seed % 2 == 0,
    )
    model = Transformer(config)
    model.init_weights(seed)
    return Learner(model, OptimConfig(optimizer=optimizer, weight_decay=0.1, balance_beta=0.95))


def train(learner: Learner, first: int, last: int) -> None:
    """Steps first..last-1; the data and rate of a step depend only on its number."""
    for step in range(first, last):
        rows = np.random.default_rng(step).integers(0, V, (4, T + 1))
        batch = {"inputs": rows[:, :-1].copy(), "targets": rows[:, 1:].copy()}
        learner.forward_backward([batch], next_token_loss)
        learner.optim_step(1.0 / (1 + step))


def state_bytes(learner: Learner) -> dict[str, bytes]:
    """Every number that the next step depends on, under its name."""
    state = learner.state_dict()
    flat = {f"model {name}": tensor for name, tensor in state["model"].items()}
    for name, tensors in state["optimizers"].items():
        flat |= {f"{key} {name}": tensor for key, tensor in tensors.items()}
    return {key: tensor.detach().numpy().tobytes() for key, tensor in flat.items()} | {
        "num_skipped": str(state["num_skipped"]).encode()
    }


def restored(directory: Path, optimizer: str = "muon", quiet: bool = True) -> tuple[Learner, dict]:
    """A new learner with other weights into which the newest checkpoint was loaded, without a warning if `quiet`."""
    learner = learner_of(optimizer, seed=8)
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("error")
        progress = checkpoint.load_latest(directory, learner)
    return learner, progress


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def two_saved(tmp_path) -> tuple[Path, dict[int, dict[str, bytes]]]:
    """Checkpoints of the steps 2 and 4, and the state at each."""
    learner, states = learner_of(), {}
    for step in (2, 4):
        train(learner, step - 2, step)
        checkpoint.save(tmp_path, step, learner, {"tokens": 100 * step})
        states[step] = state_bytes(learner)
    return tmp_path, states


# -- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("seed", [0, 1])  # a tied and an untied model
def test_resumed_is_uninterrupted_to_the_bit(optimizer, seed, tmp_path):
    whole, first = learner_of(optimizer, seed), learner_of(optimizer, seed)
    whole.num_skipped = first.num_skipped = 3
    train(whole, 0, 7)
    train(first, 0, 4)
    checkpoint.save(tmp_path, 4, first, {"tokens": 5, "decisions": [{"step": 3}]})
    second = learner_of(optimizer, seed=seed + 2)
    train(second, 20, 21)  # a learner that has been somewhere else already
    assert checkpoint.load_latest(tmp_path, second) == {"step": 4, "tokens": 5, "decisions": [{"step": 3}]}
    assert state_bytes(second) == state_bytes(first)
    train(second, 4, 7)
    assert state_bytes(second) == state_bytes(whole)
    assert second.num_skipped == 3


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_learner_fresh_from_its_making_can_be_loaded_into(optimizer, tmp_path):
    learner = learner_of(optimizer)
    train(learner, 0, 2)
    checkpoint.save(tmp_path, 2, learner, {})
    fresh, progress = restored(tmp_path, optimizer)
    assert progress == {"step": 2}
    assert state_bytes(fresh) == state_bytes(learner)


def test_saving_does_not_touch_the_learner(tmp_path):
    learner, other = learner_of(), learner_of()
    train(learner, 0, 2)
    train(other, 0, 2)
    checkpoint.save(tmp_path, 2, learner, {})
    train(learner, 2, 4)
    train(other, 2, 4)
    assert state_bytes(learner) == state_bytes(other)


def test_nothing_to_load_changes_nothing(tmp_path):
    learner = learner_of()
    before = weights_hash(learner.model)
    assert checkpoint.load_latest(tmp_path / "nowhere", learner) is None
    assert weights_hash(learner.model) == before and not learner.optimizers[0].state


def test_a_checkpoint_before_the_first_step(tmp_path):
    learner = learner_of()
    checkpoint.save(tmp_path, 0, learner, {})
    fresh, progress = restored(tmp_path)
    assert progress["step"] == 0 and weights_hash(fresh.model) == weights_hash(learner.model)
    been_elsewhere = learner_of()
    train(been_elsewhere, 20, 21)
    checkpoint.load_latest(tmp_path, been_elsewhere)
    for one in (fresh, been_elsewhere, learner):
        train(one, 0, 3)
    assert state_bytes(fresh) == state_bytes(been_elsewhere) == state_bytes(learner)


def test_the_newest_are_kept_and_named(tmp_path):
    learner = learner_of()
    for step in (5, 10, 95, 100):
        path = checkpoint.save(tmp_path, step, learner, {})
        assert path == tmp_path / f"step-{step}" and (tmp_path / "latest").read_text() == path.name
    assert checkpoint.KEEP == 2
    assert names(tmp_path) == {"step-95", "step-100", "latest"}  # by number, not by name
    assert checkpoint.steps(tmp_path) == [95, 100]


def test_saving_a_step_again_replaces_it(two_saved):
    directory, _ = two_saved
    learner = learner_of(seed=2)
    checkpoint.save(directory, 4, learner, {"tokens": 7})
    fresh, progress = restored(directory)
    assert progress["tokens"] == 7 and weights_hash(fresh.model) == weights_hash(learner.model)
    assert names(directory) == {"step-2", "step-4", "latest"}


def test_other_things_in_the_folder_are_left_alone(two_saved):
    directory, states = two_saved
    (directory / "step-by-step").mkdir()
    (directory / "step-by-step" / "progress.json").write_text("{}")
    (directory / "step-9").mkdir()  # no progress.json: not a checkpoint
    fresh, progress = restored(directory)
    assert progress["step"] == 4 and state_bytes(fresh) == states[4]


# -- killed while saving -----------------------------------------------------------------------------------------


def test_what_a_killed_save_left_is_ignored_and_swept_by_the_next(two_saved):
    directory, states = two_saved
    shutil.copytree(directory / "step-4", directory / ".writing-99999")
    (directory / ".writing-99999" / "progress.json").write_text('{"step": 6}')
    shutil.copytree(directory / "step-2", directory / ".step-4.old-99999")
    fresh, progress = restored(directory)
    assert progress["step"] == 4 and state_bytes(fresh) == states[4]
    checkpoint.save(directory, 6, fresh, {})
    assert names(directory) == {"step-4", "step-6", "latest"}


@pytest.mark.parametrize("how", [KeyboardInterrupt, RuntimeError])
def test_a_save_that_breaks_off_midway_leaves_the_old_state(two_saved, monkeypatch, how):
    directory, states = two_saved

    def half(state, checkpoint_id, **_):
        (Path(checkpoint_id) / "__0_0.distcp").write_bytes(b"half")
        raise how("now")

    monkeypatch.setattr(checkpoint.dcp, "save", half)
    with pytest.raises(how, match="now"):  # not a user's mistake: nothing is hidden
        checkpoint.save(directory, 6, learner_of(), {})
    assert checkpoint.steps(directory) == [2, 4]
    fresh, progress = restored(directory)
    assert progress == {"step": 4, "tokens": 400} and state_bytes(fresh) == states[4]


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_checkpoint as here
from firstwords.train import checkpoint
real, where = {function}, {where!r}
def killed(*args, **kwargs):
    if where == "after":
        real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
{function} = killed
checkpoint.save({directory!r}, 6, here.learner_of(), {{}})
"""


@pytest.mark.parametrize(
    ("function", "where", "newest"),
    [
        ("checkpoint.dcp.save", "before", 4),
        ("checkpoint.dcp.save", "after", 4),
        ("os.replace", "before", 4),
        ("os.replace", "after", 6),
    ],
)
def test_sigkill_leaves_the_old_state_or_the_new_one(two_saved, function, where, newest):
    directory, _ = two_saved
    script = KILLED.format(tests=str(Path(__file__).parent), function=function, where=where, directory=str(directory))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    _, progress = restored(directory)
    assert progress["step"] == newest


# -- damaged -----------------------------------------------------------------------------------------------------


def cut_tensors(path: Path) -> None:
    (file,) = path.glob("*.distcp")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty_tensors(path: Path) -> None:
    (file,) = path.glob("*.distcp")
    file.write_bytes(b"")


def lose_tensors(path: Path) -> None:
    (file,) = path.glob("*.distcp")
    file.unlink()


def cut_metadata(path: Path) -> None:
    (path / ".metadata").write_bytes((path / ".metadata").read_bytes()[:50])


def cut_progress(path: Path) -> None:
    (path / "progress.json").write_text('{"step": 4, "tok')


DAMAGE = [cut_tensors, empty_tensors, lose_tensors, cut_metadata, cut_progress]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_falls_back_to_the_one_before(two_saved, damage):
    directory, states = two_saved
    damage(directory / "step-4")
    with pytest.warns(UserWarning, match="step-4 is damaged"):
        fresh, progress = restored(directory, quiet=False)
    assert progress == {"step": 2, "tokens": 200}
    assert state_bytes(fresh) == states[2]


def test_after_a_fall_back_the_damaged_one_is_not_counted_as_kept(two_saved):
    """It would push out a good one, and be tried again at each start."""
    directory, _ = two_saved
    cut_tensors(directory / "step-4")
    with pytest.warns(UserWarning):
        fresh, _ = restored(directory, quiet=False)
    train(fresh, 2, 3)
    checkpoint.save(directory, 3, fresh, {})
    assert checkpoint.steps(directory) == [2, 3]
    _, progress = restored(directory)
    assert progress["step"] == 3


@pytest.mark.parametrize("damage", DAMAGE)
def test_when_all_are_damaged_it_says_so(two_saved, damage):
    directory, _ = two_saved
    damage(directory / "step-2")
    damage(directory / "step-4")
    with pytest.warns(UserWarning), pytest.raises(UserError, match=r"no checkpoint in .* can be read") as caught:
        restored(directory, quiet=False)
    assert str(directory) in str(caught.value)


# -- no room, no permission --------------------------------------------------------------------------------------


def test_an_os_error_within_the_writer_is_one_sentence(two_saved, monkeypatch):
    directory, states = two_saved

    def full(*args, **kwargs):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as cause:
            raise RuntimeError("the writer failed") from cause

    monkeypatch.setattr(checkpoint.dcp, "save", full)
    with pytest.raises(UserError, match=r"No space left.*previous checkpoint is untouched"):
        checkpoint.save(directory, 6, learner_of(), {})
    assert names(directory) == {"step-2", "step-4", "latest"}
    fresh, _ = restored(directory)
    assert state_bytes(fresh) == states[4]


def test_a_disk_that_is_really_full(small_disk):
    learner = learner_of()
    train(learner, 0, 2)
    checkpoint.save(small_disk / "run", 2, learner, {})
    before = state_bytes(learner)
    large = learner_of(vocab_size=20_000)  # 2.5 MB of embeddings
    with pytest.raises(UserError, match=r"No space left.*previous checkpoint is untouched"):
        checkpoint.save(small_disk / "run", 4, large, {})
    assert names(small_disk / "run") == {"step-2", "latest"}
    fresh, _ = restored(small_disk / "run")
    assert state_bytes(fresh) == before
    with open(small_disk / "ballast", "wb", buffering=0) as file:  # now not even one byte is left
        try:
            while file.write(b"x" * 1024) == 1024:
                pass
        except OSError:
            pass
    with pytest.raises(UserError, match="No space left"):
        checkpoint.save(small_disk / "run", 4, learner, {})
    fresh, _ = restored(small_disk / "run")
    assert state_bytes(fresh) == before


def test_no_permission_to_write():
    folder = Path(tempfile.mkdtemp(prefix="firstwords-test-"))  # pytest's own folders are closed to others
    folder.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)  # the user nobody: root may write everywhere
        with pytest.raises(UserError, match="Permission denied"):
            checkpoint.save(folder / "run", 2, learner_of(), {})
    finally:
        if root:
            os.seteuid(0)
        assert list(folder.iterdir()) == []
        shutil.rmtree(folder)


def test_progress_is_plain_json(two_saved):
    directory, _ = two_saved
    assert json.loads((directory / "step-4" / "progress.json").read_text()) == {"step": 4, "tokens": 400}


def test_a_checkpoint_written_in_the_background_is_the_state_at_that_moment(tmp_path: Path) -> None:
    learner = learner_of()
    train(learner, 0, 3)
    then = weights_hash(learner.model)
    checkpoint.save(tmp_path / "now", 3, learner, PROGRESS)
    checkpoint.save(tmp_path / "aside", 3, learner, PROGRESS, in_background=True)
    train(learner, 3, 6)
    checkpoint.finish()
    names = [sorted(path.name for path in (tmp_path / way / "step-3").iterdir()) for way in ("now", "aside")]
    assert names[0] == names[1] and (tmp_path / "aside" / "latest").read_text() == "step-3"
    again = learner_of(seed=2)
    assert checkpoint.load_latest(tmp_path / "aside", again) == {"step": 3} | PROGRESS
    assert weights_hash(again.model) == then
    train(again, 3, 6)
    assert weights_hash(again.model) == weights_hash(learner.model)


def test_background_checkpoints_are_kept_and_fail_like_others(tmp_path: Path, monkeypatch) -> None:
    learner = learner_of()
    for step in range(1, 5):
        checkpoint.save(tmp_path, step, learner, PROGRESS, in_background=True)
    checkpoint.finish()
    assert checkpoint.steps(tmp_path) == [3, 4]
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "replace_directory", _no_room)
        checkpoint.save(tmp_path, 5, learner, PROGRESS, in_background=True)
        with pytest.raises(UserError, match=r"cannot save the checkpoint .*step-5: No space left"):
            checkpoint.finish()
    assert checkpoint.steps(tmp_path) == [3, 4] and not list(tmp_path.glob(".writing-*"))
    checkpoint.finish()


def _no_room(*paths: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
