"""report.html: one self-contained page with every figure of the run, safe against what a model may say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from firstwords.eval.charts import Line, interval_bars, line_chart, reliability_plot, smooth, thin, ticks
from firstwords.eval.report import write_report
from firstwords.eval.report_card import PLOT
from firstwords.runlog import RunLog

VOID = {"meta", "input", "br", "hr", "img", "link", "circle", "rect", "path", "line"}


class Checker(HTMLParser):
    """Collects text and tags, and complains about tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, f"</{tag}> does not match"

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Checker:
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    assert checker.open == []
    return checker


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for stage, first_loss in (("base", 7.0), ("sft", 2.0)):
        log = RunLog(tmp_path / stage)
        for step in range(1, 101):
            loss = first_loss / step**0.3
            log.log(
                "train",
                step,
                loss=loss,
                bpb=loss / 2,
                lr=1.0,
                tokens=step * 1000,
                tokens_per_s=11_000.0,
                gflops=70.0,
                seconds=step * 0.5,
            )
        log.log("eval", 50, bpb=1.4, loss=1.0, bytes=100, seconds=25.0)
        log.log("sample", 60, prompt="The ", text="</script><script>alert(1)</script>", seconds=30.0)
        log.log("sample", 90, prompt="The ", text="cat & dog", seconds=45.0)
    return tmp_path


def facts() -> dict[str, Any]:
    plan = {
        "shape": {"hidden_size": 128, "num_hidden_layers": 3, "vocab_size": 1024, "context": 256},
        "tokens": 9_000_000,
        "reasons": ["The vocabulary is small because 1 < 2."],
    }
    return {
        "name": "pip",
        "seconds": 352.0,
        "parameters": 724_224,
        "config": {"minutes": 6.0, "text": ["world"]},
        "stages": {"base": {"plan": plan, "metrics": {"bits_per_byte": 1.234, "tokens": 8_900_000}}, "sft": {}},
        "answers": {"base": {"Who?": " What <b>?"}, "sft": {"Who?": "Pip & friends."}},
        "exam": {
            "told": {"rate": 0.875, "low": 0.84, "high": 0.9, "n": 400},
            "visitor": {"rate": 0.614, "low": 0.57, "high": 0.66, "n": 464},
            "seconds": 12.0,
        },
    }


def test_the_page_shows_every_figure(run: Path) -> None:
    path = write_report(run, run / "out" / "report.html", facts())
    page = read(path)
    for expected in (
        "How pip learned to talk",
        "5:52",
        "1.234",
        "8.9 M",
        "724 k",
        "724,224",
        "87.5%",
        "of 400",
        "known facts",
        "sensible replies to visitors",
        "61.4%",
        "of visitors' inputs answered sensibly",
        "Who?",
        " What <b>?",
        "Pip & friends.",
        "The vocabulary is small because 1 < 2.",
        "3 layers of 128",
        "11,000 tokens/s",
        "70 GFLOP/s",
        "cat & dog",
    ):
        assert expected in page.text, expected
    assert [p.name for p in path.parent.iterdir()] == ["report.html"], "nothing written aside is left"


def test_the_page_needs_nothing_else_and_runs_no_words_of_the_model(run: Path) -> None:
    path = write_report(run, run / "report.html", facts())
    page, source = read(path), path.read_text()
    assert sum(tag == "script" for tag, _ in page.tags) == 1, "the model's text opened a script"
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", source)


def test_sliders_start_at_the_last_sample(run: Path) -> None:
    page = read(write_report(run, run / "report.html", facts()))
    sliders = [a for tag, a in page.tags if tag == "input"]
    assert [(s["data-stage"], s["max"], s["value"]) for s in sliders] == [("base", "1", "1"), ("sft", "1", "1")]


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"made": "rlhf-1", "done": True, "promoted": True, "reason": "it wins"}, "rlhf-1: promoted. it wins."),
        ({"made": "rlhf-1", "done": True, "promoted": False, "reason": "no"}, "rlhf-1: not promoted. no."),
        ({"made": "", "done": True, "promoted": False, "reason": "no gain"}, "No new version: not promoted. no gain."),
        ({"made": "rlhf-1", "before": "sft"}, ""),  # not at its end
        ({}, ""),
    ],
)
def test_why_stage_three_was_promoted_or_not(run: Path, found: dict[str, Any], line: str) -> None:
    (run / "align").mkdir()
    (run / "align" / "align.json").write_text(json.dumps(found))
    page = write_report(run, run / "report.html", facts()).read_text(encoding="utf-8")
    assert ("Is the new version in use?" in page) == bool(line) and line in page


@pytest.mark.parametrize("given", [{}, {"name": "x", "stages": {"base": None}, "exam": None, "answers": None}])
def test_missing_facts_leave_parts_out(tmp_path: Path, given: dict[str, Any]) -> None:
    page = read(write_report(tmp_path, tmp_path / "report.html", given))
    assert "learned to talk" in page.text and "The exam" not in page.text


def test_a_run_without_facts_is_read_from_its_logs(run: Path) -> None:
    page = read(write_report(run, run / "report.html", {}))
    assert "pre-training" in page.text and "fine-tuning" in page.text


def test_the_reward_models_plot_is_on_the_page_where_stage_three_ran(run: Path) -> None:
    model = run / "reward" / "model"
    model.mkdir(parents=True)
    row = {"confidence": 0.7, "accuracy": 0.8, "low": 0.6, "high": 0.9, "n": 9}
    (model / PLOT).write_text(reliability_plot([row], ece=0.1))
    assert "The reward model" not in read(write_report(run, run / "report.html", facts())).text
    RunLog(run / "rlhf-1").log("train", 1, loss=1.0, lr=1.0, tokens=10, tokens_per_s=1.0, seconds=1.0)
    given = facts()
    given["stages"]["rlhf-1"] = {}
    path = write_report(run, run / "report.html", given)
    page = read(path)
    assert "The reward model" in page.text and "(ECE) 0.100" in page.text
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", path.read_text())


def test_the_curve_stands_where_the_numbers_are() -> None:
    svg = line_chart([Line("loss", [(0.0, 0.0), (1.0, 5.0), (2.0, 10.0)])], "minutes", "loss <nats>")
    path = re.search(r'class="main" d="M([^"]+)"', svg)
    points = [tuple(map(float, p.split())) for p in path[1].split("L")]
    assert points[1][0] == pytest.approx((points[0][0] + points[2][0]) / 2)
    assert points[0][1] > points[1][1] > points[2][1]
    assert points[1][1] == pytest.approx((points[0][1] + points[2][1]) / 2)
    assert "loss &lt;nats&gt;" in svg and ">minutes<" in svg


def test_charts_bear_gaps_and_too_little() -> None:
    assert "Too few" in line_chart([Line("x", [(1.0, 1.0)])], "a", "b")
    svg = line_chart([Line("x", [(0.0, 1.0), (1.0, float("nan")), (2.0, 1.0)])], "a", "b")
    assert "nan" not in svg and "<path" in svg
    assert interval_bars([]) == ""


def test_interval_bars_are_to_scale() -> None:
    svg = interval_bars([("a", 0.5, 0.4, 0.6, 10), ("b", 1.0, 0.9, 1.0, 10)])
    widths = [float(w) for w in re.findall(r'class="bar"[^>]*width="([\d.]+)"', svg)]
    assert widths[1] == pytest.approx(2 * widths[0])


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 10, [0, 2, 4, 6, 8, 10]), (0.9, 2.1, [0.5, 1, 1.5, 2, 2.5])])
def test_ticks_are_round_and_cover(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 5) == pytest.approx(expected)
    assert len(ticks(3.0, 3.0, 5)) >= 1


def test_smooth_ignores_a_spike_and_keeps_a_line() -> None:
    line = [(float(i), 2.0 * i) for i in range(200)]
    assert smooth(line) == line
    assert max(b for _, b in smooth([(float(i), 100.0 if i == 50 else 1.0) for i in range(300)])) == 1.0


def test_thin_keeps_both_ends() -> None:
    points = [(float(i), 0.0) for i in range(1000)]
    assert len(thin(points, 100)) == 100 and thin(points, 100)[0] == points[0] and thin(points, 100)[-1] == points[-1]
