"""The files of the page over HTTP, and when it is built."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from firstwords.serve import errors, static_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>firstwords</title>")
    (static / "assets" / "index-Ab_1-2cd.js").write_text("export {}")
    (static / "assets" / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    (static / "assets" / "out-link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(static_files, "STATIC", static)
    return static


@pytest.fixture
def client(folder: Path) -> TestClient:
    app = FastAPI()
    errors.install(app)
    app.include_router(static_files.router)
    return TestClient(app)


def test_the_page_is_asked_for_again_but_sent_once(client: TestClient) -> None:
    first = client.get("/")
    assert first.status_code == 200 and first.headers["content-type"].startswith("text/html")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/").status_code == 200


def test_a_file_with_a_hash_in_its_name_is_kept_forever(client: TestClient) -> None:
    script = client.get("/assets/index-Ab_1-2cd.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/assets/favicon.svg").headers["cache-control"] == "no-cache"
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "name",
    [
        "../index.html",
        "..%2findex.html",
        "%2e%2e/%2e%2e/secret.txt",
        "..\\index.html",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "out-link.txt",
        "",
        ".",
        "favicon.svg%00",
        "C:%5cx",
        "x" * 5000,
        "ｆavicon.svg",
        "favicon.svg/",
    ],
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    found = client.get(f"/assets/{name}")
    assert found.status_code == 404 and found.json()["error"]["type"] in ("not_found_error", "invalid_request_error")


def test_without_a_built_page_the_address_says_how_to_build_it(client: TestClient, folder: Path) -> None:
    (folder / "index.html").unlink()
    said = client.get("/")
    assert said.status_code == 503 and "make web" in said.text
    assert said.headers["content-type"].startswith("text/plain")


@pytest.fixture
def hatch_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_stale_when_a_source_is_newer(tmp_path: Path, hatch_build: ModuleType) -> None:
    source, index = tmp_path / "web" / "src" / "App.svelte", tmp_path / hatch_build.STATIC / "index.html"
    for path in (source, index):
        path.parent.mkdir(parents=True)
    source.write_text("")
    assert hatch_build.is_stale(tmp_path)
    index.write_text("")
    os.utime(source, (1000, 1000))
    assert not hatch_build.is_stale(tmp_path)
    os.utime(source, (2e9, 2e9))
    assert hatch_build.is_stale(tmp_path)


def test_without_node_the_build_says_what_to_install(
    tmp_path: Path, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hatch_build, "_npm", lambda: (None, ""))
    with pytest.raises(SystemExit, match="install Node"):
        hatch_build.build(tmp_path)
