"""A fast machine could use more text than can be read in time: reading stops, and the plan uses what was read."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.plan.budget import Machine, Plan, Shape, plan, plan_for_shape
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import corpus as corpus_module
from firstwords.train import finetune
from firstwords.train.corpus import Corpus, needed_bytes, prepare, until

GPU = Machine(device="cuda", precision="bf16", training_gflops={256: 60e3, 768: 300e3}, startup_seconds=20.0)


def choose(seconds: float, num_bytes: int | None, shape: Shape | None, curve=None) -> Plan:
    return plan(seconds, GPU, num_bytes) if shape is None else plan_for_shape(shape, seconds, GPU, num_bytes)


class Clock:
    """A module `time` whose seconds pass only when somebody looks, or by `now += 1`."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def perf_counter(self) -> float:
        self.now += self.tick
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Each document that is read takes 0.3 ms, each chat too, on any machine."""
    found = Clock(0.0003)
    for module in (corpus_module, finetune):
        monkeypatch.setattr(module, "time", found)
    return found


def prepared(directory: Path, read_seconds: float) -> tuple[Corpus, list[str]]:
    said: list[str] = []
    corpus = prepare(["world"], directory, GPU, lambda: 360.0, choose, read_seconds=read_seconds, say=said.append)
    return corpus, said


def test_until_stops_at_the_moment_but_not_before_the_first() -> None:
    assert list(until(time.perf_counter() - 1, [1, 2, 3])) == [1]
    assert list(until(math.inf, [1, 2, 3])) == [1, 2, 3]
    started = time.perf_counter()
    assert len(list(until(started + 0.05, itertools.count()))) > 1
    assert time.perf_counter() - started < 5


def test_the_endless_world_ends_in_time_and_is_read_several_times(tmp_path: Path, clock: Clock) -> None:
    assert needed_bytes(360.0, GPU) > 1e9  # minutes of reading
    corpus, said = prepared(tmp_path, read_seconds=1.0)
    assert any(line.startswith("read") and line.endswith("(as much as time allows)") for line in said), said
    assert 0 < corpus.shards.num_bytes < 1e8
    assert corpus.plan.epochs == pytest.approx(
        corpus.plan.tokens * corpus.bytes_per_token / corpus.shards.num_bytes, rel=0.2
    )
    assert corpus.plan.epochs > 1 and corpus.plan.weight_decay > 0  # the plan includes repetition


def test_tokenising_ends_in_time_too(tmp_path: Path, clock: Clock, monkeypatch) -> None:
    slow = corpus_module.write_shards
    monkeypatch.setattr(  # by the time the first batch is encoded, the time is over
        corpus_module, "write_shards", lambda texts, *args: slow(_lingering(texts, clock), *args)
    )
    corpus, said = prepared(tmp_path, read_seconds=1.0)
    assert any("% of the text, as much as time allows)" in line for line in said), said
    assert corpus.plan.epochs is not None


def _lingering(texts, clock):
    for i, text in enumerate(texts):
        if i == 20:
            clock.now += 1.2
        yield text


def test_compiling_is_no_time_to_learn_in() -> None:
    assert GPU.flops(60.0, 256) == 40.0 * 60e12
    assert GPU.flops(10.0, 256) == 5.0 * 60e12  # never more than half
    chosen = plan(60.0, GPU)
    assert chosen.seconds == 60.0 and "20 s of them compiling" in chosen.reasons[0]
    assert "compiling" not in plan(60.0, Machine()).reasons[0]


def test_chats_are_read_for_a_fifth_of_the_time_only(tmp_path: Path, clock: Clock) -> None:
    """A GPU could train on more of the endless world than a CPU can generate."""
    tokenizer = Tokenizer.train(["Who are you? I am Pip. What is it? It is a cat. " * 50], 300)
    rough = replace(plan_for_shape(Shape(64, 2, 300, 128), 2.0, GPU), tokens=10**12)
    clock.tick = 0.01
    read = finetune._read_chats(finetune.Finetune(minutes=2 / 60), tokenizer, rough, tmp_path)
    assert 30 < len(read) < 50  # 0.4 of the 2 seconds that are planned
