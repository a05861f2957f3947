"""The page's models and files: rename, copy, delete and restore, the exam, and what is uploaded to train on."""

from __future__ import annotations

import base64
import json

import pytest
from page_helpers import User

from firstwords import home
from firstwords.commands.evaluation import evaluate
from firstwords.serve.page import uploads

pytest_plugins = ("page_fixtures",)


def names(user: User) -> list[str]:
    return sorted(model["name"] for model in user.get("/api/models")["models"])


def test_stages_have_the_examples_that_they_handled(page_anna: User) -> None:
    def examples() -> dict:
        models = page_anna.get("/api/models")["models"]
        return {stage["ref"]: stage["examples"] for model in models for stage in model["stages"]}

    assert all(found == {"next": [], "chat": []} for found in examples().values())
    path = home.stage_dir("pip", "sft") / "firstwords.json"
    before = path.read_text(encoding="utf-8")
    found = {"next": ["The cat is"], "chat": ["Who are you?"]}
    try:
        path.write_text(json.dumps(json.loads(before) | {"examples": found}), encoding="utf-8")
        assert examples()["pip/sft"] == found
    finally:
        path.write_text(before, encoding="utf-8")


def test_rename_copy_delete_and_restore(page_anna: User) -> None:
    before = names(page_anna)
    assert page_anna.post("/api/models/pip/copy", {"to": "tom"})["name"] == "tom"
    assert page_anna.post("/api/models/tom/rename", {"to": "sam"})["name"] == "sam"
    assert names(page_anna) == sorted([*before, "sam"])
    stages = home.stages("sam")
    thrown = page_anna.ask("DELETE", "/api/models/sam", None, 200)
    assert (thrown["ref"], names(page_anna)) == ("sam", before)
    assert [entry["id"] for entry in page_anna.get("/api/models")["trash"]] == [thrown["id"]]
    assert page_anna.post("/api/models/restore", {"id": thrown["id"]}) == {"ref": "sam"}
    assert home.stages("sam") == stages and page_anna.get("/api/models")["trash"] == []


def test_a_single_stage_is_deleted_and_restored(page_anna: User) -> None:
    page_anna.post("/api/models/pip/copy", {"to": "tom"})
    stages = home.stages("tom")
    thrown = page_anna.ask("DELETE", f"/api/models/tom?stage={stages[0]}", None, 200)
    assert home.stages("tom") == stages[1:]
    page_anna.post("/api/models/restore", {"id": thrown["id"]})
    assert home.stages("tom") == stages


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/api/models/nobody/rename", {"to": "x"}, 404, "no model nobody"),
        ("POST", "/api/models/pip/rename", {"to": "../x"}, 400, "not a valid model name"),
        ("POST", "/api/models/pip/copy", {"to": "pip"}, 400, "already exists"),
        ("DELETE", "/api/models/pip?stage=rlhf-9", None, 404, "no stage"),
        ("POST", "/api/models/restore", {"id": "nothing"}, 400, "trash"),
        ("POST", "/api/models/pip/exam", {"stage": "nothing"}, 404, "no stage"),
        ("POST", "/api/uploads", {"name": "a.txt"}, 400, "base64 or as text"),
        ("POST", "/api/uploads", {"name": "a.txt", "text": " \n"}, 400, "a.txt is empty"),
        ("POST", "/api/uploads", {"name": "a.txt", "base64": "%%"}, 400, "not base64"),
    ],
)
def test_mistakes_have_a_sentence(page_anna: User, method, path, body, status, says) -> None:
    assert says in page_anna.ask(method, path, body, status)["error"]["message"]


def test_the_exam_of_a_stage_is_kept_on_its_card(page_anna: User, monkeypatch, capsys) -> None:
    """The route runs this very command in a process of its own."""
    figures = {"told": {"rate": 0.5, "low": 0.4, "high": 0.6, "n": 10}, "version": "1"}
    monkeypatch.setattr(evaluate, "measure_exam", lambda loaded, limit: figures)
    evaluate.main(evaluate.Evaluate(model="pip/sft", exam=True, save=True, json=True))
    assert json.loads(capsys.readouterr().out)["told"]["rate"] == 0.5
    (model,) = (model for model in page_anna.get("/api/models")["models"] if model["name"] == "pip")
    (stage,) = (stage for stage in model["stages"] if stage["stage"] == "sft")
    assert stage["metrics"]["exam"]["told"]["rate"] == 0.5


def test_a_file_is_kept_once_under_a_harmless_name(page_anna: User) -> None:
    content = b"%PDF \xff\x00 not text"
    sent = {"name": "../../evil/Mein Buch\n.pdf", "base64": base64.b64encode(content).decode()}
    first, again = (page_anna.post("/api/uploads", sent) for _ in range(2))
    assert first == again and first["bytes"] == len(content)
    assert [path.name for path in uploads.folder().iterdir()] == [first["path"].rsplit("/", 1)[1]]
    assert first["path"].endswith("-evil_Mein_Buch_.pdf") or first["path"].endswith("Buch_.pdf")
    assert (uploads.folder() / first["path"]).read_bytes() == content


def test_a_server_with_keys_trains_on_what_was_uploaded_and_on_no_other_file(page_anna: User) -> None:
    kept = page_anna.post("/api/uploads", {"name": "notes.txt", "text": "Some text."})
    assert uploads.is_uploaded(kept["path"])
    for path in ("/etc/passwd", kept["path"] + "/../x", str(uploads.folder()), str(home.home() / "machine.json")):
        body = {"command": "learn", "name": "new", "options": {"minutes": 1, "text": [path]}}
        assert "on a server with keys" in page_anna.post("/api/runs", body, 400)["error"]["message"]
