"""The main job at a fraction of a minute: everything runs, everything is there, and it ends on time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import forks
import pytest

from firstwords.model.chat_defaults import saved_sampling
from firstwords.plan.budget import Machine
from firstwords.world import showcase

MINUTES = 0.4


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    home = tmp_path_factory.mktemp("learn") / "home"
    began = time.monotonic()
    done = run(home, "learn", "--minutes", str(MINUTES), "--name", "tiny")
    assert done.returncode == 0, done.stderr
    return home, done.stderr, time.monotonic() - began


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FIRSTWORDS_HOME": str(home)}
    environment["FIRSTWORDS_MACHINE"] = json.dumps(asdict(Machine()))  # plan for an ordinary laptop, whatever the load
    return subprocess.run(
        [sys.executable, "-m", "firstwords", *words], env=environment, capture_output=True, text=True, timeout=400
    )


def test_everything_is_there(learned: tuple[Path, str, float]) -> None:
    home, log, _ = learned
    for stage in ("base", "sft"):
        files = {path.name for path in (home / "models" / "tiny" / stage).iterdir()}
        assert files >= {
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "generation_config.json",
            "firstwords.json",
        }
    how = {stage: saved_sampling(home / "models" / "tiny" / stage) for stage in ("base", "sft")}
    assert how == {"base": {}, "sft": {"temperature": 0.5, "top_p": 0.95}}
    for stage in ("base", "sft"):  # so short a training handles little, but everything kept is a candidate
        found = json.loads((home / "models" / "tiny" / stage / "firstwords.json").read_text())["examples"]
        assert set(found["next"]) <= {each.text for each in showcase.BEGINNINGS}
        assert set(found["chat"]) <= {text for text, _ in showcase.QUESTIONS} and (stage == "sft" or not found["chat"])
    report = (home / "runs" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in report and "http" not in report.replace("http://www.w3.org", "")
    assert "What is your first name?" in log and "exam, told" in log


def test_the_loss_fell_and_the_record_is_complete(learned: tuple[Path, str, float]) -> None:
    home = learned[0]
    rows = [json.loads(line) for line in (home / "runs" / "tiny" / "base" / "metrics.jsonl").open(encoding="utf-8")]
    losses = [row["loss"] for row in rows if row["kind"] == "train"]
    assert losses[-1] < 0.9 * losses[0]  # how far it falls follows from the speed of the machine, too
    samples = [row for row in rows if row["kind"] == "sample"]
    steps = [row["step"] for row in rows if row["kind"] == "train"]
    assert steps == list(range(1, len(steps) + 1))
    # how many there are and when follows from the machine's speed; tests/equivalence/test_resume.py counts them
    assert samples and {row["step"] for row in samples} <= set(steps)
    assert len({row["prompt"] for row in samples}) == 1
    card = json.loads((home / "models" / "tiny" / "sft" / "firstwords.json").read_text(encoding="utf-8"))
    base = json.loads((home / "models" / "tiny" / "base" / "firstwords.json").read_text(encoding="utf-8"))
    assert base["data"]["town"] == card["data"]["town"] == "small"
    assert card["parent"] == base["weights_sha256"] and card["stage"] == "sft"
    assert base["metrics"]["bits_per_byte"] < 3.5 and base["versions"]["torch"]


def test_a_second_learn_reuses_the_model(learned: tuple[Path, str, float]) -> None:
    home = learned[0]
    weights = home / "models" / "tiny" / "sft" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    done = run(home, "learn", "--minutes", str(MINUTES), "--name", "tiny", "--reuse")
    assert done.returncode == 0 and "already trained" in done.stderr
    assert weights.stat().st_mtime_ns == before


def test_transformers_opens_what_was_learned(learned: tuple[Path, str, float]) -> None:
    transformers = pytest.importorskip("transformers")
    path = learned[0] / "models" / "tiny" / "sft"
    model = transformers.AutoModelForCausalLM.from_pretrained(path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello!"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.generate(**ids, max_new_tokens=12, do_sample=False)
    theirs = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    ours = run(learned[0], "stages", "Hello!", "--model", "tiny", "--temperature", "0", "--max-tokens", "12", "--json")
    assert ours.returncode == 0, ours.stderr
    answers = {row["stage"]: row["text"] for row in json.loads(ours.stdout)["stages"]}
    assert answers["sft"].strip() == theirs.strip()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "0"], "--minutes is 0"),
        (["--minutes", "-3"], "--minutes is -3"),
        (["--minuets", "3"], "did you mean --minutes"),
        (["--text", "no/such/file.txt"], "no/such/file.txt"),
        (["--resume", "--name", "nothing"], "there is no run of nothing to resume"),
        (["--resume", "--reuse"], "contradict"),
        (["--name", "../escape"], "is not a valid model name"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    code, said = forks.run(["learn", *words], tmp_path / "home", tmp_path / "log")
    assert code == 2
    assert sentence in said and "Traceback" not in said
    assert said.count("firstwords: ") == 1


def test_a_text_too_small_for_any_model(tmp_path: Path) -> None:
    (tmp_path / "tiny.txt").write_text("Just a few words.", encoding="utf-8")
    words = ["pretrain", "--text", str(tmp_path / "tiny.txt"), "--minutes", "0.2"]
    code, said = forks.run(words, tmp_path / "home", tmp_path / "log")
    assert code == 2
    assert "add more text" in said and "Traceback" not in said
