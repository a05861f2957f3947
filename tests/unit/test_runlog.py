"""The run log survives crashes and odd numbers; the progress line works with and without a terminal."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np

from firstwords import runlog
from firstwords.runlog import Progress, RunLog, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "deep" / "run")
    log.log("train", 1, loss=2.5, lr=np.float32(0.5), tokens=np.int64(7))
    log.log("sample", 2, prompt="Où", text='a "quoted"\nline')
    rows = RunLog.read(tmp_path / "deep" / "run")
    assert [r["kind"] for r in rows] == ["train", "sample"]
    assert rows[0]["loss"] == 2.5 and rows[0]["lr"] == 0.5 and rows[0]["tokens"] == 7 and rows[0]["time"] > 1e9
    assert rows[1]["text"] == 'a "quoted"\nline' and rows[1]["prompt"] == "Où"


def test_every_line_is_strict_json(tmp_path: Path) -> None:
    RunLog(tmp_path).log("train", 1, loss=math.nan, other=[math.inf, 1.0], path=tmp_path)
    line = (tmp_path / "metrics.jsonl").read_text()
    row = json.loads(line, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
    assert row["loss"] is None and row["other"] == [None, 1.0] and row["path"] == str(tmp_path)


def test_a_line_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.log("train", 1, loss=1.0)
    with open(log.path, "a") as file:
        file.write('{"kind": "train", "step": 2, "lo')
    assert [r["step"] for r in RunLog.read(tmp_path)] == [1]
    assert RunLog.read(tmp_path / "nowhere") == []


def test_a_second_writer_appends_and_rewind_forgets(tmp_path: Path) -> None:
    for step in range(1, 6):
        RunLog(tmp_path).log("train", step, loss=float(step))
    log = RunLog(tmp_path)
    log.rewind(3)
    log.log("train", 4, loss=40.0)
    assert [(r["step"], r["loss"]) for r in RunLog.read(tmp_path)] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]


def test_without_a_terminal_plain_lines_come_now_and_then(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(runlog.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    with Progress("pre-training", out) as progress:
        for second in range(1, 101):
            now[0] += 1.0
            progress.update(second / 100, loss=2.5, bpb=1.25, tokens_per_s=11_000.4, gflops=72.2)
        progress.sample(40, "The cat", " sat\non the mat")
    lines = out.getvalue().splitlines()
    progressed = [line for line in lines if line.startswith("pre-training")]
    assert 10 <= len(progressed) <= 12
    assert "loss 2.500, 1.250 bits/byte, 11,000 tokens/s, 72 GFLOP/s, 1:39 left" in progressed[0]
    assert progressed[-1].startswith("pre-training 100%") and "left" not in progressed[-1]
    assert len(set(progressed)) == len(progressed)
    assert any("step 40: The cat| sat on the mat" in line for line in lines)


def test_the_time_left_can_be_told(monkeypatch) -> None:
    out = io.StringIO()
    progress = Progress("x", out)
    progress.update(0.5, seconds_left=3725)
    assert "1:02:05 left" in out.getvalue()


def test_on_a_terminal_there_is_a_bar_and_samples_stand_above_it() -> None:
    out = Terminal()
    with Progress("learning", out) as progress:
        progress.update(0.5, loss=1.5)
        progress.sample(7, "Once", " upon [a] time")
        progress.say("a [bold] remark")
        progress.update(1.0, loss=1.25)
    shown = out.getvalue()
    assert "learning" in shown and "upon [a] time" in shown and "a [bold] remark" in shown and "1.25" in shown


def test_quiet_says_nothing() -> None:
    out = Terminal()
    with Progress("x", out, quiet=True) as progress:
        progress.update(1.0, loss=1.0)
        progress.sample(1, "a", "b")
    assert out.getvalue() == ""


def test_an_error_inside_passes_through_and_stops_the_bar() -> None:
    out = io.StringIO()
    try:
        with Progress("x", out) as progress:
            progress.update(0.1)
            raise RuntimeError("inside")
    except RuntimeError as error:
        assert str(error) == "inside"


def test_clock() -> None:
    assert [clock(s) for s in (0, 75, 3599.6, 3725, -4)] == ["0:00", "1:15", "1:00:00", "1:02:05", "0:00"]


def test_all_figures_fit_a_terminal_of_80_columns(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    with Progress("pre-training", out) as progress:
        progress.update(0.5, seconds_left=3599, loss=2.513, bpb=1.867, tokens_per_s=11_234.0, gflops=121.0)
        progress._bar.refresh()
    assert "…" not in out.getvalue() and "59:59 left" in out.getvalue() and "121 GF/s" in out.getvalue()
