"""`firstwords trace`, from the training that leaves its index to the words that are found in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstwords import home
from firstwords.train import tracing

SHAPE = ("--hidden-size", "64", "--layers", "1", "--vocab-size", "300", "--context", "32", "--batch-tokens", "64")
STEPS = ("--steps", "1", "--compile", "no")
LINES = ["Anna has a red hat.", "Ben has a blue hat.", "The cat is on the mat."]


@pytest.fixture
def trained(firstwords, empty_home: Path, tmp_path: Path, one_thread):
    """Trains `pip`, base and sft, with more flags."""
    text = tmp_path / "text.jsonl"
    text.write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES * 30), encoding="utf-8")
    chats = tmp_path / "chats.jsonl"
    turns = [{"role": "user", "content": "What has Anna?"}, {"role": "assistant", "content": "Anna has a red hat."}]
    chats.write_text((json.dumps({"messages": turns}) + "\n") * 3, encoding="utf-8")

    def train(*flags: str) -> str:
        said = ""
        for command, source in (("pretrain", ("--text", text, *SHAPE)), ("finetune", ("--chats", chats))):
            code, _, err = firstwords(command, "pip", *source, *STEPS, *flags)
            assert code == 0, err
            said += err
        return said

    return train


def test_training_leaves_an_index_that_trace_searches(trained, firstwords) -> None:
    trained()
    code, out, _ = firstwords("trace", "Ben has a red hat.", "--model", "pip", "--json")
    found = json.loads(out)
    assert code == 0 and [one["kind"] for one in found["searched"]] == ["text", "chats"] and found["missing"] == []
    assert found["spans"][0]["text"] == " has a red hat."
    kinds = {place["kind"]: place["count"] for place in found["spans"][0]["places"]}
    assert kinds["chats"] == 3 and 20 <= kinds["text"] <= 30  # some documents are held out, and never read
    assert [one["text"].strip() for one in found["unseen"]] == ["Ben has a red"]
    code, out, _ = firstwords("trace", "Ben has a red hat.", "--model", "pip")
    assert code == 0 and '"has a red hat."' in out and 'Never seen together: "Ben has a red"' in out
    assert "does not show that it wrote them" in out
    code, out, err = firstwords("trace", "--index")
    assert code == 0 and "is indexed already" in err


def test_no_trace_leaves_none_and_it_can_be_built_later(trained, firstwords) -> None:
    trained("--no-trace")
    run = home.run_dir("pip")
    assert not list(run.rglob("suffixes-*")) and not (run / "sft" / "tokens").exists()
    code, _, err = firstwords("trace", "Anna has", "--model", "pip")
    assert code == 2 and "`firstwords trace --index --model pip/sft`" in err
    code, _, err = firstwords("trace", "--index", "--model", "pip/sft")
    assert code == 0 and "indexed the text of pip/base" in err and "the chats of pip/sft cannot be indexed" in err
    code, out, err = firstwords("trace", "Anna has", "--model", "pip")
    assert code == 0 and '"Anna has"' in out and "the chats of sft cannot be searched" in err


def test_a_large_text_is_indexed_by_a_process_of_its_own(trained, firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    start, children = tracing.start_in_background, []
    monkeypatch.setattr(tracing, "start_in_background", lambda command: children.append(start(command)) or children[-1])
    monkeypatch.setattr(tracing, "AT_ONCE", 10)
    monkeypatch.setenv("PYTHONPATH", str(Path(tracing.__file__).parents[2]))
    assert "in the background" in trained()
    assert [process.wait(120) for process in children] == [0, 0]
    code, out, _ = firstwords("trace", "Anna has a red hat.", "--json")
    assert code == 0 and len(json.loads(out)["searched"]) == 2
    assert not list(home.run_dir("pip").rglob("*.partial*"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "TEXT is missing"),
        ([" "], "TEXT is missing"),
        (["a", "--top", "0"], "--top is 0"),
        (["a", "--index"], "leave out TEXT"),
        (["a", "--quiet"], "--quiet is for --index"),
        (["a" * 10_000], "tokens, but 4,096 can be traced at once"),
        (["a", "--model", "nobody"], "nobody"),
    ],
)
def test_a_mistake_gets_one_sentence(words: list[str], sentence: str, firstwords, own_home: Path) -> None:
    run = home.run_dir("pip", "base")
    from firstwords.data.shards import write_ids
    from firstwords.retrieval import trace
    from firstwords.tokenizer.fast import Tokenizer

    base = home.stage_dir("pip", "base")
    tokenizer = Tokenizer.load(base)
    write_ids([tokenizer.encode("A cat.")], tokenizer, run / trace.TOKENS)
    trace.index(trace.corpora(base)[0], tokenizer)
    code, out, err = firstwords("trace", *words)
    assert code == 2 and sentence in err and not out and err.count("\n") == 1
