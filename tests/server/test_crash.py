"""A server that is killed in the middle of writing, as a real process: no chat is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_helpers import until

from firstwords.serve.chats import store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def large_home(own_home: Path) -> Path:
    """A model that takes its time: 8 layers, context 4096, and taken greedily it never says that it is done."""
    import torch

    from firstwords.model.config import ModelConfig
    from firstwords.model.hub import save_model
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

    tokenizer = Tokenizer.load(own_home / "models" / "pip" / "sft")
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=8,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
    )
    model = Transformer(config)
    model.init_weights(0)
    with torch.no_grad():  # a logit of 0 is never the largest of 300
        model.lm_head.weight[[tokenizer.im_end_id, tokenizer.endoftext_id]] = 0.0
    save_model(model, own_home / "models" / "slow" / "sft", tokenizer, {"stage": "sft"})
    return own_home


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """(The process, ask(method, path, body) -> JSON) of a server that listens."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "FIRSTWORDS_HOME": str(home)}
    command = [sys.executable, "-m", "firstwords", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline().split("  ")[0].rpartition(":")[2])

    def ask(method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        return json.loads(text)

    try:
        yield process, ask
    finally:
        process.kill()
        process.communicate()


def test_a_server_that_is_killed_loses_no_chat(large_home: Path) -> None:
    params = {"temperature": 0.0, "max_tokens": 2000}
    with serving(large_home) as (process, ask):
        done = ask("POST", "/api/chats", {"model": "pip/sft"})["id"]
        short = {"content": "Done?", "params": {"temperature": 1.0, "seed": 1, "max_tokens": 4}}
        ended = ask("POST", f"/api/chats/{done}/messages", short)["assistant"]["id"]
        chats, answers = [], []
        for number in range(2):
            chats.append(ask("POST", "/api/chats", {"model": "slow/sft"})["id"])
            said = ask("POST", f"/api/chats/{chats[-1]}/messages", {"content": f"Number {number}?", "params": params})
            answers.append(said["assistant"]["id"])
        until(lambda: all(store.message("owner", answer).tokens for answer in answers), 60)
        until(lambda: store.message("owner", ended).status == "done")
        ask("POST", f"/api/messages/{ended}/rating", {"verdict": "up"})
        # kept answers of a moment ago, then the end without any warning while they go on and are written
        before = [store.message("owner", answer) for answer in answers]
        for number in range(3):
            ask("POST", "/api/chats", {"title": f"last {number}"})
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with closing(sqlite3.connect(large_home / "firstwords.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM judgements").fetchone() == (1,)
    with serving(large_home) as (process, ask):
        listed = ask("GET", "/api/chats")
        assert listed["total"] == 6 and [c["title"] for c in listed["chats"][:3]] == ["last 2", "last 1", "last 0"]
        for chat, kept in zip(chats, before, strict=True):
            question, answer = ask("GET", f"/api/chats/{chat}")["messages"]
            assert question["content"].startswith("Number") and answer["status"] == "interrupted"
            assert answer["content"].startswith(kept.content) and kept.content
            assert answer["content"] == "".join(token["text"] for token in answer["tokens"])
        assert ask("GET", f"/api/chats/{done}")["messages"][-1]["status"] == "done"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()
