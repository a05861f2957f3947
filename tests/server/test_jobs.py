"""Runs as their folders tell them: the record of a process, rows as they come, and what a command line may hold."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from firstwords import home, process
from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.process import Job, recorded
from firstwords.runlog import RunLog, write_json
from firstwords.serve import jobs, tail
from firstwords.serve.errors import ApiError
from firstwords.serve.jobs import Jobs, describe
from firstwords.serve.page import runs
from firstwords.serve.page.runs import Start, command_line
from firstwords.serve.settings import Settings
from firstwords.serve.tail import Tail
from firstwords.train.run import Interrupted

KEYS = Settings(keys={"a-long-secret": "anna"})


# ---- the record of a process -----------------------------------------------------------------------------------------


def test_a_process_tells_of_itself(tmp_path: Path) -> None:
    with recorded(tmp_path / "pip", "learn", {"minutes": 3}):
        job = process.read(tmp_path / "pip")
        assert job is not None and job.is_alive and job.pid == os.getpid() and job.options == {"minutes": 3}
        with recorded(tmp_path / "pip", "pretrain", {}):  # a stage of the same job
            assert process.read(tmp_path / "pip") == job
        assert process.read(tmp_path / "pip") == job, "the end of a stage is not the end of the job"
    job = process.read(tmp_path / "pip")
    assert job is not None and not job.is_alive and job.state == "done" and job.ended >= job.started


@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (KeyboardInterrupt(), "stopped", ""),
        (Interrupted(2, "saved"), "stopped", ""),
        (UserError("give more text"), "failed", "give more text"),
        (ZeroDivisionError("by 0"), "failed", "ZeroDivisionError: by 0"),
    ],
)
def test_how_it_ended(tmp_path: Path, error: BaseException, state: str, sentence: str) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(type(error)), recorded(tmp_path, "learn", {}):
        raise error
    job = process.read(tmp_path)
    assert job is not None and (job.state, job.error) == (state, sentence)
    with recorded(tmp_path, "learn", {}):  # an error does not leave it marked as recorded
        assert process.read(tmp_path).is_alive


def test_a_mistake_before_anything_began_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError), recorded(tmp_path / "pip", "learn", {}):
        raise UserError("no")
    assert not (tmp_path / "pip").exists()


def test_another_process_with_the_number_of_a_dead_one(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own = process.identity(child.pid)
    job = Job("learn", {}, child.pid, own, time.time())
    assert own and job.is_alive and process.identity(child.pid) == own != process.identity(os.getpid())
    assert not Job("learn", {}, os.getpid(), own, time.time()).is_alive
    child.kill()
    time.sleep(0.2)
    assert not job.is_alive, "a process that nobody has collected yet is dead all the same"
    child.communicate()
    assert not job.is_alive and process.identity(child.pid) == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"pid": 1}', '{"unheard": 1}'])
def test_records_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / process.FILE).write_text(text)
    assert process.read(tmp_path) is None


# ---- rows ------------------------------------------------------------------------------------------------------------


def train_rows(log: RunLog, *steps: int) -> None:
    for step in steps:
        log.log("train", step, loss=1 / (step + 1))


def seen(parts: list[tail.Part]) -> list[tuple[str, list[int], bool]]:
    return [(part.stage, [row["step"] for row in part.rows], part.is_new) for part in parts]


def test_rows_are_seen_once_and_whole(tmp_path: Path) -> None:
    followed, log = Tail(tmp_path), RunLog(tmp_path / "base")
    assert followed.look() == []
    train_rows(log, 1, 2)
    assert seen(followed.look()) == [("base", [1, 2], True)]
    assert followed.look() == []
    with open(log.path, "a", encoding="utf-8") as file:
        file.write('{"kind": "train", "st')
        file.flush()
        assert followed.look() == [], "a row that is being written waits"
        file.write('ep": 3}\n')
    assert seen(followed.look()) == [("base", [3], False)]
    RunLog(tmp_path / "sft").log("sample", 0, prompt="Hi", text="Où")
    train_rows(log, 4)
    assert sorted(seen(followed.look())) == [("base", [4], False), ("sft", [0], True)]


def test_a_row_torn_by_a_crash_takes_no_other_with_it(tmp_path: Path) -> None:
    log, followed = RunLog(tmp_path / "base"), Tail(tmp_path)
    train_rows(log, 1, 2, 3)
    with open(log.path, "ab") as file:
        file.write(b'{"kind": "train", "step": 4, "lo\xc3')
    assert seen(followed.look()) == [("base", [1, 2, 3], True)]
    log.rewind(2)  # what a run does that goes on from a checkpoint
    train_rows(log, 3, 4)
    assert seen(followed.look()) == [("base", [1, 2, 3, 4], True)], "the log is another one, and is read anew"


def test_a_run_that_begins_anew(tmp_path: Path) -> None:
    log, followed = RunLog(tmp_path / "base"), Tail(tmp_path)
    train_rows(log, *range(5))
    followed.look()
    log.path.unlink()
    assert seen(followed.look()) == [("base", [], True)]
    train_rows(log, 1)
    assert seen(followed.look()) == [("base", [1], True)]


def test_looking_while_somebody_writes_loses_nothing(tmp_path: Path) -> None:
    log, followed, found = RunLog(tmp_path / "base"), Tail(tmp_path), []
    writer = threading.Thread(target=train_rows, args=(log, *range(800)))
    writer.start()
    while writer.is_alive():
        found += [row["step"] for part in followed.look() for row in part.rows]
    writer.join()
    found += [row["step"] for part in followed.look() for row in part.rows]
    assert found == list(range(800))


def test_thinning_keeps_ends_and_other_rows() -> None:
    rows = [{"kind": "train", "step": i} for i in range(10_001)]
    rows.insert(5000, {"kind": "sample", "step": 5000})
    thin = tail.thinned(rows)
    training = [row["step"] for row in thin if row["kind"] == "train"]
    assert len(training) == tail.MAX_ROWS and training[0] == 0 and training[-1] == 10_000
    assert max(b - a for a, b in itertools.pairwise(training)) <= 6
    assert sum(row["kind"] == "sample" for row in thin) == 1 and tail.thinned(rows[:50]) == rows[:50]


def test_the_last_row_of_a_long_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "base")
    train_rows(log, *range(2000))
    log.log("note", 1999, text="x" * 300)
    assert tail.last_row(tmp_path, "base")["step"] == 1999
    assert tail.last_row(tmp_path, "sft") is None
    (tmp_path / "said").write_text("é" * 50_000 + "\nthe end\n", encoding="utf-8")
    assert tail.last_lines(tmp_path / "said").endswith("é\nthe end") and tail.last_lines(tmp_path / "no") == ""


# ---- what is known of a run ------------------------------------------------------------------------------------------


def run_folder(home: Path, name: str = "pip", **job: Any) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    if job:
        values = {"options": {}, "pid": os.getpid(), "identity": process.identity(os.getpid()), "started": time.time()}
        Job(**{"command": "learn"} | values | job).write(folder)
    return folder


def test_a_run_of_another_time(own_home: Path) -> None:
    folder = run_folder(own_home)
    write_json(folder / "learn.json", {"done": False, "stages": ["base"], "config": {}})
    run = Jobs().run("pip")
    assert (run["state"], run["resumable"], run["started"], run["last"]) == ("interrupted", True, None, None)
    write_json(folder / "learn.json", {"done": True, "stages": ["base", "sft"], "config": {}})
    run = Jobs().run("pip")
    assert (run["state"], run["resumable"], run["fraction"], run["seconds_left"]) == ("done", False, 1, 0)


def test_states_of_a_recorded_run(own_home: Path) -> None:
    folder = run_folder(own_home, started=time.time() - 60)
    assert Jobs().busy() == "pip" and Jobs().run("pip")["state"] == "running"
    assert 59 < Jobs().run("pip")["seconds"] < 70
    run_folder(own_home, identity="another", started=time.time() - 60)
    assert Jobs().busy() is None and Jobs().run("pip")["state"] == "interrupted"
    run_folder(own_home, state="failed", error="give more text", ended=time.time())
    run = Jobs().run("pip")
    assert (run["state"], run["error"], run["resumable"]) == ("failed", "give more text", False)
    write_json(folder / "learn.json", {"done": False, "stages": []})
    assert Jobs().run("pip")["resumable"]
    with pytest.raises(ApiError, match="no process is running for pip"):
        Jobs().stop("pip")
    with pytest.raises(ApiError, match="pop has no run"):
        Jobs().run("pop")


def test_how_far_a_run_is(own_home: Path) -> None:
    folder = run_folder(own_home, command="learn")
    planned = {"base": 60, "sft": 30, "rlhf": 20, "report": 10}
    write_json(folder / "learn.json", {"done": False, "stages": [], "seconds": planned})
    run = describe("pip", process.read(folder))
    assert (run["fraction"], run["seconds_left"], run["stage_fraction"]) == (0, 120, None)
    RunLog(folder / "base").log("train", 7, loss=2.0, fraction=0.5, seconds_left=31.0)
    run = describe("pip", process.read(folder))
    assert (run["stage"], run["fraction"], run["seconds_left"]) == ("base", 0.25, 90)
    assert (run["stage_fraction"], run["stage_seconds_left"], run["last"]["step"]) == (0.5, 31, 7)
    write_json(folder / "learn.json", {"done": False, "stages": ["base"], "seconds": planned})
    assert describe("pip", process.read(folder))["fraction"] == 0.5, "between two stages"
    run_folder(own_home, command="align", options={"minutes": 2, "method": "rloo"}, started=time.time() - 30)
    run = describe("pip", process.read(folder))
    assert run["fraction"] == pytest.approx(0.25, abs=0.02) and run["seconds_left"] == pytest.approx(90, abs=3)
    run_folder(own_home, command="compare", started=time.time() + 1)
    run = describe("pip", process.read(folder))
    assert run["stage"] == "" and run["last"] is None, "rows of an earlier process are not this one's"


def test_what_a_comparison_came_to(own_home: Path) -> None:
    folder = run_folder(own_home, command="align", state="done", ended=time.time())
    assert describe("pip", process.read(folder))["result"] is None
    aligned = {"made": "rlhf-1", "before": "sft", "done": True, "promoted": True, "reason": ""}
    write_json(folder / "align" / "align.json", aligned)
    compared = {"before": "sft", "win_rate": 0.6, "low": 0.55, "high": 0.65, "verdict": "better"}
    write_json(folder / "rlhf-1" / "compare.json", compared)
    found = describe("pip", process.read(folder))["result"]
    assert (found["stage"], found["before"], found["verdict"], found["promoted"]) == ("rlhf-1", "sft", "better", True)
    none = {"made": "", "before": "sft", "done": True, "promoted": False, "reason": "no improvement"}
    write_json(folder / "align" / "align.json", none)
    found = describe("pip", process.read(folder))["result"]
    assert (found["stage"], found["promoted"], found["reason"]) == ("", False, "no improvement")
    run_folder(own_home, command="compare", state="done", ended=time.time())
    write_json(folder / "compare.json", {"win_rate": 0.4, "verdict": "worse"})
    assert describe("pip", process.read(folder))["result"] == {"win_rate": 0.4, "verdict": "worse"}


def test_a_lock_is_seen_before_anything_is_written_down(own_home: Path) -> None:
    every = Jobs()
    assert every.busy() is None
    with locks.held(["new"], "models copy"):
        assert every.busy() == "new"
        with pytest.raises(ApiError, match=f"new is being trained: `firstwords models copy`.*process {os.getpid()}"):
            every.start("pip", ["learn", "--name", "pip"])
    assert every.busy() is None and every.names() == []


def test_how_runs_go_on(own_home: Path) -> None:
    options = {"name": "pip", "method": "dpo", "minutes": 2.0, "preferences": ["log"], "resume": False, "steps": 0}
    folder = run_folder(own_home, command="align", options=options, state="stopped", ended=time.time())
    assert jobs.resume_words("pip", process.read(folder)) is None
    write_json(folder / "align" / "align.json", {"made": "", "before": "sft"})
    assert jobs.resume_words("pip", process.read(folder)) == [
        "align",
        "pip",
        "--resume",
        "--method=dpo",
        "--minutes=2.0",
        "--preferences",
        "log",
        "--steps=0",
    ]
    write_json(folder / "align" / "align.json", {"made": "", "before": "sft", "config": options})
    assert jobs.resume_words("pip", process.read(folder)) == ["align", "pip", "--resume"]
    write_json(folder / "align" / "align.json", {"made": "rlhf-1", "before": "sft", "done": True})
    assert jobs.resume_words("pip", process.read(folder)) is None
    write_json(folder / "learn.json", {"done": False, "stages": []})
    assert jobs.resume_words("pip", process.read(folder)) == ["learn", "--name", "pip", "--resume"]
    run_folder(own_home, command="pretrain", state="stopped", ended=time.time())
    write_json(folder / "base" / "plan.json", {})
    assert jobs.resume_words("pip", process.read(folder)) == ["learn", "--name", "pip", "--resume"], "base is made"
    shutil.rmtree(own_home / "models" / "pip" / "base")
    assert jobs.resume_words("pip", process.read(folder)) == ["pretrain", "--name", "pip", "--resume"]


def test_a_quiet_run_shows_that_the_line_lives_and_a_closed_one_is_forgotten(own_home: Path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)
    folder, every = run_folder(own_home, command="learn"), Jobs()

    async def watch() -> list[str]:
        stream, found = runs.events(every, "pip"), []
        async for text in stream:
            found.append(text)
            if text.startswith(":"):
                assert every.num_watchers == 1
                break
        RunLog(folder / "base").log("sample", 3, prompt="The ", text="cat")
        found += [await anext(stream), await anext(stream)]
        await stream.aclose()
        return found

    first, beat, rows, sample = asyncio.run(watch())
    assert first.startswith('event: state\ndata: {"run": {"name": "pip"') and beat == ": still here\n\n"
    assert rows.startswith("event: rows\n") and '"reset": true' in rows
    assert sample == 'event: sample\ndata: {"stage": "base", "step": 3, "prompt": "The ", "text": "cat"}\n\n'
    assert every.num_watchers == 0


# ---- command lines ---------------------------------------------------------------------------------------------------


def line(command: str, name: str = "pip", settings: Settings | None = None, **options: Any) -> list[str]:
    return command_line(Start(command=command, name=name, options=options), settings or Settings())


def test_nothing_is_aligned_that_cannot_chat(own_home: Path) -> None:
    home.set_promoted("pip", "base")
    with pytest.raises(ApiError, match=r"pip uses base, which continues text.*first promote a stage that ans") as said:
        line("align", preferences=["log"])
    assert said.value.status == 400
    home.set_promoted("pip", "sft")
    assert line("align", preferences=["log"])[:2] == ["align", "pip"]


def test_command_lines(own_home: Path, tmp_path: Path) -> None:
    texts = tmp_path / "my texts; rm -rf"
    texts.mkdir()
    words = line("learn", "new", minutes=2.5, text=[str(texts), "world"], chats=["hf:org/set:train"], seed=0)
    assert words == [
        "learn",
        "--name",
        "new",
        "--minutes=2.5",
        "--text",
        str(texts),
        "world",
        "--chats",
        "hf:org/set:train",
        "--seed=0",
    ]
    assert line("align", preferences=["log"], method="dpo") == ["align", "pip", "--preferences", "log", "--method=dpo"]
    assert line("align", preferences=["log"], lora=0) == ["align", "pip", "--preferences", "log", "--lora=0"]
    assert line("compare", against="base") == ["compare", "pip/sft", "pip/base", "--json", "--judge=truth"]
    assert line("compare", stage="base", limit=20) == [
        "compare",
        "pip/base",
        "pip/sft",
        "--json",
        "--limit=20",
        "--judge=truth",
    ]
    assert line("learn", replace=True) == ["learn", "--name", "pip", "--replace"]
    assert line("learn", "new", KEYS, text=["world"], preferences=["log", "none"])[-2:] == ["log", "none"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (("learn", "new", {"method": "dpo"}), 400, "options.method"),
        (("compare", "pip", {"minutes": 2}), 400, "options.minutes"),
        (("learn", "pip", {}), 409, "name"),
        (("align", "pop", {}), 404, "name"),
        (("learn", "new", {"text": ["--config=x.toml"]}), 400, "options.text"),
        (("learn", "new", {"text": ["-"]}), 400, "options.text"),
        (("learn", "new", {"text": ["a\nb"]}), 400, "options.text"),
        (("learn", "new", {"text": ["no/such/file.txt"]}), 400, "options.text"),
        (("learn", "new", {"text": ["~nobody-here/x"]}), 400, "options.text"),
        (("learn", "new", {"text": ["a" * 999]}), 400, "options.text"),
        (("learn", "new", {"chats": ["hf:a b; reboot"]}), 400, "options.chats"),
        (("learn", "new", {"text": ["log"]}), 400, "options.text"),
        (("compare", "pip", {"stage": "../x"}), 400, "options.stage"),
        (("compare", "pip", {"against": "sfx"}), 400, "options.against"),
        (("compare", "pip", {"against": "base", "judge": "human"}), 400, "options.judge"),
        (("compare", "pip", {"against": "base", "judge": "/etc"}), 400, "options.judge"),
    ],
)
def test_command_lines_that_are_refused(own_home: Path, body: tuple[Any, ...], status: int, param: str) -> None:
    command, name, options = body
    with pytest.raises(ApiError) as caught:
        line(command, name, **options)
    assert (caught.value.status, caught.value.param) == (status, param)


def test_no_value_is_taken_for_a_flag(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "--resume").write_text("a file with the name of a flag")
    with pytest.raises(ApiError, match="'--resume' is not a valid source of text"):
        line("learn", "new", text=["--resume"])
    assert "./--resume" in line("learn", "new", text=["./--resume"])


def test_files_are_named_only_by_the_machines_own_user(own_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("text")
    assert str(file) in line("learn", "new", text=[str(file)])
    for settings in (KEYS, Settings(host="0.0.0.0", keys={"a-long-secret": "anna"})):
        with pytest.raises(ApiError, match="on a server with keys"):
            line("learn", "new", settings, text=[str(file)])


@pytest.mark.parametrize("name", ["../pip", "--json", "", "a/b", ".", "pip\n", "a" * 101])
def test_names_that_are_refused(own_home: Path, name: str) -> None:
    with pytest.raises((ApiError, UserError, ValueError)):
        line("learn", name)


def test_a_process_that_dies_at_once_is_told_from_one_that_never_was(own_home: Path) -> None:
    every = Jobs()
    every.start("new", ["learn", "--nonsense"])
    deadline = time.monotonic() + 60
    while (run := every.run("new"))["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run["state"] == "failed" and "unknown flag --nonsense" in run["error"]
    saved = json.loads((own_home / "runs/new/job.json").read_text())
    assert saved["state"] == "failed" and Jobs().run("new")["error"] == run["error"]


def test_a_run_has_ended_once_it_has_said_why(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process records its end before it writes its last line."""
    slow = "import sys, time; time.sleep(0.5); sys.stderr.write('stopped at step 3 and saved')"
    child = subprocess.Popen([sys.executable, "-c", slow], stderr=subprocess.PIPE, text=True)
    run_folder(own_home, pid=child.pid, state="stopped", ended=time.time())
    every = Jobs(_children={"pip": jobs.Child(child, Job("learn", {}, child.pid, process.identity(child.pid), 0.0))})
    assert every.run("pip")["state"] == "stopped"
    assert child.poll() == 0 and child.stderr.read() == "stopped at step 3 and saved"
    monkeypatch.setattr(jobs, "LAST_WORDS_SECONDS", 0.1)
    stuck = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run_folder(own_home, "stuck", pid=stuck.pid, state="stopped", ended=time.time())
    every._children["stuck"] = jobs.Child(stuck, Job("learn", {}, stuck.pid, process.identity(stuck.pid), 0.0))
    assert every.run("stuck")["state"] == "stopped" and stuck.poll() is None
    stuck.communicate(b"\n")
