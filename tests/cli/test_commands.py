"""Whole transcripts of the commands, with a tiny random model."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest


def one_json(out: str) -> dict:
    """The only JSON object on stdout."""
    assert out.count("\n") == 1
    return json.loads(out)


# ---- next ----------------------------------------------------------------------------------------------------------


def test_next_gives_the_true_distribution(firstwords, pip_home: Path) -> None:
    import torch

    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    code, out, err = firstwords("next", "The cat", "--top", "5", "--json")
    result = one_json(out)
    assert code == 0 and err == "" and result["model"] == "pip/base" and result["text"] == "The cat"
    model, tokenizer = load_model(pip_home / "models/pip/base"), Tokenizer.load(pip_home / "models/pip/base")
    ids = [tokenizer.endoftext_id, *tokenizer.encode("The cat")]
    with torch.no_grad():
        expected = torch.softmax(model(torch.tensor([ids]))[0, -1].double(), -1)
    assert [t["id"] for t in result["tokens"]] == expected.topk(5).indices.tolist()
    for token in result["tokens"]:
        assert token["probability"] == pytest.approx(expected[token["id"]].item(), abs=1e-6)
        assert math.exp(token["logprob"]) == pytest.approx(token["probability"])
        assert token["text"] == tokenizer.token_bytes(token["id"]).decode("utf-8", "backslashreplace")
    total = sum(t["probability"] for t in result["tokens"]) + result["rest"]
    assert total == pytest.approx(1.0) and result["rest_tokens"] == tokenizer.vocab_size - 5


def test_next_with_the_whole_vocabulary_leaves_no_rest(firstwords, pip_home: Path) -> None:
    result = one_json(firstwords("next", "", "--top", "100000", "--json")[1])
    assert result["rest"] == 0.0 and sum(t["probability"] for t in result["tokens"]) == pytest.approx(1.0, abs=1e-5)


def test_next_draws_bars(firstwords, pip_home: Path) -> None:
    code, out, _ = firstwords("next", "The cat is", "--model", "pip/sft", "--top", "3")
    lines = out.splitlines()
    assert code == 0 and lines[0] == 'pip/sft, after "The cat is"' and len(lines) == 5
    assert "everything else (" in lines[-1] and "█" in lines[-1] and "%" in lines[1]


def test_bar_lengths() -> None:
    from firstwords.commands.next import bar

    assert (bar(1, 8), bar(0, 8), bar(0.5, 8), bar(1 / 64, 8)) == ("████████", "", "████", "▏")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["next", "x", "--top", "0"], "--top is 0"),
        (["next", "word " * 500], "reads at most 160"),
        (["next", "x", "--model", "pop"], "did you mean pip?"),
        (["next", "x", "--model", "pip/rlhf-1"], "pip has no stage rlhf-1; it has base, sft"),
        (["complete", "x", "--temperature", "-1"], "--temperature"),
        (["complete", "x", "--top-p", "0"], "--top-p"),
        (["complete", "x", "--max-tokens", "0"], "--max-tokens"),
        (["complete", "x", "--seed", "-4"], "--seed"),
        (["complete", "word " * 500], "reads at most 160"),
        (["stages", "x", "--model", "pop"], "did you mean pip?"),
        (["stages", "word " * 500], "pip/base: the text has"),
        (["tokenizer", "show", "x", "--model", "pop"], "did you mean pip?"),
        (["tokenizer", "train", "--text", "/no/such/file.txt"], "/no/such/file.txt does not exist"),
        (["eval", "pip"], "say what to measure"),
        (["eval", "pip", "--tasks", "/no/such.jsonl"], "/no/such.jsonl does not exist"),
        (["eval", "pip", "--tasks", "x.jsonl", "--exam"], "--tasks cannot be combined with"),
        (["eval", "pip", "--tasks", "x.jsonl", "--shots", "-1"], "--shots is -1"),
        (["eval", "pip", "--exam", "--all-stages"], "--all-stages is about --tasks"),
        (["eval", "pip/sft", "--tasks", "x.jsonl", "--all-stages"], "--all-stages needs the name of a model"),
        (["eval", "pip", "--bpb", "/no/such.txt"], "/no/such.txt does not exist"),
        (["eval", "pip", "--bpb", "world"], "it has no end"),
        (["eval", "pip", "--exam", "--limit", "-2"], "--limit is -2"),
        (["eval", "pip", "--visitor", "--half", "last"], "--half is last: use work or final"),
        (["eval", "pip", "--visitor", "--samples", "-1"], "--samples is -1"),
        (["eval", "pip", "--exam", "--answers"], "--answers is about the visitor's list: give --visitor too"),
        (
            ["eval", "pip/base", "--visitor"],
            "pip/base is a base model, which continues text and has not learned to answer",
        ),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], sentence: str, firstwords, pip_home: Path) -> None:
    code, out, err = firstwords(*words)
    assert code == 2 and out == "" and err.count("\n") == 1 and sentence in err


@pytest.mark.parametrize("command", ["next x", "complete x", "chat", "stages x", "tokenizer show x"])
def test_without_a_model_the_advice_is_learn(command: str, firstwords, empty_home: Path) -> None:
    code, out, err = firstwords(*command.split())
    assert code == 2 and out == "" and "`firstwords learn` trains one" in err and err.count("\n") == 1


def test_a_damaged_model_is_one_sentence(firstwords, pip_home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(pip_home / "models/pip/base", broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for words in (["next", "x", "--model", broken], ["chat", "--demo", "--model", broken]):
        code, out, err = firstwords(*words)
        assert code == 2 and out == "" and err.count("\n") == 1 and str(weights) in err
    weights.unlink()
    assert "it lacks model.safetensors" in firstwords("next", "x", "--model", broken)[2]


def test_next_without_a_text_names_one_that_the_model_handles(firstwords, pip_home: Path, tmp_path: Path) -> None:
    advice = "TEXT is missing: give the beginning of a text, for example firstwords next"
    assert firstwords("next") == (2, "", f'firstwords: {advice} "The cat is"\n')
    own = tmp_path / "own"
    shutil.copytree(pip_home / "models" / "pip" / "base", own)
    card = json.loads((own / "firstwords.json").read_text())
    (own / "firstwords.json").write_text(json.dumps(card | {"examples": {"next": ["The sun is"], "chat": []}}))
    assert f'{advice} "The sun is" --model {own}' in firstwords("next", "--model", own)[2]
    assert advice in firstwords("next", "--model", "pop")[2]


# ---- complete ------------------------------------------------------------------------------------------------------


def test_complete_repeats_with_a_seed_and_streams_the_same_text(firstwords, pip_home: Path) -> None:
    words = ("complete", "The cat", "--max-tokens", "12", "--seed", "7")
    first = one_json(firstwords(*words, "--json")[1])
    assert first["tokens"] == 12 and first["finish_reason"] == "length" and first["seed"] == 7
    assert one_json(firstwords(*words, "--json")[1])["text"] == first["text"]
    assert one_json(firstwords(*words[:-1], "8", "--json")[1])["text"] != first["text"]
    code, out, err = firstwords(*words)
    assert code == 0 and out == f"The cat{first['text']}\n" and err == ""


def test_complete_stops_at_the_end_of_the_context(firstwords, pip_home: Path) -> None:
    result = one_json(firstwords("complete", "The cat", "--max-tokens", "999", "--temperature", "1", "--json")[1])
    assert result["tokens"] < 160 and result["finish_reason"] in ("length", "stop")


# ---- chat ----------------------------------------------------------------------------------------------------------


def test_chat_through_a_pipe(spawn, pip_home: Path, tmp_path: Path) -> None:
    saved = tmp_path / "chat.json"
    text = f"Hello\n\n/system Be brief.\nAgain\n/save {saved}\n/nonsense\n/help\n/quit\nnever asked\n"
    done = spawn("chat", "--max-tokens", "4", "--seed", "1", text=text)
    assert done.returncode == 0 and "never" not in done.stdout
    assert "(system: Be brief.)" in done.stderr and "unknown command /nonsense" in done.stderr
    assert "/reset" in done.stderr and "(saved to" in done.stderr
    [chat] = json.loads(saved.read_text())
    assert [m["role"] for m in chat["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert chat["messages"][1]["content"] == "Hello" and chat["messages"][3]["content"] == "Again"


def test_chat_uses_the_models_own_sampling(pip_home: Path, spawn, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(pip_home / "models" / "pip" / "sft", own)
    (own / "generation_config.json").write_text('{"do_sample": true, "temperature": 1.9, "top_p": 1.0}')

    def said(*flags: str) -> str:
        return spawn("chat", "--model", own, "--max-tokens", "12", "--seed", "1", *flags, text="Who are you?\n").stdout

    assert said() == said("--temperature", "1.9", "--top-p", "1") != said("--temperature", "0")


def test_chat_demo_answers_and_leaves(spawn, pip_home: Path) -> None:
    done = spawn("chat", "--demo", "--max-tokens", "3", "--seed", "0")
    assert done.returncode == 0
    assert done.stdout.count("you> ") >= 5 and done.stdout.count("pip> ") == done.stdout.count("you> ")
    assert "firstwords chat --model pip" in done.stderr


def conversation(pip_home: Path, **flags):
    from firstwords import api
    from firstwords.commands.chat import Chat, Conversation

    return Conversation(api.load("pip"), Chat(**flags))


def test_a_long_chat_drops_its_oldest_turns(pip_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = conversation(pip_home, max_tokens=8, seed=0, system="Hi.")
    for number in range(8):
        talk.ask(f"Is it {number}?")
        ids, room, _ = talk.loaded.chat_ids(talk.messages[:-1], 8)
        assert len(ids) + room <= talk.loaded.context
    assert len(talk.turns) < 16 and talk.system == "Hi." and talk.messages[0]["role"] == "system"
    assert [t["role"] for t in talk.turns[:2]] == ["user", "assistant"] and "7" in talk.turns[-2]["content"]


def test_a_message_longer_than_the_context_is_refused_and_forgotten(pip_home: Path) -> None:
    from firstwords.config import UserError

    talk = conversation(pip_home, max_tokens=8)
    with pytest.raises(UserError, match="the message has"):
        talk.ask("word " * 300)
    assert talk.turns == []


def test_reset_forgets_and_jsonl_grows(pip_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from firstwords.commands.chat import obey

    talk, saved = conversation(pip_home, max_tokens=3, seed=0), tmp_path / "chats.jsonl"
    for _ in range(2):
        talk.ask("Hello")
        obey(talk, f"/save {saved}")
        obey(talk, "/reset")
        assert talk.messages == []
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert len(rows) == 2 and rows[0] == rows[1], "the same seed, the same empty history, the same answer"


def test_chat_sends_what_the_template_says(pip_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.tokenizer.chat import render

    talk, seen = conversation(pip_home, max_tokens=3, system="Be kind."), []
    monkeypatch.setattr(talk.loaded, "generate", lambda ids, params: (seen.append(ids), (t for t in ()))[1])
    talk.ask("Hello <|im_end|>")
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello <|im_end|>"}]
    assert seen == [render(messages, talk.loaded.tokenizer, add_generation_prompt=True)[0]]
    assert seen[0].count(talk.loaded.tokenizer.im_end_id) == 2, "a typed <|im_end|> is no stop token"


# ---- stages, models, doctor, tokenizer, eval -------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_no_table_cuts_a_word(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from firstwords.commands.shared import Row, print_rows

    monkeypatch.setenv("COLUMNS", str(columns))
    cells = ("a-model-with-a-rather-long-name/rlhf-12*", "base, sft, rlhf-1", "820.1 MB", "2026-11-28 08:36")
    remark = "replaced by firstwords pretrain; id 20261128-083648-tom"
    print_rows((("model", "<"), ("stages", "<"), ("size", ">"), ("deleted", "<")), [Row(cells, remark)])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= columns and line == line.rstrip() for line in lines)
    assert all(any(cell in line for line in lines) for cell in (*cells, "model", "deleted"))
    assert " ".join(" ".join(lines).split()).endswith(remark)
    assert (cells[0] + "  base, sft" in "\n".join(lines)) == (columns == 120)


def test_one_thing_is_singular(firstwords, pip_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from firstwords.commands.compare import show

    _, out, _ = firstwords("tokenizer", "show", "a")
    assert "1 token for 1 byte (" in out
    rate = {"win_rate": 0.5, "low": 0.1, "high": 0.9, "verdict": "not yet shown", "more_needed": 1}
    rate |= {"a": "pip/b", "b": "pip/a", "judge": "x", "stopped_early": False, "wins": 1, "ties": 1, "losses": 1}
    show(rate | {"length_controlled": {"win_rate": 0.5, "matched_n": 1, "matched_win_rate": 0.5}})
    shown = capsys.readouterr().out
    assert "1 win, 1 tie, 1 loss\n" in shown and "on 1 pair of" in shown and "about 1 more comparison would" in shown


def test_stages_puts_base_and_sft_side_by_side(firstwords, pip_home: Path) -> None:
    words = ("stages", "What is your first name?", "--max-tokens", "6", "--seed", "3")
    result = one_json(firstwords(*words, "--json")[1])
    assert [(r["stage"], r["form"]) for r in result["stages"]] == [("base", "text"), ("sft", "chat")]
    alone = ("complete", "What is your first name?", "--max-tokens", "6", "--seed", "3", "--temperature", "0.7")
    completed = one_json(firstwords(*alone, "--top-p", "0.95", "--model", "pip/base", "--json")[1])
    assert result["stages"][0]["text"] == completed["text"], "the base stage continues the bare text"
    code, out, _ = firstwords(*words)
    assert code == 0 and "base" in out and "sft" in out and "What is your first name?" in out


def test_models_lists_what_is_there(firstwords, pip_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firstwords.model.hub import load_model

    result = one_json(firstwords("models", "--json")[1])
    assert [m["ref"] for m in result["models"]] == ["pip/base", "pip/sft"]
    model = load_model(pip_home / "models/pip/sft")
    assert result["models"][1]["parameters"] == sum(p.numel() for p in model.parameters())
    assert result["models"][1]["promoted"] and not result["models"][0]["promoted"]
    assert result["models"][0]["metrics"] == {"bits_per_byte": 2.5}
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = firstwords("models")
    assert code == 0
    for expected in ("pip/sft*", "2 x 64", "2.500 bits per byte", "2026-01-02 03:04"):
        assert expected in out


def test_models_without_models(firstwords, empty_home: Path) -> None:
    code, out, err = firstwords("models")
    assert code == 0 and out == "" and "`firstwords learn` trains one" in err
    assert one_json(firstwords("models", "--json")[1])["models"] == []


def test_doctor(firstwords, pip_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from firstwords.train import machine

    monkeypatch.setattr(machine, "gemm_gflops", lambda *a, **k: 42.0)
    code, out, _ = firstwords("doctor", "--json")
    facts = one_json(out)
    assert code == (1 if facts["problems"] else 0)
    assert facts["torch"] == torch.__version__ and facts["gemm_gflops"] == 42
    assert facts["home"] == str(pip_home) and facts["home_writable"] is True and facts["cores"] >= 1


def test_doctor_names_what_is_wrong() -> None:
    from firstwords.commands.doctor import judge

    good = {
        "home": "/h",
        "home_writable": True,
        "disk_free_bytes": 1e11,
        "memory_bytes": 16e9,
        "torch_threads": 8,
        "cores": 8,
        "gpus": ["x"],
    }
    assert judge(good) == ([], [])
    problems, advice = judge(good | {"home_writable": False, "disk_free_bytes": 1e6, "torch_threads": 1})
    assert "FIRSTWORDS_HOME" in problems[0] and "GB are free" in problems[1] and "1 of 8 cores" in advice[0]


def test_tokenizer_train_and_show(firstwords, tmp_path: Path, empty_home: Path) -> None:
    text, out_dir = tmp_path / "text.txt", tmp_path / "tok"
    text.write_text("the cat and the dog and the cat\n" * 50)
    words = ("tokenizer", "train", "--text", text, "--vocab-size", "270", "--out", out_dir, "--json")
    trained = one_json(firstwords(*words)[1])
    assert trained["vocab_size"] == 270 and trained["documents"] == 1 and (out_dir / "tokenizer.json").is_file()
    shown = one_json(firstwords("tokenizer", "show", "the cat é", "--model", out_dir, "--json")[1])
    assert shown["bytes"] == 10 and len(shown["tokens"]) < 8 and shown["tokens"][0]["text"].startswith("t")
    code, out, _ = firstwords("tokenizer", "show", "the cat", "--model", out_dir)
    assert code == 0 and '"' in out and "tokens for 7 bytes" in out
    code, _, err = firstwords(*words[:5], "100", *words[6:])
    assert code == 2 and "vocabulary" in err


def test_eval_bpb(firstwords, pip_home: Path, tmp_path: Path) -> None:
    from firstwords.eval.bpb import bits_per_byte
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    text = tmp_path / "held-out.txt"
    text.write_text("The cat is in the house. Where is the dog?\n" * 4)
    result = one_json(firstwords("eval", "pip/base", "--bpb", text, "--json")[1])
    directory = pip_home / "models/pip/base"
    expected = bits_per_byte(load_model(directory), Tokenizer.load(directory), [text.read_text()], 160)
    assert result["bits_per_byte"] == pytest.approx(expected.bits_per_byte, rel=1e-6)
    assert result["bytes"] == len(text.read_bytes()) and result["model"] == "pip/base"
    code, out, _ = firstwords("eval", "pip/base", "--bpb", text)
    assert code == 0 and "bits per byte" in out


def test_eval_exam(firstwords, pip_home: Path) -> None:
    pytest.importorskip("firstwords.eval.exam")
    code, out, _ = firstwords("eval", "pip", "--exam", "--limit", "2", "--json")
    result = one_json(out)
    rated = {name: part for name, part in result.items() if isinstance(part, dict) and "rate" in part}
    assert code == 0 and {"told", "stops"} <= set(rated)
    for part in rated.values():
        assert 0 <= part["low"] <= part["rate"] <= part["high"] <= 1 and part["n"] > 0


def test_eval_visitor(firstwords, pip_home: Path) -> None:
    code, out, _ = firstwords("eval", "pip", "--visitor", "--json")
    result = one_json(out)
    assert code == 0 and {"visitor", "work", "final", "kinds"} <= set(result) and "answers" not in result
    assert result["visitor"]["n"] == result["work"]["n"] + result["final"]["n"] >= 440
    assert sum(part["n"] for part in result["kinds"].values()) == result["visitor"]["n"]
    for part in (result["visitor"], *result["kinds"].values()):
        assert 0 <= part["low"] <= part["rate"] <= part["high"] <= 1


def test_eval_visitor_shows_the_final_half_only_if_it_is_named(firstwords, pip_home: Path) -> None:
    both = one_json(firstwords("eval", "pip", "--visitor", "--answers", "--json")[1])
    assert {row["half"] for row in both["answers"]} == {"work"}
    assert set(both["answers"][0]) == {"half", "kind", "input", "answer", "sensible"}
    final = one_json(firstwords("eval", "pip", "--visitor", "--half", "final", "--answers", "--json")[1])
    assert {row["half"] for row in final["answers"]} == {"final"} and final["visitor"] == both["final"]
    out = firstwords("eval", "pip", "--visitor", "--half", "work", "--answers")[1]
    assert "hello there\n" in out and "small talk" in out


def test_eval_visitor_sampled(firstwords, pip_home: Path) -> None:
    words = ("eval", "pip", "--visitor", "--half", "work", "--samples", "2", "--answers", "--json")
    one, other = one_json(firstwords(*words)[1]), one_json(firstwords(*words)[1])
    assert one["answers"] == other["answers"] and len(one["answers"]) == 2 * 232
    first, second = ([row["answer"] for row in one["answers"][half * 232 : (half + 1) * 232]] for half in (0, 1))
    assert first != second
