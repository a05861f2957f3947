"""Users' own chats and preferences through the commands: what is read, reported and refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firstwords.preferences.store import PreferenceStore

CASES = Path(__file__).parent.parent / "cases"
STEPS = ("--steps", "2", "--batch-tokens", "160", "--compile", "no")


@pytest.fixture
def finetune(firstwords, own_home: Path, one_thread):
    return lambda *chats: firstwords("finetune", "pip", "--chats", *chats, *STEPS, "--replace")


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("c_null_shadow_mixed.jsonl", "read 20 chats; left out 0 rows\n"),
        ("c_weight.jsonl", "read 20 chats; left out 0 rows; read but did not learn 20 messages (tools, weight 0)\n"),
    ],
)
def test_finetune_says_what_it_read(case: str, sentence: str, finetune) -> None:
    code, _, err = finetune(CASES / case)
    assert code == 0 and sentence in err and "saved pip/sft after 2 steps" in err


def test_the_answer_of_weight_0_gets_no_gradient(finetune, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.train import finetune as stage

    seen = []
    pack = stage.pack_chats
    monkeypatch.setattr(stage, "pack_chats", lambda rendered, context: seen.extend(rendered) or pack(rendered, context))
    assert finetune(CASES / "c_weight.jsonl")[0] == 0
    from firstwords import home
    from firstwords.tokenizer.fast import Tokenizer

    tokenizer = Tokenizer.load(home.stage_dir("pip", "base"))
    for ids, mask in seen:
        learned = tokenizer.decode(np.array(ids)[np.array(mask, dtype=bool)].tolist(), skip_special=False)
        assert learned == "The heron.<|im_end|>" and "WRONGANSWER" in tokenizer.decode(ids)
    assert len(seen) == 20


def test_finetune_on_a_whatsapp_export(finetune, tmp_path: Path) -> None:
    lines = [
        f"{day:02}.03.24, 10:0{n} - {who}: {text} {day}"
        for day in range(1, 25)
        for n, (who, text) in enumerate([("Anna", "Hi"), ("Ben", "Ho"), ("Anna", "Bye")])
    ]
    path = tmp_path / "WhatsApp Chat with Anna.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    code, _, err = finetune(path)
    assert code == 2 and "is a WhatsApp chat between Anna (48) and Ben (24)" in err and "--chats" in err
    code, _, err = finetune(f"{path}:Ben")
    assert code == 0
    assert "read 24 chats; left out 0 rows; trimmed 24 messages (before the first question or after the last" in err


KTO = {"prompt": "Hi", "completion": "Ho", "label": False}
SHAREGPT_DPO = {
    "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}],
    "chosen": {"from": "gpt", "value": "Pip."},
    "rejected": {"from": "gpt", "value": "Guess."},
}
CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}
TEXT = {"text": "Once upon a time"}


@pytest.mark.parametrize(
    ("command", "row", "flag"),
    [
        ("finetune", KTO, "--preferences"),
        ("finetune", SHAREGPT_DPO, "--preferences"),
        ("finetune", TEXT, "--text"),
        ("preferences", CHAT, "--chats"),
        ("preferences", TEXT, "--text"),
        ("preferences", KTO, "--chats"),
    ],
)
def test_rows_under_the_wrong_flag_name_the_right_one(
    command: str, row: dict, flag: str, finetune, firstwords, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps(row) + "\n") * 30, encoding="utf-8")
    code, _, err = finetune(path) if command == "finetune" else firstwords("preferences", "import", path)
    assert code == 2 and err.count("\n") == 1 and f"{path}" in err and flag in err
    assert not PreferenceStore().all()


@pytest.mark.parametrize(
    ("case", "chosen"),
    [
        ("p_prompt_repeated.jsonl", "The heron 0."),
        ("p_surrogate.jsonl", "heron ? 0"),
        ("p_system_column.jsonl", "The heron 0."),
    ],
)
def test_preferences_import(case: str, chosen: str, firstwords, empty_home: Path) -> None:
    code, _, err = firstwords("preferences", "import", CASES / case, "--model", "pip")
    assert (code, err) == (0, "added 30 preferences; left out 0 rows\n")
    assert PreferenceStore().preferences("pip")[0].chosen == chosen


def test_what_an_import_says_of_ties_and_lone_answers(firstwords, empty_home: Path, tmp_path: Path) -> None:
    rows = [
        {"instruction": "Who?", "generations": ["a", "b", "c"], "ratings": [5, 5, 1]},
        {"prompt": "Hi", "completion": "Ho", "label": True},
        {"prompt": "Hi", "completion": "No", "label": False},
        {"prompt": "Why?", "completion": "So.", "label": True},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, _, err = firstwords("preferences", "import", path)
    assert code == 0
    assert err == (
        "added 2 preferences; left out 0 rows; skipped 1 tie; "
        "answers without a better or worse one to the same prompt: 1\n"
    )


def test_bytes_of_the_command_line_that_are_not_text(own_home: Path, tmp_path: Path) -> None:
    def run(*words: bytes, text: bytes = b"") -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "firstwords", *words]
        return subprocess.run(command, input=text, capture_output=True, timeout=120)

    done = run(b"preferences", b"add", b"--prompt", b"gate \xf0\x9f", b"--chosen", b"heron", b"--rejected", b"\xff")
    assert done.returncode == 0, done.stderr
    (added,) = PreferenceStore().all()
    assert (added.prompt[0]["content"], added.right) == ("gate ??", "?")
    for words in (
        [b"next", b"The \xff"],
        [b"stages", b"The \xff", b"--max-tokens", b"2"],
        [b"complete", b"The \xff", b"--max-tokens", b"2"],
        [b"tokenizer", b"show", b"The \xff"],
    ):
        done = run(*words)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    done = run(b"chat", b"--model", b"pip/sft", b"--system", b"\xff", b"--max-tokens", b"2", text=b"Hi \xff\n")
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr


def test_a_file_may_be_called_anything(firstwords, finetune, tmp_path: Path) -> None:
    path = tmp_path / "odd \udcff.jsonl"
    path.write_text(json.dumps({"prompt": "Hi", "chosen": "Ho", "rejected": "No"}), encoding="utf-8")
    code, _, err = firstwords("preferences", "import", str(path))
    assert code == 0 and "added 1 preference;" in err
    assert PreferenceStore().all()[0].origin == "odd ?.jsonl"
    chats = tmp_path / "chats \udcff.jsonl"
    chats.write_bytes((CASES / "c_weight.jsonl").read_bytes())
    code, _, err = finetune(str(chats))
    assert code == 0 and "read 20 chats" in err
