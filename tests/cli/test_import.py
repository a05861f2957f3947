"""`firstwords import`: folders, files and repositories become models like any other; what cannot be read is one
sentence, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firstwords import api, home
from firstwords.cli import main
from firstwords.model import hub
from firstwords.model.card import read_card
from firstwords.model.incoming import default_name
from firstwords.tokenizer.fast import Tokenizer

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>\n{% endfor %}assistant: "
QUESTION = [{"role": "user", "content": "What is your name?"}]


@pytest.fixture
def foreign(tmp_path, tiny_policy) -> Path:
    """A model of another tool: with a template of its own, and files that are none of ours to copy."""
    folder = tmp_path / "Tiny-Model"
    tokenizer = Tokenizer.train(["The cat is on the mat. What is your name? My name is Pip.\n"] * 5, 290)
    hub.save_model(tiny_policy(tokenizer.vocab_size), folder, tokenizer)
    state = json.loads((folder / "tokenizer.json").read_text())
    state["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps(state))
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    return folder


def imported(capsys, *words: str) -> dict:
    assert main(["import", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words: str) -> str:
    assert main(["import", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("firstwords: ")
    assert not home.models() and not list(home.work_dir("starting").glob("*"))
    return error


def test_a_folder_becomes_a_model_that_chats(foreign, empty_home, capsys):
    facts = imported(capsys, str(foreign), "--name", "tiny")
    assert (facts["ref"], facts["form"], facts["promoted"]) == ("tiny/chat", "chat", True)
    directory = home.stage_dir("tiny", "chat")
    assert not (directory / "training_args.bin").exists() and not (directory / "modeling.py").exists()
    assert read_card(directory)["data"]["source"] == str(foreign)
    model = api.load("tiny")
    ids, *_ = model.chat_ids(QUESTION, 10)
    assert model.tokenizer.decode(ids, skip_special=False) == "user: What is your name?<|im_end|>\nassistant: "
    assert isinstance(model.chat(QUESTION, max_tokens=5, seed=1), str)
    assert facts["hash"] == hub.weights_hash(hub.load_model(foreign))


def test_it_is_a_model_in_other_commands(foreign, empty_home, capsys):
    imported(capsys, str(foreign), "--name", "tiny")
    assert main(["models", "--json"]) == 0
    assert [row["ref"] for row in json.loads(capsys.readouterr().out)["models"]] == ["tiny/chat"]
    assert main(["next", "The cat", "--model", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"]
    assert main(["models", "rename", "tiny", "other"]) == 0
    assert main(["models", "delete", "other"]) == 0
    assert main(["models", "restore", "other"]) == 0
    assert home.promoted("other") == "chat"


def test_the_stage_can_be_chosen(foreign, empty_home, capsys):
    assert imported(capsys, str(foreign), "--stage", "base")["form"] == "text"
    config = json.loads((foreign / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (foreign / "tokenizer_config.json").write_text(json.dumps(config))
    assert imported(capsys, str(foreign), "--name", "plain")["ref"] == "plain/base"


def test_a_name_that_is_taken_is_kept(foreign, empty_home, capsys):
    imported(capsys, str(foreign), "--name", "tiny")
    assert main(["import", str(foreign), "--name", "tiny"]) == 2
    assert "tiny already exists" in capsys.readouterr().err
    assert home.stages("tiny") == ["chat"]


def change_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def only_pickles(folder: Path) -> None:
    (folder / hub.WEIGHTS).rename(folder / "pytorch_model.bin")


def cut_weights(folder: Path) -> None:
    data = (folder / hub.WEIGHTS).read_bytes()
    (folder / hub.WEIGHTS).write_bytes(data[: len(data) // 2])


DAMAGES = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "only a pickle": (only_pickles, "only pickled weights"),
    "no weights": (lambda folder: (folder / hub.WEIGHTS).unlink(), "has only pickled weights"),
    "cut weights": (cut_weights, "damaged"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
    "another family": (lambda folder: change_config(folder, architectures=["FalconForCausalLM"]), "FalconForCausalLM"),
    "a kind of positions": (lambda folder: change_config(folder, rope_parameters={"rope_type": "dynamic"}), "dynamic"),
    "soft caps": (lambda folder: change_config(folder, final_logit_softcapping=30.0), "final_logit_softcapping"),
    "quantised": (lambda folder: change_config(folder, quantization_config={"bits": 4}), "quantised"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_used_is_one_sentence_and_leaves_nothing(damage, foreign, empty_home, capsys):
    break_it, words = DAMAGES[damage]
    break_it(foreign)
    assert words in refused(capsys, str(foreign))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "there is no nowhere"),
        ("hf:alone", "give hf:ORG/NAME"),
        ("hf:a/b/c.bin", "give hf:ORG/NAME"),
    ],
)
def test_sources_that_do_not_exist(source, words, empty_home, capsys):
    assert words in refused(capsys, source)


def test_a_file_that_is_no_gguf(tmp_path, empty_home, capsys):
    (tmp_path / "model.gguf").write_bytes(b"PK\3\4" + bytes(100))
    assert "does not begin with GGUF" in refused(capsys, str(tmp_path / "model.gguf"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("hf:HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct"),
        ("hf:org/name/Some.Q4_K_M.gguf", "Some.Q4_K_M"),
        ("downloads/My model (1)/", "My-model--1"),
        ("/tmp/x.GGUF", "x"),
    ],
)
def test_the_name_follows_from_the_source(source, name):
    assert default_name(source) == name


# ---- the Hub ---------------------------------------------------------------------------------------------------------


class FakeHub(BaseHTTPRequestHandler):
    """The few answers of the Hub that a download needs, for one repository: org/tiny."""

    folder: Path
    commit = "0" * 39 + "1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/tiny/tree/"):
            files = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
                for file in self.folder.iterdir()
            ]
            self._send(json.dumps(files).encode(), json_=True)
        elif path.startswith("/api/models/org/tiny"):
            names = [{"rfilename": file.name} for file in self.folder.iterdir()]
            self._send(json.dumps({"id": "org/tiny", "sha": self.commit, "siblings": names}).encode(), json_=True)
        elif path.startswith("/org/tiny/resolve/") and (self.folder / path.rpartition("/")[2]).is_file():
            self._send((self.folder / path.rpartition("/")[2]).read_bytes())
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data: bytes, json_: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if json_ else "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def fake_hub(foreign, monkeypatch):
    pytest.importorskip("huggingface_hub")
    handler = type("Handler", (FakeHub,), {"folder": foreign})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import constants, hf_api

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for module in (constants, hf_api):
        if hasattr(module, "ENDPOINT"):
            monkeypatch.setattr(module, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hf_api.api, "endpoint", address)
    yield address
    server.shutdown()
    server.server_close()


def test_a_repository_is_downloaded(fake_hub, foreign, empty_home, capsys):
    facts = imported(capsys, "hf:org/tiny")
    assert facts["ref"] == "tiny/chat"
    names = {path.name for path in home.stage_dir("tiny", "chat").iterdir()}
    assert names == {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                     "tokenizer_config.json", "firstwords.json"}  # fmt: skip
    assert facts["hash"] == hub.weights_hash(hub.load_model(foreign))


def test_a_repository_that_is_not_there(fake_hub, empty_home, capsys):
    assert "org/other or its file does not exist" in refused(capsys, "hf:org/other")


def test_a_repository_of_pickles_is_not_downloaded(fake_hub, foreign, empty_home, capsys):
    only_pickles(foreign)
    assert "only pickled weights" in refused(capsys, "hf:org/tiny")


def test_a_name_is_free_again_after_a_failure(foreign, empty_home, capsys):
    whole = foreign.with_name("whole")
    shutil.copytree(foreign, whole)
    only_pickles(foreign)
    refused(capsys, str(foreign), "--name", "tiny")
    assert imported(capsys, str(whole), "--name", "tiny")["ref"] == "tiny/chat"
