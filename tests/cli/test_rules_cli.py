"""Flags for rules: answers obey them, what they cost goes to stderr, and impossible ones are refused before a word."""

from __future__ import annotations

import json

import pytest

OBEYING = ["--only-words-with", "f", "--words", "3-6", "--max-tokens", "70", "--seed", "4"]


def are_f_words(text: str) -> bool:
    words = text.split()
    return 3 <= len(words) <= 6 and all(word.strip('"\u201c\u201d().,;:!?\u2026').lower()[0] == "f" for word in words)


def test_complete_and_its_json(pip_home, firstwords) -> None:
    code, out, err = firstwords("complete", "The cat ", "--model", "pip/base", *OBEYING)
    assert code == 0 and out.startswith("The cat ") and are_f_words(out.removeprefix("The cat "))
    assert "log-probability lost to the rules: " in err
    code, out, err = firstwords("complete", "The cat ", "--model", "pip/base", "--json", *OBEYING)
    report = json.loads(out)
    assert code == 0 and are_f_words(report["text"]) and report["logprob_lost"] > 1
    code, out, _ = firstwords("complete", "The cat ", "--model", "pip/base", "--json", "--max-tokens", "5")
    assert code == 0 and "logprob_lost" not in json.loads(out)


def test_chat(pip_home, spawn) -> None:
    done = spawn("chat", "--model", "pip/sft", *OBEYING, text="Hello!\nAgain!\n")
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 2, done.stderr
    assert done.stderr.count("lost to the rules") == 2


def test_python(pip_home) -> None:
    import firstwords as fw

    model = fw.load("pip/sft")
    assert are_f_words(model.chat("Hello!", rules={"only_words_with": "f", "words": "3-6"}, max_tokens=70))
    assert model.complete("The sky is", rules=fw.Rules(choice=(" blue",))) == " blue"
    with pytest.raises(fw.UserError, match="unknown rule"):
        model.chat("Hello!", rules={"letters": "f"})
    with pytest.raises(fw.UserError, match="this rule needs at least 80 tokens"):
        model.chat("Hello!", rules={"words": "40"}, max_tokens=20)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only-words-with", "ab"], "--only-words-with is 'ab': give one letter, such as b"),
        (["--words", "nine"], "--words is 'nine': give a number"),
        (["--rhyme-with", "orange"], "no word is known that rhymes with orange"),
        (["--only-words-with", "b", "--without-letter", "b"], "--only-words-with b, --without-letter b"),
        (["--choice", "yes|no", "--words", "3"], "no text obeys these rules: --words 3, --choice yes|no"),
        (["--regex", "a("], "--regex is not supported: a bracket is not closed"),
        (["--json-schema", "nowhere.json"], "--json-schema: cannot read nowhere.json: No such file"),
        (["--json-schema", "list.json"], "--json-schema must be a JSON schema"),
        (["--json-schema", "wrong.json"], "--json-schema is not supported: type must be"),
        (["--words", "60", "--max-tokens", "30"], "but --max-tokens is 30"),
    ],
)
@pytest.mark.parametrize("command", [["complete", "The cat"], ["chat"]])
def test_impossible_rules(pip_home, firstwords, tmp_path, monkeypatch, command, flags, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "wrong.json").write_text('{"type": 3}')
    code, out, err = firstwords(*command, *flags)
    assert code == 2 and message in err and not out and err.count("\n") == 1


def test_prefill(pip_home, spawn) -> None:
    done = spawn("chat", "--prefill", "My name is", "--max-tokens", "8", "--seed", "1", text="Hello!\n")
    assert done.returncode == 0 and done.stdout.startswith("My name is") and len(done.stdout) > len("My name is\n")
