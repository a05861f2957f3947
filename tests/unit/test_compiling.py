"""Machine code is compiled once per machine, survives full disks and damaged caches, and has a replacement."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numba
import pytest

from firstwords.engine import compiled, decode
from firstwords.engine.compiled import CompiledDecoder
from firstwords.engine.decode import TorchDecoder
from firstwords.engine.engine import Engine
from firstwords.engine.machine_code import is_cached, machine_code
from firstwords.engine.sampling import SamplingParams
from firstwords.model.cache import KVCache
from firstwords.train.watch import Watcher

SOURCE = """
from numba import njit


@njit(cache=True)
def double(x):
    return 2 * x
"""
SIGNATURE = (numba.int64,)


@pytest.fixture
def load(tmp_path: Path):
    """Imports a fresh copy of a module with one cached function, as each new process does."""

    def load_it() -> ModuleType:
        path = tmp_path / "doubling.py"
        if not path.exists():
            path.write_text(SOURCE)
        spec = importlib.util.spec_from_file_location("doubling", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_it


def test_a_second_process_compiles_nothing(load) -> None:
    first = load().double
    assert machine_code(first, SIGNATURE)(21) == 42 and sum(first.stats.cache_misses.values()) == 1
    second = load().double
    assert machine_code(second, SIGNATURE)(21) == 42
    assert sum(second.stats.cache_hits.values()) == 1 and not second.stats.cache_misses


def test_a_change_of_any_source_compiles_again(load, tmp_path: Path) -> None:
    """numba looks only at the file of the function that it caches, not at those whose functions it calls."""
    other, misses = tmp_path / "other.py", []
    for text in ("one", "one", "two", "two"):
        other.write_text(text)
        function = load().double
        assert machine_code(function, SIGNATURE, [str(other)])(21) == 42
        misses.append(sum(function.stats.cache_misses.values()))
    assert misses == [1, 0, 1, 0]


def test_what_is_cached_is_known_without_compiling(load, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("one")
    assert not is_cached(load().double, [str(other)])
    machine_code(load().double, SIGNATURE, [str(other)])
    assert is_cached(load().double, [str(other)])
    other.write_text("two")
    assert not is_cached(load().double, [str(other)])


def test_the_background_compiles_what_every_small_model_needs(tiny_policy, monkeypatch: pytest.MonkeyPatch) -> None:
    signatures: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "nice", lambda _: None)
    monkeypatch.setattr(compiled, "machine_code", lambda _, signature, sources: signatures.append(signature))
    compiled.compile_for_small_models()
    model = tiny_policy(64)
    CompiledDecoder(model, KVCache(model.config, 2, 32))
    assert len(signatures) == 2 and signatures[0] == signatures[1]


def test_the_background_compiles_only_if_nothing_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    class Child:
        def __init__(self, command: list[str], **_: object) -> None:
            commands.append(command)

        def poll(self) -> None:
            return None

    monkeypatch.setattr(compiled, "_compiling", None)
    monkeypatch.setattr(subprocess, "Popen", Child)
    monkeypatch.setattr(compiled, "is_cached", lambda *_: True)
    compiled.compile_in_background()
    assert not commands and not compiled.is_compiling()
    monkeypatch.setattr(compiled, "is_cached", lambda *_: False)
    compiled.compile_in_background()
    assert len(commands) == 1 and compiled.is_compiling()
    compiled.compile_in_background()
    assert len(commands) == 1, "one is at work"


@pytest.mark.parametrize(("limit", "expected"), [(60.0, 0), (None, 1)])
def test_samples_do_not_wait_for_the_compiler_when_the_clock_runs(
    tiny_policy, monkeypatch: pytest.MonkeyPatch, limit: float | None, expected: int
) -> None:
    model, tokenizer = tiny_policy(64), SimpleNamespace()
    run = SimpleNamespace(
        learner=SimpleNamespace(model=model), pace=SimpleNamespace(limit=limit), share_done=0.0, pause=lambda: None
    )
    monkeypatch.setattr("firstwords.train.watch.text_ids", lambda *_: [1])
    watcher, samples = Watcher(run, tokenizer, "The", []), []
    monkeypatch.setattr(watcher, "sample", samples.append)
    run.share_done = 0.5
    monkeypatch.setattr("firstwords.train.watch.is_compiling", lambda: True)
    watcher.after_step()
    assert len(samples) == expected
    monkeypatch.setattr("firstwords.train.watch.is_compiling", lambda: False)
    watcher.after_step()
    assert len(samples) == 1, "it is made up for"


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage"], ids=["empty", "garbage"])
def test_a_damaged_cache_is_written_again(load, tmp_path: Path, suffix: str, content: bytes) -> None:
    machine_code(load().double, SIGNATURE)
    for path in tmp_path.rglob(f"*.{suffix}"):
        path.write_bytes(content)
    assert machine_code(load().double, SIGNATURE)(21) == 42
    third = load().double
    machine_code(third, SIGNATURE)
    assert third.stats.cache_hits, "it was repaired"


def test_a_full_disk_costs_only_the_cache(load, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    assert machine_code(load().double, SIGNATURE)(21) == 42


def test_processes_at_the_same_time_compile_once(tmp_path: Path) -> None:
    """Each of four processes of other types finds its own code afterwards: numba's index alone loses entries."""
    (tmp_path / "doubling.py").write_text(SOURCE)
    program = """
        import sys, numba, doubling
        from firstwords.engine.machine_code import is_cached, machine_code
        kind = getattr(numba, sys.argv[1])
        number = machine_code(doubling.double, (kind,))(21)
        print(number, len(doubling.double.stats.cache_misses))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    kinds = ["int64", "float64", "float32", "int64"]
    for expected_misses in (3, 0):
        children = [
            subprocess.Popen([*command, kind], cwd=tmp_path, stdout=subprocess.PIPE, text=True) for kind in kinds
        ]
        outputs = [child.communicate()[0].split() for child in children]
        assert [float(number) for number, _ in outputs] == [42] * 4
        assert sum(int(misses) for _, misses in outputs) == expected_misses


@pytest.fixture
def fresh_note():
    decode._note.cache_clear()
    yield
    decode._note.cache_clear()


def no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "machine_code", no_locator)


def no_locator(*_: object) -> None:
    raise RuntimeError("cannot cache function 'step': no locator available for file 'kernels.py'")


@pytest.mark.parametrize(
    ("breakage", "reason"), [(no_numba, "import of numba halted"), (no_folder, "no locator available")]
)
def test_without_numba_pytorch_generates_and_one_note_says_so(
    breakage, reason: str, tiny_policy, monkeypatch, caplog, fresh_note
) -> None:
    model, params = tiny_policy(97), SamplingParams(max_tokens=12, seed=4, logprobs=1)
    expected = Engine(model).generate([[5, 6, 7], [8]], params)
    breakage(monkeypatch)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            engine = Engine(model)
            answers = engine.generate([[5, 6, 7], [8]], params)
            assert isinstance(engine._decoder, TorchDecoder)
            assert [answer.ids for answer in answers] == [answer.ids for answer in expected]
    (note,) = caplog.messages
    assert reason in note and note.endswith("PyTorch generates instead, several times slower")
    with pytest.raises(ValueError, match="int8 weights need compiled loops: numba cannot compile here"):
        Engine(model, weights="int8").generate([[5]], params)


def test_with_numba_the_loops_generate(tiny_policy) -> None:
    engine = Engine(tiny_policy(97))
    engine.prepare()
    assert isinstance(engine._decoder, CompiledDecoder)


def test_importing_firstwords_does_not_import_numba() -> None:
    program = "import sys, firstwords.cli, firstwords.api, firstwords.engine.engine; print('numba' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "False\n"
